"""The page is complete in itself, says what the JSON says, and nothing that an event says can become markup."""

import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from agents.backtest import charts
from agents.backtest.comparison import Example
from agents.backtest.course import Plan
from agents.backtest.page import as_html
from agents.backtest.recorded import NOT_COMPARED
from agents.backtest.result import OfDay, Result
from agents.backtest.run import Usage
from agents.backtest.summing import result
from agents.report.intervals import share_of
from tests.backtest.history import TIGHTER, happened, ran, version

VOID = {"meta"}


class Page(HTMLParser):
    """A page's tags, attributes and text; fails where a tag isn't closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def found() -> Result:
    plan = Plan(version(**TIGHTER))
    return result([ran(plan, [version(), *happened()])], plan, "journal", NOT_COMPARED, Usage(1.5, 1.0, 10**8, 2))


def test_nothing_is_fetched_or_run() -> None:
    text = as_html(found())
    page = Page(text)
    assert not re.search(r"https?:|//|url\(|@import|javascript", text)
    assert {"script", "link", "img", "iframe", "object", "form"} & set(page.tags) == set()
    assert [value for name, value in page.attributes if name == "href" and not (value or "").startswith("#")] == []
    assert [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "style")] == []
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert "prefers-color-scheme: dark" in text


def test_links_lead_to_a_place_on_the_page() -> None:
    page = Page(as_html(found()))
    ids = {value for name, value in page.attributes if name == "id"}
    assert {(value or "")[1:] for name, value in page.attributes if name == "href"} == ids == {"card_testing"}


def test_it_says_the_numbers_of_the_json() -> None:
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found()))
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", as_html(found()))
    text = Page(as_html(found())).text
    [one] = [one for one in data["triggers"] if one["trigger"] == "card_testing"]
    numbers = [one["old"]["sent"], one["new"]["sent"], *(one[kind] for kind in charts.KINDS)]
    at = next(place for place in range(len(cells)) if cells[place : place + 6] == list(map(str, numbers)))
    assert at >= 0
    for side, told in (("old", "1 of 2, 50.0 % (9.5 to 90.5)"), ("new", "2 of 2, 100.0 % (34.2 to 100.0)")):
        assert one[side]["precision"]["total"] == 2
        assert told in cells
    assert f"{sum(data['history']['entries'].values())} entries" in text
    for example in (*one["examples_gained"], *one["examples_lost"]):
        assert example["because"] in text
    assert data["new"] in text


def test_what_events_say_is_text() -> None:
    evil = Example(0, "id", "<script>alert(1)</script>", "act&ion", '"><img src=x>', "caps")
    one = found().triggers[0]
    page = Page(as_html(replace(found(), triggers=[replace(one, examples_gained=[evil])])))
    assert {"script", "img"} & set(page.tags) == set()
    assert "<script>alert(1)</script>" in page.text


def test_a_backtest_without_differences_has_a_page() -> None:
    plan = Plan(version())
    same = result([ran(plan, [version(), *happened()])], plan, "journal", NOT_COMPARED, Usage(1.5, 1.0, 10**8, 2))
    assert "lost to" not in Page(as_html(same)).text
    empty = result([ran(plan, [])], plan, "journal", NOT_COMPARED, Usage(1.5, 1.0, 10**8, 2))
    assert "None." in Page(as_html(empty)).text


@pytest.mark.parametrize(
    ("last", "step"), [("2026-01-20", 1), ("2026-12-20", 7), ("2030-01-01", 28), ("2076-01-01", 364)]
)
def test_days_are_put_together_so_that_they_fit(last: str, step: int) -> None:
    days = [OfDay("2026-01-05", 1, 2, 3, 4), OfDay(last, 5, 6, 7, 8), OfDay(last, 0, 0, 1, 0)]
    columns, together = charts.columns(days, "2026-01-01T00:00:00Z", f"{last}T12:00:00Z")
    assert together == step
    assert len(columns) <= charts.COLUMNS_MAX
    assert columns[0].day == "2026-01-01"
    assert sum(one.counts.gained for one in columns) == 11
    assert (columns[-1].counts.lost, columns[-1].counts.gained) == (8, 8)


def test_bars_are_as_tall_as_their_counts() -> None:
    columns, _ = charts.columns([OfDay("2026-01-01", 0, 1, 2, 4)], "2026-01-01", "2026-01-02")
    heights = dict(re.findall(r'<rect class="(gained|changed|lost)".*?height="([\d.]+)"', charts.over_time(columns)))
    assert float(heights["lost"]) == pytest.approx(2 * float(heights["gained"]), abs=0.1)
    assert float(heights["gained"]) == pytest.approx(2 * float(heights["changed"]), abs=0.1)


def test_many_contacts_share_the_last_column() -> None:
    plot = charts.contacts({1: 5, 12: 1, 40: 2}, {3: 4})
    assert "old: 3 customers with 12 or more" in plot
    assert "new: 4 customers with 3<" in plot


def test_a_share_of_nothing_has_no_interval() -> None:
    assert charts.interval(share_of(0, 0), "old") == ""
    assert 'aria-label="50.0 %, ' in charts.interval(share_of(1, 2), "old")
