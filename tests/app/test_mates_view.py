"""The page Batch mates: who may sit where, the figures, and the page as a viewer drives it."""

import base64
import io
from functools import partial

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.compute.jobs import Mates
from app.compute.local import LocalCompute
from app.compute.tickets import State
from app.demos import mates, mates_data, mates_seats, recorded
from app.demos.mates_figures import (
    amount,
    answer_bars,
    answer_words,
    reach_bars,
    reach_words,
    size_figure,
    verdict,
)
from app.demos.mates_settings import (
    COMPANIES,
    OWN,
    SEATS,
    SIZES,
    STRANGERS,
    SWAPPED,
    another,
    neighbours,
    seated,
    shuffled,
)
from app.demos.mates_words import finding
from app.demos.published_paint import Look
from app.theme import COLOURS
from nfnet.drawings import SAMPLES
from nfnet.run import UserError
from nfnet.strangers import COPY, is_known, spoken
from tests.app.compute_tools import no_leftovers, wait_for
from tests.app.pages import opened

JPEG = base64.b64encode(b"\xff\xd8\xff\xe0 a picture").decode()


def item(norm: str = "batch", seats: int = 8, **changes) -> dict:
    moves = norm == "batch"
    return {
        "norm": norm,
        "labels": ["jellyfish, medusa", "goldfish", "<b>wok</b>", "sea slug", "orange"],
        "here": [0.4, 0.3, 0.1, 0.05, 0.0004],
        "first": [0.2, 0.6, 0.1, 0.05, 0.0] if moves else [0.4, 0.3, 0.1, 0.05, 0.0004],
        "evaluation": [0.1, 0.8, 0.05, 0.0, 0.0],
        "here_label": "jellyfish, medusa",
        "first_label": "goldfish" if moves else "jellyfish, medusa",
        "evaluation_label": "goldfish",
        "difference": 1.5 if moves else 0.0,
        "alone": 5.25 if moves else 2e-6,
        "gap": 4.5 if moves else 0.0,
        "scale": 8.0,
        "reach": [2.0, *[0.5 if moves else 0.0] * (seats - 1)],
        "seen": "",
        **changes,
    }


# who may sit where


@pytest.mark.parametrize("own", [*SAMPLES, ""])
@pytest.mark.parametrize("company", COMPANIES)
def test_a_company_with_a_name_has_seven_that_a_seat_offers(company, own) -> None:
    seats = neighbours(company, own)
    assert len(seats) == SEATS - 1 and set(seats) <= set(STRANGERS)
    assert company == "copies" or (COPY not in seats and own not in seats)


def test_one_neighbour_is_swapped_and_no_more() -> None:
    first, swapped = neighbours("first", OWN), neighbours("swap", OWN)
    assert [(a, b) for a, b in zip(first, swapped, strict=True) if a != b] == [
        ("ladybug", "noise-7")
    ]
    assert another(first, OWN, 7) == SWAPPED
    for seed in range(20):
        seat, guest = another(swapped, OWN, seed)
        assert 0 <= seat < SEATS - 1 and guest not in (*swapped, OWN, COPY)


@pytest.mark.parametrize("size", SIZES)
def test_a_batch_has_its_size_and_begins_with_the_table(size) -> None:
    seats = neighbours("noise", OWN)
    company = seated(seats, OWN, size)
    assert len(company) == size - 1
    assert company[: SEATS - 1] == seats[: size - 1]
    assert all(map(is_known, company))
    assert Mates(company, OWN).company == company  # within the job's limits


def test_strangers_are_shuffled_by_lot_and_nobody_comes_twice() -> None:
    one, again, other = shuffled("bus", 1), shuffled("bus", 1), shuffled("bus", 2)
    assert one == again != other
    for seed in range(30):
        seats = shuffled("goldfish", seed)
        assert len(set(seats)) == SEATS - 1 and not {"goldfish", COPY} & set(seats)


def test_every_seat_has_a_word_of_its_own_and_a_picture() -> None:
    assert len({spoken(name) for name in STRANGERS}) == len(STRANGERS)
    for name in ("", "goldfish", "noise-1", "red"):
        file = base64.b64decode(mates_seats.thumbnail(name).removeprefix("data:image/png;base64,"))
        assert Image.open(io.BytesIO(file)).size == (144, 144)


# figures and words


@pytest.mark.parametrize("dark", [False, True])
def test_bars_show_this_company_and_the_first(dark) -> None:
    figure = answer_bars(item(), Look(dark))
    drawn = {trace.name: list(trace.x) for trace in figure.data}
    assert drawn == {"first company": [0.2, 0.6, 0.1, 0.05, 0], "this company": item()["here"]}
    assert figure.data[1].marker.color == COLOURS["batch"][dark]
    assert answer_bars(item("nf"), Look(dark)).data[1].marker.color == COLOURS["nf"][dark]
    texts = " ".join(note.text for note in figure.layout.annotations)
    assert "&lt;b&gt;wok" in texts and "<b>wok" not in texts
    assert "jellyfish 40%, in the first company 20%" in answer_words(item())


def test_the_verdict_is_read_off_the_numbers() -> None:
    assert (
        verdict(item())
        == "**BN** now says **jellyfish**; in the first company it said **goldfish**."
    )
    same = item(first_label="jellyfish, medusa")
    assert verdict(same) == "**BN** still says **jellyfish**, but its logits move."
    assert "not by one bit" in verdict(item("nf"))
    assert verdict(item(), at_first=True) == "**BN** says **jellyfish**, in the first company."
    # what is not exact on some machine is not called so
    assert "not by one bit" not in verdict(item("nf", difference=1e-7))
    assert [amount(v) for v in (0, 1.234, 0.5, 2.4e-6)] == ["0", "1.23", "0.50", "2 × 10⁻⁶"]


def test_reach_is_in_shares_of_the_own_seat() -> None:
    figure = reach_bars(item(), neighbours("first", OWN), Look())
    assert list(figure.data[0].y) == [1, *[0.25] * 7]
    assert figure.layout.yaxis.range[1] < 1  # the own bar leaves the chart, or nothing is seen
    words = reach_words(item())
    assert (
        "25% of the own seat's in the mean, at most 25%. Taken together" in words and "66%" in words
    )
    assert reach_words(item("nf")) == "All 7 others: exactly 0. The gradient is this example's own."
    assert reach_words(item(seats=1)) == "Nobody else is here."
    assert list(reach_bars(item("nf"), ("red",) * 7, Look()).data[0].text)[1:] == ["0"] * 7


ROWS = [
    {
        **{"norm": norm, "size": size, "changes": 0.9, "flips": 0.5 * (norm == "batch")},
        **{"flips_spread": 0.02, "moved": 1.0, "moved_most": 2.0 * (norm == "batch"), "gap": 1.0},
        **{"alone": 3e-7, "accuracy": 0.34, "accuracy_spread": 0.01, "evaluation": 0.43},
    }
    for norm in ("batch", "nf")
    for size in (8, 128)
]


def test_the_finding_says_what_was_measured_and_no_more() -> None:
    words = finding(ROWS, 400, 5)
    assert "400 validation pictures" in words and "**50%**" in words and "**exactly 0**" in words
    moved = [{**row, "moved_most": 1e-7} for row in ROWS]
    assert "exactly 0" not in finding(moved, 400, 5)
    figure = size_figure(ROWS, Look())
    assert [list(trace.y) for trace in figure.data] == [[0.5, 0.5], [0, 0]]


# the page


@pytest.fixture
def page(compute):
    return partial(opened, "mates")


def words(at: AppTest) -> str:
    return " ".join(e.value for e in (*at.markdown, *at.caption))


def seats_of(at: AppTest) -> tuple[str, ...]:
    return tuple(at.selectbox(key=f"mates_seat{n}").value for n in range(2, SEATS + 1))


def reply(compute, **changes) -> None:
    ticket = compute.tickets[-1]
    seats = len(ticket.job.company) + 1
    ticket.items = [item(norm, seats, **changes) for norm in ("batch", "nf")]
    ticket.state = State("done")


def test_on_arrival_a_recorded_answer_is_there_and_nothing_is_computed(page, compute) -> None:
    at = page()
    assert "**BN** now says **moving van**; in the first company it said **school bus**" in words(
        at
    )
    assert "**NF** says **school bus**. No logit moves, not by one bit" in words(at)
    assert "was ladybug" in words(at) and "Recorded 20" in words(at)
    assert compute.tickets == []
    at.button(key="mates_first").click().run()
    assert seats_of(at) == neighbours("first", OWN)
    assert "**BN** says **school bus**, in the first company." in words(at)
    assert "bit" not in words(at).split("What one sees")[0]
    at.button(key="mates_another").click().run()
    assert seats_of(at) == neighbours("swap", OWN)
    for company in ("noise", "black", "copies"):
        at.button(key=f"mates_{company}").click().run()
        assert seats_of(at) == neighbours(company, OWN) and not at.exception
    assert compute.tickets == []


def test_another_neighbour_is_asked_about_at_once(page, compute) -> None:
    at = page()
    at.selectbox(key="mates_seat2").set_value("noise-8").run()
    (ticket,) = compute.tickets
    assert ticket.job.own == OWN and ticket.job.company[0] == "noise-8"
    assert mates.LOOKING in words(at)  # the last answers stay meanwhile
    reply(compute, difference=0.75)
    at.run()
    assert mates.LOOKING not in words(at) and "0.75" in [m.value for m in at.metric]
    at.selectbox(key="mates_seat3").set_value("red").run()
    assert len(compute.tickets) == 2


def test_shuffle_reset_and_a_change_of_the_own_picture(page, compute) -> None:
    at = page()
    at.button(key="mates_show_lighthouse").click().run()
    assert seats_of(at) == neighbours("swap", "lighthouse") and compute.tickets == []
    at.button(key="mates_shuffle").click().run()
    before = seats_of(at)
    assert len(set(before)) == SEATS - 1 and compute.tickets[-1].job.own == "lighthouse"
    guest = next((name for name in before if name in SAMPLES), None)
    if guest:
        at.button(key=f"mates_show_{guest}").click().run()
        assert seats_of(at) == tuple("lighthouse" if n == guest else n for n in before)
    next(b for b in at.button if b.label == "Reset").click().run()
    assert seats_of(at) == neighbours("swap", OWN)
    assert "sample" not in str(dict(at.query_params)) and not at.exception


@pytest.mark.parametrize("size", [SIZES[0], 2, SIZES[-1]])
def test_the_batch_from_one_to_128(page, compute, size) -> None:
    at = page()
    at.select_slider(key="mates_size").set_value(size).run()
    assert compute.tickets[-1].job.company == seated(neighbours("swap", OWN), OWN, size)
    reply(compute)
    at.run()
    assert not at.exception
    assert [at.selectbox(key=f"mates_seat{n}").disabled for n in (2, 8)] == [size < 2, size < 8]
    assert ("120 more strangers" in words(at)) == (size == 128)


def test_an_uploaded_picture_goes_to_the_worker_unread(page, compute) -> None:
    at = page()
    hostile = b"\x89PNG\r\n\x1a\n but not a picture"
    at.file_uploader[0].upload("a.png", hostile).run()
    job = compute.tickets[-1].job
    assert (job.own, job.image) == ("", hostile) and len(job.company) == SEATS - 1
    assert at.info[0].value == mates.WAITING  # nothing of the bus stands beside it
    reply(compute, seen=JPEG)
    at.run()
    assert not at.exception
    pictures = [image.proto.imgs[0].url for image in at.get("image")]
    assert f"data:image/jpeg;base64,{JPEG}" in pictures
    compute.tickets[-1].state = State("failed", reason="invalid", message="It is damaged.")
    compute.tickets[-1].items = []
    at.run()
    assert [e.value for e in at.error] == ["It is damaged."]


@pytest.mark.parametrize(
    "params",
    [
        {"mates_seat2": "../secret"},
        {"mates_seat8": "noise 999"},
        {"mates_size": "3"},
        {"mates_size": "1e9"},
        {"mates_sample": "<script>"},
    ],
)
def test_a_hostile_address_is_ignored_with_one_sentence(page, compute, params) -> None:
    at = page(**params)
    assert len(at.warning) == 1 and "is not here" in at.warning[0].value
    assert seats_of(at) == neighbours("swap", OWN)


def test_a_link_opens_what_it_names(page, compute) -> None:
    at = page(mates_sample="umbrella", mates_seat2="school bus", mates_size="4")
    assert not at.warning
    job = compute.tickets[-1].job
    assert job.own == "umbrella" and job.company[0] == "school-bus" and len(job.company) == 3
    params = {"own": "ladybug", "company": "noise", "key": "x"}
    assert ("mates_sample", "ladybug") in mates.lab(params)
    assert ("mates_seat2", "noise 1") in mates.lab(params)


def test_a_refusal_is_said_and_a_viewer_may_ask_again(page, compute) -> None:
    compute.refuse = UserError("Too many wait; try again in a minute.")
    at = page(mates_seat2="noise 8")
    assert at.warning[0].value.startswith("Too many wait")
    compute.refuse = None
    at.button(key="mates_ask").click().run()
    assert compute.tickets[-1].job.company[0] == "noise-8"


def test_without_recordings_the_nets_are_asked(page, compute, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    at = page()
    assert len(compute.tickets) == 1 and at.info[0].value == mates.WAITING
    (tmp_path / "mates").mkdir()
    (tmp_path / "mates" / "companies.json").write_text("{")
    assert mates_data.companies() == ({}, "")
    assert mates.still({"own": OWN, "company": "first", "key": "x"}) == ()


def test_the_recordings_that_ship_are_of_the_companies_that_are_shown() -> None:
    known, label = mates_data.companies()
    assert label.startswith("Recorded 20")
    for company in COMPANIES:
        both = known[OWN, neighbours(company, OWN)]
        assert [each["norm"] for each in both] == ["batch", "nf"]
        assert both[1]["difference"] == both[1]["gap"] == 0 == sum(both[1]["reach"][1:])
    for own in SAMPLES:
        assert (own, neighbours("first", own)) in known
    swapped = known[OWN, neighbours("swap", OWN)][0]
    assert (swapped["here_label"], swapped["first_label"]) == ("moving van", "school bus")
    before = sorted(swapped["first"])  # "leads by little in the first company", as the page says
    assert 0 < before[-1] - before[-2] < 0.05
    stills = mates.still({"own": OWN, "company": "first", "key": "x"})
    assert len(stills) == 2 and "school bus" in stills[0].alt


# with a real worker


def test_a_worker_answers_and_survives_what_is_no_picture() -> None:
    file = io.BytesIO()
    Image.new("RGB", (120, 90), "orange").save(file, "PNG")
    company = neighbours("first", "")
    with no_leftovers():
        compute = LocalCompute(spares=0)
        try:
            for image in (file.getvalue(), b"\xff\xd8\xff broken", file.getvalue() + b" "):
                ticket = compute.submit(Mates(company, image=image), "a")
                state = wait_for(lambda t=ticket: t.state.ended and t.state, "an end", 150)
                if b"broken" in image:
                    assert (state.name, state.reason) == ("failed", "invalid")
                    continue
                assert state.name == "done", state
                bn, nf = ticket.events()
                assert nf["difference"] == 0 and len(nf["reach"]) == SEATS
                shown = Image.open(io.BytesIO(base64.b64decode(bn["seen"])))
                assert shown.size == (144, 144) and shown.getpixel((70, 70))[0] > 200
        finally:
            compute.close()
