"""States in a file: a mapping like any other, whatever the order of writes; and what the file is to the system."""

import multiprocessing
import os
import resource
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import config_files, source_lines, state_file
from agents.settings import PACKAGED_CONFIG
from agents.sources import OURS
from agents.state_file import RECENT_MAX, UNIT_BYTES, WINDOW_BYTES, StateFile
from streams.partition import Partition
from tests.core.test_replay import generated

FULL_BYTES = 10 * UNIT_BYTES
KEYS = st.sampled_from([b"a", b"b", b"c", b"d", b"e"])
BLOBS = st.builds(lambda one, times: bytes([one]) * times, st.integers(0, 255), st.integers(0, 3 * UNIT_BYTES))
CHANGES = st.dictionaries(KEYS, BLOBS | st.none())


def file_bytes(table: StateFile) -> int:
    return os.fstat(table._file).st_size


def require_equal(table: StateFile, wanted: dict[bytes, bytes]) -> None:
    """Through each way of asking."""
    assert len(table) == len(wanted)
    assert dict(table.items()) == wanted
    assert sorted(table.values()) == sorted(wanted.values())
    for key in (b"a", b"b", b"c", b"d", b"e"):
        assert (key in table) == (key in wanted)
        assert table.get(key) == wanted.get(key)
        assert table.pop(key, b"none") == wanted.get(key, b"none")
        if key in wanted:
            table[key] = wanted[key]


@given(st.lists(st.tuples(CHANGES, st.booleans())))
def test_it_holds_what_a_dictionary_would(turns: list[tuple[dict[bytes, bytes | None], bool]]) -> None:
    wanted: dict[bytes, bytes] = {}
    with TemporaryDirectory() as folder:
        table = StateFile(Path(folder))
        for changes, is_together in turns:
            for key in [key for key, blob in changes.items() if blob is None]:
                wanted.pop(key, None)
                table.pop(key, None)
            some = {key: blob for key, blob in changes.items() if blob is not None}
            wanted.update(some)
            if is_together:
                table.update(some)
            else:
                for key, blob in some.items():
                    table[key] = blob
            require_equal(table, wanted)


def test_more_than_is_kept_in_memory_and_read_at_once(tmp_path: Path) -> None:
    blobs = {b"%d" % number: os.urandom(number % 700) for number in range(3 * RECENT_MAX)}
    blobs[b"large"] = os.urandom(2 * WINDOW_BYTES)
    table = StateFile(tmp_path)
    table.update(blobs)
    turned = dict(reversed(blobs.items()))
    assert {key: table[key] for key in turned} == turned
    assert len(table._recent) <= RECENT_MAX, "memory is what it is to spare"
    table.update(turned)
    assert dict(table.items()) == blobs
    assert list(table) == list(blobs)


def test_it_decides_as_with_states_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_file, "RECENT_MAX", 2)  # the file is asked, not memory
    rules = config_files.load(PACKAGED_CONFIG)
    records = list(source_lines.journal(generated(8000), rules, lambda *_: None, OURS))
    memory, file = Partition({}), Partition(StateFile(tmp_path))
    own = {}
    for first in range(0, len(records), 500):
        batches = [partition.compute(records[first : first + 500]) for partition in (memory, file)]
        assert batches[0] == batches[1]
        memory.adopt(batches[0])
        file.adopt(batches[1])
        own |= batches[0].changes
    assert len(memory.table) > 10
    assert dict(file.table.items()) == memory.table
    again = StateFile(tmp_path)
    again.update({key: blob for key, blob in own.items() if blob is not None})
    assert Partition(again).position == memory.position, "a recovered file is whole"


def test_what_grows_within_its_units_stays_and_what_is_given_up_is_used_again(tmp_path: Path) -> None:
    table = StateFile(tmp_path)
    table.update({b"a": b"x" * 300, b"b": b"y" * 300})
    whole = file_bytes(table)
    table[b"a"] = b"x" * (2 * UNIT_BYTES)
    assert file_bytes(table) == whole == 4 * UNIT_BYTES
    table[b"a"] = b"x" * 600  # moves on
    table[b"c"] = b"z" * 300
    assert file_bytes(table) == whole + 3 * UNIT_BYTES
    assert dict(table.items()) == {b"a": b"x" * 600, b"b": b"y" * 300, b"c": b"z" * 300}


def test_nothing_stays_of_what_is_gone(tmp_path: Path) -> None:
    table = StateFile(tmp_path)
    table.update({b"a": b"first" * 60, b"b": b"other" * 60})
    table[b"a"] = b"shorter" * 40
    table[b"a"] = b"longer" * 200
    del table[b"b"]
    content = os.pread(table._file, file_bytes(table), 0)
    assert content.replace(b"\0", b"") == b"longer" * 200
    del table[b"a"]
    assert not os.pread(table._file, file_bytes(table), 0).strip(b"\0")


def test_the_file_has_no_name_and_goes_with_its_table(tmp_path: Path) -> None:
    table = StateFile(tmp_path)
    table[b"a"] = b"x"
    assert list(tmp_path.iterdir()) == [], "nobody finds customers' states in it"
    descriptor = table._file
    os.fstat(descriptor)
    del table
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_file_that_lost_something_is_no_state(tmp_path: Path) -> None:
    table = StateFile(tmp_path)
    table.update({b"a": b"x" * 300})
    os.ftruncate(table._file, 200)
    for ask in (lambda: table[b"a"], lambda: list(table.values())):
        with pytest.raises(OSError, match="200 bytes of a state that has 300"):
            ask()


def fill(folder: Path, told: Connection) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, resource.RLIM_INFINITY))
    table = StateFile(folder)
    try:
        table.update({b"%d" % number: b"x" * 300 for number in range(9)})
    except OSError as error:
        told.send((str(error), file_bytes(table)))


def test_a_write_that_fits_only_in_part_is_an_error(tmp_path: Path) -> None:
    heard, told = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=fill, args=(tmp_path, told))
    process.start()
    told.close()
    assert heard.recv() == (f"[Errno 27] File too large: 'states in {tmp_path}'", FULL_BYTES)
    process.join()
