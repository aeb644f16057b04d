"""A source's own records to our events: each reason, and against plain references."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.currencies import CURRENCIES, DECIMALS
from streams import calendar, topics
from streams.dead_letters import REASONS, Reason, Rejected
from streams.events import event_type_name
from streams.intake import DEPTH_MAX, SIZE_BYTES_MAX, Reader
from streams.mapping import amounts, paths, times
from streams.mapping.conversions import Tables
from streams.mapping.document import TYPES, SourcesDocument
from streams.mapping.faults import faults
from streams.mapping.paths import Unfit
from streams.sources import built
from tests.core.test_intake import RECEIVED_MS, SAMPLES

MAPS = {"cards": {"tok_1": "c-1"}}
TABLES = Tables(DECIMALS, MAPS)
BERLIN = {"zone": "Europe/Berlin", "ambiguous": "refuse"}
FIELDS: dict[str, Any] = {
    "id": {"path": ["ref", "seq"], "prefix": "x-"},
    "customer": {"path": "card.token", "map": "cards"},
    "at_ms": {"path": "when", "time": "%Y%m%d %H%M%S", **BERLIN},
    "card": "card.token",
    "amount_minor": {"path": "sum.value", "unit": "major", "sign": {"path": "sum.way", "values": {"D": -1, "C": 1}}},
    "currency": {"path": "sum.code", "values": {"978": "EUR", "392": "JPY", "414": "KWD", "959": "XAU", "999": "QQQ"}},
    "merchant": {"path": 'shops[]["na.me"]', "default": "unknown"},
    "approved": {"path": "code", "values": {"00": True}, "otherwise": False},
    "card_present": "present",
    "kind": {"path": "type", "values": {"P": "purchase", "R": "refund"}, "otherwise": "purchase"},
}
RECORD: dict[str, Any] = {
    "ref": "r-1",
    "seq": 7,
    "card": {"token": "tok_1"},
    "when": "20241231 120000",
    "sum": {"value": "12.30", "way": "C", "code": 978},
    "shops": [{"na.me": "  kiosk  "}],
    "code": "00",
    "present": "true",
    "type": "R",
    "unread": {"deep": [1, 2, {"a": None}]},
}


def reader(fields: dict[str, Any], kind: str = "card_transaction") -> Reader:
    said = msgspec.convert({"sources": {"s": {"type": kind, "fields": fields}}}, SourcesDocument)
    assert list(faults(said.sources["s"], MAPS, DECIMALS)) == []
    return built(said, TABLES, CURRENCIES).readers["s"]


READER = reader(FIELDS)
KEYED = reader(
    {"id": "i", "customer": {"key": True}, "at_ms": {"path": "t", "time": "epoch_s"}, "product": "p"}, "usage"
)


def changed(**values: Any) -> bytes:
    return json.dumps(RECORD | values).encode()


def money(value: Any, code: int = 978, way: str = "C") -> bytes:
    return changed(sum={"value": value, "way": way, "code": code})


def test_a_record_becomes_the_event_that_it_is_mapped_to() -> None:
    event: Any = READER.read(changed(), RECEIVED_MS)
    assert event == TYPES["card_transaction"](
        id="x-r-1-7",
        customer="c-1",
        at_ms=1_735_642_800_000,
        card="tok_1",
        amount_minor=1230,
        currency="EUR",
        merchant="kiosk",
        approved=True,
        card_present=True,
        kind="refund",
    )
    assert READER.read(changed(shops=None), RECEIVED_MS).merchant == "unknown"  # type: ignore[union-attr]
    assert READER.read(changed(shops=[{"na.me": " "}]), RECEIVED_MS).merchant == "unknown"  # type: ignore[union-attr]


# reason, bytes, what the message must name, a value that it mustn't show
CASES: list[tuple[Reason, bytes | None, str, str]] = [
    ("ambiguous_time", changed(when="20241027 023000"), "`when`, for `at_ms`", "0230"),
    ("nonexistent_time", changed(when="20240331 023000"), "`when`, for `at_ms`", "0230"),
    ("unreadable_time", changed(when="31.12.2024"), "`%Y%m%d %H%M%S` - at `when`", "31.12"),
    ("unreadable_time", changed(when="20241331 120000"), "calendar", "1331"),
    ("wrong_type", changed(when=[98765]), "`when`", "98765"),
    ("too_many_decimals", money("12.345"), "2 decimals - at `sum.value`, for `amount_minor`", "12.3"),
    ("too_many_decimals", money("12.3", 392), "0 decimals", "12.3"),
    ("too_many_decimals", money("12.3456", 414), "3 decimals", "12.3"),
    ("too_many_decimals", money(0.125), "2 decimals", "125"),
    ("wrong_type", money("12,30"), "`sum.value`", "12,"),
    ("wrong_type", money("EUR 98765"), "`sum.value`", "98765"),
    ("wrong_type", money(value=True), "`sum.value`", "true"),
    ("wrong_type", changed(sum="zebra"), "`object`, got `str` - at `$.sum`", "zebra"),
    ("wrong_type", changed(shops=[98765]), "`$.shops[0]`", "98765"),
    ("wrong_type", changed(card={"token": 12.5}), "`card.token`", "12.5"),
    ("wrong_type", changed(present="zebra"), "`present`", "zebra"),
    ("wrong_type", b"[]", "`object`", "?"),
    ("amount_out_of_range", money("-5"), "`$.amount_minor`, from `sum.value`", "-5"),
    ("amount_out_of_range", money("5", way="D"), "`$.amount_minor`", "-5"),
    ("amount_out_of_range", money("98765432109876543"), "`$.amount_minor`", "98765"),
    ("number_out_of_range", money("1e60"), "`sum.value`", "1e60"),
    ("unknown_value", money("5", way="zebra"), "`values` of the sign - at `sum.way`", "zebra"),
    ("unknown_value", changed(sum={"value": 1, "way": "C", "code": "zebra"}), "`sum.code`, for `currency`", "zebra"),
    ("missing_field", changed(sum={"value": 1, "code": 978}), "`sum.way`", "?"),
    ("missing_field", changed(sum=None), "`sum.code`, for `currency`", "?"),
    ("missing_field", changed(when=""), "`when`, for `at_ms`", "?"),
    ("missing_field", changed(seq=None), "`ref`, `seq`, for `id`", "?"),
    ("unknown_currency", money("5", 959), "minor units", "XAU"),
    ("unknown_currency", money("5", 999), "`sum.value`", "QQQ"),
    ("unknown_customer", changed(card={"token": "zebra"}), "the map `cards` has - at `card.token`", "zebra"),
    ("wrong_length", changed(shops=[{}, {}]), 'one item - at `shops[]["na.me"]`', "?"),
    ("wrong_length", changed(ref="z" * 130), "`$.id`, from `ref`, `seq`", "zzz"),
    ("control_character", changed(ref="ze\nbra"), "`ref`, `seq`, for `id`", "bra"),
    ("event_time_in_future", changed(when="20250103 120000"), "`when`, for `at_ms`", "0103"),
    ("card_number", changed(unread="4111111111111111"), "token", "1111"),
    ("card_number", changed(ref="4111111111111111", when=""), "token", "1111"),
    ("card_number", changed(ref="4111 1111", seq="1111 1111"), "`ref`, `seq`", "1111"),
    ("schema_registry_framing", b"\0\0\0\0\x07" + changed(), "schema registry", "kiosk"),
    ("empty", None, "null", "?"),
    ("empty", b"null", "null", "?"),
    ("oversize", changed(unread="z" * SIZE_BYTES_MAX), str(SIZE_BYTES_MAX), "zzz"),
    ("invalid_utf8", changed(ref="zebra").replace(b"zebra", b"\xff"), "UTF-8", "?"),
    ("not_json", changed()[:-1], "truncated", "kiosk"),
    ("not_finite", changed(sum={"value": float("nan"), "code": 978}), "finite", "?"),
    ("nested_too_deep", changed(unread=0).replace(b'"unread": 0', b'"unread": ' + b"[" * 99 + b"]" * 99), "64", "?"),
]


@pytest.mark.parametrize(("reason", "value", "shown", "hidden"), CASES)
def test_a_bad_record_gets_its_reason(reason: Reason, value: bytes | None, shown: str, hidden: str) -> None:
    rejected = READER.read(value, RECEIVED_MS)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason, rejected.message
    assert shown in rejected.message
    assert hidden not in rejected.message
    assert rejected.message.endswith(".")
    assert (rejected.body is None) == (value is None)


def test_every_reason_that_a_mapping_can_give_has_a_case() -> None:
    never = {"wrong_event_type"}  # the mapping says the type
    assert {case[0] for case in CASES} == set(get_args(Reason)) - never


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (b"c-1", None),
        ("käthe".encode(), None),
        (None, "missing_field"),
        (b" ", "missing_field"),
        (b"\xff", "invalid_utf8"),
        (b"\0\0\0\0\x01c", "schema_registry_framing"),
        (b"4111111111111111", "card_number"),
        (b"ze\tbra", "control_character"),
    ],
)
def test_a_key_that_names_the_customer(key: bytes | None, reason: Reason | None) -> None:
    outcome: Any = KEYED.read(b'{"i":"1","t":1735689600.1239,"p":"x"}', RECEIVED_MS, key)
    if reason is None:
        assert (outcome.customer, outcome.at_ms) == ((key or b"").decode(), 1_735_689_600_123)
    else:
        assert outcome.reason == reason
        assert "the record's key, for `customer`" in outcome.message


@settings(max_examples=500)
@given(
    st.tuples(st.sampled_from(["", "-", "+"]), st.text("0123456789", min_size=1, max_size=20)).map("".join),
    st.none() | st.text("0123456789", max_size=8),
    st.none() | st.integers(-30, 30),
    st.integers(0, 4),
)
def test_an_amount_is_exactly_what_is_written(
    whole: str, fraction: str | None, exponent: int | None, decimals: int
) -> None:
    text = whole + ("" if fraction is None else f".{fraction}") + ("" if exponent is None else f"e{exponent}")
    exact = Fraction(Decimal(text.replace(".e", "e").rstrip("."))) * 10**decimals
    found = attempt(lambda: amounts.to_integer(text, decimals, "here"))
    expected = {"too_many_decimals"} if exact % 1 else {int(exact)}
    assert found in expected | ({"number_out_of_range"} if abs(exact) >= 10**30 else set())
    if fraction is None and exponent is None:
        assert amounts.to_integer(int(whole), decimals, "here") == exact


@pytest.mark.parametrize(
    ("text", "decimals", "mark", "expected"),
    [
        ("1,5", 2, ",", 150),
        ("1.5", 2, ",", None),
        ("1.000,00", 2, ",", None),
        ("0.00", 0, ".", 0),
        ("12.00", 0, ".", 12),
        (paths.Decimal("1.5"), 2, ",", 150),
        (" 7 ", 0, ".", 7),
        ("1_0", 0, ".", None),
        ("٣", 0, ".", None),
        ("", 0, ".", None),
        ("0e99", 0, ".", 0),
    ],
)
def test_amounts_as_people_write_them(text: str, decimals: int, mark: str, expected: int | None) -> None:
    if expected is None:
        with pytest.raises(Unfit):
            amounts.to_integer(text, decimals, "here", mark)
    else:
        assert amounts.to_integer(text, decimals, "here", mark) == expected


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "UTC")
CHANGES = {  # around which clocks are moved
    "Europe/Berlin": ["2024-03-31T02:00", "2024-10-27T02:00"],
    "America/New_York": ["2024-03-10T02:00", "2024-11-03T01:00"],
    "Australia/Lord_Howe": ["2024-04-07T01:30", "2024-10-06T02:00"],
    "Africa/Casablanca": ["2024-03-10T02:00", "2024-04-14T02:00"],
}


@st.composite
def local_times(draw: st.DrawFn) -> tuple[str, datetime]:
    zone = draw(st.sampled_from(ZONES))
    change = CHANGES.get(zone)
    if change and draw(st.booleans()):
        near = datetime.fromisoformat(draw(st.sampled_from(change)))
        return zone, near + timedelta(seconds=draw(st.integers(-7200, 7200)))
    at = datetime.fromtimestamp(draw(st.integers(10**8, 4 * 10**9)), UTC)
    return zone, at.replace(tzinfo=None)


def attempt(work: Callable[[], int]) -> int | str:
    """What it makes, or the reason why it doesn't."""
    try:
        return work()
    except Unfit as error:
        return error.reason


@settings(max_examples=400, deadline=None)
@given(
    local_times(), st.sampled_from(["earlier", "later", "refuse"]), st.sampled_from(["iso8601", "%d.%m.%Y %H:%M:%S"])
)
def test_a_local_time_is_the_instant_at_which_the_clocks_show_it(
    local: tuple[str, datetime], ambiguous: Any, kind: str
) -> None:
    zone, said = local
    around = [said.replace(tzinfo=UTC) - timedelta(minutes=offset) for offset in range(-15 * 60, 15 * 60, 15)]
    showing = [at for at in around if at.astimezone(calendar.zone(zone)).replace(tzinfo=None) == said]
    text = said.isoformat() if kind == "iso8601" else f"{said:{kind}}"
    found = attempt(lambda: times.clock(kind, zone, ambiguous, "here")(text, 0))
    if not showing:
        assert found == "nonexistent_time"
    elif len(showing) == 2 and ambiguous == "refuse":
        assert found == "ambiguous_time"
    else:
        instant = max(showing) if ambiguous == "later" else min(showing)
        assert found == round(instant.timestamp() * 1000)


@settings(max_examples=200)
@given(st.integers(0, 4_000_000_000_000), st.integers(-43_200_000, 365 * 86_400_000))
def test_a_time_without_a_year_is_of_the_latest_that_is_not_ahead(at_ms: int, later_ms: int) -> None:
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    read = times.clock("%m%d%H%M%S", "UTC", None, "here")
    found = datetime.fromtimestamp(read(f"{at:%m%d%H%M%S}", at_ms + later_ms) / 1000, UTC)
    assert (found.month, found.day, found.hour, found.minute, found.second) == (*at.timetuple()[1:6],)
    limit = datetime.fromtimestamp((at_ms + later_ms) / 1000, UTC) + timedelta(days=1)
    assert found <= limit
    assert (at.month, at.day) == (2, 29) or limit - found <= timedelta(days=366)


@st.composite
def placed(draw: st.DrawFn, name: str, text: str) -> tuple[str, str]:
    """A path that begins with a name, and JSON that has the text there."""
    path, value = "", text
    for _ in range(draw(st.integers(0, 3))):
        step = draw(st.sampled_from(["name", "item", "only", "quoted"]))
        if step == "item":
            before = draw(st.integers(0, 2))
            path, value = f"[{before}]{path}", f"[{'null,' * before}{value}]"
        elif step == "only":
            path, value = f"[]{path}", f"[{value}]"
        elif step == "quoted":
            path, value = f'["a.[b"]{path}', f'{{"x":[{{}}],"a.[b":{value}}}'
        else:
            path, value = f".at#{path}", f'{{"at#":{value},"é":"[{{"}}'
    return f"{name}{path}", f'"{name}":{value}'


def amount_written(draw: st.DrawFn, value: int, currency: str | None) -> tuple[dict[str, Any], str]:
    if draw(st.booleans()):
        return {"unit": "minor"}, draw(st.sampled_from([str(value), f'"{value}"']))
    exponent = DECIMALS[currency or "EUR"]
    digits = f"{abs(value):0{exponent + 1}}"
    whole, fraction = digits[: len(digits) - exponent], digits[len(digits) - exponent :]
    major = f"{'-' * (value < 0)}{whole}.{fraction}0"
    return {"unit": "major"} | ({} if currency else {"currency": "EUR"}), draw(st.sampled_from([f'"{major}"', major]))


def time_written(draw: st.DrawFn, at_ms: int) -> tuple[dict[str, Any], str]:
    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)
    texts = {
        "epoch_ms": str(at_ms),
        "epoch_s": f"{at_ms // 1000}.{at_ms % 1000:03}",
        "iso8601": at.isoformat(),
        "%Y-%m-%dT%H.%M.%S,%f%z": f"{at:%Y-%m-%dT%H.%M.%S,%f}+0000",
    }
    kind = draw(st.sampled_from(sorted(texts)))
    return {"time": kind}, texts[kind] if kind.startswith("epoch") and draw(st.booleans()) else f'"{texts[kind]}"'


def written(draw: st.DrawFn, name: str, value: Any, currency: str | None) -> tuple[dict[str, Any], str]:
    """Settings, and JSON that they read as the value."""
    if name.endswith("_minor"):
        return amount_written(draw, value, currency)
    if name.endswith("_ms"):
        return time_written(draw, value)
    if isinstance(value, bool):
        return {}, draw(st.sampled_from([str(value).lower(), f'"{value}"']))
    if isinstance(value, list):
        return {"split": ";"}, draw(st.sampled_from([json.dumps(value), json.dumps(";".join(value))]))
    if isinstance(value, str) and draw(st.booleans()):
        return {"values": {"code": value}}, '"code"'
    return {}, json.dumps(f" {value} " if isinstance(value, str) else value)


@st.composite
def facts(draw: st.DrawFn) -> tuple[str, dict[str, Any], dict[str, Any], bytes]:
    """An event in our own names, and the same in a source's, with the mapping."""
    kind = draw(st.sampled_from(sorted(SAMPLES)))
    ours = {name: value for name, value in SAMPLES[kind].items() if name != "type" and value is not None}
    if "currency" in ours:
        ours["currency"] = draw(st.sampled_from(["EUR", "JPY", "KWD"]))
    for name in [one for one in ours if one.endswith("_minor")]:
        ours[name] = draw(st.integers(0 if ours[name] > 0 else -(10**14), 10**14))
    fields, parts = {}, []
    for number, (name, value) in enumerate(ours.items()):
        is_signed = name.endswith("_minor") and draw(st.booleans())
        how, text = written(draw, name, abs(value) if is_signed else value, ours.get("currency"))
        if is_signed:
            where, part = draw(placed(f"s{number}", '"D"' if value < 0 else '"C"'))
            how["sign"] = {"path": where, "values": {"D": -1, "C": 1}}
            parts.append(part)
        path, part = draw(placed(f"f{number}", text))
        fields[name] = {"path": path, **how}
        parts.append(part)
    return kind, ours, fields, f"{{{','.join(draw(st.permutations(parts)))}}}".encode()


@settings(max_examples=300, deadline=None)
@given(facts())
def test_a_mapped_record_is_the_event_that_our_own_names_would_be(
    fact: tuple[str, dict[str, Any], dict[str, Any], bytes],
) -> None:
    kind, ours, fields, value = fact
    topic = next(one for one in topics.SOURCES if one.carries and event_type_name(one.carries) == kind)
    plain = Reader(topic, CURRENCIES).read(json.dumps(ours).encode(), RECEIVED_MS)
    assert not isinstance(plain, Rejected)
    assert reader(fields, kind).read(value, RECEIVED_MS) == plain


@settings(max_examples=500, deadline=None)
@given(st.data(), st.integers(-1, 2**63))
def test_reading_never_raises_and_says_the_same_again(data: st.DataObject, received_ms: int) -> None:
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["00", "P"])
    anything = st.recursive(leaf, lambda one: st.lists(one) | st.dictionaries(st.sampled_from("ab"), one), max_leaves=5)
    places = st.sampled_from([*RECORD, "extra"])
    value = json.dumps(RECORD | data.draw(st.dictionaries(places, anything, max_size=3))).encode()
    cut = data.draw(st.integers(0, len(value)))
    value = data.draw(st.sampled_from([value, value[:cut], value[:cut] + b"[" * 9000, b"\0" + value]))
    key = data.draw(st.none() | st.binary(max_size=20))
    for one in (READER, KEYED):
        outcome = one.read(value, received_ms, key)
        assert one.read(value, received_ms, key) == outcome
        assert not isinstance(outcome, Rejected) or outcome.reason in REASONS


def test_a_deep_record_is_no_deeper_than_the_limit() -> None:
    at_the_limit = b'{"unread":' + b"[" * (DEPTH_MAX - 1) + b"]" * (DEPTH_MAX - 1) + b"," + changed()[1:]
    assert not isinstance(READER.read(at_the_limit, RECEIVED_MS), Rejected)
