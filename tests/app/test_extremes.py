"""Every control of every lab page at its extremes: the page stays whole and draws what it must."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.board import BOARDS, LONGEST_NAME, Board
from app.components.clip_canvas import LEAST, MOST
from app.demos.own_source import LAYOUT
from benchmarks.lab_latency import KINDS, VIEWS, values
from nfnet.run import CLIP_BY
from tests.app.pages import opened
from tests.app.photo_tools import PhotoCompute

# Of each page at least this many figures, wherever its controls stand, unless it says why not.
MUST: dict[str, dict[str, int]] = {
    "blackbox": {"plotly_chart": 1},
    "clipping": {"plotly_chart": 1},  # and the canvas, or on the plain page one figure more
    "costs": {"plotly_chart": 9},
    "design": {"plotly_chart": 1, "metric": 2},
    "factorial": {"plotly_chart": 5},
    "mates": {"plotly_chart": 5, "metric": 6},
    "models": {"metric": 2},
    "photos": {"plotly_chart": 2},
    "propagation": {"plotly_chart": 2, "echarts_chart": 3},
    "published": {"plotly_chart": 1},
    "standardization": {"plotly_chart": 8, "metric": 3},
    "sweeps": {"plotly_chart": 1},
    "train": {"echarts_chart": 2},
}
# What a page says in the place of its figures where there is nothing to draw.
INSTEAD = (
    *("There is no such net", "is not on this server", "Choose at least one recipe"),
    *("Choose one to four recipes", "is recorded here for", "are recorded for", LAYOUT),
)
LABS = [view for view in VIEWS if view != "lecture"]
OPENED = {
    **{view: (view, {}) for view in LABS},
    "plain clipping": ("clipping", {"plain": "1"}),
    "the first minute": ("train", {"train_part": "The first minute"}),
}
EVERY = 40  # options of a choice that are all tried; of a longer one so many, its ends among them
ENDS = 2


class Answering(PhotoCompute):
    """Answers questions about photos at once; trains and measures nothing."""

    def submit(self, job, owner: str):
        ticket = super().submit(job, owner)
        if ticket in self.asked:
            self.reply()
        return ticket


@pytest.fixture(autouse=True)
def compute(monkeypatch) -> Answering:
    fake = Answering()
    monkeypatch.setattr("app.compute.get_compute", lambda workers=None: fake)
    monkeypatch.setattr("app.demos.design.BOARDS", {name: Board() for name in BOARDS})
    return fake


def controls(at: AppTest) -> dict[str, Any]:
    """Key -> control, of all that can be moved but files, which AppTest cannot send."""
    found = [control for kind in (*KINDS, "text_input") for control in at.get(kind)]
    return {control.key: control for control in found if not control.disabled}


def extremes(control: Any, most: int) -> list[Any]:
    """Both ends of numbers and stops; of a choice its options, `most` of them."""
    if control.type == "text_input":
        return ["", "W" * LONGEST_NAME, "\u202e<b>*$x$*"]
    ordered = control.type in ("slider", "select_slider", "number_input")
    return values(control, ENDS if ordered else most)


def stands(control: Any) -> Any:
    """Where a control stands; in words if it is a choice."""
    if control.type not in ("select_slider", "selectbox", "button_group"):
        return control.value
    if isinstance(control.value, list):
        return list(map(control.format_func, control.value))
    return control.format_func(control.value)


def look(at: AppTest, view: str, when: Any) -> None:
    """Fails where the page is broken, says that something went wrong, or draws too little."""
    assert not at.exception, when
    assert len(at.title) == 1 and not at.error and not at.warning, when
    drawn = Counter({kind: len(at.get(kind)) for kind in MUST[view]})
    why = " ".join(each.value for each in (*at.info, *at.markdown))
    assert drawn >= Counter(MUST[view]) or any(each in why for each in INSTEAD), (when, drawn)


def walk(at: AppTest, view: str, keys: list[str], known: set[str], tried: set[Any]) -> None:
    """Moves these controls, each to its extremes and back, and those that come up meanwhile."""
    for key in keys:
        control = controls(at)[key]
        usual, options = control.value, tuple(getattr(control, "options", [key]))
        most = ENDS if options in tried else EVERY  # seven seats offer the same guests
        tried.add(options)
        for value in extremes(control, most):
            controls(at)[key].set_value(value)
            look(at.run(), view, (key, value))
            assert stands(controls(at)[key]) == value, (key, value)
            new = [each for each in controls(at) if each not in known]
            walk(at, view, new, known.union(controls(at)), tried)
            known |= set(new)
        controls(at)[key].set_value(usual)
        look(at.run(), view, (key, usual))


@pytest.mark.parametrize("name", OPENED)
def test_a_page_stands_every_control_at_its_extremes(name, compute) -> None:
    view, address = OPENED[name]
    at = opened(view, **address)
    look(at, view, "on arrival")
    assert controls(at)
    walk(at, view, list(controls(at)), set(controls(at)), set())


@pytest.mark.parametrize("end", [0, -1], ids=["lowest", "highest"])
@pytest.mark.parametrize("name", OPENED)
def test_a_page_stands_all_controls_at_one_end_together(name, end) -> None:
    view, address = OPENED[name]
    at = opened(view, **address)
    for control in controls(at).values():
        ends = extremes(control, ENDS)
        if ends:
            control.set_value(ends[end])
    look(at.run(), view, end)


@pytest.mark.parametrize("by", CLIP_BY)
@pytest.mark.parametrize("clipping", [f"{LEAST:g}", f"{MOST:g}", "off"])
@pytest.mark.parametrize("step", ["0", "trained"])
def test_the_canvas_stands_the_least_and_the_largest_threshold(clipping, by, step) -> None:
    """Its line is dragged in the browser; the address says where it stands."""
    at = opened("clipping", clip_lambda=clipping, clip_by=by, clip_step=step)
    look(at, "clipping", (clipping, by, step))
    assert at.session_state["clip_lambda"] == clipping and at.get("bidi_component")
