"""Questions about pictures, answered by a real worker with a small net of our own format."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from app.compute.jobs import Classify, Models
from app.compute.local import LocalCompute
from nfnet.drawings import sample
from nfnet.photo import Answer, Occlusion, Perturbation, Question
from tests.app.compute_tools import ended, no_leftovers
from tests.app.photo_tools import phone_picture, tiny_weights

MINI = "nfnet_mini"


@pytest.fixture(scope="module")
def compute(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    tiny_weights(folder, threshold=0.3)
    with pytest.MonkeyPatch.context() as patch, no_leftovers():
        patch.setenv("NFNET_WEIGHTS", str(folder))
        patch.setenv("NFNET_DATA", str(folder / "cache"))
        patch.setenv("HF_HOME", str(folder / "hub"))
        compute = LocalCompute(spares=0)
        try:
            yield compute
        finally:
            compute.close()


def answer_of(compute, picture: bytes, **question) -> Answer:
    ticket = compute.submit(Classify(Question(MINI, **question), picture), "a")
    state = ended(ticket)
    assert state.name == "done", state
    return Answer.from_json(ticket.events()[-1]["answer"])


def seen(answer: Answer) -> Image.Image:
    return Image.open(io.BytesIO(answer.seen))


def test_the_list_tells_what_the_file_says_of_itself(compute) -> None:
    ticket = compute.submit(Models(), "list")
    assert ended(ticket).name == "done"
    facts = {each["name"]: each for each in ticket.events()[0]["models"]}
    assert facts[MINI]["on_disk"] and facts[MINI]["parameters"] > 10**6
    assert facts[MINI]["about"].startswith("Trained by this project on nothing, at random")
    f0 = facts["nfnet_f0"]
    assert not f0["on_disk"] and f0["published"] and 285 < f0["bytes"] / 1e6 < 287


def test_a_drawing_is_answered_and_the_same_again(compute) -> None:
    first = answer_of(compute, sample("goldfish"))
    assert len(first.predictions) == 5 and first.threshold == 0.3
    shares = [p.probability for p in first.predictions]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1.001
    assert seen(first).size == (first.resolution, first.resolution)
    assert first.multiply_adds > 10**6
    assert answer_of(compute, sample("goldfish"), heat_map=True).predictions == first.predictions


def test_the_levers_reach_what_the_network_sees(compute) -> None:
    plain = answer_of(compute, sample("umbrella"), heat_map=True)
    assert plain.heat_map and all(0 <= v <= 1 for row in plain.heat_map for v in row)
    covered = answer_of(compute, sample("umbrella"), occlusion=Occlusion(0.5, 0.5, 0.4))
    dark = answer_of(compute, sample("umbrella"), perturbation=Perturbation(brightness=0.2))
    middle = [seen(a).convert("L").getpixel((32, 32)) for a in (plain, covered, dark)]
    assert middle[2] < middle[0] and len(set(middle)) == 3


def test_a_phones_picture_is_upright(compute) -> None:
    image = seen(answer_of(compute, phone_picture(1200, 900)))
    red, blue = image.getpixel((32, 6)), image.getpixel((32, 58))
    assert red[0] > 150 > red[2] and blue[2] > 150 > blue[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"<!doctype html><script>", "web page"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (sample("giraffe")[:2000], "damaged"),
        (b"GIF89a" + bytes(40), "GIF"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(compute, data, words) -> None:
    state = ended(compute.submit(Classify(Question(MINI), data), "a"))
    assert (state.name, state.reason) == ("failed", "invalid")
    assert words in state.message and state.message.count("\n") == 0


def test_a_network_that_is_not_here_is_refused_and_never_made_up(compute) -> None:
    state = ended(compute.submit(Classify(Question("nfnet_f0"), sample("goldfish")), "a"))
    assert (state.name, state.reason) == ("failed", "invalid")
    assert "python -m nfnet download nfnet_f0" in state.message
