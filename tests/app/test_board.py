"""The shared board: bounded, fair, safe from threads; and strangers' names made harmless."""

import html
import re
import subprocess
import sys
import threading
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.board import (
    LONGEST_NAME,
    MOST,
    MOST_OF_ONE,
    Board,
    Entry,
    apart,
    better,
    clean_name,
    front,
    plain,
)
from nfnet.run import RunConfig

CONFIGS = [RunConfig(steps=steps) for steps in range(1, 2 * MOST)]


def entry(owner="a", net=0, mean=0.5, cost=1000, spread=0.0, name="") -> Entry:
    scores = (mean - spread, mean, mean + spread)
    return Entry(owner, CONFIGS[net], scores, cost, 10, name)


def test_an_equal_net_of_the_same_owner_is_replaced_and_others_stay() -> None:
    board = Board()
    board.add(entry("a", mean=0.4))
    board.add(entry("b", mean=0.4))
    board.add(entry("a", mean=0.6))
    assert board.now.entries == (entry("b", mean=0.4), entry("a", mean=0.6))


def test_nothing_new_leaves_the_snapshot_as_it_is() -> None:
    board = Board()
    board.add(entry())
    before = board.now
    board.add(entry())
    board.rename("a", "")
    board.rename("nobody", "x")
    assert board.now is before


def test_one_owner_has_only_so_many_and_loses_the_oldest() -> None:
    board = Board()
    board.add(entry("b"))
    for net in range(MOST_OF_ONE + 3):
        board.add(entry("a", net))
    own = [each.config for each in board.now.entries if each.owner == "a"]
    assert own == CONFIGS[3 : MOST_OF_ONE + 3]
    assert any(each.owner == "b" for each in board.now.entries)


def test_a_full_board_takes_from_whoever_has_the_most() -> None:
    board = Board()
    board.add(entry("modest"))
    people = MOST // MOST_OF_ONE + 3
    for person in range(people):
        for net in range(MOST_OF_ONE):
            board.add(entry(f"person {person}", net))
    entries = board.now.entries
    assert len(entries) == MOST and entries[-1] == entry(f"person {people - 1}", MOST_OF_ONE - 1)
    many = Counter(each.owner for each in entries)
    assert many.pop("modest") == 1
    assert len(many) == people and max(many.values()) - min(many.values()) <= 2


def test_many_threads_lose_nothing_and_keep_the_bounds() -> None:
    board, people, nets = Board(), 10, 12

    def play(person: int) -> None:
        for net in range(nets):
            board.add(entry(f"p{person}", net))
            board.rename(f"p{person}", f"name {person}")

    threads = [threading.Thread(target=play, args=(person,)) for person in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = board.now.entries
    assert len(entries) == len({(each.owner, each.config) for each in entries}) == people * nets
    assert all(each.name == f"name {each.owner[1:]}" for each in entries)


def test_only_ones_own_entries_are_renamed() -> None:
    board = Board()
    board.add(entry("a", name="x"))
    board.add(entry("b", name="y"))
    board.rename("a", "z")
    assert [each.name for each in board.now.entries] == ["z", "y"]


POINTS = st.lists(st.tuples(st.integers(1, 5), st.sampled_from([0.1, 0.2, 0.3, 0.4])), max_size=8)


@given(POINTS)
def test_the_front_is_what_nobody_beats_with_as_few(points) -> None:
    entries = [entry(net=n, cost=cost, mean=mean) for n, (cost, mean) in enumerate(points)]

    def beaten(one: Entry) -> bool:
        return any(
            other.multiply_adds <= one.multiply_adds
            and other.mean >= one.mean
            and (other.multiply_adds, other.mean) != (one.multiply_adds, one.mean)
            for other in entries
        )

    wanted = {(each.multiply_adds, each.mean) for each in entries if not beaten(each)}
    found = [(each.multiply_adds, each.mean) for each in front(entries)]
    assert set(found) == wanted and len(found) == len(wanted)
    assert found == sorted(found)


def test_better_and_apart() -> None:
    small, large = entry(mean=0.7, cost=10, spread=0.02), entry(mean=0.6, cost=20, spread=0.02)
    assert better(large, [small, large]) == [small] and better(small, [small, large]) == []
    assert apart(small, large) and apart(large, small)
    assert not apart(small, replace(large, scores=(0.6, 0.68)))


HOSTILE = [
    "<b>bold</b>",
    '<a href="https://x.example">x</a>',
    "<img src=x onerror=alert(1)>",
    "a<br>b",
    "$\\frac{1}{2}$",
    "%{x} %{customdata}",
    "&lt;b&gt;",
    "&#60;b&#62;",
    "</span><script>",
    "**bold** [x](y) :red[z]",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_has_no_sign_that_plotly_reads(text) -> None:
    name = clean_name(text)
    shown = plain(name)
    assert not re.search(r"[<>$%{}]", shown)
    assert html.unescape(shown) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Ada \n\t Lovelace ", "Ada Lovelace"),
        ("x" * 50, "x" * 20),
        ("\u202eevil\u2066", "evil"),  # turns the writing round
        ("a\u200bb\u200dc\ufeff", "abc"),
        ("\x00\x1b[31mred\x7f", "[31mred"),
        ("\ud800lone", "lone"),
        ("\ue000private", "private"),
        ("\u3164\u2800", ""),  # seen by nobody
        ("\u0301\u0301", ""),
        ("e\u0301", "é"),
        ("Z" + "\u0323\u0335\u0336\u0337" * 9 + "!", None),
        ("日本語 नमस्ते", "日本語 नमस्ते"),
        ("🎲", "🎲"),
        ("", ""),
    ],
)
def test_names_are_short_and_visible(text, name) -> None:
    found = clean_name(text)
    assert len(found) <= LONGEST_NAME
    if name is None:
        assert found.endswith("!") and len(found) <= 4
    else:
        assert found == name


@given(st.text(max_size=60))
def test_any_text_is_a_name_that_stays_as_it_is(text) -> None:
    name = clean_name(text)
    assert len(name) <= LONGEST_NAME and name.isprintable()
    assert not {"Cc", "Cf", "Cs", "Zl", "Zp"} & {unicodedata.category(sign) for sign in name}
    assert clean_name(name) == name
    assert not re.search(r"[<>$%{}]", plain(name))


def test_the_board_loads_neither_torch_nor_streamlit() -> None:
    code = "import app.board, sys; sys.exit(any(m in sys.modules for m in ('torch', 'streamlit')))"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
