"""Sweeps and the factorial: what recordings come to, and the pages as a viewer drives them."""

import itertools
import json
from dataclasses import replace

import pytest

from app.compute.jobs import Sweep
from app.compute.tickets import State
from app.demos import DEMOS, sweep_data, sweeps
from app.demos import recorded as recordings
from app.demos.effects import effects
from app.demos.factorial import FOUND
from app.demos.factorial_figures import effects_figure, name_of, recipe_of, seeds_of
from app.demos.presets import on
from app.demos.published_paint import Look
from app.demos.sweep_data import Outcome, best
from app.demos.sweep_figures import draw
from app.demos.sweep_plans import AGC, FACTORS, GLOBAL, PLANS
from app.demos.sweep_texts import FINDINGS
from app.theme import COLOURS
from nfnet.run import CLASSROOM, RunConfig, UserError
from tests.app.pages import opened


def score(cell: int, seed: int) -> float:
    return (37 * cell + 11 * seed) % 80 / 100 + 0.18


def recording(plan) -> str:
    """Runs as benchmarks/sweeps.py writes them, with made-up results; the last cell is missing."""
    usual = RunConfig().to_json()
    cells = []
    for number, cell in enumerate(plan.cells[:-1]):
        given = {n: v for n, v in cell.config.to_json().items() if v != usual[n]}
        runs = {str(seed): [score(number, seed), "finished", 0.5] for seed in plan.seeds[1:]}
        runs[str(plan.seeds[0])] = [None, "non-finite", 0.0]
        cells.append({"config": given, "runs": runs})
    conditions = {"cpu": "a CPU", "torch": "2.13.0"}
    return json.dumps({"made": "2026-11-24", "conditions": conditions, "cells": cells})


@pytest.fixture
def folder(monkeypatch, tmp_path):
    folder = tmp_path / "sweeps"
    folder.mkdir()
    for plan in PLANS.values():
        (folder / f"{plan.id}.json").write_text(recording(plan))
    monkeypatch.setattr(recordings, "FOLDER", tmp_path)
    return folder


@pytest.fixture
def page(compute, folder):
    return opened


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_cell_is_its_own_run_within_the_classrooms_limits(plan) -> None:
    assert len({cell.config for cell in plan.cells}) == len(plan.cells)
    assert len({(cell.row, cell.column) for cell in plan.cells}) == len(plan.cells)
    assert len(plan.seeds) >= 5
    for cell in plan.cells:
        cell.config.check(CLASSROOM)


def test_a_factorial_has_every_combination_at_each_rate() -> None:
    for name, lr in itertools.product(("factorial", "factorial-xs"), ("0.3", "1")):
        columns = [cell.column for cell in PLANS[name].cells if cell.row == lr]
        assert len(columns) == len(set(columns)) == 2 ** len(FACTORS) + 4
        assert {recipe_of(column) for column in columns} == set(COLOURS)
        assert len({name_of(column) for column in columns}) == len(columns)


def test_outcomes_count_the_dead_at_chance(folder) -> None:
    plan = PLANS["u"]
    record = sweep_data.load(plan)
    assert len(record.outcomes) == len(plan.cells) - 1
    first = record.outcomes[0]
    assert first.scores.count(sweep_data.CHANCE) == 1 and first.lost == 1 and first.share == 0.4
    assert "a CPU" in record.label and "seeds 0 to 4" in record.label
    (folder / "u.json").write_text("{")
    with pytest.raises(UserError, match="make it again"):
        sweep_data.load(plan)
    (folder / "u.json").unlink()
    with pytest.raises(UserError, match="sweeps run u"):
        sweep_data.load(plan)


def test_the_best_are_those_within_a_hundredth_of_the_best() -> None:
    some = [Outcome("r", str(x), (x, x), 0, 0.0) for x in (0.5, 0.895, 0.9, 0.88)]
    assert [each.column for each in best(some)] == ["0.895", "0.9"]


def test_seeds_of_a_factorial_need_every_combination(folder) -> None:
    outcomes = [o for o in sweep_data.load(PLANS["factorial"]).outcomes if o.row == "0.3"]
    runs = seeds_of(outcomes)
    assert len(runs) == 5 and all(len(each) == 16 for each in runs)
    assert not any("bn" in cell for cell in runs[0])
    assert frozenset() in runs[0] and frozenset(FACTORS) in runs[0]
    assert seeds_of(outcomes[1:]) == []


@pytest.mark.parametrize("name", sweeps.SHOWN)
@pytest.mark.parametrize("dark", [False, True])
def test_figures_show_every_outcome_and_say_it(folder, name, dark) -> None:
    record = sweep_data.load(PLANS[name])
    panels = draw(PLANS[name], record.outcomes, {}, Look(dark))
    drawn = 0
    for panel in panels:
        assert len(panel.alt) > 40
        for trace in panel.figure.data:
            if trace.type == "heatmap":
                drawn += sum(z is not None for row in trace.z for z in row)
            elif trace.name != "share clipped":
                drawn += len(trace.y)
    assert drawn == len(record.outcomes)


def test_the_transfers_axis_spreads_the_good_nets_and_keeps_the_lost(folder) -> None:
    plan = PLANS["transfer"]
    outcomes = sweep_data.load(plan).outcomes
    some = outcomes[1]
    panel, _ = draw(plan, outcomes, {(some.row, some.column): 0.99}, Look())
    line, star = panel.figure.data[0], panel.figure.data[-1]
    at = list(line.x).index(some.column)
    assert line.y[at] == pytest.approx(1 - some.mean)  # the error, on an axis that names accuracies
    assert line.y[at] + line.error_y.array[at] == pytest.approx(1 - min(some.scores))
    assert line.y[at] - line.error_y.arrayminus[at] == pytest.approx(1 - max(some.scores))
    assert star.y[0] == pytest.approx(0.01) and star.text[0] == "0.990"
    axis = panel.figure.layout.yaxis
    ticks = dict(zip(axis.ticktext, axis.tickvals, strict=True))
    assert axis.type == "log" and ticks["0.99"] == 0.01 and ticks["0.9"] == 0.1
    assert axis.range[0] > axis.range[1]  # better is higher
    perfect, *_ = draw(plan, [replace(o, scores=(1.0,)) for o in outcomes], {}, Look())
    assert min(perfect.figure.data[0].y) > 0  # a logarithm has no zero


def test_the_viewers_own_factorial_enters_the_effects_when_it_is_whole(folder) -> None:
    outcomes = [o for o in sweep_data.load(PLANS["factorial"]).outcomes if o.row == "1"]
    agc = {(o.row, o.column): 0.9 if "agc" in o.column else 0.2 for o in outcomes}
    figure, _ = effects_figure(outcomes, Look(), agc)
    star, plain = figure.data[-1], effects_figure(outcomes, Look())[0]
    changed = dict(zip(star.y, star.x, strict=True))
    assert len(figure.data) == len(plain.data) + 1 and len(changed) == 10
    assert changed.pop("AGC") == pytest.approx(0.7)
    assert list(changed.values()) == pytest.approx([0] * 9)
    assert figure.data[0].x == plain.data[0].x  # the bars are the recorded seeds'
    part = dict(list(agc.items())[:9])
    assert len(effects_figure(outcomes, Look(), part)[0].data) == len(plain.data)


@pytest.mark.parametrize("name", sweeps.SHOWN)
def test_a_part_runs_with_the_viewers_seed_and_is_drawn(page, compute, name) -> None:
    at = page("sweeps", sweeps_title=PLANS[name].title)
    at.number_input(key="sweeps_seed").set_value(7).run()
    at.button(key=f"sweeps_{name}_ask").click().run()
    job = compute.tickets[0].job
    assert {config.seed for config in job.configs} == {7}
    wanted = {cell.config.replace(seed=7) for cell in PLANS[name].cells}
    assert set(job.configs) <= wanted
    ended = {"cell": 0, "step": 9, "accuracy": 0.5, "fate": "finished", "clipped_share": 0.1}
    compute.tickets[0].state = State("running")
    compute.tickets[0].items = [{**ended, "seconds": 1.0}]
    at.run()
    assert not at.exception and at.button(key=f"sweeps_{name}_cancel")
    mark = "In brackets: your own runs" if name == "map" else "Stars: your own runs"
    assert any(mark in caption.value for caption in at.caption)


def test_all_combinations_run_with_the_viewers_seed(page, compute) -> None:
    at = page("factorial", factorial_lr="0.3")
    at.button(key="factorial_factorial_ask").click().run()
    configs = compute.tickets[0].job.configs
    assert len(configs) == 20 and {config.seed for config in configs} == {5}
    assert {config.lr for config in configs} == {0.3}
    assert len(at.get("plotly_chart")) >= 3  # the paper's waterfall is the third


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("sweeps", {"sweeps_title": "<b>"}),
        ("sweeps", {"sweeps_seed": "-1"}),
        ("factorial", {"factorial_net": "GPT"}),
        ("factorial", {"factorial_lr": "1e999"}),
    ],
)
def test_a_hostile_address_gets_one_sentence(page, name, params) -> None:
    at = page(name, **params)
    assert len(at.warning) == 1 and "is not here" in at.warning[0].value


def test_reset_brings_the_first_sweep_back(page) -> None:
    at = page("sweeps", sweeps_title=PLANS["small"].title, sweeps_seed="9")
    at.button(key="sweeps_restore").click().run()
    assert at.pills(key="sweeps_title").value == PLANS["map"].title
    assert at.number_input(key="sweeps_seed").value == 5


@pytest.mark.parametrize("name", ["sweeps", "factorial"])
def test_without_recordings_the_page_says_so(page, folder, name) -> None:
    for path in folder.iterdir():
        path.unlink()
    at = page(name)
    assert "not recorded" in at.info[0].value


@pytest.mark.parametrize("name", ["sweeps", "factorial"])
def test_what_is_printed_is_the_recorded_figure(folder, name) -> None:
    demo = DEMOS[name]
    stills = demo.still(demo.read({}))
    assert stills and all(still.figure["data"] and still.alt for still in stills)
    assert dict(demo.lab(demo.read({})))


def recorded(plan: str, row: str | None = None) -> dict[str, Outcome]:
    """Column -> outcome of the recordings that the project ships."""
    some = [o for o in sweep_data.load(PLANS[plan]).outcomes if row in (None, o.row)]
    return {each.column: each for each in some}


def test_what_is_said_of_the_map_is_what_was_recorded() -> None:
    tops = {
        size: {each.column for each in best(list(recorded("map", size).values()))}
        for size in ("16", "64", "128", "256", "512")
    }
    expected = {"16": {"0.3", "off"}, "64": {"0.1"}, "128": {"0.03"}}
    assert {size: tops[size] for size in expected} == expected
    assert "0.01" in tops["256"] and "0.01" in tops["512"]
    for size in ("128", "256", "512"):
        assert recorded("map", size)["off"].lost == 5
    for size in tops:
        assert {len(o.scores) for o in recorded("map", size).values()} == {5}


def test_what_is_said_of_the_two_ways_of_clipping_is_what_was_recorded() -> None:
    agc, whole = recorded("u", AGC), recorded("u", GLOBAL)
    assert max(agc.values(), key=lambda o: o.mean).column == "0.01"
    best_whole = max(whole.values(), key=lambda o: o.mean)
    assert best_whole.mean > agc["0.01"].mean
    assert all(whole[c].mean > 0.94 for c in ("0.2", "0.4", "0.8"))
    for arm, small, large in ((agc, "0.0003", "0.3"), (whole, "0.02", "1.6")):
        assert arm[small].mean < 0.7 and arm[large].mean < 0.7


def test_what_is_said_of_other_nets_is_what_was_recorded() -> None:
    for net in ("usual net", "half the width", "double the width", "3 blocks", "15 blocks"):
        agc, whole = (recorded("transfer", f"{net}: {kind}") for kind in (AGC, GLOBAL))
        assert {len(o.scores) for o in (*agc.values(), *whole.values())} == {5}
        top = max(o.mean for o in agc.values())
        assert top - agc["0.01"].mean < 0.011
        best_whole = max(whole.values(), key=lambda o: o.mean)
        assert best_whole.column == "0.4" and 0.003 < best_whole.mean - top < 0.035
        assert (agc["0.03"].lost > 0, whole["0.8"].lost > 0) == (net == "15 blocks",) * 2


def test_what_is_said_of_the_ingredients_is_what_was_recorded() -> None:
    for lr, with_ws, without in (("0.3", 0.96, 0.76), ("1", 0.97, 0.67)):
        cells = recorded("factorial", lr)
        found = {e.factors: e for e in effects(FACTORS, seeds_of(list(cells.values())))}
        main = sorted((e for f, e in found.items() if len(f) == 1), key=lambda e: -e.mean)
        assert [e.factors[0] for e in main[:2]] == ["agc", "scaling"]
        assert all(e.sign_is_sure for e in main[:2]) and abs(found["se",].mean) < 0.05
        assert found["scaling", "agc"].sign_is_sure and found["scaling", "agc"].mean > 0.15
        assert not found["ws",].sign_is_sure
        assert cells["ws+scaling+agc"].mean == pytest.approx(with_ws, abs=0.006)
        assert cells["scaling+agc"].mean == pytest.approx(without, abs=0.006)
        ranked = sorted(cells.values(), key=lambda o: -o.mean)
        assert {o.column for o in ranked[:2]} == {"bn+agc", "bn+agc+se"}
        assert {o.column for o in ranked if o.mean > 0.9 and "bn" not in o.column} == {
            "ws+scaling+agc",
            "ws+scaling+agc+se",
        }


def test_what_is_said_of_nfnet_xs_is_what_was_recorded() -> None:
    said = {
        "0.3": {"ws+scaling+agc": 0.98, "scaling+agc": 0.84, "ws+agc": 0.98, "bn": 0.98},
        "1": {"scaling+agc": 0.79, "ws+agc": 0.91, "bn": 0.90, "bn+agc": 0.99},
    }
    for lr, means in said.items():
        cells = recorded("factorial-xs", lr)
        found = {e.factors: e for e in effects(FACTORS, seeds_of(list(cells.values())))}
        main = sorted((e for f, e in found.items() if len(f) == 1), key=lambda e: -e.mean)
        assert [e.factors[0] for e in main[:2]] == ["agc", "ws"]
        assert all(e.sign_is_sure for e in main[:2]) and not found["se",].sign_is_sure
        assert {column: cells[column].mean for column in means} == pytest.approx(means, abs=0.006)
        assert cells["ws+scaling+agc"].mean == pytest.approx(0.98, abs=0.006)
        without = [o for o in cells.values() if "agc" not in o.column and "bn" not in o.column]
        assert len(without) == 8 and max(max(o.scores) for o in without) < 0.21
    top = max(recorded("factorial-xs", "1").values(), key=lambda o: o.mean)
    assert top.column == "ws+scaling+agc+se" and top.mean == pytest.approx(0.99, abs=0.006)


def test_what_is_said_of_small_batches_is_what_was_recorded() -> None:
    bn, nf, agc = (recorded("small", row) for row in ("BN", "NF", "NF + AGC"))
    for size, (low, high) in {"2": (0.65, 0.96), "4": (0.86, 0.97)}.items():
        assert max(bn[size].scores) < min(nf[size].scores)
        assert bn[size].mean == pytest.approx(low, abs=0.006)
        assert nf[size].mean == pytest.approx(high, abs=0.006)
    for size in ("8", "16"):
        assert max(bn[size].scores) > min(nf[size].scores)
    assert nf["128"].lost == 5 and agc["128"].mean == pytest.approx(0.88, abs=0.006)
    assert all(agc[size].mean < nf[size].mean for size in ("2", "4", "8", "16"))


# other pictures


def ended(*accuracies: float | None) -> list[dict]:
    return [
        {
            "cell": cell,
            "step": 9,
            "accuracy": accuracy,
            "fate": "non-finite" if accuracy is None else "finished",
            "clipped_share": 0.1,
            "seconds": 1.0,
        }
        for cell, accuracy in enumerate(accuracies)
    ]


def drawn(at) -> list[float]:
    """Every accuracy that is in the figures."""
    values = []
    for chart in at.get("plotly_chart"):
        for trace in json.loads(chart.proto.spec)["data"]:
            if trace["type"] == "heatmap":
                values += [z for row in trace["z"] for z in row if z is not None]
            elif trace.get("name") != "share clipped":
                values += trace["y"]
    return values


def run_part(at, compute, name: str, *accuracies: float | None) -> None:
    at.button(key=f"sweeps_{name}_ask").click().run()
    compute.tickets[-1].items, compute.tickets[-1].state = ended(*accuracies), State("done")
    at.run()
    assert not at.exception


@pytest.mark.parametrize("name", sweeps.SHOWN)
def test_of_other_pictures_only_the_viewers_own_runs_are_drawn(page, compute, name) -> None:
    at = page("sweeps", sweeps_title=PLANS[name].title, sweeps_data="CIFAR-10")
    assert drawn(at) == [] and len(at.get("plotly_chart")) == (
        2 if name in ("u", "transfer") else 1
    )
    run_part(at, compute, name, 0.41, None)
    high = (lambda y: 1 - y) if name == "transfer" else float  # its axis is of errors
    assert sorted(map(high, drawn(at))) == pytest.approx([0.1, 0.41])
    assert any("In the figure are your own 2 runs, seed 5." in m.value for m in at.markdown)
    assert not any(FINDINGS[name].strip() in m.value for m in at.markdown)
    at.segmented_control(key="sweeps_data").set_value("Shapes").run()
    assert len(drawn(at)) == len(PLANS[name].cells) - 1
    assert pytest.approx(0.41) not in list(map(high, drawn(at)))
    assert any(FINDINGS[name].strip() in m.value for m in at.markdown)


def test_ones_own_parts_and_seeds_are_put_together(page, compute) -> None:
    at = page("sweeps", sweeps_data="CIFAR-10")
    run_part(at, compute, "map", 0.3)
    at.selectbox(key="sweeps_part_map").set_value("64").run()
    run_part(at, compute, "map", 0.4)
    at.number_input(key="sweeps_seed").set_value(8).run()
    run_part(at, compute, "map", 0.5)
    assert drawn(at) == pytest.approx([0.3, 0.45])
    assert any("your own 3 runs, seeds 5, 8." in m.value for m in at.markdown)


def test_a_dead_net_is_at_the_chance_of_its_own_classes() -> None:
    cell = PLANS["u"].cells[0]
    made = sweep_data.outcome(cell, [(None, "non-finite", 0.0), (0.8, "finished", 0.0)], 0.75)
    assert made.scores == (0.75, 0.8) and made.lost == 1
    assert sweep_data.outcome(cell, [(0.79, "finished", 0.0)], 0.75).lost == 1


def test_runs_longer_than_those_of_the_shapes_are_still_allowed(page, compute) -> None:
    for plan in PLANS.values():
        for cell in plan.cells:
            on(cell.config, "cifar10").check(CLASSROOM)
    for parts in ("row", "column"):
        for part in {getattr(cell, parts) for cell in PLANS["small"].cells}:
            cells = [c for c in PLANS["small"].cells if getattr(c, parts) == part]
            Sweep(tuple(on(cell.config, "cifar10") for cell in cells))


def bars(at) -> list[float]:
    """The effects that are drawn."""
    charts = [json.loads(chart.proto.spec)["data"] for chart in at.get("plotly_chart")]
    return [
        x for data in charts[:2] for trace in data if trace["type"] == "bar" for x in trace["x"]
    ]


def test_the_factorial_of_other_pictures_is_the_viewers_own(page, compute) -> None:
    at = page("factorial", factorial_data="CIFAR-10")
    assert bars(at) == [] and FOUND["factorial"].strip() not in [m.value for m in at.markdown]
    at.button(key="factorial_factorial_ask").click().run()
    compute.tickets[0].items, compute.tickets[0].state = ended(0.5, 0.4), State("done")
    at.run()
    assert any("your own 2 runs, seed 5." in m.value for m in at.markdown)
    assert bars(at) == []  # an effect needs every net
    compute.tickets[0].items = ended(*([0.5, 0.3] * 10))
    at.run()
    assert len(bars(at)) == 10
    at.segmented_control(key="factorial_lr").set_value("0.3").run()
    assert bars(at) == []  # another rate is another factorial
    at.segmented_control(key="factorial_data").set_value("Shapes").run()
    assert FOUND["factorial"].strip() in [m.value for m in at.markdown] and not at.exception


def test_effects_are_of_seeds_that_every_net_was_run_with(page, compute) -> None:
    """A seed that was cancelled half way must not stand beside another net's other seed."""
    at = page("factorial", factorial_data="CIFAR-10")
    for seed, accuracies in ((3, [0.9] * 5), (7, [0.5, 0.3] * 10)):
        at.number_input(key="factorial_seed").set_value(seed).run()
        at.button(key="factorial_factorial_ask").click().run()
        compute.tickets[-1].items, compute.tickets[-1].state = ended(*accuracies), State("done")
        at.run()
    assert any("your own 25 runs, seeds 3, 7." in m.value for m in at.markdown)
    # squeeze-excite is in where the accuracy is 0.5, and nothing else changes it
    assert sorted(bars(at)) == pytest.approx([0.0] * 9 + [0.2])
