"""Many runs: thresholds, batches and nets, each cell over seeds; a part of them can be run live."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.components.deck_nav import room
from app.compute.jobs import Item, Sweep
from app.deck.model import Still
from app.demos import (
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
from app.demos.published_paint import Look
from app.demos.stills import SIZE as STILL_SIZE
from app.demos.sweep_figures import Panel, draw
from app.demos.sweep_plans import PLANS, Cell, Plan
from app.demos.sweep_texts import FINDINGS, SETTINGS
from nfnet.run import UserError

LETTERS = 15  # px in a figure on a page
STILL_HEIGHT = 560  # px of a slide's figures in print
SHOWN = ("map", "u", "transfer", "small")  # those whose runs are recorded
TITLES = {PLANS[name].title: name for name in SHOWN}
MANY = ("map", "small")  # those whose parts differ in the batch size
WAIT = (
    "One net after another, each drawn as soon as it is done. Large batches, wide nets and deep "
    "nets take longest."
)
_BY = {"small": "column"}  # what is run live together: the cells of one row, or of one column
OWN_IN_MAP = "In brackets: your own runs, one seed. Colours and frames show the recorded means."
OWN = "Stars: your own runs, one seed. Lines and bars show the recorded seeds."


def render(params: dict[str, Any], compact: bool) -> None:
    """One sweep; not compact: any of them, and a part of it run live.

    Parameters: sweep (one of SHOWN), key.
    """
    key = params["key"]
    if compact:
        _figures(key, PLANS[params["sweep"]], {}, compact)
        return
    usual = PLANS[params["sweep"]].title
    called = {"title": "sweep", "part": "part to run", "seed": "seed", **data_choice.CALLED}
    readers = {"title": one_of(*TITLES), "seed": whole(0, 9999)}
    settings = {name: (called[name], read) for name, read in readers.items()}
    for name in SHOWN:
        settings[f"part_{name}"] = (called["part"], one_of(*_parts(PLANS[name])))
    links.check(key, settings | data_choice.readers())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.pills(
            "Sweep",
            list(TITLES),
            default=usual,
            required=True,
            key=f"{key}_title",
            bind="query-params",
        )
        name = data_choice.select(key)
        seed = len(PLANS[params["sweep"]].seeds)
        reset.button(key, {"title": usual, "data": "Shapes", "seed": seed})
        links.hand_out(key, called)
    plan = PLANS[TITLES[title]]
    pictures = data_choice.bring(key, name)
    if pictures is None:
        return
    st.markdown(SETTINGS[plan.id])
    _live(key, plan, pictures)


def lab(params: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings of the page that show what the slide shows."""
    return [("sweeps_title", PLANS[params["sweep"]].title)]


def still(params: dict[str, Any]) -> tuple[Still, ...]:
    """The sweep's figures, for print; nothing where it was not recorded."""
    plan = PLANS[params["sweep"]]
    try:
        record = sweep_data.load(plan)
    except UserError:
        return ()
    panels = draw(plan, record.outcomes, {}, Look(size=STILL_SIZE))
    if len(panels) > 1:  # one above the other on the slide
        for panel in panels:
            panel.figure.update_layout(height=STILL_HEIGHT / len(panels))
    return tuple(
        Still(
            panel.figure.to_plotly_json(),
            panel.alt,
            ". ".join(filter(None, (panel.title, record.label))),
        )
        for panel in panels
    )


def _live(key: str, plan: Plan, pictures: Pictures) -> None:
    """A part of the sweep, run with the viewer's own seed and drawn into the figure."""
    by, parts = _BY.get(plan.id, "row"), _parts(plan)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # a key for each sweep: a browser shows another's choice where only the options change
        with st.container(key=f"{key}_part", width=300):
            part = st.selectbox(
                f"Run live: {(plan.rows if by == 'row' else plan.columns).lower()}",
                parts,
                key=f"{key}_part_{plan.id}",
                bind="query-params",
            )
        seed = st.number_input(
            "Seed",
            0,
            9999,
            len(plan.seeds),
            key=f"{key}_seed",
            bind="query-params",
            width=140,
            help="The first seed that was not recorded is chosen to begin with.",
        )
    cells = [
        dataclasses.replace(cell, config=pictures.on(cell.config).replace(seed=int(seed)))
        for cell in plan.cells
        if getattr(cell, by) == part
    ]
    why = pictures.too_large(
        max(cell.config.batch_size for cell in cells),
        "choose another part or bring more pictures" if plan.id in MANY else "bring more pictures",
    )
    ask = asking.Ask(
        None if why else Sweep(tuple(cell.config for cell in cells)),
        f"Run these {len(cells)}",
        expected=len(cells),
        doing="Training one net after another",
        help=WAIT,
        why=why,
        progress=lambda items: done(items, cells),
    )

    def draw_both(items: Sequence[Item], own: bool) -> None:
        if pictures.drawn:
            _figures(key, plan, sweep_data.own(cells, items), False)
            return
        sweep_own.keep(cells, items)
        _own_figures(key, plan, pictures)

    asking.show(f"{key}_{plan.id}", ask, draw_both)


def _parts(plan: Plan) -> list[str]:
    """What of a plan can be run live, one at a time."""
    return list(dict.fromkeys(getattr(cell, _BY.get(plan.id, "row")) for cell in plan.cells))


def done(items: Sequence[Item], cells: Sequence[Cell]) -> float:
    """Share of the steps done."""
    at = {item["cell"]: item["step"] for item in items}
    ended = {item["cell"] for item in items if item["fate"]}
    steps = [cell.config.steps for cell in cells]
    done = sum(steps[i] if i in ended else at.get(i, 0) for i in range(len(cells)))
    return done / sum(steps)


def look_of(compact: bool) -> Look:
    """How figures are drawn here: larger in a slide, but not on a phone."""
    dark = st.context.theme.type == "dark"
    if not compact or room() == "narrow":
        return Look(dark, LETTERS)
    return Look(dark, round(1.25 * screen.size(True)), height=1.15)


def _figures(key: str, plan: Plan, own: dict[tuple[str, str], float], compact: bool) -> None:
    try:
        record = sweep_data.load(plan)
    except UserError as error:
        st.info(str(error))
        return
    _plot(key, plan, draw(plan, record.outcomes, own, look_of(compact)))
    if own:
        st.caption(OWN_IN_MAP if plan.id == "map" else OWN)
    st.caption(record.label)
    if not compact:
        st.markdown(FINDINGS[plan.id])


def _own_figures(key: str, plan: Plan, pictures: Pictures) -> None:
    """The same figures with nothing in them but the viewer's own runs."""
    found, seeds = sweep_own.outcomes(plan.cells, pictures)
    st.markdown(sweep_own.label(pictures, found, seeds))
    _plot(key, plan, draw(plan, found, {}, look_of(False), pictures.chance))


def _plot(key: str, plan: Plan, panels: Sequence[Panel]) -> None:
    places = st.columns(len(panels)) if len(panels) > 1 else [st.container()]
    for place, panel in zip(places, panels, strict=True):
        with place:
            if panel.title:
                st.markdown(f"**{panel.title}**")
            st.plotly_chart(
                panel.figure,
                key=f"{key}_{plan.id}_{panel.title}",
                config={"displayModeBar": False},
                theme=None,
                alt=panel.alt,
            )
