"""What BN costs in time and memory, measured on the server beside NF and no normalizer at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.deck.model import Still
from app.demos import DEMOS, asking, links, one_of, recorded, reset, screen
from app.demos.costs_data import (
    BATCHES,
    NORMS,
    PASSES,
    UNITS,
    WIDTHS,
    Cell,
    Item,
    cells,
    job,
    numbers,
    ratios,
    recorded_as,
)
from app.demos.costs_figures import memory, over_batches, swatches, times
from app.demos.published_paint import Look
from nfnet.run import UserError

CALLED = {
    "width": "channels of the first stage",
    "batch": "batch size",
    "passes": "passes",
    "unit": "unit",
}
NOTHING = "There is no recorded measurement of this net; the button **Measure here** makes one."
STILL = {"displayModeBar": False, "scrollZoom": False}

WHY = """
**Why BN goes through memory twice.** Before it can normalize the first number, it needs the mean
and the variance of the whole batch. So it reads all activations once for the statistics, and once
more to normalize them and write the result. Backward again: once through activations and gradients
for two sums, once more for the gradient itself. There is little to compute on the way, so this
takes as long as the memory needs. And what was normalized has to be kept for the backward pass.
"""

# LOG.md, 2026-11-27: five seeds, two widths, one thread
FOUND = """
**Measured five times** at either width, on one thread of a quiet CPU, NF took longer than BN at
batch 4 and 16 every time; at 64 neither was ahead for sure. At 128 NF was ahead: every time in the
narrower net, in the median in the wider one. BN kept 1.8 times the memory of no norm at every
batch; NF kept more than BN at 4, and less at 64 and 128.
"""

HOW = """
The three nets differ in nothing but the normalizer, and their steps alternate. A clock is read
wherever one operation gives way to the next. **Normalization** is all that BN does, and all that
standardizing the weights takes. **Addition** is that of the shortcuts: forward of the branches,
backward of the gradients that meet. **Other** is what these leave of a step that nobody looked
into: pooling, classifier, loss, and Python calling them. The update of the weights and AGC are left
out. Times are medians, on a CPU with one thread in the process's own time; kept memory is counted
to the byte, each piece once, parameters left out.
"""


def render(params: dict[str, Any], compact: bool) -> None:
    """Time by operation for BN, NF and no norm; not compact: memory, batches, published figures.

    Parameters: width (one of WIDTHS), batch (of BATCHES), passes (of PASSES), unit (of UNITS), key.
    """
    key = params["key"]
    if not compact:
        readers = dict(zip(CALLED, (WIDTHS, BATCHES, PASSES, UNITS), strict=True))
        links.check(key, {name: (CALLED[name], one_of(*readers[name])) for name in CALLED})
    chosen = _controls(key, params, compact)
    width = chosen["width"]
    try:
        was = recorded.load(recorded_as(width))
        before, about = list(was.items), _label(was)
    except UserError as error:
        before, about = [], ""
        st.info(str(error) if str(error) != recorded.MISSING else NOTHING)
    asked = job(width)
    ask = asking.Ask(
        asked,
        "Measure here",
        expected=len(asked.configs),
        doing="Measuring on this server",
        help="Three nets at four batch sizes: about ten seconds where nothing else computes.",
        recorded=before,
        about=about,
    )
    asking.show(key, ask, lambda items, own: _draw(key, chosen, items, own, before, compact))
    if not compact:
        _published(key)


def lab(params: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings of the page Costs that show what the slide shows."""
    batch = st.session_state.get(f"{params['key']}_batch", params["batch"])
    fixed = [(f"costs_{name}", params[name]) for name in ("width", "passes", "unit")]
    return [("costs_batch", batch), *fixed]


def still(params: dict[str, Any]) -> tuple[Still, ...]:
    """The recorded times on a white page; nothing where they were not recorded."""
    try:
        was = recorded.load(recorded_as(params["width"]))
    except UserError:
        return ()
    found = cells(was.items, params["batch"], params["passes"])
    figure, alt = times(found, params["unit"], params["passes"], Look(size=17), True)
    words = takeaway(found, params["batch"], params["passes"])
    return (Still(figure.to_plotly_json(), alt, f"{words} {_label(was)}"),)


def _controls(key: str, params: dict[str, Any], compact: bool) -> dict[str, str]:
    """Where the controls stand; a slide has only the batch size."""
    chosen = dict(params)
    choices = {
        "batch": ("Batch size", BATCHES, None),
        "passes": ("Passes", PASSES, None),
        "unit": ("Unit", UNITS, None),
        "width": (
            "Channels of the first stage",
            WIDTHS,
            "The second and third stage have twice and four times as many.",
        ),
    }
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}_controls"):
        for name, (label, options, about) in choices.items():
            if compact and name != "batch":
                continue
            chosen[name] = st.segmented_control(
                label,
                options,
                default=params[name],
                required=True,
                key=f"{key}_{name}",
                bind=None if compact else "query-params",
                help=about,
            )
        if not compact:
            reset.button(key, {name: params[name] for name in choices})
            links.hand_out(key, CALLED)
    return chosen


def _label(was: recorded.Recorded) -> str:
    conditions = was.conditions
    threads = conditions["threads"]
    return (
        f"Recorded {was.made} on {conditions['cpu']}, {threads} thread{'s' * (threads != 1)}, "
        f"PyTorch {conditions['torch']}; of {conditions.get('seeds', 1)} measurements that of "
        "median time."
    )


def _draw(
    key: str,
    chosen: dict[str, str],
    items: Sequence[Item],
    own: bool,
    before: Sequence[Item],
    compact: bool,
) -> None:
    batch, which = chosen["batch"], chosen["passes"]
    found = cells(items, batch, which)
    if own and len(found) < len(NORMS):
        found = cells(before, batch, which)
        st.caption(f"Batch {batch} is still to be measured; below are the recorded figures.")
    elif own:
        item = items[0]
        place = "the GPU" if item["device"] == "cuda" else f"the CPU, {item['threads']} thread"
        st.caption(f"Measured on this server just now: {place}{'s' * (item['threads'] != 1)}.")
    if not found:
        return
    dark = st.context.theme.type == "dark"
    letters = round(1.25 * screen.size(compact)) if not compact else screen.size(compact)
    look = Look(dark, letters)
    bars = times(found, chosen["unit"], which, look)
    if compact:
        st.html(swatches(look))
        _chart(bars, f"{key}_times")
        st.markdown(in_short(found))
        return
    left, right = st.columns((2, 1), gap="large")
    with left:
        st.subheader("Time, by operation")
        st.html(swatches(look))
        _chart(bars, f"{key}_times")
    with right:
        st.subheader("Memory kept")
        _chart(memory(found, look), f"{key}_memory")
    st.markdown(takeaway(found, batch, which))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Over the batch size")
        shown = items if own and len(items) == len(BATCHES) * len(NORMS) else before or items
        _chart(over_batches(ratios(shown, which), look), f"{key}_batches")
    with right:
        st.subheader("What one sees")
        st.markdown(WHY)
        st.markdown(scaling(chosen["width"], batch))
        st.markdown(FOUND)
        with st.expander("How this is measured"):
            st.markdown(HOW)


def _chart(drawn: tuple[Any, str], key: str) -> None:
    figure, alt = drawn
    st.plotly_chart(figure, key=key, theme=None, config=STILL, alt=alt)


def takeaway(found: dict[str, Cell], batch: str, which: str) -> str:
    """What the figure shows, from its numbers."""
    if len(found) < len(NORMS):
        return ""
    none, bn, nf = (found[norm] for norm in ("none", "batch", "nf"))
    passes = "" if which == "both" else f", {which} only"
    return (
        f"At batch {batch}{passes} BN takes **{_longer(bn, none)}** than no normalizer, NF "
        f"**{_longer(nf, none)}**. Of its time BN spends {bn.share('normalization'):.0%} "
        f"normalizing activations, NF {nf.share('normalization'):.0%} standardizing weights. For "
        f"the backward pass BN keeps **{bn.saved_bytes / none.saved_bytes:.2f} times** the memory, "
        f"NF {nf.saved_bytes / none.saved_bytes:.2f} times."
    )


def in_short(found: dict[str, Cell]) -> str:
    """The same for a slide."""
    if len(found) < len(NORMS):
        return ""
    none = found["none"]
    return " ".join(
        f"**{NORMS[norm]}** takes {_longer(found[norm], none)} than no norm and keeps "
        f"{found[norm].saved_bytes / none.saved_bytes:.2f} times the memory."
        for norm in NORMS
        if norm != "none"
    )


def _longer(cell: Cell, none: Cell) -> str:
    more = cell.ms / none.ms - 1
    return f"{abs(more):.0%} {'longer' if more >= 0 else 'shorter'}"


def scaling(width: str, batch: str) -> str:
    """What grows with the batch and what does not, in this net's own numbers."""
    activations, weights = numbers(width, batch)
    return (
        f"**NF** standardizes the weights instead: {weights:,} of them, whatever the batch. At "
        f"batch {batch} BN normalizes {activations:,} activations, {activations / weights:.1f} "
        "times as many. So NF pays once a step, in time and in memory, and that weighs most at the "
        "smallest batch, while BN pays for every image."
    )


def _published(key: str) -> None:
    """The papers' figures: other nets, other machines, other years."""
    st.subheader("Published")
    published = DEMOS["published"]
    left, right = st.columns(2, gap="large")
    for place, name, title in (
        (left, "bn-share", "ResNet-50 on a GPU of 2016"),
        (right, "step-time", "NFNets on TPUv3, with BN in the place of NF"),
    ):
        with place:
            st.markdown(f"**{title}**")
            read = published.read({"figure": name, "key": f"{key}_{name}"})
            published.render(read, True)
    st.markdown(
        "These are the machines and the software of 2017 and 2021. Kernels that fuse BN with its "
        "neighbours move less memory, and what this server's CPU tells proves nothing about a GPU."
    )
