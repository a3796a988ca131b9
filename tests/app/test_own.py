"""One's own pictures on the page Train: brought, read by a worker, trained on, opened by a link."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import sets
from app.charts import accuracy_curves, loss_curves
from app.compute.jobs import Race, Unpack
from app.compute.local import LocalCompute
from app.compute.tickets import State
from app.demos import recorded
from app.demos.curves import Curve, story
from app.demos.own_source import KEPT, SERVERS, YOURS
from app.demos.presets import Lane
from nfnet.events import Finished, Loading
from nfnet.run import RunConfig, UserError
from tests.app.compute_tools import wait_for
from tests.app.pages import opened
from tests.app.scripted_compute import ScriptedCompute, stuck
from tests.nfnet import zip_files as zips

ROOT = Path(__file__).parents[2]
ZIP = zips.join(zips.parts(count=20))
EVIL = zips.join([*zips.parts(), zips.Part(b"../x.png", zips.picture(1))])
JOB = Unpack(ZIP)
FOUND = {"classes": ["cats", "*d*"], "counts": [20, 30], "skipped": 2}
FOUND["dataset"] = f"own:{JOB.digest}"


@pytest.fixture
def page(monkeypatch, tmp_path):
    """Opens the page with these settings in its address; no recorded runs, no server's folder."""
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    monkeypatch.delenv("NFNET_PICTURES", raising=False)

    return partial(opened, "train", train_batch="16")


def run(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception
    return at


def bring(at: AppTest, data: bytes = ZIP) -> AppTest:
    at.file_uploader(key="train_zip").upload("mine.zip", data, "application/zip")
    return run(at)


def done(compute: ScriptedCompute, **changes) -> None:
    ticket = compute.tickets[-1]
    ticket.items.append(FOUND | changes)
    ticket.state = State("done")


def has_start(at: AppTest) -> bool:
    return any(button.key == "train_start" for button in at.button)


def said(at: AppTest) -> str:
    return "\n".join(each.value for each in (*at.markdown, *at.warning, *at.info))


def test_nobody_sees_a_place_for_pictures_who_did_not_ask(page, compute) -> None:
    at = page()
    assert at.segmented_control(key="train_data").options == ["Shapes", "CIFAR-10", YOURS]
    assert len(at.file_uploader) == 0 and has_start(at) and not compute.tickets


def test_a_zip_is_read_told_and_raced(page, compute) -> None:
    at = page(train_data=YOURS)
    assert "A zip with a folder for each class" in said(at) and not has_start(at)
    assert at.file_uploader(key="train_zip").help == KEPT
    bring(at)
    (ticket,) = compute.tickets
    assert ticket.job == JOB and ticket.job.image == ZIP
    ticket.state = State("running")
    ticket.items.append({"loading": {"what": "Your pictures", "done": 30, "total": 120}})
    run(at)
    assert at.get("progress")[0].proto.value == 25 and not has_start(at)
    done(compute)
    run(at)
    assert "**2 classes, 50 pictures:** cats (20), \\*d\\* (30)" in said(at)
    assert "40 to train on, 10 to test. 2 files were left out" in said(at)
    assert "rough accuracy" in said(at)
    assert at.query_params["train_own"] in (JOB.digest, [JOB.digest])
    at.button(key="train_start").click()
    run(at)
    job = compute.tickets[-1].job
    assert isinstance(job, Race) and len(compute.tickets) == 2
    assert {config.dataset for config in job.configs} == {FOUND["dataset"]}
    # the levels of guessing are those of these classes
    levels = [
        series["markLine"]["data"][0]["yAxis"]
        for chart in at.get("echarts_chart")[:2]
        for series in json.loads(chart.proto.spec)["series"]
        if "markLine" in series
    ]
    assert levels == pytest.approx([0.6730, 0.6], abs=1e-4)


def test_a_batch_larger_than_the_set_is_said_before_the_start(page, compute) -> None:
    at = bring(page(train_data=YOURS, train_batch="128"))
    done(compute)
    run(at)
    assert "A batch of 128 is larger than the 40 training pictures" in said(at)
    assert not has_start(at)
    at.segmented_control(key="train_batch").set_value(16)
    run(at)
    assert has_start(at) and len(compute.tickets) == 1


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State("failed", reason="invalid", message="this is not a zip."), "This is not a zip"),
        (State("failed", reason="worker died", message="The process died."), "The process died"),
        (State("cancelled", message="Nobody watched."), "Nobody watched"),
    ],
)
def test_what_went_wrong_is_said_and_another_zip_may_come(page, compute, state, words) -> None:
    at = bring(page(train_data=YOURS))
    compute.tickets[0].state = state
    run(run(at))
    assert words in said(at).replace("\\", "") and not has_start(at) and len(compute.tickets) == 1
    bring(at, zips.good()["stored"])
    assert len(compute.tickets) == 2
    done(compute)
    assert has_start(run(at)) and words not in said(at)


def test_reading_can_be_cancelled_and_begun_again(page, compute) -> None:
    at = bring(page(train_data=YOURS))
    compute.tickets[0].state = State("running")
    run(at)
    at.button(key="train_own_cancel").click()
    run(at)
    assert compute.tickets[0].cancelled and "pictures was stopped" in said(at) and not has_start(at)
    assert not at.get("progress") and len(compute.tickets) == 1
    at.button(key="train_own_again").click()
    run(at)
    assert compute.tickets[1].job.image == ZIP and "was stopped" not in said(at)
    done(compute)
    assert has_start(run(at)) and "2 classes" in said(at)
    assert not [b for b in at.button if b.key in ("train_own_cancel", "train_own_again")]


def test_a_full_queue_is_said(page, compute) -> None:
    compute.refuse = UserError("200 runs are waiting already; try again in a minute")
    assert "200 runs are waiting already" in said(bring(page(train_data=YOURS))).replace("\\", "")


def test_a_link_opens_the_same_pictures_while_they_are_here(page, compute) -> None:
    at = page(train_data=YOURS, train_own=JOB.digest)
    assert compute.tickets[0].job == Unpack(digest=JOB.digest)
    assert compute.tickets[0].job.image == b""
    done(compute)
    assert has_start(run(at)) and "2 classes" in said(at)

    gone = page(train_data=YOURS, train_own=JOB.digest)
    message = "the server no longer has these pictures; upload the zip again."
    compute.tickets[1].state = State("failed", reason="invalid", message=message)
    run(gone)
    assert "The server no longer has these pictures" in said(gone).replace("\\", "")
    bring(gone)  # the very zip that the link is about
    assert compute.tickets[2].job.image == ZIP
    done(compute)
    assert has_start(run(gone))


@pytest.mark.parametrize("digest", ["x", "../../etc/passwd", JOB.digest + "0", "<script>"])
def test_a_hostile_link_is_answered_in_words(page, compute, digest) -> None:
    at = page(train_data=YOURS, train_own=digest)
    assert "one's own pictures" in at.warning[0].value and not compute.tickets


def test_other_pictures_and_back_keep_what_was_found(page, compute) -> None:
    at = bring(page(train_data=YOURS))
    done(compute)
    run(at)
    at.segmented_control(key="train_data").set_value("Shapes")
    run(at)
    assert has_start(at) and "cats" not in said(at)
    at.button(key="train_start").click()
    run(at)
    assert {config.dataset for config in compute.tickets[-1].job.configs} == {"shapes"}
    at.segmented_control(key="train_data").set_value(YOURS)
    run(at)
    assert "cats" in said(at) and has_start(at)


def test_the_server_s_own_folder_is_offered_where_there_is_one(page, compute, monkeypatch) -> None:
    assert "something that is not here" in page(train_data=SERVERS).warning[0].value
    assert not compute.tickets
    monkeypatch.setenv("NFNET_PICTURES", "/somewhere")
    at = AppTest.from_file("../../app/main.py", default_timeout=60)
    at.query_params["train_data"], at.query_params["train_batch"] = SERVERS, "16"
    run(at.switch_page("views/train.py"))
    assert compute.tickets[0].job == Unpack() and len(at.file_uploader) == 0
    done(compute, dataset="folder")
    run(at)
    at.button(key="train_start").click()
    run(at)
    assert {config.dataset for config in compute.tickets[-1].job.configs} == {"folder"}


def test_chance_is_that_of_the_classes() -> None:
    even = Lane("NF", "nf", RunConfig(), counts=(7, 7, 7))
    uneven = Lane("NF", "nf", RunConfig(), counts=(30, 10))
    assert (even.guess_accuracy, uneven.guess_accuracy) == pytest.approx((1 / 3, 0.75))
    assert (even.guess_loss, uneven.guess_loss) == pytest.approx((1.0986, 0.5623), abs=1e-4)
    assert "ln 3 = 1.10, that of guessing among 3 classes" in story(Curve(even, end=stuck()))
    assert "stays at 0.56, that of guessing among 2 classes" in story(Curve(uneven, end=stuck()))
    ended_well = Finished(100, 0.76, 0.5)
    assert "no better than guessing" in story(Curve(uneven, end=ended_well))
    assert "no better than guessing" not in story(Curve(even, end=ended_well))
    for chart, level in ((loss_curves([], 10, guessing=0.7), 0.7), (accuracy_curves([], 10), 0.1)):
        assert chart.option["series"][-1]["markLine"]["data"] == [{"yAxis": level}]


def at_last(ticket) -> State:
    return wait_for(lambda: ticket.state.ended and ticket.state, "the job to end", seconds=180)


def test_a_real_worker_reads_a_zip_and_trains_on_it(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("NFNET_SETS", str(tmp_path))
    compute = LocalCompute(spares=0)
    try:
        asked = compute.submit(Unpack(ZIP), "a student")
        refused = compute.submit(Unpack(EVIL), "another")
        both = (asked, refused)  # what nobody looks at for a minute is given up
        wait_for(lambda: all([t.state.ended for t in both]), "both zips", seconds=180)
        assert asked.state.name == "done", asked.state.message
        *loading, found = asked.events()
        assert found == FOUND | {"classes": ["cats", "dogs"], "counts": [20, 20], "skipped": 0}
        assert loading and all("loading" in item for item in loading)
        state = refused.state
        assert (state.name, state.reason) == ("failed", "invalid")
        assert "outside itself" in state.message
        again = compute.submit(Unpack(digest=asked.job.digest), "a third")
        assert at_last(again).name == "done" and again.events()[-1] == found
        config = RunConfig(
            dataset=found["dataset"], batch_size=16, steps=2, widths=(8,), depths=(1,)
        )
        race = compute.submit(Race((config,)), "a student")
        assert at_last(race).name == "done"
        assert [type(event) for _, event in race.events() if isinstance(event, Loading)] == []
        large = compute.submit(Race((config.replace(batch_size=64),)), "a student")
        assert "larger than the training set of 32" in at_last(large).message
    finally:
        compute.close()


@pytest.mark.skipif(os.name == "nt", reason="modes of files are POSIX")
def test_the_server_s_shelf_is_private_and_goes_with_it() -> None:
    code = (
        "import os; from app import sets; sets.prepare(); f = os.environ['NFNET_SETS'];"
        "open(f + '/x', 'w').close(); sets.prepare(); assert f == os.environ['NFNET_SETS'];"
        "print(f, oct(os.stat(f).st_mode)); sets.clear();"
        "assert not os.path.exists(f) and 'NFNET_SETS' not in os.environ; sets.clear();"
        "sets.prepare(); print(os.environ['NFNET_SETS'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "NFNET_SETS"}
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment
    )
    folder, mode, second = told.stdout.split()
    assert int(mode, 8) == stat.S_IFDIR | 0o700 and folder != second
    assert not Path(folder).exists() and not Path(second).exists()


@pytest.mark.skipif(os.name == "nt", reason="folders are locked on POSIX alone")
def test_what_a_killed_server_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    def started(code: str) -> subprocess.Popen[str]:
        environment = {n: v for n, v in os.environ.items() if n not in sets.FOLDERS}
        return subprocess.Popen(
            [sys.executable, "-c", f"import os; from app import sets; sets.prepare(); {code}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**environment, "TMPDIR": str(tmp_path)},
        )

    show = "print(os.environ['NFNET_RUNS'], flush=True); input()"
    with started(show) as killed, started(show) as lives:
        left, held = (Path(server.stdout.readline().strip()) for server in (killed, lives))
        (left / "run.zip").write_bytes(b"a checkpoint")
        killed.kill()
        killed.wait()
        young = tmp_path / f"{sets.FOLDERS['NFNET_RUNS']}young"
        elsewhere = tmp_path / "elsewhere"
        young.mkdir()
        elsewhere.mkdir()
        link = tmp_path / f"{sets.FOLDERS['NFNET_RUNS']}link"
        link.symlink_to(elsewhere)
        for folder in (left, held, link):
            os.utime(folder, (0, 0), follow_symlinks=False)
        with started("") as after:
            assert after.wait() == 0
        assert not left.exists()
        assert held.exists() and young.exists() and elsewhere.exists()
        lives.communicate("\n")
    assert not held.exists()
