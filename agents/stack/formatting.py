"""A broker's data folder made ready: the first time by Kafka's own tool, from then on out of what it wrote.

The tool takes a JVM and a second. Beside the ids it writes one file, the feature levels of the release: the same for
every cluster of these jars.
"""

import hashlib
import os
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agents.stack import jars

IDS, LEVELS = "meta.properties", "bootstrap.checkpoint"
_DIGEST_BYTES = hashlib.sha256().digest_size


def is_formatted(data: Path) -> bool:
    """Whether it has been made ready: the ids are written last."""
    return (data / IDS).exists()


def new_id() -> str:
    """An id as Kafka writes them."""
    return urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


def make_ready(data: Path, cache: Path, by_tool: Callable[[], None]) -> None:
    """Makes the data folder of a new broker, of a cluster of its own; `by_tool` when the cache has nothing whole."""
    kept = cache / f"levels-{hashlib.sha256(jars.BROKER.read_bytes()).hexdigest()[:16]}"
    levels = _whole(kept)
    if levels is None:
        by_tool()
        _keep(kept, (data / LEVELS).read_bytes())
        return
    data.mkdir(parents=True, exist_ok=True)
    (data / LEVELS).write_bytes(levels)
    (data / IDS).write_text(f"version=1\ncluster.id={new_id()}\nnode.id=1\ndirectory.id={new_id()}\n")


def _whole(kept: Path) -> bytes | None:
    """What was kept, if it is there and as it was written."""
    try:
        found = kept.read_bytes()
    except OSError:
        return None
    digest, levels = found[:_DIGEST_BYTES], found[_DIGEST_BYTES:]
    return levels if hashlib.sha256(levels).digest() == digest else None


def _keep(kept: Path, levels: bytes) -> None:
    """In one step, since several brokers may start at once. A cache that can't be written to keeps none from it."""
    draft = kept.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        draft.write_bytes(hashlib.sha256(levels).digest() + levels)
        draft.replace(kept)
