"""Responses are whole, however they come.

A connection with TLS is closed without waiting for the broker; a failed transaction says what failed it.
"""

import asyncio
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from socket import create_server

import pytest
import trustme
import uvloop
from aiokafka.conn import create_conn
from aiokafka.errors import CorrelationIdError, KafkaConnectionError, TopicAuthorizationFailedError
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


def answer_to(request: bytes, versions: int) -> bytes:
    """With so many versions of something."""
    content = request[8:12] + struct.pack(">hi", 0, versions) + struct.pack(">hhh", 1, 0, 3) * versions
    return struct.pack(">i", len(content)) + content


@pytest.mark.parametrize("runner", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("piece_bytes", [1, 3, 4, 7, 1000, 1 << 20])
def test_responses_are_whole_however_they_come(runner: Callable[..., None], piece_bytes: int) -> None:
    sizes = [0, 1, 0, 40_000, 3]  # of several pieces, and several in one

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer_to(await request_of(reader), 0))
        content = b"".join([answer_to(await request_of(reader), size) for size in sizes])
        pause = len(content) // 20
        for at in range(0, len(content), piece_bytes):
            writer.write(content[at : at + piece_bytes])
            if at % pause < piece_bytes:
                await writer.drain()
                await asyncio.sleep(0.001)
        await reader.read()
        writer.close()

    async def asked() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            connection = await create_conn(*server.sockets[0].getsockname())
            answers = await asyncio.gather(*(connection.send(ApiVersionRequest()) for _ in sizes))
            assert [len(one.api_versions) for one in answers] == sizes
            assert set(answers[3].api_versions) == {(1, 0, 3)}
            await connection.close()

    runner(asyncio.wait_for(asked(), SECONDS_MAX))


async def request_of(reader: asyncio.StreamReader) -> bytes:
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size))


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"\0\0\0\x09\0\0\0", CorrelationIdError), (b"\0\0\0\x02\0", KafkaConnectionError)],
    ids=["of another request", "cut short"],
)
async def test_a_response_that_is_none_closes_the_connection(content: bytes, error: type[Exception]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer_to(await request_of(reader), 0))
        await request_of(reader)
        wrong = struct.pack(">i", len(content)) + content
        writer.write(wrong + wrong)  # nobody waits for the second one any more
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        connection = await create_conn(*server.sockets[0].getsockname())
        with pytest.raises(error):
            await asyncio.wait_for(connection.send(ApiVersionRequest()), SECONDS_MAX)
        assert not connection.connected()
