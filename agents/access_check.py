"""Whether Kafka and Redis let us in, asked before a worker joins its group: a clear word instead of a stuck worker.

aiokafka takes a wrong password and an unknown certificate for a broker that is away, and tries again for ever. A broker
or a Redis that doesn't answer at all is none of this module's: whoever needs it waits for it, as ever.
"""

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import errors
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from agents import kafka_rights, settings
from agents.rights import Right, worker
from agents.settings import Settings
from agents.stop import is_refusal
from agents.views.store import Store
from streams.sources import Sources

CONNECT_SECONDS_MAX = 5.0
REDIS_SECONDS_MAX = 2.0  # a frozen Redis mustn't keep a worker from its decisions for long
MS_PER_SECOND = 1000
GUIDE = "docs/deployment.md"


class AccessRefusedError(Exception):
    """Kafka or Redis doesn't let us in, or grants too little. Each line says what, and what to look at."""


async def require(known: Settings, read: Sources) -> None:
    """Ask both; of Kafka, whether it grants what a worker of these sources needs.

    Without TLS and credentials Kafka isn't asked.

    Raises:
        AccessRefusedError: all that they refuse.
    """
    refused = [*await kafka_refusals(known, worker(read)), *await redis_refusals(known)]
    if refused:
        raise AccessRefusedError("\n".join(refused))


async def kafka_refusals(known: Settings, rights: Sequence[Right] = ()) -> list[str]:
    """What Kafka refuses, of these rights too; empty also where it is out of reach."""
    if known.kafka_access.protocol == "PLAINTEXT":
        return []
    for server in known.kafka.split(","):
        try:
            connection = await _connected(server, known.kafka_access.options())
        except (OSError, KafkaError, TimeoutError) as error:
            if said := _kafka_refusal(error, server, known):
                return [said]  # the next server would count one more failure against the user
            continue
        try:
            missing = await kafka_rights.missing(connection, rights) if rights else []
        except (OSError, KafkaError, TimeoutError):
            continue
        finally:
            connection.close()
        user = repr(known.kafka_access.username) if known.kafka_access.has_sasl else "the certificate's owner"
        return [f"Kafka doesn't grant {user} {one}. Grant it: {GUIDE}, rights." for one in missing]
    return []


async def _connected(server: str, options: dict[str, Any]) -> AIOKafkaConnection:
    host, _, port = server.rpartition(":")
    async with asyncio.timeout(CONNECT_SECONDS_MAX):
        limit_ms = int(CONNECT_SECONDS_MAX * MS_PER_SECOND)
        return await create_conn(host.strip("[]"), int(port), request_timeout_ms=limit_ms, **options)


def _kafka_refusal(error: Exception, server: str, known: Settings) -> str | None:
    """Why the server refuses, and what to look at; None if it is only away."""
    access = known.kafka_access
    if (said := _tls_refusal(error, settings.KAFKA)) is not None:
        return f"Kafka at {server}: {said}"
    if isinstance(error, errors.SaslAuthenticationFailed):
        return (
            f"Kafka at {server} doesn't know user {access.username!r} with this password ({access.mechanism}). "
            f"Look at {settings.KAFKA}_SASL_USERNAME, _SASL_PASSWORD or _SASL_PASSWORD_FILE, and _SASL_MECHANISM."
        )
    if isinstance(error, errors.UnsupportedSaslMechanismError | errors.IllegalSaslStateError):
        return (
            f"Kafka at {server} takes no {access.mechanism} on this port. "
            f"Look at {settings.KAFKA}_SASL_MECHANISM and {settings.KAFKA}_SECURITY_PROTOCOL."
        )
    return None


def _tls_refusal(error: BaseException, prefix: str) -> str | None:
    """What is wrong with TLS, if that is what the error, or a cause of it, says."""
    for one in _causes(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            return (
                f"its certificate isn't trusted ({one.verify_message}). "
                f"Look at {prefix}_SSL_CAFILE, the name in the address, and the certificate's dates."
            )
        if isinstance(one, ssl.SSLError) and not isinstance(one, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return (
                f"no TLS comes about ({one.reason}). Is this the port with TLS? "
                f"If the server wants a certificate of ours: {prefix}_SSL_CERTFILE and {prefix}_SSL_KEYFILE."
            )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__


async def redis_refusals(known: Settings) -> list[str]:
    """What Redis refuses, asked as the views will ask; empty also where it is out of reach."""
    store = Store(known.redis, REDIS_SECONDS_MAX)
    try:
        await store.is_another()
    except (OSError, RedisError, TimeoutError) as error:
        if (said := _tls_refusal(error, settings.REDIS)) is not None:
            return [f"Redis: {said}"]
        if is_refusal(error):
            look_at = f"{settings.REDIS}_USERNAME, {settings.REDIS}_PASSWORD or {settings.REDIS}_PASSWORD_FILE"
            return [f"Redis refuses us ({type(error).__name__}). Look at {look_at}, and at its own access rules."]
    finally:
        await store.close()
    return []
