"""A TCP proxy on the broker's advertised port: what a network does to a client, done on purpose.

Kafka's framing is read, never changed: four bytes of length, then in a request the API key, its version and the
correlation id by which its answer is found again (source: the Kafka protocol guide, "Protocol primitives").
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from msgspec import Struct, field

SPARED = b"faults"  # client ids that begin so are the suite's own
INIT_PRODUCER_ID, END_TXN, TXN_OFFSET_COMMIT = 22, 26, 28
SLICE_BYTES = 3
SLICED_BYTES_MAX = 600  # of each frame: its headers and more; a whole megabyte in slices would only be slow
SLOW_BYTES = 128
SLOW_PAUSE_SECONDS = SLOW_BYTES / 1024  # 1 KB a second
_NULL = b"\xff\xff"  # in place of a transactional id: a producer without transactions, as the ticker's
_RESET = struct.pack("ii", 1, 0)  # linger for no time: a close becomes a reset


class Link(Struct, eq=False):
    """One client's connection, and the one to the broker behind it.

    Attributes:
        spared: the client is the suite's own, whose silence would show nothing.
        deaf: nothing is passed on any more.
    """

    client: asyncio.StreamWriter
    broker: asyncio.StreamWriter
    api_keys: dict[int, int] = field(default_factory=dict)
    spared: bool = False
    deaf: bool = False

    def close(self) -> None:
        """Close both sides."""
        for writer in (self.client, self.broker):
            writer.transport.abort()

    def reset(self) -> None:
        """Close both sides with a reset rather than a goodbye."""
        for writer in (self.client, self.broker):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()


class Proxy:
    """Passes frames on, unless told otherwise. `touched` counts what a fault has hit."""

    def __init__(self, broker_port: int) -> None:
        self.links: set[Link] = set()
        self.touched = 0
        self._broker_port = broker_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._slow = self._sliced = False
        self._swallow: dict[int, int] = {}

    async def cut(self, seconds: float) -> None:
        """Nothing gets through, either way; nobody is told."""
        self._flowing.clear()
        await asyncio.sleep(seconds)
        self._flowing.set()

    async def slow(self, seconds: float) -> None:
        """1 KB/s, each connection."""
        self._slow = True
        await asyncio.sleep(seconds)
        self._slow = False

    async def slice(self, seconds: float) -> None:
        """Frames arrive three bytes at a time."""
        self._sliced = True
        await asyncio.sleep(seconds)
        self._sliced = False

    async def reset(self) -> None:
        """Every connection is reset."""
        self.touched += len(self.links)
        for link in list(self.links):
            link.reset()

    async def half_open(self) -> None:
        """Every connection there is goes dead without a word; new ones work. It is for the clients to notice."""
        for link in self.links:
            if not link.spared:
                link.deaf = True
                self.touched += 1

    async def swallow(self, api_key: int, count: int, seconds: float) -> int:
        """Drop the next `count` answers to requests of this kind; gives up after a while. How many it were."""
        self._swallow[api_key] = count
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._swallow.get(api_key):  # noqa: ASYNC110 - rarely asked for, briefly waited for
                    await asyncio.sleep(0.05)
        return count - self._swallow.pop(api_key)

    async def serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection, from its beginning to its end."""
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self._broker_port)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, upstream[1])
        self.links.add(link)
        try:
            await asyncio.gather(
                self._pump(link, reader, link.broker, self._note_request),
                self._pump(link, upstream[0], link.client, self._is_swallowed),
            )
        except (OSError, asyncio.IncompleteReadError):
            pass  # one side is gone: so is the other
        finally:
            self.links.discard(link)
            link.close()

    async def _pump(
        self,
        link: Link,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        is_dropped: Callable[[Link, bytes], bool],
    ) -> None:
        while True:
            head = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(head))
            await self._flowing.wait()
            if not link.deaf and not is_dropped(link, body):
                await self._deliver(writer, head + body)

    def _note_request(self, link: Link, body: bytes) -> bool:
        api_key, _, correlation, client_length = struct.unpack_from(">hhih", body)
        link.spared = body[10:].startswith(SPARED)
        is_ticker = api_key == INIT_PRODUCER_ID and body[10 + client_length :].startswith(_NULL)
        if api_key in self._swallow and not is_ticker:
            link.api_keys[correlation] = api_key
        return False

    def _is_swallowed(self, link: Link, body: bytes) -> bool:
        api_key = link.api_keys.pop(int.from_bytes(body[:4]), -1)
        if not self._swallow.get(api_key):
            return False
        self._swallow[api_key] -= 1
        return True

    async def _deliver(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        if self._slow:
            frame = await self._in_steps(writer, frame, SLOW_BYTES, lambda: self._slow, SLOW_PAUSE_SECONDS)
        if self._sliced:
            head, rest = frame[:SLICED_BYTES_MAX], frame[SLICED_BYTES_MAX:]
            frame = await self._in_steps(writer, head, SLICE_BYTES, lambda: self._sliced, 0) + rest
        writer.write(frame)
        await writer.drain()

    async def _in_steps(
        self, writer: asyncio.StreamWriter, frame: bytes, size: int, go_on: Callable[[], bool], pause_seconds: float
    ) -> bytes:
        """Write piece by piece while that is the order; what is left."""
        while frame and go_on():
            writer.write(frame[:size])
            await writer.drain()
            frame = frame[size:]
            self.touched += 1
            await asyncio.sleep(pause_seconds)
        return frame


@asynccontextmanager
async def proxying(port: int, broker_port: int) -> AsyncIterator[Proxy]:
    """A proxy for the time of an `async with` block."""
    proxy = Proxy(broker_port)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.ensure_future(_quietly(proxy.serve_one(reader, writer)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _quietly(work: Awaitable[None]) -> None:
    """The end of a connection is nobody's error."""
    with suppress(OSError, asyncio.IncompleteReadError):
        await work
