"""The models explorer: what each net is made of, what that costs, and what if it were changed."""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st

from app.demos import links, one_of, reset
from app.demos.models_against import against
from app.demos.models_compared import agreed, measured, published
from app.demos.models_drawing import drawing, flow, layer_rows, part_of, rows, short, takeaway
from app.demos.models_settings import (
    CALLED,
    CONFIGS,
    FAMILY,
    INSIDE,
    NETS,
    SLIDERS,
    Setting,
    changed,
    same_net,
    settings,
)
from app.demos.published import asked, tell
from app.numbers import written
from nfnet.counts import Config, Counts, count
from nfnet.run import UserError

CONVENTION = (
    "A **multiply-add** is one multiplication with its addition. As in the papers, which call them "
    "FLOPs, those of convolutions and linear layers are counted, for one picture going forward. "
    "Biases, activations, pooling, additions, squeeze-excite's scaling and the standardization of "
    "weights are left out. A training step takes about three times as many for each picture."
)
AT_FIRST = "2a"  # the part looked into
PARTS = ("Block by block", "Against the published nets")
# On a phone the sliders fill the screen: the counts stay in sight above them.
STICKY = """<style>@media (max-width: 640px) {{
  [data-testid="stLayoutWrapper"]:has(> .st-key-{key}_now) {{ position: sticky; top: 3.5rem;
    z-index: 9; padding-block: 0.4rem;
    background: light-dark(#fff, #0e1117); border-bottom: 1px solid rgba(128,138,150,0.4); }}
}}</style>"""


def render(params: dict[str, Any], compact: bool) -> None:
    """A net block by block with its counts; not compact: changed at will, and compared.

    Parameters: net (the one to begin with), key.
    """
    key = params["key"]
    if compact:
        _in_a_slide(key, params["net"])
        return
    links.check(key, {"net": ("net", one_of(*NETS)), "part": ("leaf", one_of(*PARTS))})
    names = list(NETS)
    st.session_state.setdefault(f"{key}_net", asked(f"{key}_net", tuple(names), params["net"]))
    arrival = {"net": params["net"], "part": PARTS[0], "inside": AT_FIRST, "x": "work", "y": "tpu"}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        net = st.selectbox(
            "Net",
            names,
            index=names.index(st.session_state[f"{key}_net"]),
            format_func=NETS.__getitem__,
            key=f"{key}_net",
            on_change=_as_published,
            args=(key,),
            width=320,
        )
        reset.button(key, arrival, _forget)
        links.hand_out(key, CALLED)
    tell(f"{key}_net", net, params["net"])
    usual = CONFIGS[net]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("What if?", width="content")
        st.button(
            "As published",
            key=f"{key}_usual",
            icon=":material/undo:",
            on_click=_as_published,
            args=(key,),
            help="Puts these sliders back; the net stays.",
        )
    st.html(STICKY.format(key=key))
    now = st.container(key=f"{key}_now")
    chosen = _sliders(key, usual)
    try:
        config, side = changed(usual, chosen)
        counts = count(config, side)
    except UserError as error:
        st.info(f"There is no such net: {error}. Take smaller groups, or more channels.")
        counts, config = _counted(net), usual
        st.caption(f"Below: {NETS[net]} as it is published.")
    name = _called(net, config, counts)
    now.markdown(
        f"**{name}**: {counts.parameters:,} parameters, {counts.multiply_adds:,} multiply-adds"
    )
    _tiles(net, counts, _counted(net), name == NETS[net])
    drawn, compared = st.tabs(PARTS, key=f"{key}_part", bind="query-params")
    if drawn.open:
        with drawn:
            _structure(key, config, counts, name)
    if compared.open:
        with compared:
            against(key, counts, name)


def lab(params: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings of the page Models that show the net that the slide shows."""
    return [("models_net", st.session_state.get(f"{params['key']}_pick", params["net"]))]


def _in_a_slide(key: str, net: str) -> None:
    family = FAMILY if net in FAMILY else (net,)
    if len(family) > 1:
        net = st.segmented_control(
            "NFNet",
            family,
            default=net,
            format_func=lambda name: NETS[name].removeprefix("NFNet-"),
            required=True,
            key=f"{key}_pick",
            label_visibility="collapsed",
        )
    counts, row = _counted(net), measured(net)
    accuracy = f" Top-1 {row['top1']} %." if row else ""
    st.markdown(
        f"**{NETS[net]}**: **{short(counts.parameters)}** parameters, "
        f"**{short(counts.multiply_adds)}** multiply-adds at {counts.resolution} px.{accuracy}"
    )
    st.html(drawing(rows(counts), "", _recipe(CONFIGS[net]), compact=True))


@cache
def _counted(net: str) -> Counts:
    return count(CONFIGS[net])


def _recipe(config: Config) -> str:
    return "batch" if config.norm == "batch" else "nf"


def _as_published(key: str) -> None:
    """Puts every slider back to what the chosen net is."""
    for name in SLIDERS:
        st.session_state.pop(f"{key}_{name}", None)
        st.query_params.pop(f"{key}_{name}", None)


def _forget(key: str) -> None:
    """The sliders as well, and what the address says of the controls that are not on screen."""
    _as_published(key)
    for name in ("net", "inside", "x", "y"):
        st.query_params.pop(f"{key}_{name}", None)


def _sliders(key: str, config: Config) -> dict[str, str]:
    """Draws what can be changed, and gives where each slider stands."""
    offered = settings(config)
    links.check(key, {n: (s.label.lower(), one_of(*s.stops)) for n, s in offered.items()})
    chosen = {}
    names = list(offered)
    for start in range(0, len(names), 4):  # row by row, so that a phone keeps the order
        for column, name in zip(st.columns(4), names[start : start + 4], strict=False):
            with column:
                chosen[name] = _slider(f"{key}_{name}", offered[name])
    return chosen


def _slider(key: str, setting: Setting) -> str:
    if st.session_state.get(key) not in setting.stops:
        st.session_state[key] = asked(key, setting.stops, setting.usual)
    # said twice, here and by the state: a browser that lost the state falls back on this
    place = st.session_state[key]
    kind = st.select_slider if len(setting.stops) > 2 else st.segmented_control
    more = {"value": place} if len(setting.stops) > 2 else {"default": place, "required": True}
    value = kind(setting.label, setting.stops, key=key, help=setting.about, **more)
    tell(key, value, setting.usual)
    return value


def _called(net: str, config: Config, counts: Counts) -> str:
    """The net's name, or what it would be called if it is not one that has a name."""
    names = list(same_net(config))
    if net in names:
        same = counts.resolution == CONFIGS[net].test_size
        return NETS[net] if same else f"{NETS[net]} at {counts.resolution} px"
    if names:
        return f"{NETS[names[0]]} at {counts.resolution} px"
    return f"{NETS[net]}, changed"


def _tiles(net: str, counts: Counts, usual: Counts, as_it_is: bool) -> None:
    row = published(net) if as_it_is else None
    with st.container(horizontal=True):
        for label, ours, before, column in (
            ("Parameters", counts.parameters, usual.parameters, "params_m"),
            (
                f"Multiply-adds at {counts.resolution} px",
                counts.multiply_adds,
                usual.multiply_adds,
                "flops_b",
            ),
        ):
            if not as_it_is:
                about = f"× {written(ours / before)} of {NETS[net]}"
            elif row:
                unit = "M" if column == "params_m" else "G"
                about = f"published {row[column]} {unit}, difference {agreed(ours, row, column)}"
            else:
                about = "no published figure here"
            _tile(label, short(ours), about)
        if as_it_is and (row := measured(net)):
            sam = " with SAM" if row["model"].endswith("SAM") else ""
            _tile("ImageNet top-1", f"{row['top1']} %", f"published{sam}")
            _tile("Training step", f"{row['tpu_ms']} ms", f"published, TPUv3{sam}")


def _tile(label: str, value: str, about: str) -> None:
    st.metric(
        label, value, about, delta_color="off", delta_arrow="off", border=True, width="content"
    )


def _structure(key: str, config: Config, counts: Counts, name: str) -> None:
    st.markdown(
        f"{takeaway(counts)} A shape is channels × pixels of what a part puts out. Blocks that are "
        "alike share a line; their bar has a segment for each."
    )
    lines = rows(counts)
    ids = [row.id for row in lines]
    links.check(key, {"inside": ("part", one_of(*INSIDE))})
    place = f"{key}_inside"
    if st.session_state.get(place) not in ids:
        st.session_state[place] = asked(place, tuple(ids), AT_FIRST)
    left, right = st.columns([5, 6], gap="large")  # a layer has the longer words
    with right:
        inside = st.selectbox(
            "Look inside",
            ids,
            index=ids.index(st.session_state[place]),
            format_func=lambda id: next(row.name for row in lines if row.id == id),
            key=place,
        )
        tell(place, inside, AT_FIRST)
        part = part_of(counts, inside)
        called = next(row.name for row in lines if row.id == inside)
        caption = f"{called}: {short(part.parameters)} parameters, "
        caption += f"{short(part.multiply_adds)} multiply-adds each"
        st.html(drawing(layer_rows(part), caption, _recipe(config)))
        st.caption(flow(config, part))
    with left:
        caption = name if name.endswith(" px") else f"{name} at {counts.resolution} px"
        st.html(drawing(lines, caption, _recipe(config), inside))
    with st.expander("How it is counted"):
        st.markdown(CONVENTION)
