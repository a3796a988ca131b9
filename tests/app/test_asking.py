"""A measurement on a button: what is on screen at each of its moments."""

import pytest
from streamlit.testing.v1 import AppTest

import app.compute
from app.compute.jobs import QueueFull
from app.compute.tickets import State
from tests.app.scripted_compute import ScriptedCompute


def page() -> None:
    import streamlit as st

    from app.compute.jobs import Costs
    from app.demos import asking
    from nfnet.run import RunConfig

    size = st.number_input("Size", 1, 64, 4, key="size")
    ask = asking.Ask(
        Costs(RunConfig(), (size,)),
        "Measure",
        expected=4,
        doing="Measuring",
        recorded=["recorded"] if size == 4 else (),
        about="Recorded long ago.",
    )
    asking.show("x", ask, lambda items, own: st.text(f"{list(items)} own={own}"))


@pytest.fixture
def compute(monkeypatch) -> ScriptedCompute:
    fake = ScriptedCompute()
    monkeypatch.setattr(app.compute, "get_compute", lambda: fake)
    return fake


@pytest.fixture
def at(compute) -> AppTest:
    return AppTest.from_function(page, default_timeout=30).run()


def test_recorded_figures_until_the_button_is_pressed(at, compute) -> None:
    assert at.text[0].value == "['recorded'] own=False"
    assert at.caption[0].value == "Recorded long ago."
    assert not compute.tickets
    at.button(key="x_ask").click().run()
    assert at.info[0].value.startswith("This waits for a free worker: number 1")
    ticket = compute.tickets[0]
    ticket.state, ticket.items = State("running"), ["one"]
    at.run()
    assert at.text[0].value == "['one'] own=True"
    ticket.state, ticket.items = State("done"), ["one", "two"]
    at.run()
    assert at.text[0].value == "['one', 'two'] own=True"
    assert at.button(key="x_ask") and not at.exception


def test_data_that_is_fetched_is_told_and_drawn_by_nobody(at, compute) -> None:
    at.button(key="x_ask").click().run()
    (ticket,) = compute.tickets
    ticket.state = State("running")
    ticket.items = [{"loading": {"what": "CIFAR-10", "done": 5_000_000, "total": 170_000_000}}]
    at.run()
    assert at.get("progress")[0].proto.text == "CIFAR-10: 5 of 170 MB"
    assert at.text[0].value == "['recorded'] own=False" and at.button(key="x_cancel")
    ticket.items += ["one"]
    at.run()
    assert at.get("progress")[0].proto.text == "Measuring: 25%."
    assert at.text[0].value == "['one'] own=True"


def page_at_once() -> None:
    import streamlit as st

    from app.compute.jobs import Mates
    from app.demos import asking

    seat = st.text_input("Seat", "noise-1", key="seat")
    ask = asking.Ask(
        Mates((seat,), "umbrella"),
        "Ask again",
        expected=2,
        doing="Looking",
        recorded=["recorded"] if seat == "noise-1" else (),
        at_once=True,
    )
    asking.show("x", ask, lambda items, own: st.text(f"{list(items)} own={own}"))


def test_at_once_every_change_is_asked_and_ends_the_one_before(compute) -> None:
    at = AppTest.from_function(page_at_once, default_timeout=30).run()
    assert at.text[0].value == "['recorded'] own=False"
    assert not compute.tickets and not at.button
    at.text_input(key="seat").set_value("noise-2").run()
    (first,) = compute.tickets
    first.state = State("running")
    at.run()
    assert len(compute.tickets) == 1 and not at.button and not at.get("progress")
    at.text_input(key="seat").set_value("noise-3").run()
    second = compute.tickets[1]
    assert first.cancelled and second.job.company == ("noise-3",)
    second.state, second.items = State("done"), ["one", "two"]
    at.run()
    assert at.text[0].value == "['one', 'two'] own=True" and not at.button
    at.text_input(key="seat").set_value("noise-1").run()  # recorded: nothing to compute
    assert at.text[0].value == "['recorded'] own=False" and len(compute.tickets) == 2


def test_at_once_a_refusal_or_failure_is_said_once_and_can_be_asked_again(compute) -> None:
    at = AppTest.from_function(page_at_once, default_timeout=30).run()
    compute.refuse = QueueFull("Too many wait; try again in a minute.")
    at.text_input(key="seat").set_value("noise-2").run()
    assert at.warning[0].value == "Too many wait; try again in a minute."
    compute.refuse = None
    at.run()
    assert not compute.tickets  # it does not hammer on the door
    at.button(key="x_ask").click().run()
    compute.tickets[0].state = State("failed", reason="worker died", message="It died; again.")
    at.run()
    assert at.error[0].value == "It died; again." and at.button(key="x_ask")
    assert len(compute.tickets) == 1


def test_another_question_ends_the_job_of_the_last(at, compute) -> None:
    at.button(key="x_ask").click().run()
    compute.tickets[0].state = State("running")
    at.number_input(key="size").set_value(5).run()
    assert compute.tickets[0].cancelled
    assert at.text[0].value == "[] own=False"


def test_it_can_be_cancelled(at, compute) -> None:
    at.button(key="x_ask").click().run()
    compute.tickets[0].state = State("running")
    at.run()
    at.button(key="x_cancel").click().run()
    assert compute.tickets[0].cancelled
    assert at.text[0].value == "['recorded'] own=False"
    assert at.button(key="x_ask")


def test_a_second_one_that_is_cancelled_leaves_the_first(at, compute) -> None:
    at.button(key="x_ask").click().run()
    compute.tickets[0].state, compute.tickets[0].items = State("done"), ["one", "two"]
    at.run()
    at.button(key="x_ask").click().run()
    at.button(key="x_cancel").click().run()
    assert compute.tickets[1].cancelled
    assert at.text[0].value == "['one', 'two'] own=True"
    at.number_input(key="size").set_value(8).run()  # another question has another answer
    assert at.text[0].value == "[] own=False"


def test_a_refusal_and_a_failure_are_said_and_leave_the_button(at, compute) -> None:
    compute.refuse = QueueFull("Too many wait; try again in a minute.")
    at.button(key="x_ask").click().run()
    assert at.warning[0].value == "Too many wait; try again in a minute."
    compute.refuse = None
    at.button(key="x_ask").click().run()
    compute.tickets[0].state = State("failed", reason="worker died", message="It died; again.")
    at.run()
    assert at.error[0].value == "It died; again." and at.button(key="x_ask")
    compute.tickets.clear()
    at.run()
    assert "no longer" in at.warning[0].value


def test_a_result_that_was_there_is_said_to_be(at, compute) -> None:
    compute.ready = ["made before"]
    at.button(key="x_ask").click().run()
    assert at.text[0].value == "['made before'] own=True"
    assert "before" in at.caption[0].value
