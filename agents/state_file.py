"""A partition's states in a file instead of memory, for more customers than memory holds.

The file has no name and is nobody's to keep: the changelog is the truth, and a worker that starts reads that. So
nothing is forced to the disk, nothing is recovered from it, and what changes is overwritten in place. The kernel keeps
in memory what is used, as far as there is room; as with memory that was swapped out, what comes back is not checked.
"""

import errno
import os
import tempfile
import weakref
from collections.abc import ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from pathlib import Path
from typing import TypeVar

UNIT_BYTES = 256  # a blob has whole units, so that one that grew a little stays where it is
LENGTH_BITS = 28  # of an address: the blob's length; above them the number of its first unit
LENGTH_MASK = (1 << LENGTH_BITS) - 1
WINDOW_BYTES = 1 << 16  # read at once for who wants all: what was written together lies together
RECENT_MAX = 1024  # blobs also kept in memory: a batch, and who shows what it changed, ask for each several times
Default = TypeVar("Default")


class StateFile(MutableMapping[bytes, bytes]):
    """Blobs by key; in memory are the keys, and where each blob lies. The file goes with the object.

    Raises:
        OSError: the folder can't be written to, or the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed when nobody has this object
        weakref.finalize(self, file.close)
        self._file, self._folder = file.fileno(), folder
        self._addresses: dict[bytes, int] = {}
        self._free: dict[int, list[int]] = {}  # first units of what was given up, by how many units it had
        self._units = 0
        self._recent: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._addresses)

    def __contains__(self, key: object) -> bool:
        return key in self._addresses

    def __getitem__(self, key: bytes) -> bytes:
        blob = self._recent.get(key)
        if blob is None:
            address = self._addresses[key]
            blob = os.pread(self._file, address & LENGTH_MASK, (address >> LENGTH_BITS) * UNIT_BYTES)
            self._keep(key, _whole(blob, address))
        return blob

    def get(self, key: bytes, default: Default | None = None) -> bytes | Default | None:  # type: ignore[override]
        """The blob, or the default: as in any mapping, without an exception for each new customer."""
        return self[key] if key in self._addresses else default

    def __setitem__(self, key: bytes, blob: bytes) -> None:
        self._write(self._place(key, len(blob)), _padded(blob))
        self._keep(key, blob)

    def __delitem__(self, key: bytes) -> None:
        self._give_up(self._addresses.pop(key))
        self._recent.pop(key, None)

    def update(self, changes: Mapping[bytes, bytes]) -> None:  # type: ignore[override]
        """Set all of these; those that come to lie one after the other are one write."""
        run: list[bytes] = []
        began = end = 0
        for key, blob in changes.items():
            self._recent.pop(key, None)
            at = self._place(key, len(blob))
            if at != end:
                self._write(began, b"".join(run))
                run, began = [], at
            run.append(_padded(blob))
            end = at + len(run[-1])
        self._write(began, b"".join(run))

    def values(self) -> ValuesView[bytes]:
        """All blobs, read a window at a time."""
        return _Values(self)

    def items(self) -> ItemsView[bytes, bytes]:
        """All keys with their blobs, read a window at a time."""
        return _Items(self)

    def read_all(self) -> Iterator[tuple[bytes, bytes]]:
        """Each key with its blob."""
        window, began = b"", 0
        for key, address in self._addresses.items():
            length, at = address & LENGTH_MASK, (address >> LENGTH_BITS) * UNIT_BYTES
            if not began <= at <= at + length <= began + len(window):
                window, began = os.pread(self._file, max(WINDOW_BYTES, length), at), at
            yield key, _whole(window[at - began : at - began + length], address)

    def _place(self, key: bytes, length: int) -> int:
        """Where so long a blob is to be written; the index says so from here on."""
        units, old = _units(length), self._addresses.get(key)
        if length > LENGTH_MASK:
            raise OSError(errno.EFBIG, f"A state of {length} bytes; {LENGTH_MASK} are the most")
        if old is not None and _units(old & LENGTH_MASK) == units:
            first = old >> LENGTH_BITS
        else:
            if old is not None:
                self._give_up(old)
            free = self._free.get(units)
            first = free.pop() if free else self._units
            self._units = max(self._units, first + units)
        self._addresses[key] = first << LENGTH_BITS | length
        return first * UNIT_BYTES

    def _give_up(self, address: int) -> None:
        """Nothing stays of what was there: its customer may be one who is to be forgotten."""
        first, units = address >> LENGTH_BITS, _units(address & LENGTH_MASK)
        self._write(first * UNIT_BYTES, bytes(units * UNIT_BYTES))
        self._free.setdefault(units, []).append(first)

    def _keep(self, key: bytes, blob: bytes) -> None:
        if len(self._recent) >= RECENT_MAX:
            self._recent.clear()
        self._recent[key] = blob

    def _write(self, at: int, content: bytes) -> None:
        left = memoryview(content)
        while left:  # a disk that fills up takes a part, and says so when asked for the rest
            try:
                written = os.pwrite(self._file, left, at)
            except OSError as error:
                raise OSError(error.errno, error.strerror, f"states in {self._folder}") from error
            left, at = left[written:], at + written


def _units(length: int) -> int:
    return -(-length // UNIT_BYTES)


def _padded(blob: bytes) -> bytes:
    return blob.ljust(_units(len(blob)) * UNIT_BYTES, b"\0")


def _whole(blob: bytes, address: int) -> bytes:
    if len(blob) != address & LENGTH_MASK:
        raise OSError(errno.EIO, f"{len(blob)} bytes of a state that has {address & LENGTH_MASK} could be read")
    return blob


class _Values(ValuesView[bytes]):
    """A mapping's own would read blob by blob."""

    _mapping: StateFile

    def __iter__(self) -> Iterator[bytes]:
        return (blob for _, blob in self._mapping.read_all())


class _Items(ItemsView[bytes, bytes]):
    """A mapping's own would read blob by blob."""

    _mapping: StateFile

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return self._mapping.read_all()
