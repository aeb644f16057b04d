"""Sources and maps from files: what is shipped is what was always read, and each fault is told where it stands."""

import re
from pathlib import Path

import pytest

from agents import sources
from agents.config_parts import ConfigError
from agents.settings import PACKAGED_CONFIG
from streams import topics
from streams.intake import Reader
from streams.mapping.fed import FedMap
from streams.mapping.reader import MappedReader

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PAGE = Path(__file__).parents[2] / "docs" / "sources.md"
USAGE = "{id: i, customer: c, at_ms: {path: t, time: epoch_ms}, product: p%s}"


def write(folder: Path, text: str) -> Path:
    (folder / "sources.yaml").write_text(text)
    return folder


def usage(more: str = "", maps: str = "") -> str:
    """A sources.yaml with a source whose fields end with something."""
    return f"sources:\n  s:\n    type: usage\n    fields:\n      {USAGE % more}\n{maps}"


def card(field: str, how: str) -> str:
    """One with a card's transactions, whose field is mapped in this way; a line for each."""
    fields = {
        "id": "i",
        "customer": "c",
        "at_ms": "{path: t, time: iso8601}",
        "card": "card",
        "amount_minor": "{path: a, unit: minor}",
        "currency": "ccy",
        "merchant": "m",
    } | {field: how}
    lines = "".join(f"\n      {name}: {said}" for name, said in fields.items())
    return f"sources:\n  s:\n    type: card_transaction\n    fields:{lines}\n"


@pytest.mark.parametrize("folder", [PACKAGED_CONFIG, None])
def test_the_shipped_sources_are_those_of_the_catalogue_read_as_they_always_were(
    folder: Path | None, tmp_path: Path
) -> None:
    found = sources.load(folder or tmp_path)
    assert found.topics == topics.SOURCES
    assert {name: type(reader) for name, reader in found.readers.items()} == dict.fromkeys(found.names, Reader)
    assert (found.retired, found.fed) == ((), ())


def test_the_examples_are_valid_and_none_of_them_is_direct() -> None:
    found = sources.load(EXAMPLES)
    assert {type(reader) for reader in found.readers.values()} == {MappedReader}
    assert [(EXAMPLES / f"{name}.jsonl").exists() for name in found.names] == [True] * 3


def test_the_mapping_that_the_page_shows_is_valid(tmp_path: Path) -> None:
    shown = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)[0]
    assert sources.load(write(tmp_path, shown)).names == ("card-transactions", "core-banking.orders.v2")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sources: {}", "1: sources: expected at least one source topic"),
        ("sources:\n  s: usage", "2: sources.s: expected settings, as in {type: "),
        ("sources:\n  a b: {type: usage}", "2: sources.a b: expected a topic's name"),
        ("sources:\n  s:\n    type: usag", "3: sources.s.type: expected one of account_movement, "),
        ("sources:\n  s:\n    type: usag", 'did you mean "usage"?'),
        ("sources:\n  s: {}", "2: sources.s: Object missing required field `type`"),
        (
            "sources:\n  s.t:\n    type: usage\n    filds: {}",
            '4: sources.s.t.filds: unknown key; did you mean "fields"?',
        ),
        ("sources:\n  s:\n    type: usage\n    fields: [a]", "4: sources.s.fields: expected each field"),
        ("sources:\n  s:\n    type: usage\n    fields:\n      id: 7", "5: sources.s.fields.id: expected a path"),
        ("sources:\n  s: {type: usage}\ntopics: {}", "3: topics: unknown key; only `sources:` and `maps:` stand here"),
        ("sources:\n  s: {type: usage, fields: {id: i}}", "missing: at_ms, customer, product"),
        (usage(", produkt: x"), '5: sources.s.fields.produkt: Expected a field of usage; did you mean "product"?'),
        (usage(", score: a..b"), "5: sources.s.fields.score: Expected a path"),
        (usage(", score: '[0]'"), "fields.score: Expected a path that begins with a name"),
        (usage(", score: p.q"), "fields: Expected one kind of place on the way to `p.q`"),
        (usage(", score: 't[0]'"), "fields: Expected one kind of place on the way to `t[0]`"),
        (usage(", score: {}"), "fields.score: Expected one of path, key, constant; found none of them"),
        (
            usage(", score: {path: x, key: true}"),
            "fields.score: Expected one of path, key, constant; found path and key",
        ),
        (usage(", score: {constant: 11}"), "fields.score.constant: Expected `int` <= 10"),
        (usage(", score: {constant: 1, default: 2}"), "fields.score.constant: Expected nothing beside a constant"),
        (usage(", score: {path: x, default: ten}"), "fields.score.default: Expected `int | null`, got `str`"),
        (usage(", score: {path: x, unit: minor}"), "fields.score.unit: Expected only for a field that is amount"),
        (usage(", score: {path: x, decimal: ','}"), "fields.score.decimal: Expected only for a field that is amount"),
        (usage(", score: {path: x, map: cards}", "maps: {cards: {topic: t}}"), "fields.score.map: Expected only for"),
        (usage(", score: {path: x, otherwise: 1}"), "fields.score.otherwise: Expected only beside `values`"),
        (
            usage(", score: {path: x, valus: {}}"),
            '5: sources.s.fields.score.valus: unknown key; did you mean "values"?',
        ),
        (card("customer", "{path: c, map: crds}") + "maps: {cards: {topic: t}}", 'did you mean "cards"?'),
        (
            card("customer", "{path: c, map: m, values: {a: b}}") + "maps: {m: {topic: t}}",
            "`values` or `map`, not both",
        ),
        (card("id", "{path: c, prefix: x, values: {a: b}}"), "5: sources.s.fields.id.prefix: Expected only where"),
        (card("kind", "{path: k, values: {P: purchse}}"), "fields.kind.values.P: Invalid enum value 'purchse'"),
        (card("kind", "{path: k, values: {P: refund}, otherwise: x}"), "fields.kind.otherwise: Invalid enum value"),
        (card("at_ms", "t"), "7: sources.s.fields.at_ms.time: Expected iso8601, epoch_s, epoch_ms, or a format"),
        (card("at_ms", "{path: t, time: iso}"), "fields.at_ms.time: Expected iso8601, epoch_s, epoch_ms, or a format"),
        (
            card("at_ms", "{path: t, time: '%d %b %Y'}"),
            "at_ms.time: Expected one of %Y %y %m %d %H %M %S %f %z %%, got `%b`",
        ),
        (card("at_ms", "{path: t, time: '%Y%m%d%d'}"), "fields.at_ms.time: Expected each directive once"),
        (card("at_ms", "{path: t, time: '%Y%m%d%M'}"), "fields.at_ms.time: Expected iso8601, "),
        (
            card("at_ms", "{path: t, time: '%Y%m%d'}"),
            "fields.at_ms.zone: Expected the zone of a time that has no offset",
        ),
        (
            card("at_ms", "{path: t, time: iso8601, zone: Berlin}"),
            "at_ms.zone: Expected an IANA time zone, as in Europe",
        ),
        (card("at_ms", "{path: t, time: iso8601, zone: Europe/Berlin}"), "at_ms.ambiguous: Expected earlier, later or"),
        (
            card("at_ms", "{path: t, time: epoch_s, zone: UTC}"),
            "fields.at_ms.time: Expected a time of the clock beside",
        ),
        (card("amount_minor", "a"), "9: sources.s.fields.amount_minor.unit: Expected minor (cents) or major (euros)"),
        (
            card("amount_minor", "{path: a, unit: majr}"),
            'amount_minor.unit: expected one of major, minor; did you mean "major"?',
        ),
        (card("amount_minor", "{path: a, unit: minor, currency: EUR}"), "amount_minor.currency: Expected only beside"),
        (card("amount_minor", "{path: a, unit: major, currency: ERU}"), "amount_minor.currency: Expected an ISO 4217"),
        (card("amount_minor", "{path: a, unit: minor, sign: {path: s, values: {D: 0}}}"), "amount_minor.sign.values"),
        (usage("", "maps:\n  m: cards.csv"), "7: maps.m: expected settings, as in {file: cards.csv}"),
        (usage("", "maps:\n  m: {}"), "7: maps.m: expected a file or a topic, one of them"),
        (usage("", "maps:\n  m: {file: a, topic: b}"), "7: maps.m: expected a file or a topic, one of them"),
        (usage("", "maps:\n  m: {fil: a}"), '7: maps.m.fil: unknown key; did you mean "file"?'),
        (usage("", "maps:\n  m: {file: none.csv}"), "7: maps.m.file: "),
    ],
)
def test_a_fault_is_told_with_line_and_path(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        sources.load(write(tmp_path, text))
    assert told in str(refused.value)
    assert str(tmp_path / "sources.yaml") in str(refused.value)


def test_faults_of_several_sources_are_told_at_once(tmp_path: Path) -> None:
    fields = "{id: {pth: x}, at_ms: {zon: x}}"
    text = f"sources:\n  a: {{type: usage, fields: {fields}}}\n  b: {{type: x}}\n  c: {{type: notice, fields: {{}}}}\n"
    with pytest.raises(ConfigError) as refused:
        sources.load(write(tmp_path, text))
    assert [(one.line, one.path) for one in refused.value.problems] == [
        (2, "sources.a.fields.id.pth"),
        (2, "sources.a.fields.at_ms.zon"),
        (3, "sources.b.type"),
        (4, "sources.c.fields"),
    ]


def test_an_amount_in_major_units_needs_to_know_its_currency(tmp_path: Path) -> None:
    base = "{id: i, customer: c, at_ms: {path: t, time: epoch_s}, %svalue_minor: {path: v, unit: major%s}}"
    text = "sources:\n  s:\n    type: profile\n    fields: " + base
    with pytest.raises(ConfigError, match=r"value_minor\.unit: Expected `currency` beside it"):
        sources.load(write(tmp_path, text % ("", "")))
    assert sources.load(write(tmp_path, text % ("", ", currency: EUR"))).names == ("s",)
    text = text.replace("profile", "notice").replace("value_minor", "kind: k, product: p, amount_minor")
    with pytest.raises(ConfigError, match=r"amount_minor\.unit: Expected the field `currency` mapped too"):
        sources.load(write(tmp_path, text % ("", "")))
    assert sources.load(write(tmp_path, text % ("currency: y, ", ""))).names == ("s",)


def mapped(tmp_path: Path, name: str, content: bytes) -> str | None:
    """The customer of the card t-1 by a map's file; None if there is none."""
    (tmp_path / name).write_bytes(content)
    found = sources.load(write(tmp_path, card("customer", "{path: c, map: m}") + f"maps: {{m: {{file: {name}}}}}\n"))
    record = b'{"i":"1","c":"t-1","t":"2024-12-31T12:00:00Z","card":"x","a":1,"ccy":"EUR","m":"m"}'
    return getattr(found.readers["s"].read(record, 1_735_689_600_000), "customer", None)


@pytest.mark.parametrize(
    ("name", "content", "customer"),
    [
        ("m.csv", b"card,customer\nt-1,c-1\nt-2,c-2\n", "c-1"),
        ("m.csv", b"\xef\xbb\xbfnote,customer,card\r\nx, c-1 ,t-1\r\n", "c-1"),
        ("m.csv", b"card,customer\nt-2,c-2\n", None),
        ("m.csv", b"card,customer\n", None),
        ("m.json", b'{"t-1": "c-1"}', "c-1"),
    ],
)
def test_a_map_from_a_file(tmp_path: Path, name: str, content: bytes, customer: str | None) -> None:
    assert mapped(tmp_path, name, content) == customer


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("m.csv", b"", "m.csv:1: expected the columns card and customer"),
        ("m.csv", b"token,customer\n", "m.csv:1: expected the columns card and customer"),
        ("m.csv", b"card,customer\nt-1\n", "m.csv:2: expected 1 to 128 printable characters"),
        ("m.csv", b"card,customer\nt-1,c-1\nt-1,c-2\n", "m.csv:3: this key stands there before"),
        ("m.csv", b"card,customer\n4111111111111111,c-1\n", "m.csv:2: a card number; expected a token"),
        ("m.csv", b"card,customer\n\xff,c-1\n", "expected CSV with a header line"),
        ("m.json", b'{"t-1": 7}', "expected CSV with a header line, or {key: value} in a .json file"),
        ("m.json", b'{"t-1": ""}', "m.json, entry 1: expected 1 to 128"),
    ],
)
def test_what_is_wrong_with_a_map_is_told_without_what_stands_there(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        mapped(tmp_path, name, content)
    assert told in str(refused.value)
    assert "maps.m.file" in str(refused.value)
    assert "c-1" not in str(refused.value)
    assert "4111" not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "known", "is_read"),
    [
        (b"c-2", "c-2", True),
        (b" c-2 ", "c-2", True),
        (b'"c-2"', "c-2", True),
        (b'{"customer":"c-2","since":7}', "c-2", True),
        (None, None, True),
        (b"", None, True),
        (b"null", None, True),
        (b'{"customer":7}', "7", True),
        (b'{"customer":true}', None, False),
        (b'{"customer":' + b"[" * 9000, None, False),
        (b"{}", None, False),
        (b'{"customer"', None, False),
        (b"\xff", None, False),
        (b"\0\0\0\0\1c-2", None, False),
        (b"4111111111111111", None, False),
        (b"z" * 129, None, False),
    ],
)
def test_a_map_that_a_topic_feeds(value: bytes | None, known: str | None, is_read: bool) -> None:  # noqa: FBT001 - a case's
    fed = FedMap("owners", "customer", {"t-1": "c-1"})
    looked_into = fed.entries
    assert fed.apply(b"t-1", value) is is_read
    assert looked_into.get("t-1") == known
    assert fed.apply(b"4111111111111111", b"c-3") is fed.apply(None, b"c-3") is fed.apply(b"\xff", b"c-3") is False
    assert len(looked_into) == (known is not None)
