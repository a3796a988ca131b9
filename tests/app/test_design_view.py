"""Design your own: the budget, a room's chart, two sessions side by side, strangers' names."""

import itertools
import json
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from app.board import Board, Entry, Snapshot
from app.compute.jobs import Sweep
from app.compute.tickets import State
from app.demos import DEMOS, design_data
from app.demos import recorded as recordings
from app.demos.design_figures import LOWEST, chart, table
from app.demos.design_settings import (
    BUDGET,
    CHOICES,
    RECORDED_SEEDS,
    REFERENCES,
    SEEDS,
    counted,
    described,
    design,
)
from app.demos.own_source import YOURS
from app.demos.published_paint import Look
from nfnet.run import CLASSROOM, UserError
from tests.app.pages import opened

USUAL = {name: choice.usual for name, choice in CHOICES.items()}
EXTREMES = [{name: choice.stops[end] for name, choice in CHOICES.items()} for end in (0, -1)]


def recording() -> str:
    """What benchmarks/record_labs_design.py writes, with made-up results: more is better."""
    nets = [
        {
            "name": name,
            "config": config.to_json(),
            "runs": {str(seed): [0.5 + n / 20 + seed / 100, "finished", 9.0] for seed in range(5)},
        }
        for n, (name, config) in enumerate(REFERENCES.items())
    ]
    nets[1]["runs"]["0"] = [None, "non-finite", 1.0]
    conditions = {"cpu": "a CPU", "torch": "2.13.0"}
    return json.dumps({"made": "2026-11-24", "conditions": conditions, "nets": nets})


@pytest.fixture
def recorded(monkeypatch, tmp_path):
    path = tmp_path / "design" / "nets.json"
    path.parent.mkdir()
    path.write_text(recording())
    monkeypatch.setattr(recordings, "FOLDER", tmp_path)
    return path


@pytest.fixture
def board(boards) -> Board:
    return boards["clutter"]


@pytest.fixture
def boards(monkeypatch) -> dict[str, Board]:
    empty = {"clutter": Board(), "cifar10": Board()}
    monkeypatch.setattr("app.demos.design.BOARDS", empty)
    return empty


@pytest.fixture
def page(compute, recorded, board):
    return partial(opened, "design")


def trained(*scores: float | None) -> list[dict]:
    return [
        {
            "cell": cell,
            "step": 120,
            "accuracy": score,
            "fate": "non-finite" if score is None else "finished",
            "clipped_share": 0.5,
            "seconds": 9.0,
        }
        for cell, score in enumerate(scores)
    ]


def finish(ticket, *scores: float | None) -> None:
    ticket.items, ticket.state = trained(*scores), State("done")


def spec(at: AppTest) -> dict:
    return json.loads(at.get("plotly_chart")[0].proto.spec)


def traces(at: AppTest) -> dict[str, dict]:
    return {trace["name"]: trace for trace in spec(at)["data"]}


def html_of(at: AppTest) -> str:
    return " ".join(each.proto.body for each in at.get("html"))


def test_the_usual_net_and_the_recorded_ones_can_be_trained() -> None:
    assert counted(design(USUAL)).multiply_adds <= BUDGET
    for config in (design(USUAL), *REFERENCES.values()):
        config.check(CLASSROOM)
    Sweep(tuple(design(USUAL).replace(seed=seed) for seed in SEEDS))
    assert len(RECORDED_SEEDS) >= 5 and set(SEEDS) <= set(RECORDED_SEEDS)


def test_every_net_within_the_budget_is_within_the_classrooms_limits() -> None:
    """The widest, the deepest and the odd ones: each is a net, or a sentence that says why not."""
    ends = [(choice.stops[0], choice.stops[-1]) for choice in CHOICES.values()]
    for stops in itertools.product(*ends):
        try:
            config = design(dict(zip(CHOICES, stops, strict=True)))
        except UserError as error:
            assert "smaller groups" in str(error)
            continue
        config.check(CLASSROOM)
        assert counted(config).parameters > 0


def test_recorded_nets_become_entries_of_nobody(recorded) -> None:
    record = design_data.references()
    assert [each.name for each in record.entries] == list(REFERENCES)
    assert all(each.owner == "" and len(each.scores) == 5 for each in record.entries)
    assert record.entries[1].low == 0.1  # the dead one, at chance
    assert "a CPU" in record.label and "5 seeds" in record.label
    changed = json.loads(recording())
    changed["nets"][0]["config"]["steps"] = 7  # of an earlier recipe: not to be compared
    recorded.write_text(json.dumps(changed))
    assert [each.name for each in design_data.references().entries] == list(REFERENCES)[1:]


@pytest.mark.parametrize("text", ["{", "[]", '{"nets": [3]}'])
def test_a_damaged_recording_gets_a_sentence(recorded, text) -> None:
    recorded.write_text(text)
    with pytest.raises(UserError, match="record_labs_design"):
        design_data.references()


def entry(owner: str, *scores: float, cost: int = 10**6, name: str = "") -> Entry:
    return Entry(owner, design(USUAL).replace(lr=cost / 1e6), scores, cost, 10, name)


def test_the_verdict_claims_no_more_than_the_bars_allow() -> None:
    mine, other = entry("a", 0.5, 0.6, 0.7), entry("b", 0.6, 0.65, 0.7, cost=900_000)
    assert "Nobody has done better" in design_data.verdict(mine, [mine])
    assert "may be luck" in design_data.verdict(mine, [mine, other])
    far = entry("c", 0.8, 0.8, 0.8, cost=800_000)
    said = design_data.verdict(mine, [mine, other, far])
    assert "2 nets have a higher mean" in said and "the bars of 1 stay above" in said
    assert "Nobody has done better" in design_data.verdict(far, [mine, other, far])


def test_whether_larger_is_better_is_read_off_the_bars() -> None:
    small, middle = entry("a", 0.3, 0.4, 0.5), entry("b", 0.45, 0.5, 0.55, cost=2 * 10**6)
    large = entry("c", 0.6, 0.7, 0.8, cost=3 * 10**6)
    assert "Too few" in design_data.larger([small, middle])
    assert "Too few" in design_data.larger([small, middle, entry("c", 0.6, 0.7)])
    said = design_data.larger([large, small, middle])
    assert "Of the 3 pairs" in said and "higher mean in 3, and in 2 its bar" in said
    assert "In none" in said and "Most bars meet" not in said and "not the largest" not in said
    worse = entry("d", 0.1, 0.1, 0.1, cost=4 * 10**6)
    said = design_data.larger([large, small, middle, worse])
    assert "In 3 the smaller one's does" in said and "is not the largest" in said
    alike = [entry("a", 0.3, 0.4, 0.5, cost=cost * 10**6) for cost in (1, 2, 3)]
    assert "Most bars meet" in design_data.larger(alike)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("narrow", [False, True])
def test_the_chart_shows_every_net_with_its_bar(recorded, dark, narrow) -> None:
    entries = design_data.references().entries
    board = Snapshot((entry("a", 0.6, 0.7, 0.8), entry("b", 0.1, 0.1, 0.1, cost=2 * 10**6)))
    figure, alt = chart(entries, board, "a", Look(dark, 16, narrow), 2 * 10**6)
    shown = {trace.name: trace for trace in figure.data}
    assert len(shown["recorded"].y) == len(entries)
    assert shown["yours"].y[0] == pytest.approx(0.7)
    assert shown["yours"].error_y.array[0] == pytest.approx(0.1)
    assert shown["others here"].x[0] == 2.0
    assert figure.layout.yaxis.range[0] >= LOWEST  # one dead net does not press the rest together
    assert any("1 net further down" in (note.text or "") for note in figure.layout.annotations)
    assert f"{len(entries)} recorded nets, 1 of yours, 1 of others" in alt


def test_a_strangers_name_is_no_markup_anywhere() -> None:
    name = "<b>$x$ %{y}</b>"
    stranger = entry("b", 0.6, 0.7, 0.8, name=name)
    figure, alt = chart((), Snapshot((stranger,)), "", Look())
    trace = next(trace for trace in figure.data if trace.name == "others here")
    for text in (trace.text[0], trace.customdata[0].removeprefix("<b>").split("</b>")[0]):
        assert not set("<>$%{}") & set(text) and "&lt;b&gt;" in text
    assert name not in alt
    shown = table([stranger], "")
    assert "<b>" not in shown and "&lt;b&gt;$x$" in shown


def test_the_page_shows_the_recorded_nets_on_arrival(page) -> None:
    at = page()
    assert len(traces(at)["recorded"]["x"]) == len(REFERENCES)
    assert not at.button(key="design_ask").disabled
    assert described(REFERENCES["NF-ResNet, small"]) in html_of(at)


@pytest.mark.parametrize("stops", EXTREMES, ids=["least", "most"])
def test_at_the_extremes_the_button_says_why_it_is_off(page, stops) -> None:
    at = page(**{f"design_{name}": stop for name, stop in stops.items()})
    assert not at.warning
    config = design(stops)
    over = counted(config).multiply_adds > BUDGET
    assert at.button(key="design_ask").disabled == over
    assert len(at.info) == over
    if over:
        assert "5.0 M are allowed" in at.info[0].value


@pytest.mark.parametrize(
    ("name", "end"), list(itertools.product(CHOICES, (0, -1))), ids=lambda value: str(value)
)
def test_each_control_goes_to_its_ends(page, name, end) -> None:
    at = page()
    at.select_slider(key=f"design_{name}").set_value(CHOICES[name].stops[end]).run()
    assert not at.exception and len(at.get("plotly_chart")) == 1


def test_a_net_without_a_whole_group_is_explained(page) -> None:
    at = page(design_width1="8", design_group="32")
    assert "no such net" in at.info[0].value and at.button(key="design_ask").disabled


def test_three_seeds_are_trained_and_the_net_is_on_the_chart(page, compute, board) -> None:
    at = page(design_width1="24")
    at.text_input(key="design_name").set_value("Ada").run()
    at.button(key="design_ask").click().run()
    job = compute.tickets[0].job
    wanted = design({**USUAL, "width1": "24"})
    assert job == Sweep(tuple(wanted.replace(seed=seed) for seed in SEEDS))
    compute.tickets[0].state = State("running")
    compute.tickets[0].items = trained(0.6)
    at.run()
    assert at.select_slider(key="design_group").disabled  # a changed net would end the training
    assert any("So far: 0.600" in each.value for each in at.markdown)
    assert not board.now.entries
    finish(compute.tickets[0], 0.6, 0.7, None)
    at.run()
    (mine,) = board.now.entries
    assert mine.scores == (0.6, 0.7, 0.1) and mine.name == "Ada" and mine.config == wanted
    assert traces(at)["yours"]["x"] == [mine.multiply_adds / 1e6]
    assert not at.select_slider(key="design_group").disabled
    at.run()
    assert len(board.now.entries) == 1
    at.text_input(key="design_name").set_value("Grace").run()
    assert board.now.entries[0].name == "Grace"


def test_two_sessions_see_each_other_and_stay_apart(page, compute, board) -> None:
    one, two = page(), page(design_width1="32")
    for at in (one, two):
        at.button(key="design_ask").click().run()
    first, second = compute.tickets
    assert first.owner != second.owner
    finish(first, 0.7, 0.7, 0.7)
    one.run()
    two.run()
    assert "yours" in traces(one) and "others here" not in traces(one)
    assert "yours" not in traces(two) and len(traces(two)["others here"]["x"]) == 1
    assert not second.cancelled and two.button(key="design_cancel")
    assert two.select_slider(key="design_width1").value == "32"
    finish(second, 0.5, 0.5, 0.5)
    two.run()
    one.run()
    assert len(traces(one)["yours"]["x"]) == len(traces(one)["others here"]["x"]) == 1
    one.text_input(key="design_name").set_value("only me").run()
    assert [each.name for each in board.now.entries] == ["only me", ""]


def test_a_hostile_nickname_is_shown_as_plain_text(page, compute, board) -> None:
    at = page()
    at.text_input(key="design_name").set_value("\u202e<a href=x>**b**</a>").run()
    assert at.text[0].value == "Shown as: <a href=x>**b**</a>"[:30]
    at.button(key="design_ask").click().run()
    finish(compute.tickets[0], 0.9, 0.9, 0.9)
    at.run()
    assert "<a" not in html_of(at) and "&lt;a" in html_of(at)
    assert "<a" not in json.dumps(spec(at))
    assert not any("<a" in each.value for each in at.markdown)


def test_what_the_server_refuses_is_said(page, compute) -> None:
    at = page()
    compute.refuse = UserError("Too many wait.")
    at.button(key="design_ask").click().run()
    assert at.warning[0].value == "Too many wait."


@pytest.mark.parametrize("name", CHOICES)
def test_a_hostile_address_gets_one_sentence(page, name) -> None:
    at = page(**{f"design_{name}": "<b>9e99"})
    assert len(at.warning) == 1 and "is not here" in at.warning[0].value
    assert at.select_slider(key=f"design_{name}").value == USUAL[name]


def test_reset_brings_the_usual_net_back(page) -> None:
    at = page(**{f"design_{name}": stop for name, stop in EXTREMES[0].items()})
    at.button(key="design_restore").click().run()
    for name, stop in USUAL.items():
        assert at.select_slider(key=f"design_{name}").value == stop


def test_without_a_recording_the_page_says_so_and_works(page, recorded) -> None:
    recorded.unlink()
    at = page()
    assert "record_labs_design" in at.info[0].value
    assert not at.button(key="design_ask").disabled


def in_a_slide() -> None:
    from app.demos import DEMOS

    DEMOS["design"].render(DEMOS["design"].read({}), True)


def test_in_a_slide_there_is_the_chart_alone(compute, recorded, board) -> None:
    board.add(entry("somebody else", 0.6, 0.7, 0.8))
    at = AppTest.from_function(in_a_slide, default_timeout=60).run()
    assert not at.exception and not at.button and not at.select_slider
    assert len(traces(at)["others here"]["x"]) == 1


def test_what_is_printed_is_the_recorded_nets(recorded) -> None:
    demo = DEMOS["design"]
    (still,) = demo.still(demo.read({}))
    assert still.figure["data"] and "6 recorded nets" in still.alt and "a CPU" in still.caption


def test_the_recording_that_is_shipped_is_of_these_nets() -> None:
    record = design_data.references()
    assert [each.name for each in record.entries] == list(REFERENCES)
    assert all(len(each.scores) >= 3 for each in record.entries)


# other pictures


def test_cifar10_has_a_chart_of_its_own(page, compute, boards) -> None:
    boards["clutter"].add(entry("somebody else", 0.6, 0.7, 0.8))
    at, other = page(design_data="CIFAR-10"), page(design_data="CIFAR-10")
    assert not traces(at) and "test accuracy on CIFAR-10" in json.dumps(spec(at))
    assert any("a chart of its own" in each.value for each in at.markdown)
    at.button(key="design_ask").click().run()
    assert at.segmented_control(key="design_data").disabled  # another choice would end it
    finish(compute.tickets[0], 0.4, 0.5, None)
    at.run()
    (mine,) = boards["cifar10"].now.entries
    assert mine.scores == (0.4, 0.5, 0.1) and mine.config.dataset == "cifar10"
    assert len(boards["clutter"].now.entries) == 1
    assert set(traces(at)) == {"yours", "nobody did better with fewer"}
    assert not any("Is larger better?" in each.value for each in at.markdown)
    assert len(traces(other.run())["others here"]["x"]) == 1
    at.segmented_control(key="design_data").set_value("Clutter").run()
    assert "yours" not in traces(at) and len(traces(at)["recorded"]["x"]) == len(REFERENCES)


def test_nets_on_ones_own_pictures_stay_with_their_owner(page, compute, boards) -> None:
    digest = "0123456789abcdef"
    found = {"classes": ["a", "b"], "counts": [300, 100], "skipped": 0, "dataset": f"own:{digest}"}
    at = page(design_data=YOURS, design_own=digest)
    compute.tickets[0].items, compute.tickets[0].state = [found], State("done")
    at.run()
    said = " ".join(each.value for each in at.markdown)
    assert "stay **off everybody's chart**" in said and "everybody on this server" not in said
    assert "The test has 80 pictures" in said and "±0.10" in said
    at.button(key="design_ask").click().run()
    finish(compute.tickets[1], 0.8, 0.9, None)
    at.run()
    assert not at.exception
    assert not any(each.now.entries for each in boards.values())
    assert traces(at)["yours"]["y"] == [pytest.approx((0.8 + 0.9 + 0.75) / 3)]  # chance is .75
    two_classes = counted(design(USUAL), 2)
    assert traces(at)["yours"]["x"] == [two_classes.multiply_adds / 1e6]
    assert two_classes.parameters < counted(design(USUAL)).parameters
    assert not traces(page(design_data="CIFAR-10"))
