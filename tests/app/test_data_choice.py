"""The choice of pictures, in every lab that trains: what it trains on, what it shows, its link."""

import re
from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest

from app.compute.jobs import Unpack
from app.compute.tickets import State
from app.demos.data_choice import HARDER, SETS, Pictures
from app.demos.own_source import SERVERS, YOURS
from nfnet.run import CLASSROOM
from tests.app.pages import opened
from tests.nfnet import zip_files as zips

ZIP = zips.join(zips.parts(count=20))
JOB = Unpack(ZIP)
CHANCE = 250 / 400
FOUND = {"classes": ["cats", "dogs"], "counts": [150, 250], "skipped": 0}
FOUND["dataset"] = f"own:{JOB.digest}"


@dataclass(frozen=True)
class Lab:
    """A page whose nets can be trained on other pictures.

    Args:
        key: starts its settings' names in the address.
        button: the key of the one that trains.
    """

    view: str
    key: str
    button: str
    sets: tuple[str, ...] = tuple(SETS)


LABS = {
    "sweeps": Lab("sweeps", "sweeps", "sweeps_map_ask"),
    "clipping": Lab("clipping", "clip", "clip_fresh"),
    "factorial": Lab("factorial", "factorial", "factorial_factorial_ask"),
    "weights": Lab("standardization", "weights", "weights_turns_ask"),
    "blackbox": Lab("blackbox", "blackbox", "blackbox_fork_ask"),
    "design": Lab("design", "design", "design_ask", tuple(HARDER)),
}
every_lab = pytest.mark.parametrize("lab", LABS.values(), ids=LABS)


@pytest.fixture
def page(compute, monkeypatch):
    monkeypatch.delenv("NFNET_PICTURES", raising=False)
    return lambda lab, **address: opened(
        lab.view, **{f"{lab.key}_{name}": value for name, value in address.items()}
    )


def run(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception
    return at


def said(at: AppTest) -> str:
    return "\n".join(e.value for e in (*at.markdown, *at.warning, *at.info, *at.caption))


def answer(compute, **changes) -> None:
    """The pictures that were asked for are there."""
    ticket = compute.tickets[-1]
    assert isinstance(ticket.job, Unpack)
    ticket.items, ticket.state = [FOUND | changes], State("done")


def button(at: AppTest, lab: Lab):
    found = [each for each in at.button if each.key == lab.button]
    return found[0] if found else None


def asked_for(compute) -> set[str]:
    job = compute.tickets[-1].job
    configs = getattr(job, "configs", None) or (job.config,)
    for config in configs:
        config.check(CLASSROOM)
    return {config.dataset for config in configs}


def in_address(at: AppTest, name: str) -> str:
    value = at.query_params[name]
    return value if isinstance(value, str) else value[0]


@every_lab
def test_a_lab_offers_the_usual_pictures_cifar10_and_ones_own(page, compute, lab) -> None:
    at = page(lab)
    choice = at.segmented_control(key=f"{lab.key}_data")
    assert choice.options == [*lab.sets, YOURS] and choice.value == lab.sets[0]
    assert not at.file_uploader and not compute.tickets and "Nothing is recorded" not in said(at)


@every_lab
def test_cifar10_is_trained_on_and_nothing_recorded_is_shown(page, compute, lab) -> None:
    at = page(lab, data="CIFAR-10")
    assert re.search("(Nothing|No gradients).* recorded.* for CIFAR-10", said(at))
    assert not at.warning
    assert "Recorded 20" not in said(at)
    button(at, lab).click()
    run(at)
    assert asked_for(compute) == {"cifar10"}
    ticket = compute.tickets[-1]
    ticket.state = State("running")
    run(at)
    assert any(each.key.endswith("_cancel") for each in at.button)
    if at.segmented_control(key=f"{lab.key}_data").disabled:  # while a net of this viewer trains
        at.button(key=lab.button.replace("_ask", "_cancel")).click()
        run(at)
    at.segmented_control(key=f"{lab.key}_data").set_value(lab.sets[0])
    run(at)
    assert ticket.cancelled and "Nothing is recorded" not in said(at)


@every_lab
def test_the_link_carries_the_choice(page, lab) -> None:
    at = page(lab, data="CIFAR-10")
    choice = at.segmented_control(key=f"{lab.key}_data")
    assert choice.value == "CIFAR-10" and choice.proto.query_param_key == f"{lab.key}_data"


@every_lab
@pytest.mark.parametrize(
    ("address", "called"),
    [
        ({"data": "ImageNet"}, "(pictures)"),
        ({"data": "<b>1e999"}, "(pictures)"),
        ({"data": SERVERS}, "(pictures)"),  # there is no folder
        ({"own": "../../etc/passwd"}, "(one's own pictures)"),
        ({"data": YOURS, "own": "<script>"}, "(one's own pictures)"),
    ],
)
def test_a_hostile_link_gets_one_sentence(page, compute, lab, address, called) -> None:
    at = page(lab, **address)
    assert len(at.warning) == 1 and called in at.warning[0].value and not compute.tickets
    usual = YOURS if address.get("data") == YOURS else lab.sets[0]
    assert at.segmented_control(key=f"{lab.key}_data").value == usual


@every_lab
def test_ones_own_pictures_are_brought_trained_on_and_linked(page, compute, lab) -> None:
    at = page(lab, data=YOURS)
    assert button(at, lab) is None and "A zip with a folder for each class" in said(at)
    at.file_uploader(key=f"{lab.key}_zip").upload("mine.zip", ZIP, "application/zip")
    run(at)
    answer(compute)
    run(at)
    assert "2 classes, 400 pictures" in said(at) and "your own pictures" in said(at)
    assert in_address(at, f"{lab.key}_own") == JOB.digest
    button(at, lab).click()
    run(at)
    assert asked_for(compute) == {FOUND["dataset"]}


@every_lab
def test_a_link_to_pictures_that_are_gone_says_so(page, compute, lab) -> None:
    at = page(lab, data=YOURS, own=JOB.digest)
    (ticket,) = compute.tickets
    assert ticket.job == Unpack(digest=JOB.digest)
    message = "the server no longer has these pictures; upload the zip again."
    ticket.state = State("failed", reason="invalid", message=message)
    run(run(at))
    assert "The server no longer has these pictures" in said(at).replace("\\", "")
    assert len(at.file_uploader) == 1 and button(at, lab) is None


@every_lab
def test_too_few_pictures_for_a_batch_are_said_before_the_start(page, compute, lab) -> None:
    at = page(lab, data=YOURS, own=JOB.digest)
    answer(compute, counts=[10, 10])
    run(at)
    if lab.view == "sweeps":
        at.selectbox(key="sweeps_part_map").set_value("128")
        run(at)
    assert "A batch of 128 is larger than the 16 training pictures" in said(at)
    assert button(at, lab) is None or button(at, lab).disabled


@every_lab
def test_the_servers_folder_is_trained_on_where_there_is_one(
    page, compute, lab, monkeypatch
) -> None:
    monkeypatch.setenv("NFNET_PICTURES", "/somewhere")
    at = page(lab, data=SERVERS)
    answer(compute, dataset="folder")
    run(at)
    assert "the server's pictures" in said(at) and not at.file_uploader
    button(at, lab).click()
    run(at)
    assert asked_for(compute) == {"folder"}


@every_lab
def test_reset_goes_back_to_the_usual_pictures(page, lab) -> None:
    at = page(lab, data="CIFAR-10")
    at.button(key=f"{lab.key}_restore").click()
    run(at)
    assert at.segmented_control(key=f"{lab.key}_data").value == lab.sets[0]


@every_lab
def test_a_failed_run_says_why_and_the_lab_stays(page, compute, lab) -> None:
    at = page(lab, data="CIFAR-10")
    button(at, lab).click()
    run(at)
    message = "there is no CIFAR-10 in /x; set NFNET_DATA to a folder that contains it."
    compute.tickets[-1].state = State("failed", reason="invalid", message=message)
    run(at)
    assert message in [each.value for each in at.error] and button(at, lab)


def test_pictures_brought_in_one_lab_are_there_in_the_next(page, compute) -> None:
    at = page(LABS["sweeps"], data=YOURS, own=JOB.digest)
    answer(compute)
    run(at)
    at.switch_page("views/train.py")
    run(at)
    at.segmented_control(key="train_data").set_value(YOURS)
    run(at)
    assert "2 classes, 400 pictures" in said(at) and len(compute.tickets) == 1
    assert in_address(at, "train_own") == JOB.digest


def test_what_is_said_of_a_set_follows_from_it() -> None:
    shapes, photos = Pictures("shapes", "the shapes"), Pictures("cifar10", "CIFAR-10")
    own = Pictures(FOUND["dataset"], "your own pictures", (30, 10), training=32, testing=8)
    assert (shapes.chance, photos.chance, own.chance) == (0.1, 0.1, 0.75)
    assert (own.classes, shapes.classes) == (2, 10)
    assert [each.private for each in (shapes, photos, own)] == [False, False, True]
    assert (
        not photos.too_large(1024) and not own.too_large(32) and "32 training" in own.too_large(33)
    )
    assert "20% more steps" in photos.conditions and "more steps" not in own.conditions
    assert list(HARDER) == ["Clutter", "CIFAR-10"]
