"""The benchmark on public data: histories are read and guesses counted right, and only what is pinned is read."""

import hashlib
from pathlib import Path
from zipfile import ZipFile

import pytest

from bench import public
from bench.archives import Archive, ArchiveError
from bench.cycles import RULES, Guess, guesses_of, histories, row_of
from streams.topics import DAY_MS

TEXT = """ customer_id  date number_of_cds  dollar_value
 00001 19970101  1   11.77
 00002 19970112  1   12.00
 00002 19970112  5   77.00
 00002 19970115  1   20.00
 00002 19970116  1   20.00
"""
JANUARY_MS = 852_076_800_000  # 1997-01-01
NAMED, UNNAMED = RULES["of a named category, as shipped"], RULES["of a category that isn't named, as shipped"]


def days(*numbers: int) -> list[int]:
    return [number * DAY_MS for number in numbers]


def test_purchases_close_together_are_one() -> None:
    assert histories(TEXT, 3 * DAY_MS) == {
        "00001": [JANUARY_MS],
        "00002": [JANUARY_MS + 11 * DAY_MS, JANUARY_MS + 15 * DAY_MS],
    }


def test_a_guess_is_what_the_trigger_learned_so_far() -> None:
    times = days(0, 30, 60, 91, 120)
    assert [(one.at_ms, one.own_ms, one.next_ms) for one in guesses_of("anna", times, NAMED)] == [
        (60 * DAY_MS, 90 * DAY_MS, 91 * DAY_MS),
        (91 * DAY_MS, 121 * DAY_MS, 120 * DAY_MS),
        (120 * DAY_MS, 150 * DAY_MS, None),
    ]
    assert list(guesses_of("anna", times, UNNAMED)) == [], "too few gaps"


def test_an_irregular_history_gives_no_guess() -> None:
    assert list(guesses_of("anna", days(0, 5, 105, 110), NAMED)) == []


def test_right_is_what_is_off_by_no_more_than_the_window() -> None:
    told = days(30, 30, 30, 30)
    came = [*days(37, 38, 23), None]
    guesses = [Guess(str(number), 0, own, at) for number, (own, at) in enumerate(zip(told, came, strict=True))]
    row = row_of("any", guesses, 7, 31 * DAY_MS, end_ms=38 * DAY_MS)
    assert (row.customers, row.guesses, row.bought_again) == (4, 4, 3)
    assert (row.own.count, row.one_for_all.count) == (2, 2)
    assert row.best.count == 2, "37 and 38 days are right for 31, 37 and 23 for 30"
    assert row_of("any", guesses, 7, 31 * DAY_MS, end_ms=38 * DAY_MS - 1).guesses == 0, "the window isn't over"


def test_a_code_that_the_standard_does_not_have_is_named() -> None:
    assert public.named("MCC,DESCRIPTION\n0742,Veterinary services\n", {"0742", "9999"}) == {
        "0742": "Veterinary services",
        "9999": "",
    }


def test_generated_card_transactions_carry_codes() -> None:
    assert "5411" in public.generated_codes()


def test_only_the_archive_that_is_pinned_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    archive = Archive("data", "1.0", "", "MIT")
    archive.path.parent.mkdir(parents=True)
    with ZipFile(archive.path, "w") as packed:
        packed.writestr("one.txt", "one")
    right = Archive("data", "1.0", hashlib.sha256(archive.path.read_bytes()).hexdigest(), "MIT")
    assert right.text("one.txt") == "one"
    with pytest.raises(ArchiveError, match="pinned"):
        archive.text("one.txt")


def test_an_archive_that_cannot_be_fetched_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ArchiveError, match=r"Could not fetch data 1\.0"):
        Archive("data", "1.0", "0" * 64, "MIT").text("one.txt")
