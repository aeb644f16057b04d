"""Where things are: addresses from the environment, checked before anything is opened."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

KAFKA = "BELLWETHER_KAFKA"
REDIS = "BELLWETHER_REDIS"
HTTP = "BELLWETHER_HTTP"
CONFIG = "BELLWETHER_CONFIG"
DEAD_LETTERS = "BELLWETHER_DEADLETTERS"  # limits as in in_a_row_max=100,ratio_max=0.5,window=1000, or unlimited
# wall-clock, none, or event-time:DURATION with how far behind the newest event ticks stay
TICKS = "BELLWETHER_TICKS"
PACKAGED_CONFIG = Path(__file__).parent.parent / "config"
PORT_MAX = 65_535


class SettingsError(Exception):
    """An address in the environment can't be one. The message names the variable; it never quotes a password."""


class Settings(Struct, frozen=True, kw_only=True):
    """What the environment says, defaults filled in.

    Attributes:
        kafka: bootstrap servers, `host:port`, several with commas between.
        redis: `redis://host:port/number`; may hold a password, so never print it.
        http: where the worker's probes and metrics listen, `host:port`; port 0 takes a free one.
        config: the folder with `triggers.yaml`, `policy.yaml` and `sources.yaml`.
    """

    kafka: str = "127.0.0.1:9092"
    redis: str = "redis://127.0.0.1:6379/0"
    http: str = "127.0.0.1:9187"
    config: Path = PACKAGED_CONFIG


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and check the settings; what isn't set, or set to nothing, has its default.

    Raises:
        SettingsError: a value can't be what it should be.
    """
    given = {name: environment.get(name, "").strip() for name in (KAFKA, REDIS, HTTP, CONFIG)}
    default = Settings()
    return Settings(
        kafka=_kafka(given[KAFKA] or default.kafka),
        redis=_redis(given[REDIS] or default.redis),
        http=_host_and_port(HTTP, given[HTTP] or default.http, port_min=0),
        config=Path(given[CONFIG]) if given[CONFIG] else default.config,
    )


def _kafka(value: str) -> str:
    return ",".join(_host_and_port(KAFKA, one.strip()) for one in value.split(","))


def _host_and_port(name: str, value: str, port_min: int = 1) -> str:
    host, _, port = value.rpartition(":")
    if (
        not host
        or set(host) & set("/@ ")
        or not (port.isascii() and port.isdigit() and port_min <= int(port) <= PORT_MAX)
    ):
        shown = value.rpartition("@")[2]  # a password would stand before it
        raise SettingsError(f"{name}: expected host:port, as in 127.0.0.1:9092, got {shown!r}.")
    return value


def _redis(value: str) -> str:
    problem = SettingsError(f"{REDIS}: expected a URL as in redis://127.0.0.1:6379/0 (rediss:// with TLS).")
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in ("redis", "rediss") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number; the original message would quote it, and a password with it
        raise problem from None
    if not is_good:
        raise problem
    return value
