"""`bellwether dlq`: which letters are meant, what of them was replayed, and how wrong uses end."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from agents.dlq.letters import ANY, Letter, Wanted, _collect
from agents.stack.process import free_port
from streams.dead_letters import DeadLetter, Reason, Rejected, dead_letter, marker
from streams.journal import Source

Command = Callable[..., Any]
SOURCES = [Source("usage", 1, 7), Source("usage", 1, 71), Source("usage", 2, 7), Source("verdicts", 1, 7)]
REASONS: list[Reason] = ["not_json", "empty", "not_json", "empty"]


def records(letters: list[DeadLetter]) -> list[Any]:
    return [
        SimpleNamespace(offset=offset, timestamp=5, key=one.key, value=one.value, headers=one.headers)
        for offset, one in enumerate(letters)
    ]


def collected(letters: list[DeadLetter], wanted: Wanted = ANY) -> dict[Source, Letter]:
    found: dict[Source, Letter] = {}
    _collect(found, records(letters), wanted, bodies=True)
    return found


LETTERS = [
    dead_letter(Rejected(reason, "No.", b"body"), source, b"key")
    for source, reason in zip(SOURCES, REASONS, strict=True)
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), [0, 1, 2, 3]),
        (Wanted(("empty",)), [1, 3]),
        (Wanted((), (("usage",),)), [0, 1, 2]),
        (Wanted((), (("usage", "1"),)), [0, 1]),
        (Wanted((), (("usage", "1", "7"), ("verdicts",))), [0, 3]),
        (Wanted(("empty",), (("usage", "1"),)), [1]),
    ],
)
def test_letters_are_chosen_by_reason_and_by_place(wanted: Wanted, expected: list[int]) -> None:
    assert list(collected(LETTERS, wanted)) == [SOURCES[number] for number in expected]


def test_a_marker_says_that_its_letter_was_replayed_and_strangers_are_passed_over() -> None:
    stranger = DeadLetter(b"key", b"value", (("other", b"header"),))
    found = collected([*LETTERS, stranger, marker(SOURCES[1], 3, b"key"), marker(Source("usage", 0, 0), 3, None)])
    assert [one.replayed for one in found.values()] == [False, True, False, False]
    assert {one.body for one in found.values()} == {"body"}


def test_a_markers_key_is_masked_as_a_letters() -> None:
    card_number = b"4000 0566 5566 5556"  # a processor's published test number
    letter = dead_letter(Rejected("empty", "", None), SOURCES[0], card_number)
    assert marker(SOURCES[0], 3, card_number).key == letter.key != card_number


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--reason", "bad_mood"),
        ("show", "--source", "nowhere"),
        ("show", "--source", "usage/x"),
        ("replay", "--source", "usage/1/2/3"),
        ("show", "--last", "-1"),
    ],
)
def test_a_reason_or_a_place_that_is_none_is_a_wrong_use(words: tuple[str, ...], bellwether: Command) -> None:
    ended = bellwether("dlq", *words)
    assert (ended.code, ended.out) == (2, "")
    assert words[1] in ended.err


@pytest.mark.parametrize("words", [("list",), ("show",), ("replay",), ("replay", "--dry-run")])
def test_without_kafka_it_says_so(words: tuple[str, ...], bellwether: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELLWETHER_KAFKA", f"127.0.0.1:{free_port()}")
    ended = bellwether("dlq", *words)
    assert (ended.code, ended.out) == (3, "")
    assert "out of reach" in ended.err
