"""Closing a connection with TLS doesn't wait for a broker that says nothing."""

import asyncio
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from socket import create_server

import pytest
import trustme
from aiokafka.conn import create_conn

from agents import kafka_client

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
