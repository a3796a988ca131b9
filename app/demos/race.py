"""Up to four recipes side by side on the same pictures and the same seed, as one job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from app.demos import data_choice, links, one_of, reset, whole
from app.demos.presets import (
    BATCHES,
    LAMBDAS,
    PRESETS,
    STORIES,
    XS,
    Lane,
    Preset,
    find,
    lanes_at,
    rescaled,
)
from app.demos.stage import RATES, Stage
from app.demos.watch import show

_CALLED = {
    "story": "experiment",
    "batch": "batch size",
    **data_choice.CALLED,
    "seed": "seed",
    "recipes": "recipes",
    "clipping": "threshold",
    "lr": "learning rate",
}
_TITLES = {title: story for story, title in STORIES.items()}
MOST = 4  # lanes of one race


def render(params: dict[str, Any], compact: bool) -> None:
    """The race of `params["preset"]`; not compact: with every dial.

    Parameters: preset (a key of PRESETS), controls (levers shown in a slide), arrival (in a slide:
    "recorded" run on screen, or "empty" chart until asked), seed, key.
    """
    key = params["key"]
    if compact:
        _slide(key, params)
        return
    _follow_link(key)
    lanes, preset = _dials(key, params)
    if lanes:
        recorded = {"": preset.id} if preset and lanes[0].config.seed == 0 else {}
        show(Stage(key, lanes, recorded, preset.finding if preset else "", bind=True))


def _slide(key: str, params: dict[str, Any]) -> None:
    preset = PRESETS[params["preset"]]
    if "batch" in params["controls"]:
        size = st.segmented_control(
            "Batch size",
            [p.batch_size for p in PRESETS.values() if p.story == preset.story],
            default=preset.batch_size,
            required=True,
            key=f"{key}_{preset.id}_batch",
        )
        preset = find(preset.story, size) or preset
    lanes = tuple(seeded(lane, params["seed"]) for lane in preset.lanes)
    st.caption(preset.caption)
    show(
        Stage(
            f"{key}_{preset.id}",
            lanes,
            {"": preset.id} if params["seed"] == 0 else {},
            preset.finding,
            params["controls"],
            compact=True,
            suspense=params["arrival"] == "empty",
        )
    )


def seeded(lane: Lane, seed: int) -> Lane:
    return replace(lane, config=lane.config.replace(seed=seed))


def _dials(key: str, params: dict[str, Any]) -> tuple[tuple[Lane, ...], Preset | None]:
    """The set-up's widgets; the lanes they ask for, and their preset if it is one."""
    default, bound = PRESETS[params["preset"]], "query-params"
    story = _TITLES[
        st.pills(
            "Experiment",
            list(_TITLES),
            default=default.title,
            required=True,
            key=f"{key}_story",
            bind=bound,
            on_change=_reset,
            args=(key,),
        )
    ]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        batch = st.segmented_control(
            "Batch size",
            list(BATCHES),
            default=default.batch_size,
            required=True,
            key=f"{key}_batch",
            bind=bound,
            on_change=_reset,
            args=(key,),
            help="The main dial: the learning rate grows in proportion to the batch.",
        )
        name = data_choice.select(key, then=_reset, args=(key,))
        data = _dataset(key, name)
        seed = st.number_input(
            "Seed",
            0,
            9999,
            params["seed"],
            key=f"{key}_seed",
            bind=bound,
            width=140,
            help="The same seed gives the same pictures, order and first weights.",
        )
        lanes = lanes_at(story, batch, data)
        offered = {lane.label: lane for lane in (*lanes, rescaled(XS, batch, data))}
        chosen = st.pills(
            "Recipes",
            list(offered),
            selection_mode="multi",
            default=[lane.label for lane in lanes],
            key=f"{key}_recipes",
            bind=bound,
        )
        arrival = {"story": default.title, "batch": default.batch_size, "data": "Shapes"}
        reset.button(key, {**arrival, "seed": params["seed"]}, _reset)
        links.hand_out(key, _CALLED)
    pictures = data_choice.bring(key, name)
    if pictures is None:
        return (), None
    if why := pictures.too_large(batch, "choose a smaller batch or bring more pictures"):
        st.info(why)
        return (), None
    if not 1 <= len(chosen) <= MOST:
        st.info("Choose one to four recipes." if chosen else "Choose at least one recipe.")
        return (), None
    preset = None if pictures.private else find(story, batch, data)
    if preset:
        st.markdown(preset.caption)
    else:
        st.markdown(
            "Free play: nobody has measured this combination, so nothing is promised. "
            f"Rates are those of batch 128 times {batch / 128:g}."
        )
    picked = tuple(seeded(offered[label], int(seed)) for label in offered if label in chosen)
    picked = tuple(replace(lane, counts=pictures.counts) for lane in picked)
    whole = preset and [lane.label for lane in lanes] == [lane.label for lane in picked]
    return picked, preset if whole else None


def _dataset(key: str, name: str) -> str:
    """The set that runs are to name.

    As long as one's own pictures have not come, the first set stands in: nothing can be started.
    """
    pictures = data_choice.known(key, name)
    return pictures.dataset if pictures else "shapes"


def _reset(key: str) -> None:
    """A new set-up: its own recipes, and the levers back at its own places."""
    chosen = st.session_state
    story, data = _TITLES[chosen[f"{key}_story"]], _dataset(key, chosen[f"{key}_data"])
    lanes = lanes_at(story, chosen[f"{key}_batch"], data)
    chosen[f"{key}_recipes"] = [lane.label for lane in lanes]
    chosen[f"{key}_clipping"] = Stage(key, lanes).first_stop
    chosen[f"{key}_lr"] = "× 1"


def _follow_link(key: str) -> None:
    """`?KEY_preset=ID` in the address chooses a preset once; what is not here gets a sentence."""
    labels = {lane.label for preset in PRESETS.values() for lane in preset.lanes}
    readers = {
        "story": one_of(*_TITLES),
        "batch": one_of(*map(str, BATCHES)),
        "seed": whole(0, 9999),
        "recipes": one_of(*labels, XS.label),
        "clipping": one_of(*LAMBDAS),
        "lr": one_of(*RATES),
    }
    settings = {name: (_CALLED[name], read) for name, read in readers.items()}
    settings |= data_choice.readers()
    links.check(key, {**settings, "preset": (_CALLED["story"], one_of(*PRESETS))})
    wanted = st.query_params.get(f"{key}_preset")
    if wanted is None:
        return
    del st.query_params[f"{key}_preset"]
    if wanted in PRESETS:
        preset = PRESETS[wanted]
        st.session_state[f"{key}_story"] = preset.title
        st.session_state[f"{key}_batch"] = preset.batch_size
        names = {slug: name for name, slug in data_choice.SETS.items()}
        st.session_state[f"{key}_data"] = names[preset.dataset]
