"""What the table keeps of a partition itself, and whether the rest of the table is what it says."""

from collections.abc import Mapping, MutableMapping

import msgspec
from msgspec import Struct

from streams import state

PARTITION_KEY = b"\x00partition"  # no customer's: an identifier begins with a printable character
CONFIG_KEY = b"\x00config"
FORGOTTEN_KEY = b"\x00forgotten"
RUNAWAY_KEY = b"\x00runaway"
SOURCES_KEY = b"\x00sources"  # how far the sources were read: beside the state, and no part of what the journal gives
RESERVED_KEYS = frozenset((PARTITION_KEY, CONFIG_KEY, FORGOTTEN_KEY, RUNAWAY_KEY, SOURCES_KEY))


class DamagedState(ValueError):  # noqa: N818 - it says what is the matter
    """A table that can't be what this partition wrote; says why, without a customer."""


class PartitionRecord(Struct, array_like=True):
    """What the table keeps of the partition itself.

    Attributes:
        position: the last applied journal offset.
        clock_ms: the last tick.
        records: how many other records the table has; -1 where an earlier release didn't count.
        content_bytes: how many bytes those have in all.
        refused: the last config version, if it doesn't fit the release that read it; the one before goes on deciding.
    """

    position: int = -1
    clock_ms: int = -1
    records: int = -1
    content_bytes: int = -1
    refused: str = ""


def take_record(table: MutableMapping[bytes, bytes]) -> PartitionRecord:
    """The partition's record, taken out of the table, if the rest is what it says.

    What has the right size and can be read is not looked into: a digest of all content would cost more than a tenth of
    an event.

    Raises:
        DamagedState: it isn't.
    """
    try:
        record = msgspec.msgpack.decode(table.pop(PARTITION_KEY, b"\x90"), type=PartitionRecord)
    except msgspec.MsgspecError as error:
        raise DamagedState("the partition's own record can't be read") from error
    records, content_bytes = len(table), sum(map(len, table.values()))
    if record.position < 0 and records:
        raise DamagedState(f"{records} records, and none says which journal offset they belong to")
    if record.records < 0:  # an earlier release's, or a new partition
        record.records, record.content_bytes = records, content_bytes
    if record.records != records:
        raise DamagedState(f"{records} records, {record.records} were written")
    if record.content_bytes != content_bytes:
        raise DamagedState(f"{content_bytes} bytes in {records} records, {record.content_bytes} were written")
    return record


def weight(
    changes: Mapping[bytes, bytes | None], table: Mapping[bytes, bytes], own: Mapping[bytes, bytes | None]
) -> tuple[int, int]:
    """How many records, and bytes of content, these changes add to the table and the partition's own records."""
    records = content_bytes = 0
    for key, blob in changes.items():
        before = table.get(key) or own.get(key)
        if before is not None:
            records -= 1
            content_bytes -= len(before)
        if blob is not None:
            records += 1
            content_bytes += len(blob)
    return records, content_bytes


def header(blob: bytes, position: int) -> state.Header:
    """The first fields of a customer's record, when the partition is at this position.

    Raises:
        DamagedState: they can't be, or can't be read.
    """
    try:
        header = state.decode_header(blob)
    except msgspec.MsgspecError as error:
        raise DamagedState("a customer's record can't be read") from error
    if header.position > position:
        raise DamagedState(f"a record of journal offset {header.position}, the partition is at {position}")
    return header
