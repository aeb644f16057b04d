"""Where things are and how we get in: all that the environment says, checked before anything is opened."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from agents.access import KafkaAccess, RedisAccess
from agents.access_settings import kafka_access, misspelt, redis_access

KAFKA = "BELLWETHER_KAFKA"
REDIS = "BELLWETHER_REDIS"
HTTP = "BELLWETHER_HTTP"
CONFIG = "BELLWETHER_CONFIG"
STATE_DIRECTORY = "BELLWETHER_STATE_DIRECTORY"
DEAD_LETTERS = "BELLWETHER_DEADLETTERS"  # limits as in in_a_row_max=100,ratio_max=0.5,window=1000, or unlimited
# wall-clock, none, or event-time:DURATION with how far behind the newest event ticks stay
TICKS = "BELLWETHER_TICKS"
PACKAGED_CONFIG = Path(__file__).parent.parent / "config"
PORT_MAX = 65_535


class SettingsError(Exception):
    """What the environment says can't be. Each line of the message names a variable; it never quotes a secret."""


class Settings(Struct, frozen=True, kw_only=True):
    """What the environment says, defaults filled in.

    Attributes:
        kafka: bootstrap servers, `host:port`, several with commas between.
        redis: `redis://host:port/number`; may hold a password, so never print it.
        http: where the worker's probes and metrics listen, `host:port`; port 0 takes a free one.
        config: the folder with `triggers.yaml`, `policy.yaml` and `sources.yaml`.
        state_directory: where workers keep states in files; None: they keep them in memory.
        kafka_access: TLS and credentials of Kafka.
        redis_access: those of Redis, beside what is in its URL.
    """

    kafka: str = "127.0.0.1:9092"
    redis: str = "redis://127.0.0.1:6379/0"
    http: str = "127.0.0.1:9187"
    config: Path = PACKAGED_CONFIG
    state_directory: Path | None = None
    kafka_access: KafkaAccess = KafkaAccess()
    redis_access: RedisAccess = RedisAccess()


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and check the settings; what isn't set, or set to nothing, has its default.

    Raises:
        SettingsError: values can't be what they should be; a line for each.
    """
    given = {name: environment.get(name, "").strip() for name in (KAFKA, REDIS, HTTP, CONFIG, STATE_DIRECTORY)}
    default = Settings()
    problems = list(misspelt(environment))
    settings = Settings(
        kafka=given[KAFKA] or default.kafka,
        redis=given[REDIS] or default.redis,
        http=given[HTTP] or default.http,
        config=Path(given[CONFIG]) if given[CONFIG] else default.config,
        state_directory=Path(given[STATE_DIRECTORY]) if given[STATE_DIRECTORY] else None,
        kafka_access=kafka_access(environment, problems),
        redis_access=redis_access(environment, problems, has_tls=given[REDIS].startswith("rediss://")),
    )
    servers = [one.strip() for one in settings.kafka.split(",")]
    problems += [problem for one in servers for problem in _address_problems(KAFKA, one)]
    problems += _address_problems(HTTP, settings.http, port_min=0)
    problems += _redis_problems(settings)
    folder = settings.state_directory
    if folder and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        problems.append(f"{STATE_DIRECTORY}: expected a folder that can be written to, got {given[STATE_DIRECTORY]!r}.")
    if problems:
        raise SettingsError("\n".join(problems))
    return msgspec.structs.replace(settings, kafka=",".join(servers))


def _address_problems(name: str, value: str, port_min: int = 1) -> Iterator[str]:
    host, _, port = value.rpartition(":")
    if (
        not host
        or set(host) & set("/@ ")
        or not (port.isascii() and port.isdigit() and port_min <= int(port) <= PORT_MAX)
    ):
        shown = value.rpartition("@")[2]  # a password would stand before it
        yield f"{name}: expected host:port, as in 127.0.0.1:9092, got {shown!r}."


def _redis_problems(settings: Settings) -> Iterator[str]:
    try:
        parts = urlsplit(settings.redis)
        is_good = parts.scheme in ("redis", "rediss") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number; the message would quote it, and a password with it
        is_good = False
    if not is_good:
        yield f"{REDIS}: expected a URL as in redis://127.0.0.1:6379/0 (rediss:// with TLS)."
    elif parts.query:  # the client would take `ssl_cert_reqs=none` from there
        yield f"{REDIS}: expected no options behind a question mark; TLS files have variables of their own."
    elif parts.password and settings.redis_access.password:
        yield f"{REDIS}: expected without a password, since {REDIS}_PASSWORD or {REDIS}_PASSWORD_FILE gives one."
