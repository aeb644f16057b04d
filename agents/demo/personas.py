"""Who the generated customers are: their means, cards, merchants, accounts and consents, drawn from a seed."""

from random import Random
from typing import Literal, NamedTuple

from msgspec import Struct

from streams.events import AccountType, Channel

CURRENCY = "EUR"
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
LENGTH_OF_TOKEN = 11  # shorter than any card number, whatever letters come up
TIME_ZONES = ("Europe/Berlin", "Europe/Paris", "Europe/Lisbon", "Europe/Helsinki", "America/New_York", "Asia/Tokyo")
LANGUAGES = ("de", "fr", "pt", "fi", "en", "ja")
CODES = ("5411", "5812", "5541", "5912", "5651", "4111", "5942", "7832")
COUNTRIES = ("DE", "FR", "PT", "FI", "US", "JP")
REACHABLE: tuple[Channel, ...] = ("email", "phone", "push")
# Merchants by number: each of these ranges is one way to be known, so a plant's merchant is new to every card.
REGULAR_MERCHANTS = (1, 800)
PASSING_MERCHANTS = (1000, 9000)
PLANTED_MERCHANTS = (10_000, 99_999)

Industry = Literal["bank", "resort", "car_dealer", "software", "retailer"]


# Roles about savings that are large from the start, see `agents.demo.plants.savings`.
SAVERS = frozenset(
    (
        *("to_checking", "wired_out", "to_cash", "to_unknown", "to_cd", "to_fund", "loan_paid_off"),
        *("split", "came_back", "no_consent", "partly"),
    )
)


# Roles about cards whose holders are known to pay in full, or known not to, see `agents.demo.plants.lapsed`.
PAYS_IN_FULL_OF_ROLE = {"lapsed_transactor": True, "lapsed_revolver": False}


class Merchant(NamedTuple):
    """Where a card is used."""

    name: str
    category_code: str
    country: str


class Savings(NamedTuple):
    """What lies on a savings account at the start, and what is added each month; both in minor units."""

    start_minor: int
    monthly_minor: int


class Persona(Struct, frozen=True, kw_only=True):
    """One customer; amounts in minor units a month where not said otherwise.

    Attributes:
        role: the name of the planted situation.
        merchants: the regular ones, the first for trifles, the last for the big shopping of the month.
        usual_minor: middle of a card purchase.
        savings: None for who has no savings account.
    """

    customer: str
    role: str
    industry: Industry
    time_zone: str
    language: str
    channels: tuple[Channel, ...]
    consents: tuple[Channel, ...]
    value_minor: int
    accounts: dict[str, AccountType]
    cards: tuple[str, ...]
    merchants: tuple[Merchant, ...]
    usual_minor: int
    salary_minor: int
    savings: Savings | None
    pays_in_full: bool

    def account(self, kind: AccountType) -> str:
        """The name of the customer's account of a kind."""
        return f"{self.customer}-{kind}"


def persona(number: int, role: str, industry: Industry, random: Random) -> Persona:
    """The customer of that number, from 0, as `random` draws it; only a bank's has accounts and cards."""
    customer = f"c{number:06d}"
    home = random.randrange(len(TIME_ZONES))
    is_banked = industry == "bank"
    savings = _savings(role, random) if is_banked else None
    cards = tuple(token(random) for _ in range(random.choice((1, 1, 2))))
    return Persona(
        customer=customer,
        role=role,
        industry=industry,
        time_zone=TIME_ZONES[home],
        language=LANGUAGES[home],
        channels=REACHABLE,
        consents=_consents(role, random),
        value_minor=random.randrange(5_000, 200_000),
        accounts={f"{customer}-{kind}": kind for kind in _account_kinds(role, savings)} if is_banked else {},
        cards=cards if is_banked else (),
        merchants=tuple(merchant(REGULAR_MERCHANTS, random, home) for _ in range(random.randrange(8, 15))),
        usual_minor=random.randrange(30_000, 60_000) if role == "large_usual" else random.randrange(1_500, 6_000),
        salary_minor=random.randrange(220_000, 600_000),
        savings=savings,
        pays_in_full=_pays_in_full(role, random),
    )


def token(random: Random) -> str:
    """A card token: names a card, and can't be taken for its number."""
    return "tok_" + "".join(random.choice(LETTERS) for _ in range(LENGTH_OF_TOKEN))


def merchant(numbers: tuple[int, int], random: Random, home: int = 0) -> Merchant:
    """Some merchant of a range of numbers."""
    return Merchant(f"merchant-{random.randrange(*numbers)}", random.choice(CODES), COUNTRIES[home])


def _consents(role: str, random: Random) -> tuple[Channel, ...]:
    if role == "no_consent" or (role == "plain" and random.randrange(10) == 0):
        return ()
    return REACHABLE  # a plant must be able to be answered


def _pays_in_full(role: str, random: Random) -> bool:
    """Seven in ten do, where the role leaves it open."""
    drawn = random.randrange(10)
    return PAYS_IN_FULL_OF_ROLE.get(role, drawn < 7)  # noqa: PLR2004 - seven in ten


def _account_kinds(role: str, savings: Savings | None) -> list[AccountType]:
    kinds: list[AccountType] = ["checking"]
    if savings:
        kinds.append("savings")
    extra: dict[str, AccountType] = {"to_cd": "cd", "to_fund": "fund", "loan_paid_off": "loan"}
    if role in extra:
        kinds.append(extra[role])
    return kinds


def _savings(role: str, random: Random) -> Savings | None:
    if role == "yearly_tax":  # what is left and added makes up for the tax within the year
        factor = random.randrange(100, 300)
        return Savings(20_000 * factor, 1_400 * factor)
    if role == "drawn_down":
        return Savings(random.randrange(2_800_000, 4_500_000), 0)
    if role == "small_average":
        return Savings(random.randrange(200_000, 650_000), random.randrange(5_000, 10_000))
    if role in SAVERS:
        return Savings(random.randrange(1_500_000, 6_000_000), random.randrange(10_000, 40_000))
    if random.randrange(10) < 6:  # noqa: PLR2004 - six in ten of the others save
        return Savings(random.randrange(50_000, 4_000_000), random.randrange(5_000, 40_000))
    return None
