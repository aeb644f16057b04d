"""The conversation with Redis: one connection, one script for writing, one for looking through what is there."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from importlib.resources import files
from typing import Any, cast

from msgspec import Struct, msgpack
from redis.asyncio import Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agents import clients
from agents.views.drafts import Field

CUSTOMER = b"bellwether:customer:"
RANKING = b"bellwether:customers-at-risk"
LEASES = b"bellwether:views"
WRITTEN, EMPTIED, REFUSED = 1, 0, -1  # the script's answers
_SLICES = 5


class Chunk(Struct, frozen=True):
    """Views of one partition on their way. `fields`: position, document, rank of each key, as the script says."""

    partition: int
    lease: str
    attempt: int
    claim: bool
    keys: Sequence[bytes] = ()
    fields: Sequence[Field] = ()


class Store:
    """Redis as the views see it. Every call keeps to the time limit and raises `RedisError` or `TimeoutError`."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._fresh = True
        self._server: bytes | None = None
        self._scripts: list[str] = []
        # No socket time-outs and no retries of the library's: the limit is `_within`, the retry is the next round.
        self._redis: Redis = Redis.from_url(
            **clients.to_redis(url),
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=self._connected,
            max_connections=1,
            protocol=2,
        )

    async def is_another(self) -> bool:
        """Greets Redis after a new connection. True: it was restarted or replaced, whatever it holds may be old."""
        if not self._fresh:
            return False
        pipeline = self._redis.pipeline(transaction=False)
        for name in ("write.lua", "page.lua"):
            pipeline.script_load(files("agents.views").joinpath(name).read_text(encoding="utf-8"))
        pipeline.info("server")
        *self._scripts, server = await self._within(pipeline.execute())
        self._fresh = False
        known, self._server = self._server, server["run_id"]
        return known not in {None, self._server}

    async def write(self, chunks: Iterable[Chunk]) -> list[int]:
        """Sends all chunks at once; one answer for each."""
        pipeline = self._redis.pipeline(transaction=False)
        for chunk in chunks:
            keys = (LEASES, RANKING, *(CUSTOMER + key for key in chunk.keys))
            head = (chunk.partition, chunk.lease, chunk.attempt, int(chunk.claim), len(CUSTOMER))
            packed = msgpack.encode(
                chunk.fields
            )  # one argument, the library is slow with many; no bytes: Redis can't read them
            pipeline.evalsha(self._scripts[0], len(keys), *keys, *head, packed)
        return cast("list[int]", await self._within(pipeline.execute()))

    async def page(self, cursor: bytes) -> tuple[bytes, list[tuple[bytes, int]]]:
        """Some customers that have a view, with their partitions, and the cursor of the next page; `0` ends it."""
        following, *found = await self._within(self._redis.evalsha(self._scripts[1], 0, cursor, CUSTOMER + b"*"))
        pairs = zip(found[::2], found[1::2], strict=True)
        return following, [(key[len(CUSTOMER) :], int(partition)) for key, partition in pairs if partition]

    async def close(self) -> None:
        """Closes the connection; the next call opens it again."""
        await self._redis.aclose()

    def forget_connection(self) -> None:
        """After a failure: greet again, be it that the scripts were lost."""
        self._fresh = True

    async def _connected(self, connection: Connection) -> None:
        self._fresh = True
        await connection.on_connect()

    async def _within(self, work: Awaitable[Any]) -> Any:
        """Waits for `work` as long as the limit says, in slices: only time in which our event loop turned counts.

        A time-out of asyncio's strikes when a long batch held the loop, though the answer is there, unread.
        """
        task = asyncio.ensure_future(work)
        try:
            for _ in range(_SLICES):
                if (await asyncio.wait({task}, timeout=self._timeout_seconds / _SLICES))[0]:
                    return task.result()
        finally:
            task.cancel()
        await asyncio.wait({task})
        raise TimeoutError(f"Redis gave no answer within {self._timeout_seconds:g} s")
