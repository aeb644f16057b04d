import json
from typing import Any, get_args

import iso4217
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import topics
from streams.dead_letters import BODY_SIZE_BYTES_MAX, REASONS, Reason, Rejected, dead_letter
from streams.events import CardTransaction, Event, event_type_name
from streams.intake import DEPTH_MAX, SIZE_BYTES_MAX, Reader
from streams.journal import EventEntry, Source, decode_entry, encode_entry

RECEIVED_MS = 1_735_689_600_000
DAY_MS = 86_400_000
CURRENCIES = frozenset(currency.code for currency in iso4217.Currency)
READERS = {topic.carries: Reader(topic, CURRENCIES) for topic in topics.SOURCES}
COMMON = {"id": "e-1", "customer": "c-1", "at_ms": RECEIVED_MS}
CARD = {
    "type": "card_transaction",
    "card": "tok_1",
    "amount_minor": 1299,
    "currency": "EUR",
    "merchant": "kiosk",
    "merchant_category_code": "5411",
    "merchant_country": "DE",
    "card_present": True,
}
PERIOD = {"period_from_ms": 1_733_000_000_000, "period_to_ms": 1_735_600_000_000}
SAMPLES: dict[str, dict[str, Any]] = {
    "card_transaction": COMMON | CARD,
    "card_statement": COMMON | PERIOD | {"card": "t", "closing_balance_minor": -5, "paid_minor": 5, "currency": "USD"},
    "account_movement": COMMON
    | {"account": "a", "account_type": "savings", "amount_minor": -5, "currency": "JPY", "balance_after_minor": 0}
    | {"method": "wire_out", "counterparty_account": "DE89370400440532013000"},
    "interaction": COMMON | {"kind": "survey_answer", "score": 7, "sentiment": -0.4111111111111111},
    "contract": COMMON | {"contract": "k", "product": "p", "status": "signed", "currency": None},
    "purchase": COMMON | {"product": "p", "category": "travel", "amount_minor": 1, "currency": "CHF"},
    "usage": COMMON | {"product": "p", "quantity": 3},
    "notice": COMMON | {"kind": "recall", "product": "p"},
    "profile": COMMON | {"channels": ["email"], "accounts": {"a": "savings"}, "cards": ["tok_1"]},
    "verdict": COMMON | {"transaction": "e-0", "answer": "fraud"},
    "response": COMMON | {"action_id": "550e8400-e29b-41d4-a716-446655440000", "kind": "opened"},
}


def carried(name: str) -> type[Event]:
    return next(kind for kind in READERS if kind is not None and event_type_name(kind) == name)


def read(value: bytes | None, name: str = "card_transaction") -> Any:
    return READERS[carried(name)].read(value, RECEIVED_MS)


def changed(name: str = "card_transaction", **fields: Any) -> bytes:
    return json.dumps(SAMPLES[name] | fields).encode()


def spelled(field: str, text: str, name: str = "card_transaction") -> bytes:
    return changed(name, **{field: "SPELLED"}).replace(b'"SPELLED"', text.encode())


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return spelled("extra", opening * (depth - 1) + closing * (depth - 1))


def without(*fields: str) -> bytes:
    return json.dumps(
        {name: value for name, value in SAMPLES["card_transaction"].items() if name not in fields}
    ).encode()


GOOD = changed()
# reason, bytes, topic's type, what the message must name, a value that it mustn't show
CASES: list[tuple[Reason, bytes | None, str, str, str]] = [
    ("empty", None, "usage", "null", "?"),
    ("empty", b"", "usage", "empty", "?"),
    ("empty", b" \n", "usage", "empty", "?"),
    ("empty", b"null", "usage", "null", "?"),
    ("not_json", b"zebra", "usage", "JSON", "zebra"),
    ("not_json", GOOD[:-1], "card_transaction", "truncated", "kiosk"),
    ("not_json", GOOD + b"zebra", "card_transaction", "byte", "zebra"),
    ("not_json", b"\xef\xbb\xbf" + GOOD, "card_transaction", "byte 0", "kiosk"),
    ("not_json", b'{"a":"zebra' + b"[" * 100, "usage", "truncated", "zebra"),
    ("not_json", b"zebra NaN zebra", "usage", "JSON", "zebra"),
    ("invalid_utf8", GOOD.replace(b"kiosk", b"zebra\xff"), "card_transaction", "UTF-8", "zebra"),
    ("invalid_utf8", spelled("unknown", '"SPELT"').replace(b"SPELT", b"\xff"), "card_transaction", "UTF-8", "?"),
    ("schema_registry_framing", b"\0\0\0\0\x07zebra", "usage", "schema registry", "zebra"),
    ("wrong_type", b"[]", "usage", "`$`", "?"),
    ("wrong_type", b'"zebra"', "usage", "`$`", "zebra"),
    ("wrong_type", changed(amount_minor="zebra"), "card_transaction", "`$.amount_minor`", "zebra"),
    ("wrong_type", changed(amount_minor=98765.25), "card_transaction", "`$.amount_minor`", "98765"),
    ("wrong_type", changed("profile", cards=[98765]), "profile", "`$.cards[0]`", "98765"),
    ("missing_field", without("card"), "card_transaction", "`card`", "?"),
    ("missing_field", b"{}", "usage", "missing", "?"),
    ("not_finite", spelled("amount_minor", "NaN"), "card_transaction", "`$.amount_minor`", "NaN"[1:] * 9),
    ("not_finite", spelled("amount_minor", "-Infinity"), "card_transaction", "`$.amount_minor`", "?"),
    ("not_finite", spelled("unknown", "Infinity"), "card_transaction", "infinity", "unknown"),
    ("not_finite", spelled("sentiment", "1e999", "interaction"), "interaction", "`$.sentiment`", "1e999"),
    ("not_finite", spelled("amount_minor", "-1e999"), "card_transaction", "`$.amount_minor`", "1e999"),
    ("unknown_currency", changed(currency="ZBR"), "card_transaction", "`$.currency`", "ZBR"),
    ("unknown_currency", changed(currency="eur"), "card_transaction", "`$.currency`", "eur"),
    ("unknown_currency", changed(currency="ZEBRA"), "card_transaction", "`$.currency`", "ZEBRA"),
    ("unknown_currency", changed("notice", currency="ZBR"), "notice", "`$.currency`", "ZBR"),
    ("amount_out_of_range", changed(amount_minor=-98765), "card_transaction", "`$.amount_minor`", "98765"),
    ("amount_out_of_range", changed(amount_minor=10**14 + 98765), "card_transaction", "`$.amount_minor`", "98765"),
    ("number_out_of_range", changed("interaction", score=98765), "interaction", "`$.score`", "98765"),
    ("number_out_of_range", changed("interaction", sentiment=1.98765), "interaction", "`$.sentiment`", "98765"),
    ("number_out_of_range", changed(at_ms=-98765), "card_transaction", "`$.at_ms`", "98765"),
    ("number_out_of_range", spelled("quantity", "9" * 5000, "usage"), "usage", "`$.quantity`", "9999"),
    ("number_out_of_range", changed("usage", quantity=2**64), "usage", "`$.quantity`", "18446"),
    ("event_time_in_future", changed(at_ms=RECEIVED_MS + DAY_MS + 1), "card_transaction", "`$.at_ms`", "17357"),
    ("event_time_in_future", changed(at_ms=RECEIVED_MS * 1000), "card_transaction", "milliseconds", "17356"),
    ("nested_too_deep", nested(DEPTH_MAX + 1), "card_transaction", "64 levels", "?"),
    ("nested_too_deep", spelled("extra", "[" * 100_000), "card_transaction", "64 levels", "?"),
    ("nested_too_deep", b"[" * 100_000, "usage", "64 levels", "?"),
    ("nested_too_deep", spelled("extra", '{"zebra":' * 20_000), "card_transaction", "64 levels", "zebra"),
    ("oversize", changed(extra="z" * SIZE_BYTES_MAX), "card_transaction", str(SIZE_BYTES_MAX), "zzz"),
    ("card_number", changed(card="4111111111111111"), "card_transaction", "token", "1111"),
    ("card_number", changed(unknown={"a": ["pay 4111-1111-1111-1111 now"]}), "card_transaction", "token", "1111"),
    ("card_number", b"broken 4111 1111 1111 1111", "usage", "token", "1111"),
    ("wrong_event_type", changed(type="usage"), "card_transaction", "`card_transaction`", "usage"),
    ("wrong_event_type", changed(type="zebra"), "card_transaction", "`$.type`", "zebra"),
    ("wrong_event_type", changed(type=98765), "card_transaction", "`$.type`", "98765"),
    ("unknown_value", changed(kind="zebra"), "card_transaction", "purchase, refund - at `$.kind`", "zebra"),
    ("unknown_value", changed("profile", accounts={"a": "zebra"}), "profile", "savings", "zebra"),
    ("unknown_value", changed("profile", channels=["zebra"]), "profile", "email, phone", "zebra"),
    ("wrong_length", changed(customer=""), "card_transaction", "`$.customer`", "?"),
    ("wrong_length", changed(id="z" * 129), "card_transaction", "`$.id`", "zzz"),
    ("wrong_length", changed("profile", channels=["sms"] * 7), "profile", "`$.channels`", "sms"),
    ("wrong_length", changed("profile", cards=[""]), "profile", "`$.cards[0]`", "?"),
    ("control_character", changed(customer="zebra\n"), "card_transaction", "`$.customer`", "zebra"),
    ("control_character", changed(customer="ze\0bra"), "card_transaction", "`$.customer`", "bra"),
    ("control_character", changed(customer="ze\x7fbra"), "card_transaction", "`$.customer`", "bra"),
    ("control_character", spelled("customer", '"ze\x7fbra"'), "card_transaction", "`$.customer`", "bra"),
    ("control_character", spelled("customer", '"ze\u0085bra"'), "card_transaction", "`$.customer`", "bra"),
    ("control_character", changed("profile", cards=["tok", "ze\tbra"]), "profile", "`$.cards`", "bra"),
    ("control_character", changed("profile", accounts={"ze\tbra": "fund"}), "profile", "`$.accounts`", "bra"),
]


@pytest.mark.parametrize(("reason", "value", "name", "shown", "hidden"), CASES)
def test_bad_record_gets_its_reason(reason: Reason, value: bytes | None, name: str, shown: str, hidden: str) -> None:
    rejected = read(value, name)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason, rejected.message
    assert shown in rejected.message
    assert hidden not in rejected.message
    assert rejected.message.endswith(".")
    assert (rejected.body is None) == (value is None)
    assert len(rejected.body or b"") <= BODY_SIZE_BYTES_MAX


def test_every_reason_has_a_case() -> None:
    of_mappings = {"ambiguous_time", "nonexistent_time", "too_many_decimals", "unknown_customer", "unreadable_time"}
    assert {case[0] for case in CASES} | of_mappings == set(get_args(Reason)) == set(REASONS)


@pytest.mark.parametrize("name", SAMPLES)
def test_good_record_becomes_its_event(name: str) -> None:
    event = read(changed(name), name)
    assert type(event) is carried(name)
    assert event.customer == "c-1"
    assert read(changed(name, type=name), name) == event


@pytest.mark.parametrize(
    "value",
    [
        changed(at_ms=RECEIVED_MS + DAY_MS),
        changed(at_ms=0),
        nested(DEPTH_MAX),
        changed(extra="[" * 1000),
        changed(extra=[[]] * 1000),
        changed(extra='"[' * 1000),
        spelled("extra", "1e999"),
        spelled("extra", "1" * 500),
        changed(extra=[1.5, "NaN", None, {"Infinity": "-"}]),
        changed(merchant="Bäckerei 🥐 \\ Магазин"),
        json.dumps(SAMPLES["card_transaction"] | {"merchant": "Bäckerei 🥐"}, ensure_ascii=False).encode(),
        json.dumps(SAMPLES["card_transaction"], indent=2).encode() + b"\r\n",
    ],
)
def test_unusual_record_is_read_all_the_same(value: bytes) -> None:
    assert isinstance(read(value), CardTransaction)


def test_unknown_fields_are_dropped_and_the_position_is_ours() -> None:
    assert read(changed(cvv="123", position=10**40)) == read(GOOD)
    assert b"123" not in encode_entry(EventEntry(read(changed(cvv="zz123zz")), Source("t", 0, 0)))


def test_reader_needs_a_source_topic() -> None:
    with pytest.raises(ValueError, match="carries no event type"):
        Reader(topics.JOURNAL, CURRENCIES)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text()
    | st.sampled_from(["EUR", "4111 1111 1111 1111", "purchase", 1_735_689_600_000]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def shapes(draw: st.DrawFn) -> tuple[str, bytes]:
    name = draw(st.sampled_from(sorted(SAMPLES)))
    fields = st.sampled_from([*SAMPLES[name], "type", "position", "extra"])
    sample = SAMPLES[name] | draw(st.dictionaries(fields, JSON_VALUES, max_size=3))
    value = json.dumps(sample, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")
    for position, cut, patch in draw(
        st.lists(st.tuples(st.integers(0, 400), st.integers(0, 5), st.binary()), max_size=2)
    ):
        value = value[:position] + patch + value[position + cut :]
    deep = st.builds(
        lambda part, times: part * times, st.sampled_from([b"[", b'{"a":', b'"', b"\\"]), st.integers(0, 9000)
    )
    return name, draw(st.just(value) | st.binary() | deep | deep.map(lambda part: value[:-1] + b',"x":' + part))


@settings(max_examples=1000, deadline=None)
@given(shapes(), st.integers(-1, 2**63))
def test_reading_never_raises_and_what_is_read_can_be_journaled(shape: tuple[str, bytes], received_ms: int) -> None:
    name, value = shape
    reader = READERS[carried(name)]
    outcome = reader.read(value, received_ms)
    assert reader.read(value, received_ms) == outcome
    if isinstance(outcome, Rejected):
        assert outcome.reason in REASONS
        assert dead_letter(outcome, Source("t", 0, 0), value).headers
    else:
        entry = EventEntry(outcome, Source("t", 0, 0))
        assert decode_entry(encode_entry(entry)) == entry


def test_deep_stack_of_the_caller_does_not_matter() -> None:
    def read_below(frames: int) -> Any:
        return read_below(frames - 1) if frames else read(spelled("extra", "[" * 500 + "]" * 500))

    assert [read_below(frames).reason for frames in (0, 300, 600)] == ["nested_too_deep"] * 3
