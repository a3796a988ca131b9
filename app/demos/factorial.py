"""Which ingredient matters on a toy net: each combination, beside the paper's waterfall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from app.compute.jobs import Sweep
from app.deck.model import Still
from app.demos import (
    DEMOS,
    asking,
    data_choice,
    links,
    one_of,
    reset,
    screen,
    sweep_data,
    sweep_own,
    whole,
)
from app.demos.data_choice import Pictures
from app.demos.factorial_figures import cells_figure, effects_figure
from app.demos.published_paint import Look
from app.demos.stills import SIZE as STILL_SIZE
from app.demos.sweep_data import Outcome
from app.demos.sweep_plans import PLANS, Plan
from app.demos.sweeps import LETTERS, done
from nfnet.run import UserError

RATES = ("0.3", "1")
NETS = {"NF-ResNet": "factorial", "NFNet-XS": "factorial-xs"}

OFF = """
What **off** means here: without **scaled weight standardization (WS)** the weights are used as they
are (they start with variance 1 / fan-in, not centred); without **α and β** a block adds its branch
as it is and does not divide by the predicted deviation; without **AGC** nothing is clipped;
without **squeeze-excite (SE)** that layer is missing. With **BN** in their place the first two do
not apply. λ is 0.03 at rate 0.3 and 0.01 at rate 1.
"""

# by plan, both rates; the tables are in LOG.md, and a test holds this against them
FOUND = {
    "factorial": """
**What came of it**, in all five seeds: AGC changed most, **α and β** came second, and each helps
far more with the other than alone. **Scaled weight standardization** has no sure sign on average,
yet the best normalizer-free nets all have it: next to α, β and AGC it lifts 0.76 to 0.96 (rate
0.3) and 0.67 to 0.97 (rate 1). **Squeeze-excite** changed little. And **BN with AGC** did best of
all: clipping is no privilege of nets without a normalizer.
""",
    "factorial-xs": """
**What came of it**, in all five seeds: without BN no net learned anything unless **AGC** was on.
With it, **scaled weight standardization** came second, not **α and β** as in the NF-ResNet: next to
α, β and AGC it lifts 0.84 to 0.98 (rate 0.3) and 0.79 to 0.98 (rate 1). α and β add nothing to
AGC with WS at rate 0.3, where both nets reach 0.98, and at rate 1 lift 0.91 to 0.98.
**Squeeze-excite** has no sure sign. **BN** needs no clipping at rate 0.3 (0.98); at rate 1 AGC
lifts it from 0.90 to 0.99, level with the best normalizer-free net.
""",
}

OWN = (
    "Stars are your own runs: each net when it is done, and what an ingredient changed once all "
    "without BN are. Bars and dots show the recorded seeds."
)
MAY = """
**What one may conclude:** for this toy net, at this rate, with this threshold and these 100 steps,
what each ingredient changed, and whether it did so in every seed.

**What one may not:** anything about the large nets of the papers, about other rates, or about
ingredients that may only pay off in long trainings, such as squeeze-excite. A bar near zero can be
two large effects of opposite sign: look at the interactions, and at the runs themselves.
"""


CELLS = (
    ":blue[■] BN in place of WS and α β; :green[●] WS, α β and AGC; :orange[●] WS and α β without "
    "AGC; :gray[●] AGC, but WS or α β missing; :violet[●] the same without AGC. WS: scaled "
    "weight standardization; SE: squeeze-excite."
)
CHANGED = "Plain bar: one ingredient. Hatched: two together, beyond what each does alone."


def render(params: dict[str, Any], compact: bool) -> None:
    """The runs and the effects; not compact: live, and with the paper's ablation below.

    Parameters: lr (one of RATES), net, key.
    """
    key = params["key"]
    if compact:
        _figures(key, NETS[params["net"]], params["lr"], {}, True)
        return
    called = {"net": "net", "lr": "learning rate", "seed": "seed", **data_choice.CALLED}
    readers = {"net": one_of(*NETS), "lr": one_of(*RATES), "seed": whole(0, 9999)}
    settings = {name: (called[name], read) for name, read in readers.items()}
    links.check(key, settings | data_choice.readers())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        net = st.segmented_control(
            "Net",
            list(NETS),
            default=params["net"],
            required=True,
            key=f"{key}_net",
            bind="query-params",
        )
        lr = st.segmented_control(
            "Learning rate",
            list(RATES),
            default=params["lr"],
            required=True,
            key=f"{key}_lr",
            bind="query-params",
        )
        name = data_choice.select(key)
        plan = PLANS[NETS[net]]
        seed = st.number_input(
            "Seed of your own runs",
            0,
            9999,
            len(plan.seeds),
            key=f"{key}_seed",
            bind="query-params",
            width=180,
            help="The first seed that was not recorded is chosen to begin with.",
        )
        usual = {"net": params["net"], "lr": params["lr"], "data": "Shapes"}
        reset.button(key, {**usual, "seed": len(plan.seeds)})
        links.hand_out(key, called)
    pictures = data_choice.bring(key, name)
    if pictures is not None:
        st.markdown(OFF)
        _live(key, plan, lr, int(seed), pictures)
        st.markdown(MAY)
    st.subheader("The full nets: the paper's own ablation")
    waterfall = DEMOS["published"]
    with st.container(width=960):  # as large as the figures above
        waterfall.render(waterfall.read({"figure": "waterfall", "key": f"{key}_paper"}), True)


def _live(key: str, plan: Plan, lr: str, seed: int, pictures: Pictures) -> None:
    """All combinations at one rate, run with the viewer's own seed."""
    row = [cell for cell in plan.cells if cell.row == lr]
    cells = [replace(c, config=pictures.on(c.config).replace(seed=seed)) for c in row]
    why = pictures.too_large(cells[0].config.batch_size)
    ask = asking.Ask(
        None if why else Sweep(tuple(cell.config for cell in cells)),
        f"Run all {len(cells)} with this seed",
        expected=len(cells),
        doing="Training one net after another",
        help="One net after another, each drawn as soon as it is done; a few minutes in all.",
        why=why,
        progress=lambda items: done(items, cells),
    )

    def draw(items: Sequence[Any], own: bool) -> None:
        if pictures.drawn:
            _figures(key, plan.id, lr, sweep_data.own(cells, items), False)
            return
        sweep_own.keep(cells, items)
        found, seeds = sweep_own.outcomes(row, pictures)
        st.markdown(sweep_own.label(pictures, found, seeds))
        whole_seeds, _ = sweep_own.outcomes(row, pictures, complete=True)
        _both(key, found, whole_seeds, {}, LETTERS, [cell.column for cell in row])

    asking.show(f"{key}_{plan.id}", ask, draw)
    if pictures.drawn:
        st.markdown(FOUND[plan.id])


def lab(params: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings of the page that show what the slide shows."""
    return [("factorial_net", params["net"]), ("factorial_lr", params["lr"])]


def still(params: dict[str, Any]) -> tuple[Still, ...]:
    """The effects, for print; nothing where it was not recorded."""
    try:
        record = sweep_data.load(PLANS[NETS[params["net"]]])
    except UserError:
        return ()
    outcomes = [each for each in record.outcomes if each.row == params["lr"]]
    figure, alt = effects_figure(outcomes, Look(size=STILL_SIZE))
    return (Still(figure.update_layout(height=480).to_plotly_json(), alt, record.label),)


def _figures(
    key: str, plan: str, lr: str, own: Mapping[tuple[str, str], float], compact: bool
) -> None:
    try:
        record = sweep_data.load(PLANS[plan])
    except UserError as error:
        st.info(str(error))
        return
    outcomes = [each for each in record.outcomes if each.row == lr]
    # twenty rows: larger letters would not fit on a slide
    size = min(20, screen.size(True)) if compact else LETTERS
    _both(key, outcomes, outcomes, own, size)
    st.caption(record.label)


def _both(
    key: str,
    outcomes: Sequence[Outcome],
    complete: Sequence[Outcome],
    own: Mapping[tuple[str, str], float],
    size: int,
    columns: Sequence[str] = (),
) -> None:
    """Every net, and what the ingredients changed in the seeds that all nets were run with."""
    look = Look(st.context.theme.type == "dark", size)
    left, right = st.columns(2)
    with left:
        st.markdown("**Every net** (dot: mean of the seeds; bar: lowest to highest)")
        _plot(cells_figure(outcomes, own, look, columns), f"{key}_cells")
        st.caption(CELLS)
    with right:
        st.markdown("**What an ingredient changed** (dot: one seed; bar: mean)")
        _plot(effects_figure(complete, look, own, len(columns)), f"{key}_effects")
        st.caption(CHANGED)
    if own:
        st.caption(OWN)


def _plot(drawn: tuple[Any, str], key: str) -> None:
    figure, alt = drawn
    config = {"displayModeBar": False}
    st.plotly_chart(figure, key=key, config=config, theme=None, alt=alt)
