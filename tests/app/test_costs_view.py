"""The page Costs: what its figures say of the items, and the page as a viewer drives it."""

import json
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from app.compute.tickets import State
from app.demos import DEMOS, recorded
from app.demos.costs import lab, scaling, still, takeaway
from app.demos.costs_data import (
    BATCHES,
    NORMS,
    OPERATIONS,
    PASSES,
    UNITS,
    WIDTHS,
    cells,
    job,
    numbers,
    ratios,
    recorded_as,
)
from app.demos.costs_figures import memory, over_batches, times
from app.demos.published_paint import Look
from app.theme import COLOURS
from nfnet.run import CLASSROOM, UserError
from nfnet.stopwatch import OPERATIONS as WATCHED
from tests.app.pages import opened


def item(norm: str, batch: int = 128, scale: float = 1.0) -> dict:
    """Forward 60 ms and backward 100 ms without a normalizer; BN adds 40 ms, NF 8."""
    more = {"none": (0.0, 0.0), "batch": (15.0, 25.0), "nf": (3.0, 5.0)}[norm]
    parts = [
        dict(zip(OPERATIONS, (conv, own, 4.0, 2.0, 4.0), strict=True))
        for conv, own in zip((50.0, 90.0), more, strict=True)
    ]
    forward, backward = ({name: ms * scale for name, ms in one.items()} for one in parts)
    step = sum(forward.values()) + sum(backward.values())
    return {
        "norm": norm,
        "batch_size": batch,
        "step_ms": step,
        "watched_ms": 1.1 * step,
        "forward_ms": forward,
        "backward_ms": backward,
        "saved_bytes": {"none": 20_000_000, "batch": 38_000_000, "nf": 22_000_000}[norm],
        "threads": 1,
        "device": "cpu",
    }


ITEMS = [item(norm, int(batch), int(batch) / 128) for batch in BATCHES for norm in NORMS]


def test_the_words_for_operations_are_the_librarys() -> None:
    assert OPERATIONS == WATCHED


def test_cells_add_the_passes_that_are_asked_for() -> None:
    both, forward = cells(ITEMS, "128"), cells(ITEMS, "128", "forward")
    assert both["none"].ms == 160 and both["batch"].ms == 200 and both["nf"].ms == 168
    assert forward["batch"].ms == 75 and forward["batch"].share("normalization") == 0.2
    backward = cells(ITEMS, "128", "backward")["batch"]
    for name in OPERATIONS:
        assert both["batch"].parts[name] == forward["batch"].parts[name] + backward.parts[name]
    assert cells(ITEMS, "4")["nf"].ms == pytest.approx(168 / 32)
    assert cells([], "4") == {}


def test_ratios_are_to_the_net_with_no_normalizer_and_wait_for_it() -> None:
    assert ratios(ITEMS)["batch"] == pytest.approx(dict.fromkeys(BATCHES, 1.25))
    assert ratios(ITEMS[:5])["nf"].keys() == {"4"}
    assert ratios(ITEMS, "forward")["nf"]["16"] == pytest.approx(63 / 60)


def test_bn_normalizes_with_the_batch_and_nf_standardizes_the_same_weights() -> None:
    activations, weights = numbers("16", "128")
    assert numbers("16", "64") == (activations // 2, weights)
    # stem; two blocks a stage, a projection at the two transitions
    convs = 3 * 16 * 9 + 4 * 16 * 16 * 9
    for wide in (32, 64):
        convs += wide // 2 * wide * 9 + 3 * wide * wide * 9 + wide // 2 * wide
    assert weights == convs
    sizes = [16 * 16 * 16] * 5 + [32 * 8 * 8] * 3 + [32 * 8 * 8] + [64 * 4 * 4] * 4
    assert activations == 128 * sum(sizes)
    assert f"{activations:,}" in scaling("16", "128") and f"{weights:,}" in scaling("16", "4")


def test_the_takeaway_is_computed() -> None:
    words = takeaway(cells(ITEMS, "128"), "128", "both")
    assert "BN takes **25% longer** than no normalizer, NF **5% longer**" in words
    assert "BN spends 20% normalizing activations, NF 5% standardizing weights" in words
    assert "**1.90 times** the memory, NF 1.10 times" in words
    assert "forward only BN takes **25% longer**" in takeaway(
        cells(ITEMS, "128", "forward"), "128", "forward"
    )
    assert takeaway({}, "128", "both") == ""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("unit", UNITS)
def test_bars_are_stacked_to_the_step_or_to_a_hundred(unit: str, dark: bool) -> None:
    figure, alt = times(cells(ITEMS, "128"), unit, "both", Look(dark))
    tops: dict[str, float] = {}
    for trace in figure.data:
        for place, value in zip(trace.y, trace.x, strict=True):
            tops[place] = tops.get(place, 0) + value
    assert list(tops) == ["<b>BN</b><br>200 ms", "<b>NF</b><br>168 ms", "<b>no norm</b><br>160 ms"]
    whole = [100] * 3 if unit == "share" else [200, 168, 160]
    assert list(tops.values()) == pytest.approx(whole, rel=1e-3)
    bars = {trace.name: trace for trace in figure.data}
    assert bars["batch normalization"].marker.color == COLOURS["batch"][dark]
    assert bars["weight standardization"].marker.color == COLOURS["nf"][dark]
    assert "BN 200 ms, convolution 70%, normalization 20%" in alt


def test_memory_and_batches_are_drawn_from_the_items() -> None:
    figure, alt = memory(cells(ITEMS, "16"), Look())
    assert list(figure.data[0].x) == [38, 22, 20] and "BN 38 MB; NF 22 MB" in alt
    figure, alt = over_batches(ratios(ITEMS), Look())
    assert list(figure.data[0].y) == [1.25] * 4 and list(figure.data[0].x) == list(BATCHES)
    assert "NF 1.05 at 4, 1.05 at 16" in alt
    assert over_batches(ratios([]), Look())[0].data[0].x == ()


def test_what_the_page_asks_for_fits_a_classroom_and_is_recorded() -> None:
    for width in WIDTHS:
        for config in job(width).configs:
            config.check(CLASSROOM)
        was = recorded.load(recorded_as(width))
        assert was.configs == (job(width).config,)
        assert [(i["norm"], i["batch_size"]) for i in was.items] == [
            (c.norm, c.batch_size) for c in job(width).configs
        ]
        for one in was.items:
            whole = sum(one["forward_ms"].values()) + sum(one["backward_ms"].values())
            assert whole == pytest.approx(one["step_ms"], rel=0.05)


# the page


@pytest.fixture
def page(compute, monkeypatch, tmp_path):
    """Opens the page with these settings in its address and recorded figures of its own."""
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    conditions = {"device": "cpu", "cpu": "EPYC", "threads": 1, "torch": "2.13.0", "seeds": 5}
    for width in WIDTHS:
        name = recorded_as(width)
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        about = {"name": name, "made": "2026-11-24", "conditions": conditions}
        path.write_text(
            json.dumps({**about, "config": job(width).config.to_json(), "items": ITEMS})
        )

    return partial(opened, "costs")


def words(at: AppTest) -> str:
    return " ".join(e.value for e in (*at.markdown, *at.caption, *at.info))


def test_figures_are_there_on_arrival(page, compute) -> None:
    at = page()
    assert "At batch 128 BN takes **25% longer**" in words(at)
    assert "Recorded 2026-11-24 on EPYC, 1 thread" in words(at)
    assert "of 5 measurements that of median time" in words(at)
    assert "1709.08145" in words(at) and "2102.06171" in words(at)
    assert len(at.get("plotly_chart")) >= 5 and not compute.tickets


def test_every_control_to_its_ends_and_back(page) -> None:
    at = page()
    usual = DEMOS["costs"].read({})
    for name, options in (
        ("batch", BATCHES),
        ("passes", PASSES),
        ("unit", UNITS),
        ("width", WIDTHS),
    ):
        for option in options:
            at.segmented_control(key=f"costs_{name}").set_value(option).run()
            assert not at.exception and len(at.get("plotly_chart")) >= 5
    assert "At batch 128, backward only" in words(at)
    at.button(key="costs_restore").click().run()
    for name in ("batch", "passes", "unit", "width"):
        assert at.segmented_control(key=f"costs_{name}").value == usual[name]


def test_an_address_sets_the_page_and_a_hostile_one_is_answered(page) -> None:
    at = page(costs_batch="4", costs_unit="share", costs_passes="forward")
    assert "At batch 4, forward only" in words(at) and not at.warning
    at = page(costs_batch="<script>", costs_width="64")
    assert "batch size, channels" in at.warning[0].value or "channels" in at.warning[0].value
    assert "At batch 128 BN" in words(at)


def test_a_measurement_replaces_the_figures_batch_by_batch(page, compute) -> None:
    at = page()
    at.button(key="costs_ask").click().run()
    (ticket,) = compute.tickets
    assert ticket.job == job("16")
    ticket.state = State("running")
    ticket.items = [item(norm, 4, 0.5) for norm in NORMS]
    at.run()
    assert "25%" in at.get("progress")[0].proto.text
    assert "Batch 128 is still to be measured" in words(at)
    ticket.items = [i | {"saved_bytes": 10_000_000} for i in ITEMS]
    ticket.state = State("done")
    at.run()
    assert "Measured on this server just now: the CPU, 1 thread." in words(at)
    assert "keeps **1.00 times** the memory" in words(at)
    at.segmented_control(key="costs_width").set_value("32").run()
    assert "**1.90 times**" in words(at)  # another net: recorded figures again


def test_without_recorded_figures_the_button_is_offered(page, compute, tmp_path) -> None:
    (tmp_path / f"{recorded_as('16')}.json").unlink()
    at = page()
    assert "no recorded measurement" in words(at) and at.button(key="costs_ask")
    at.button(key="costs_ask").click().run()
    compute.tickets[0].items = ITEMS[:3]
    compute.tickets[0].state = State("running")
    at.run()
    assert not at.exception and "Batch 128 is still to be measured" in words(at)


# in a slide


def test_a_slide_shows_the_times_and_the_batch_alone(page) -> None:
    page()

    def draw() -> None:
        from app.demos import DEMOS

        DEMOS["costs"].render(DEMOS["costs"].read({}), True)

    at = AppTest.from_function(draw, default_timeout=60).run()
    assert [control.key for control in at.segmented_control] == ["cost_batch"]
    assert len(at.get("plotly_chart")) == 1
    told = "**BN** takes 25% longer than no norm and keeps 1.90 times the memory. **NF** takes 5%"
    assert told in words(at)
    at.segmented_control(key="cost_batch").set_value("4").run()
    assert told in words(at) and not at.exception


def test_on_paper_stands_the_recorded_figure(page, tmp_path) -> None:
    page()
    params = DEMOS["costs"].read({"batch": "4"})
    (drawn,) = still(params)
    assert "At batch 4" in drawn.caption and "EPYC" in drawn.caption and drawn.figure["data"]
    assert ("costs_batch", "4") in lab(params)
    (tmp_path / f"{recorded_as('16')}.json").unlink()
    assert still(params) == ()


def test_a_refusal_is_said(page, compute) -> None:
    compute.refuse = UserError("Too many wait; try again in a minute.")
    at = page()
    at.button(key="costs_ask").click().run()
    assert at.warning[0].value == "Too many wait; try again in a minute."
