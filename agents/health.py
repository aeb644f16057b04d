"""What an operator's machinery asks over HTTP: `/metrics`, and whether the worker lives, is ready, has started.

| path | 200 when | doesn't depend on |
|---|---|---|
| `/livez` | the event loop turned lately, no batch is older than its limit | Kafka, Redis: a restart wouldn't help |
| `/readyz` | partitions are assigned and recovered, Kafka answers, batches end | Redis: shown, not counted |
| `/startupz` | the first recovery has finished | |

Else 503. All three answer JSON, one entry for each check. There is nothing to change here, so there is no token; it
listens on loopback unless `BELLWETHER_HTTP` says otherwise, since even numbers tell of a business.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from msgspec import Struct, json
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

ADDRESS = "127.0.0.1:9187"
TURN_SECONDS = 1.0
QUIET_SECONDS_MAX = 10.0  # Kafka answers a fetch a hundred times a second, and a batch takes milliseconds
_PORT_MAX = 65_535


class AddressError(Exception):
    """The address to listen on is no address, or is taken. The message is for the person at the terminal."""


class Check(Struct, frozen=True):
    """One answer: `counts` False is shown, but doesn't make the whole fail."""

    ok: bool
    detail: str
    counts: bool = True


Checks = Mapping[str, Check]


class Health:
    """The facts, noted by the worker as they happen; never raises, never waits.

    Args:
        redis_ok: whether the views' Redis answers; shown only.
        kafka_quiet_seconds: how long ago Kafka last answered, for the partition where that is longest ago.
        loop_seconds_max: the event loop counts as stuck when its pulse is older.
        batch_seconds_max: a batch counts as stuck when it began earlier than that.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        redis_ok: Callable[[], bool] = lambda: True,
        kafka_quiet_seconds: Callable[[], float] = lambda: 0.0,
        loop_seconds_max: float = 10.0,
        batch_seconds_max: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis_ok = redis_ok
        self._kafka_quiet_seconds = kafka_quiet_seconds
        self._loop_seconds_max = loop_seconds_max
        self._batch_seconds_max = batch_seconds_max
        self._clock = clock
        self._turned_at = clock()
        self._batches: dict[int, float] = {}
        self._assigned = 0
        self._recovered = self._started = False

    def loop_turned(self) -> None:
        """The event loop got round to us."""
        self._turned_at = self._clock()

    def batch_started(self, number: int) -> None:
        """A batch of this partition number began."""
        self._batches[number] = self._clock()

    def batch_ended(self, number: int) -> None:
        """It is over, one way or the other."""
        self._batches.pop(number, None)

    def assigned(self, partitions: int) -> None:
        """So many partitions are ours since the last rebalance, not recovered yet."""
        self._assigned = partitions
        self._recovered = False

    def recovered(self) -> None:
        """The state of the assigned partitions is there."""
        self._recovered = self._started = True

    def alive(self) -> Checks:
        """For `/livez`."""
        turned = self._clock() - self._turned_at
        return {
            "event_loop": Check(turned <= self._loop_seconds_max, f"turned {turned:.1f} s ago"),
            "batch": self._oldest_batch(self._batch_seconds_max),
        }

    def ready(self) -> Checks:
        """For `/readyz`."""
        redis, quiet = self._redis_ok(), self._kafka_quiet_seconds()
        return {
            "partitions": Check(self._assigned > 0, f"{self._assigned} assigned"),
            "recovery": Check(self._recovered, "finished" if self._recovered else "under way"),
            "kafka": Check(quiet <= QUIET_SECONDS_MAX, f"answered {quiet:.1f} s ago"),
            "batch": self._oldest_batch(QUIET_SECONDS_MAX),
            "redis": Check(redis, "answers" if redis else "away; views catch up later", counts=False),
        }

    def started(self) -> Checks:
        """For `/startupz`."""
        return {"first_recovery": Check(self._started, "finished" if self._started else "under way")}

    def _oldest_batch(self, seconds_max: float) -> Check:
        now = self._clock()
        oldest = now - min(self._batches.values(), default=now)
        return Check(oldest <= seconds_max, f"the oldest under way began {oldest:.1f} s ago")


@asynccontextmanager
async def serving(address: str, health: Health, registry: CollectorRegistry) -> AsyncIterator[str]:
    """Answers in this event loop for the time of an `async with` block; gives the URL, without a slash at its end.

    Raises:
        AddressError: `address` can't be read or used.
    """
    host, port = _host_and_port(address)
    runner = web.AppRunner(_application(health, registry), access_log=None, keepalive_timeout=10)
    await runner.setup()
    pulse = asyncio.create_task(_pulse(health))
    try:
        site = web.TCPSite(runner, host, port)
        await _start(site, address)
        yield f"http://{f'[{host}]' if ':' in host else host}:{runner.addresses[0][1]}"
    finally:
        pulse.cancel()
        await runner.cleanup()


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _PORT_MAX:
        raise AddressError(f"BELLWETHER_HTTP is {address!r}; expected host:port, such as {ADDRESS}.")
    return host.removeprefix("[").removesuffix("]"), int(port)


async def _start(site: web.TCPSite, address: str) -> None:
    try:
        await site.start()
    except OSError as error:
        raise AddressError(
            f"Can't listen on {address} for metrics and health ({error.strerror}).\n"
            "Stop what listens there, or set BELLWETHER_HTTP to another host:port; port 0 takes a free one."
        ) from error


async def _pulse(health: Health) -> None:
    while True:
        health.loop_turned()
        await asyncio.sleep(TURN_SECONDS)


def _application(health: Health, registry: CollectorRegistry) -> web.Application:
    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    application = web.Application()
    application.add_routes(
        [
            web.get("/metrics", metrics),
            web.get("/livez", _probe(health.alive)),
            web.get("/readyz", _probe(health.ready)),
            web.get("/startupz", _probe(health.started)),
        ]
    )
    return application


def _probe(ask: Callable[[], Checks]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        checks = ask()
        failed = any(check.counts and not check.ok for check in checks.values())
        return web.Response(
            status=503 if failed else 200,
            body=json.encode({"status": "failed" if failed else "ok", "checks": checks}) + b"\n",
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    return answer
