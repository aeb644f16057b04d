"""Puts Kafka's responses together from the pieces that the network brings.

asyncio's reader appends each piece to a buffer, which is copied as it grows, and copies the response out of it: that
was a quarter of what recovering states took. Here the pieces wait, and are joined once.
"""

import weakref
from typing import Any

import aiokafka.conn

SIZE_BYTES = 4  # of the number in front of each response


class FrameProtocol(aiokafka.conn.AIOKafkaProtocol):  # type: ignore[misc]  # ships no types
    """Hands whole responses to a connection. The reader that aiokafka waits on hears of the connection's end only.

    Nothing holds the broker back: it sends what it was asked for, and no more.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.connection: weakref.ref[aiokafka.conn.AIOKafkaConnection] | None = None
        self._pieces: list[bytes] = []
        self._held = 0
        self._wanted, self._is_size = SIZE_BYTES, True

    def data_received(self, data: bytes) -> None:
        """One more piece."""
        self._pieces.append(data)
        self._held += len(data)
        while self._held >= self._wanted:
            content = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            part, rest = content[: self._wanted], content[self._wanted :]
            self._pieces, self._held = [rest], len(rest)
            if self._is_size:
                self._wanted, self._is_size = int.from_bytes(part), False
            else:
                self._wanted, self._is_size = SIZE_BYTES, True
                self._hand_on(part)

    def _hand_on(self, response: bytes) -> None:
        """What aiokafka's own task would do with it, which also closes the connection after an error."""
        connection, reader = self.connection() if self.connection else None, self._stream_reader
        if connection is None or reader is None or connection._reader is not reader:  # noqa: SLF001 - see `kafka_client`
            return  # it was closed: nobody waits any more
        try:
            connection._handle_frame(response)  # noqa: SLF001
        except Exception as error:  # noqa: BLE001 - whatever it is
            reader.set_exception(error)


_create_reader_task = aiokafka.conn.AIOKafkaConnection._create_reader_task  # noqa: SLF001 - see `kafka_client`


def create_reader_task(connection: aiokafka.conn.AIOKafkaConnection) -> Any:
    """Made when there is a protocol, before anything is sent."""
    connection._protocol.connection = weakref.ref(connection)  # noqa: SLF001
    return _create_reader_task(connection)
