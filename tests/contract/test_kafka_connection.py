"""A connection with TLS is closed without waiting for the broker; a failed transaction says what failed it."""

import asyncio
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from socket import create_server

import pytest
import trustme
import uvloop
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.protocol.metadata import MetadataResponse_v0

from agents import kafka_client
from agents.kafka_log import KafkaLog
from agents.unit_of_work import Place, Record

SECONDS_MAX = 10  # the event loops wait for 30


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def silent(authority: trustme.CA) -> Iterator[int]:
    """The port of a server that tells its versions, none, and from then on neither reads nor writes."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    over = threading.Event()
    with create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError), context.wrap_socket(listening.accept()[0], server_side=True) as connection:
                request = connection.recv(1024)
                answer = request[8:12] + struct.pack(">hi", 0, 0)  # the correlation id, no error, no versions
                connection.sendall(struct.pack(">i", len(answer)) + answer)
                over.wait()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        over.set()
        thread.join()


async def test_a_connection_is_closed_at_once(authority: trustme.CA, silent: int) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    connection = await create_conn("127.0.0.1", silent, security_protocol="SSL", ssl_context=context)
    assert type(connection).close is kafka_client.close
    async with asyncio.timeout(SECONDS_MAX):
        await connection.close()


def test_a_connection_whose_transport_uvloop_has_closed_is_an_error_that_aiokafka_knows() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readexactly(12)
        answer = request[8:12] + struct.pack(">hi", 0, 0)  # the correlation id, no error, no versions
        writer.write(struct.pack(">i", len(answer)) + answer)
        await reader.read()
        writer.close()

    async def written_too_late() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            connection = await create_conn(*server.sockets[0].getsockname())
            connection._writer.transport.abort()
            await asyncio.sleep(0)
            with pytest.raises(KafkaConnectionError):
                connection.send(ApiVersionRequest())
            await connection.close()

    uvloop.run(asyncio.wait_for(written_too_late(), SECONDS_MAX))


async def test_a_transaction_that_failed_behind_our_backs_tells_why() -> None:
    log = KafkaLog("127.0.0.1:9", "bellwether-0", "bellwether")
    manager = log._producer._txn_manager
    manager.set_pid_and_epoch(1, 0)
    partitions = [(0, 0, 1, [1], [1])]
    log._producer.client.cluster.update_metadata(
        MetadataResponse_v0([(1, "127.0.0.1", 9)], [(0, "decisions", partitions)])
    )
    await log.begin()
    manager.error_transaction(TopicAuthorizationFailedError("decisions"))
    with pytest.raises(TopicAuthorizationFailedError):
        await log.commit({Place("customer-journal", 0): 1})
    with pytest.raises(TopicAuthorizationFailedError):
        await log.append(Place("decisions", 0), [Record(b"customer", b"decision")])
    log._producer._closed = True  # it was never started, so it can't be stopped
