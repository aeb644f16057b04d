"""A Kafka with TLS, SCRAM users and access control, and a Redis with TLS and a password: real ones, for tests.

Kafka has a second, plain listener, on which everybody may do everything: the test's own way in. The Redis of the local
stack is built without TLS; a small TLS end of the test's own stands before it, so that what clients see is real.
"""

import asyncio
import secrets
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import msgspec
import redis
import trustme
from cryptography.hazmat.primitives import serialization

from agents import stack
from agents.rights import OPERATOR, REDIS_COMMANDS, REDIS_KEYS, WORKER, Right
from agents.stack import process
from tests.integration.kafka_users import grant, make_users

HOST = "127.0.0.1"
# Of all that a worker needs, what the user `limited` lacks.
LACKING = (Right("topic", "decisions", ("WRITE",)), Right("group", "bellwether", ("READ",)))


class Secured(NamedTuple):
    """Where things are: as they should be, and with a certificate whose time is over.

    `passwords`: by user; `redis_password`: of Redis' default user and of `views`.
    """

    cluster: stack.Stack
    folder: Path
    kafka: str
    expired: str
    redis: str
    expired_redis: str
    passwords: Mapping[str, str]
    redis_password: str

    def environment(self, user: str, **changed: str) -> dict[str, str]:
        """How that user's commands and workers get in; `changed`: variables without the part before BELLWETHER_."""
        given = {
            "KAFKA": self.kafka,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD_FILE": str(self.folder / f"{user}.password"),
            "KAFKA_SSL_CAFILE": str(self.folder / "authority.pem"),
            "REDIS": self.redis,
            "REDIS_USERNAME": "views",
            "REDIS_PASSWORD_FILE": str(self.folder / "redis.password"),
            "REDIS_SSL_CAFILE": str(self.folder / "authority.pem"),
            "HTTP": f"{HOST}:0",
        } | changed
        return {f"BELLWETHER_{name}": value for name, value in given.items()}

    def secrets(self) -> list[str]:
        """What nobody may ever print."""
        return [*self.passwords.values(), self.redis_password]


@contextmanager
def secured(folder: Path) -> Iterator[Secured]:
    """Both servers, and users with exactly the rights that are documented, `limited` with some less."""
    passwords = {user: secrets.token_hex(12) for user in ("worker", "operator", "limited")}
    redis_password = secrets.token_hex(12)
    for user, password in {**passwords, "redis": redis_password, "wrong": secrets.token_hex(12)}.items():
        (folder / f"{user}.password").write_text(f"{password}\n")
    certificates(folder)
    client, own, controller, scram, expired = process.free_ports(5)
    ports = {"CLIENT": client, "OWN": own, "CONTROLLER": controller, "SCRAM": scram, "EXPIRED": expired}
    cluster = stack.up(folder / "stack", kafka_port=client, kafka_properties=broker(ports, folder))
    try:
        asyncio.run(people(cluster.kafka, passwords))
        with redis.Redis.from_url(cluster.redis) as connection:
            connection.acl_setuser(
                "views",
                enabled=True,
                passwords=[f"+{redis_password}"],
                keys=[REDIS_KEYS],
                commands=list(REDIS_COMMANDS),
            )
            connection.config_set("requirepass", redis_password)
        plain = cluster.redis_part.port or 0
        with TlsEnd(folder / "server.pem", plain) as good, TlsEnd(folder / "expired.pem", plain) as old:
            kafka = [f"{HOST}:{port}" for port in (scram, expired)]
            redis_urls = [f"rediss://{HOST}:{port}/0" for port in (good, old)]
            yield Secured(cluster, folder, *kafka, *redis_urls, passwords, redis_password)
    finally:
        cluster.down()


def certificates(folder: Path) -> None:
    """An authority, one that nobody uses, and the server's certificates: a good one, and one of the past."""
    authority, yesterday = trustme.CA(), datetime.now(UTC) - timedelta(days=1)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    trustme.CA().cert_pem.write_to_path(str(folder / "stranger.pem"))
    for name, until in (("server", None), ("expired", yesterday)):
        issued = authority.issue_cert(HOST, not_before=yesterday - timedelta(days=1), not_after=until)
        key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
        (folder / f"{name}.pem").write_bytes(key + chain)


def broker(ports: Mapping[str, int], folder: Path) -> dict[str, str]:
    """Server properties: SCRAM and EXPIRED want TLS and a user, the others take everybody for a superuser."""
    listeners = [f"{name}://{HOST}:{port}" for name, port in ports.items()]
    properties = {
        "listeners": ",".join(listeners),
        "advertised.listeners": ",".join(one for one in listeners if not one.startswith("CONTROLLER")),
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,OWN:PLAINTEXT,CONTROLLER:PLAINTEXT,"
        "SCRAM:SASL_SSL,EXPIRED:SASL_SSL",
        "controller.quorum.voters": f"1@{HOST}:{ports['CONTROLLER']}",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    for name, pem in (("scram", "server.pem"), ("expired", "expired.pem")):
        listener = f"listener.name.{name}"
        properties |= {
            f"{listener}.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            f"{listener}.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule "
            "required;",
            f"{listener}.ssl.keystore.type": "PEM",
            f"{listener}.ssl.keystore.location": str(folder / pem),
        }
    return properties


async def people(kafka: str, passwords: Mapping[str, str]) -> None:
    """The users, and what each may do."""
    await make_users(kafka, passwords)
    await grant(kafka, "worker", WORKER)
    await grant(kafka, "operator", OPERATOR)
    await grant(kafka, "limited", without(WORKER, LACKING))


def without(rights: Iterable[Right], lacking: Iterable[Right]) -> list[Right]:
    """These rights, without the operations that are lacking."""
    taken = {(one.resource, one.name): one.operations for one in lacking}
    return [
        msgspec.structs.replace(
            one,
            operations=tuple(what for what in one.operations if what not in taken.get((one.resource, one.name), ())),
        )
        for one in rights
    ]


class TlsEnd(AbstractContextManager[int]):
    """Takes TLS connections on a free port, in a thread of its own, and hands what they say to a plain one."""

    def __init__(self, pem: Path, port: int) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(pem)
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        serving = asyncio.start_server(self._connected, HOST, 0, ssl=self._context)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(10)
        return int(self._server.sockets[0].getsockname()[1])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        plain_reader, plain_writer = await asyncio.open_connection(HOST, self._port)
        await asyncio.gather(_pump(reader, plain_writer), _pump(plain_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while some := await reader.read(1 << 16):
                writer.write(some)
                await writer.drain()
    finally:
        writer.close()
