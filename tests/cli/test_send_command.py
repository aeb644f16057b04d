"""`bellwether send` refuses a file that it can't send whole, before anything is sent."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agents.line_files import Line
from agents.source_send import LineError, records
from tests.conftest import Ended

GOOD = b'{"topic": "purchases", "key": "k", "timestamp": 1, "value": {"id": "1"}}'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "Input data was truncated"),
        (b'{"topic": "purchases", "timestamp": 1}', "missing required field `value`"),
        (b'{"topic": "customer-journal", "timestamp": 1, "value": {}}', "customer-journal is no source"),
        (b'{"topic": "decisions", "timestamp": 1, "value": {}}', "decisions is no source"),
    ],
)
def test_a_line_that_cant_be_sent_is_told_with_its_place(line: bytes, said: str) -> None:
    with pytest.raises(LineError, match=r"^some\.jsonl:2: ") as refused:
        records([Line("some.jsonl", 1, GOOD), Line("some.jsonl", 2, line)])
    assert said in str(refused.value)


def test_a_bad_file_is_a_usage_error(bellwether: Callable[..., Ended], tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    assert bellwether("send", str(file)).code == 2
    file.write_bytes(GOOD + b"\nno record\n")
    ended = bellwether("send", str(file))
    assert (ended.code, ended.out) == (2, "")
    assert f"{file}:2: " in ended.err
