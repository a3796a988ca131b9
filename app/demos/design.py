"""Design your own NFNet within a budget: a game for a room, with one chart for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import streamlit as st

import app.compute
from app.board import BOARDS, LONGEST_NAME, Board, Snapshot, clean_name
from app.compute.jobs import Item, Sweep
from app.deck.model import Still
from app.demos import asking, data_choice, design_data, links, one_of, reset, runs
from app.demos.data_choice import HARDER, Pictures
from app.demos.design_figures import chart, table
from app.demos.design_settings import BASE, BUDGET, CHOICES, SEEDS, counted, design
from app.demos.design_words import COST, bars, rules
from app.demos.models_drawing import drawing, rows, short, takeaway
from app.demos.published_paint import Look
from app.demos.stills import SIZE as STILL_SIZE
from app.demos.sweep_plans import Cell
from app.demos.sweeps import done, look_of
from nfnet.counts import Counts
from nfnet.run import RunConfig, UserError

EVERY = 4.0  # seconds between two looks at the board
OVER = (
    "This net has {} multiply-adds, and {} are allowed; take fewer channels, blocks or smaller "
    "groups."
)
_CALLED = {name: choice.label.lower() for name, choice in CHOICES.items()}
_STAGES = (("width1", "depth1"), ("width2", "depth2"), ("width3", "depth3"))
# On a phone names would lie over each other; the table has them.
_NAMELESS = """<style>@media (max-width: 640px) {{
  .st-key-{key}_board .textpoint {{ display: none; }}
}}</style>"""


def render(params: dict[str, Any], compact: bool) -> None:
    """Everybody's nets; not compact: design one, train it, see it among them.

    Parameters: key.
    """
    key = params["key"]
    if compact:
        _board(key, design_data.CLUTTER, None, compact)
        return
    settings = {n: (_CALLED[n], one_of(*c.stops)) for n, c in CHOICES.items()}
    links.check(key, settings | data_choice.readers(HARDER))
    above = st.container()  # filled when it is known what is trained on
    left, right = st.columns((2, 3), gap="large")
    with left:
        chosen, name, data = _controls(key)
        pictures = data_choice.bring(key, data, HARDER)
        if pictures is None:
            return
        above.markdown(rules(pictures))
        config, counts = _cost(key, chosen, pictures)
        _train(key, config, counts, name, pictures)
    with right:
        _board(key, pictures, counts and counts.multiply_adds, compact)
    left, right = st.columns(2, gap="large")
    with left:
        if counts:
            st.subheader("Your net, block by block")
            st.markdown(takeaway(counts))
            st.html(drawing(rows(counts), f"At {counts.resolution} px", "agc"))
    with right:
        st.subheader("What one sees")
        st.markdown(bars(pictures))
        if pictures.drawn:
            st.markdown(design_data.larger(_recorded(pictures)))
        st.markdown(COST)


def still(params: dict[str, Any]) -> tuple[Still, ...]:
    """The recorded nets, for print; nothing where there are none."""
    try:
        record = design_data.references()
    except UserError:
        return ()
    figure, alt = chart(record.entries, Snapshot(), "", Look(size=STILL_SIZE))
    printed = {**figure.to_plotly_json()}
    printed["layout"] = {**printed["layout"], "height": 480}  # the figure itself is shared
    return (Still(printed, alt, record.label),)


def _controls(key: str) -> tuple[dict[str, str], str, str]:
    """Where the sliders stand, the nickname and the pictures; held while a net here trains."""
    busy, chosen = _training(key), {}

    def slider(name: str, width: int | Literal["stretch"] = "stretch") -> None:
        choice = CHOICES[name]
        chosen[name] = st.select_slider(
            choice.label,
            choice.stops,
            choice.usual,
            key=f"{key}_{name}",
            bind="query-params",
            help=choice.about,
            disabled=busy,
            width=width,
        )

    with st.container(key=f"{key}_controls"):
        data = data_choice.select(key, HARDER, disabled=busy)
        for column, names in zip(st.columns(3), _STAGES, strict=True):
            # one below the other where the column is narrow, side by side on a phone
            with column, st.container(horizontal=True):
                for name in names:
                    slider(name, 160)
        for column, name in zip(st.columns(3), ("group", "expansion", "se"), strict=True):
            with column:
                slider(name, 160)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            # a widget's value is forgotten on another page, and the board would forget the name
            st.session_state.setdefault(f"{key}_name", st.session_state.get(f"{key}_kept", ""))
            typed = st.text_input(
                "Nickname",
                key=f"{key}_name",
                max_chars=LONGEST_NAME,
                placeholder="if you like",
                help="Shown to everybody on this server beside your nets. It may stay empty.",
                width=200,
            )
            if not busy:
                usual = {n: choice.usual for n, choice in CHOICES.items()}
                reset.button(key, {**usual, "data": next(iter(HARDER))})
            links.hand_out(key, _CALLED | data_choice.CALLED)
    st.session_state[f"{key}_kept"] = typed
    name = clean_name(typed)
    if typed and name != typed.strip():
        st.text(f"Shown as: {name}" if name else "This name would not be seen; none is shown.")
    for board in BOARDS.values():
        board.rename(runs.owner(), name)
    return chosen, name, data


def _training(key: str) -> bool:
    id = st.session_state.get(f"{key}_ticket")
    ticket = app.compute.get_compute().ticket(id, runs.owner()) if id else None
    return ticket is not None and not ticket.state.ended


def _cost(
    key: str, chosen: dict[str, str], pictures: Pictures
) -> tuple[RunConfig | None, Counts | None]:
    """The net and what it costs, drawn; nothing where there is no such net."""
    try:
        config = design(chosen).replace(dataset=pictures.dataset)
    except UserError as error:
        st.info(f"There is no such net: {error}.")
        return None, None
    counts = counted(config, pictures.classes)
    with st.container(horizontal=True, key=f"{key}_cost"):
        for label, value, about in (
            (
                "Multiply-adds",
                short(counts.multiply_adds),
                f"{counts.multiply_adds / BUDGET:.0%} of the budget",
            ),
            ("Parameters", short(counts.parameters), f"{len(counts.parts) - 2} blocks"),
        ):
            st.metric(
                label,
                value,
                about,
                delta_color="off",
                delta_arrow="off",
                border=True,
                width="content",
            )
    return config, counts


def _train(
    key: str, config: RunConfig | None, counts: Counts | None, name: str, pictures: Pictures
) -> None:
    """The button, how far the trainings are, and what they came to."""
    over = counts is not None and counts.multiply_adds > BUDGET
    why = OVER.format(short(counts.multiply_adds), short(BUDGET)) if over else ""
    why = why or pictures.too_large(BASE.batch_size)
    board = _board_of(key, pictures)
    cells = [Cell("", str(seed), config.replace(seed=seed)) for seed in SEEDS] if config else []
    job = Sweep(tuple(cell.config for cell in cells)) if config and not why else None
    ask = asking.Ask(
        job,
        "Train it",
        expected=len(SEEDS),
        doing="Training from three first weights",
        help="About a minute where nothing else computes. Then your net is on the chart.",
        why=why,
        progress=lambda items: done(items, cells),
    )

    def draw(items: Sequence[Item], own: bool) -> None:
        words = ""
        if own and config:
            entry = design_data.finished(runs.owner(), config, items, name, pictures)
            if entry:
                board.add(entry)
                words = design_data.verdict(entry, (*_recorded(pictures), *board.now.entries))
            elif so_far := design_data.scores(items, pictures.chance):
                words = "So far: " + ", ".join(f"{score:.3f}" for score in so_far) + "."
        with st.container(key=f"{key}_verdict"):
            if words:
                st.markdown(words)

    asking.show(key, ask, draw)


def _board_of(key: str, pictures: Pictures) -> Board:
    """Everybody's board for these pictures; for private ones the session's own."""
    if not pictures.private:
        return BOARDS[pictures.dataset]
    return st.session_state.setdefault(f"{key}_boards", {}).setdefault(pictures.dataset, Board())


def _recorded(pictures: Pictures) -> tuple:
    if not pictures.drawn:
        return ()
    try:
        return design_data.references().entries
    except UserError:
        return ()


def _board(key: str, pictures: Pictures, cost: int | None, compact: bool) -> None:
    """The chart, which looks at the board by itself every few seconds."""
    with st.container(key=f"{key}_board"):
        st.html(_NAMELESS.format(key=key))
        st.fragment(_look, run_every=EVERY)(key, pictures, cost, compact)


def _look(key: str, pictures: Pictures, cost: int | None, compact: bool) -> None:
    try:
        record = design_data.references() if pictures.drawn else design_data.Record((), "")
    except UserError as error:
        st.info(str(error))
        record = design_data.Record((), "")
    board, owner = _board_of(key, pictures).now, runs.owner()
    whose = owner if any(each.owner == owner for each in board.entries) else ""
    look = look_of(compact)
    figure, alt = chart(
        record.entries, board, whose, look, cost, "" if compact else pictures.called
    )
    st.plotly_chart(
        figure, key=f"{key}_chart", theme=None, config={"displayModeBar": False}, alt=alt
    )
    if not compact and (record.entries or board.entries):
        st.html(table((*record.entries, *board.entries), whose))
    if record.label:
        st.caption(record.label)
