import json
import random
import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.card_numbers import holds_card_number, is_luhn, is_simple, plain
from streams.dead_letters import Rejected, dead_letter, reasons_as_markdown
from streams.journal import Source
from streams.masking import masked

LENGTH_BY_TEST_PREFIX = {
    **dict.fromkeys(("411111", "424242", "401288", "400005"), 16),  # Visa
    **dict.fromkeys(("555555", "510510", "222300", "272099"), 16),  # Mastercard
    **dict.fromkeys(("601111", "601100", "644564", "353011", "356600"), 16),  # Discover, JCB
    **dict.fromkeys(("378282", "371449"), 15),  # American Express
    **dict.fromkeys(("305693", "385200", "362272"), 14),  # Diners Club
    **dict.fromkeys(("620000", "675964", "501800"), 19),  # UnionPay, Maestro
    "422222": 13,  # Visa, of old
}
PUBLISHED = [
    *("4111111111111111", "4012888888881881", "4222222222222", "4000056655665556", "6200000000000005"),
    *("5555555555554444", "5105105105105100", "2223003122003222", "378282246310005", "371449635398431"),
    *("30569309025904", "38520000023237", "6011111111111117", "6011000990139424", "3530111333300000"),
    *("3566002020360505", "6759649826438453"),
]


def with_check_digit(body: str) -> str:
    return next(body + digit for digit in "0123456789" if is_luhn(body + digit))


def generated() -> list[str]:
    chance = random.Random(20_250_101)  # noqa: S311 - test data
    return [
        with_check_digit(prefix + "".join(chance.choices("0123456789", k=length - 7)))
        for prefix, length in LENGTH_BY_TEST_PREFIX.items()
    ]


CARDS = [*PUBLISHED, *generated()]


def grouped(card: str, separator: str) -> str:
    sizes = {15: (4, 6, 5), 14: (4, 6, 4), 13: (4, 4, 5)}.get(len(card), (4, 4, 4, 4, 3))
    return separator.join(card[sum(sizes[:index]) : sum(sizes[: index + 1])] for index in range(len(sizes))).strip(
        separator
    )


def in_script(card: str, zero: str) -> str:
    return "".join(chr(ord(zero) + int(digit)) for digit in card)


FORMATS: dict[str, Callable[[str], str]] = {
    "text": lambda card: f'"{card}"',
    "number": lambda card: card,
    "decimal": lambda card: f"{card}.00",
    "scientific": lambda card: f"{card[0]}.{card[1:]}E{len(card) - 1}",
    "spaces": lambda card: f'"{grouped(card, " ")}"',
    "dashes": lambda card: f'"{grouped(card, "-")}"',
    "single digits": lambda card: f'"{" ".join(card)}"',
    "no-break spaces": lambda card: json.dumps(grouped(card, "\u00a0"), ensure_ascii=False),
    "escaped no-break spaces": lambda card: json.dumps(grouped(card, "\u00a0")),
    "en dashes": lambda card: json.dumps(grouped(card, "\N{EN DASH}"), ensure_ascii=False),
    "zero-width": lambda card: json.dumps("\u200b".join(card)),
    "line breaks": lambda card: json.dumps(grouped(card, "\n")),
    "escaped digits": lambda card: '"' + "".join(f"\\u00{ord(digit):x}" for digit in card) + '"',
    "fullwidth": lambda card: json.dumps(in_script(card, "\N{FULLWIDTH DIGIT ZERO}")),
    "arabic-indic": lambda card: json.dumps(in_script(card, "\N{ARABIC-INDIC DIGIT ZERO}"), ensure_ascii=False),
    "free text": lambda card: f'"please charge {card}, thanks. 2025-01-15"',
    "followed by a CVV": lambda card: f'"{grouped(card, " ")} 123"',
    "glued": lambda card: f'"PAN{card}x"',
    "after an order number": lambda card: f'"order 12 {card}"',
    "track 2": lambda card: f'";{card}=25121010000?"',
    "JSON in JSON": lambda card: json.dumps(json.dumps({"pan": card})),
    "key": lambda card: json.dumps({card: 1}),
    "deep": lambda card: json.dumps([[[{"a": [1, {"b": card}]}]]]),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("record", ['{{"at_ms":1735689600000,"x":{},"y":1}}', '{{"unread":{}', "\xff\0{}"])
def test_card_number_is_found_and_masked_in_every_form(form: str, record: str) -> None:
    for card in CARDS:
        value = record.format(FORMATS[form](card)).encode("latin-1" if form == "text" else "utf-8")
        assert holds_card_number(value), value
        assert not is_simple(value), value
        shown = re.sub(r"[^0-9*]", "", masked(value, 4096).decode())
        assert card[:-4] not in shown, value
        assert f"*{card[-4:]}" in shown, value


def test_card_number_in_another_encoding_is_found() -> None:
    value = '{"pan":"4111111111111111"}'.encode("utf-16")
    assert holds_card_number(value)
    assert b"4111" not in masked(value, 4096).replace(b"\0", b"")


def test_two_cards_in_a_row_are_both_masked() -> None:
    assert masked(b"4111111111111111 5555555555554444", 99) == b"************1111 ************4444"


CHANCE = random.Random(7)  # noqa: S311 - test data
LOOKALIKES = {
    "milliseconds": [str(at) for at in range(1_000_000_000_000, 2_000_000_000_000, 313_131_313)],
    "micro- and nanoseconds": [str(1_735_689_600_000_000 * 10**n + 7919 * at) for at in range(2000) for n in (0, 3)],
    "times in digits": [f"2025{at:010}" for at in range(0, 1_231_235_959, 413_131)],
    "snowflakes": [str(1_800_000_000_000_000_000 + 7919 * at) for at in range(3000)],
    "uuids": [str(uuid.UUID(int=CHANCE.getrandbits(128))) for _ in range(20_000)],
    "digests": [f"{CHANCE.getrandbits(256):064x}" for _ in range(3000)],
    "traces": [f"00-{CHANCE.getrandbits(128):032x}-{CHANCE.getrandbits(64):016x}-01" for _ in range(2000)],
    "fractions": [repr(CHANCE.uniform(-1, 1)) for _ in range(5000)]
    + [repr(CHANCE.uniform(9, 99)) for _ in range(5000)],
    "rates": [f"{CHANCE.randrange(4 * 10**7, 5 * 10**7)}.{CHANCE.randrange(10**7, 10**8)}" for _ in range(500)],
    "short cards": [card[:-1] for card in CARDS if len(card) == 13],
    "wrong check digit": [card[:-1] + str((int(card[-1]) + 1) % 10) for card in CARDS],
    "no network": ["1234567812345670", "9999999999999995", "0000000000000000"],
    "in a longer number": [f"{card}{card}" for card in CARDS],
    "phones": [
        "+491701234567 call 9-17",
        "+55 11 91234-5678",
        "+4915112345678",
        *(f"+{49170123456000 + n}" for n in range(99)),
    ],
    "apart": ["4111,1111,1111,1111", "4111 and 1111 and 1111 and 1111", "4111:1111:1111:1111"],
    "ibans": ["DE89370400440532013000", "GB29NWBK60161331926819", "BE68539007547034", "DK5000400440116243"],
}


@pytest.mark.parametrize("kind", LOOKALIKES)
def test_lookalike_is_no_card_number(kind: str) -> None:
    found = [text for text in LOOKALIKES[kind] if holds_card_number(f'{{"at_ms":1735689600000,"x":"{text}"}}'.encode())]
    assert not found


def iban(country: str, account: str) -> str:
    number = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    return f"{country}{98 - int(number) % 97:02}{account}"


@pytest.mark.parametrize("card", [card for card in CARDS if len(card) == 16])
def test_iban_around_a_card_number_is_an_iban_only_with_its_check_digits(card: str) -> None:
    right = iban("DK", card)
    spaced = re.sub(r"(.{4})(?!$)", r"\1 ", right)
    for text in (right, f"to {right} today", f"to {spaced} today", f"to {spaced} SOON"):
        assert not holds_card_number(text.encode())
    wrong_check_digits = 98 - int(right[2:4])
    assert holds_card_number(f"to DK{wrong_check_digits:02}{spaced[4:]} today".encode())


SECRETS = [
    '{"cvv":"zebra"}',
    '{"cardCvv2" : 54321 ,"a":1}',
    '{"CVC": ["zebra", {"x": "zebra"}], "a": 1}',
    '{"card_pin":"54321"}',
    '{"pinCode":"54321"}',
    '{"cardPin":54321}',
    '{"PIN":54321,',
    '{"PASSWORD":"ze\\"bra, zebra"}',
    '{"password":"cut at zebra, zebra',
    '{"secret":{"deep":[{"zebra":"zebra"}],',
    '{"clientSecret":"zebra"}',
    '{"track1":"%B4111111111111111^ZEBRA^25"}',
    '{"track_2":";zebra?"}',
    '{"trackData":"zebra"}',
    '{"p\\u0061ssword":"zebra"}',
    '{"body":"{\\"cvv\\":\\"zebra, zebra\\"}"}',
    "cvv=zebra&a=1",
    "user_password: zebra zebra, next",
    "<cvv>54321</cvv>",
    "<Password>zebra</Password>",
    "{'cvv': 'zebra, zebra'}",
    "my CVV 54321 is",
    '{"secret":' + "[" * 3000 + '"zebra"',
]


@pytest.mark.parametrize("text", SECRETS)
def test_secret_is_masked(text: str) -> None:
    shown = masked(text.encode(), 4096).decode()
    assert "***" in shown
    assert "zebra" not in shown.lower()
    assert "54321" not in shown


def test_what_is_no_secret_stays() -> None:
    value = b'{"shipping":"zebra","spin":1,"tracking_number":"T-1","opinion":"good","card":"tok_1","amount_minor":1299}'
    assert masked(value, 4096) == value
    assert masked(b'{"cvv":1,"kept":"yes"}', 4096) == b'{"cvv":***,"kept":"yes"}'


@pytest.mark.parametrize("size", range(20, 60))
def test_cut_shows_no_part_of_a_card_number(size: int) -> None:
    for secret in ("", '"cvv":"a long one that shrinks",'):
        for card in ("4111111111111111", "4111 1111 1111 1111", "".join(f"\\u003{digit}" for digit in "4" + "1" * 15)):
            value = f'{{{secret}"x":"{card}" and more that is cut away, whatever the size of the body is'.encode()
            shown = masked(value, size)
            assert len(shown) <= size
            assert b"4111" not in plain(shown.decode()).encode()


def test_cut_keeps_whole_characters() -> None:
    assert masked("ä".encode() * 10, 5) == "ää".encode()


def test_dead_letter_has_the_headers_of_kafka_connect() -> None:
    rejection = Rejected("card_number", "A card number is in the record; expected a token.", b"***")
    letter = dead_letter(rejection, Source("card-transactions", 3, 42), b"4111111111111111")
    assert letter.headers == (
        ("__connect.errors.topic", b"card-transactions"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"42"),
        ("__connect.errors.stage", b"TRANSFORMATION"),
        ("__connect.errors.exception.class.name", b"streams.dead_letters.Rejected"),
        ("__connect.errors.exception.message", b"A card number is in the record; expected a token."),
        ("bellwether.reason", b"card_number"),
    )
    assert (letter.key, letter.value) == (b"************1111", b"***")
    assert dead_letter(Rejected("empty", "Empty.", None), Source("t", 0, 0), None).value is None
    assert (
        dict(dead_letter(Rejected("not_json", "", b""), Source("t", 0, 0), b"c-1").headers)["__connect.errors.stage"]
        == b"VALUE_CONVERTER"
    )


def test_guide_lists_the_reasons() -> None:
    guide = Path(__file__).parents[2] / "docs" / "dead-letters.md"
    assert reasons_as_markdown() in guide.read_text()
