"""What every client of Kafka and Redis is made with: the address, and how we get in there.

The one place where credentials meet a client; `tests/test_clients.py` sees to it that none is made without. They are
read again for each client, so that what was renewed in a file counts from the next connection on.
"""

from typing import Any

from agents import settings


def to_kafka(bootstrap: str) -> dict[str, Any]:
    """For any of aiokafka's clients.

    Raises:
        SettingsError: what the environment names can't be read any more.
    """
    return {"bootstrap_servers": bootstrap, **settings.load().kafka_access.options()}


def to_redis(url: str) -> dict[str, Any]:
    """For `Redis.from_url`. Raises as `to_kafka`."""
    return {"url": url, **settings.load().redis_access.options()}
