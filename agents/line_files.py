"""Files of JSON lines, one after the other, each line with the place where it stands."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

LINES_PER_REPORT = 1000
PATTERN = "*.jsonl"


class Line(NamedTuple):
    """One line; `number` counts from 1 within its file."""

    file: str
    number: int
    text: bytes


def files_of(path: Path) -> list[Path]:
    """The file itself, or a folder's `*.jsonl` in name order: the order in which they are read.

    Raises:
        FileNotFoundError: there is no such file, or none in the folder.
    """
    files = sorted(path.glob(PATTERN)) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise FileNotFoundError(f"{path}: expected a file, or a folder with {PATTERN} in it")
    return files


def read(files: Iterable[Path], progress: Callable[[int], object] = lambda _: None) -> Iterator[Line]:
    """Every line that isn't blank. `progress` hears now and then how many more bytes were read.

    Raises:
        OSError: a file can't be read.
    """
    size = 0
    for file in files:
        with file.open("rb") as lines:
            for number, text in enumerate(lines, start=1):
                size += len(text)
                if not number % LINES_PER_REPORT:
                    progress(size)
                    size = 0
                if text.strip():
                    yield Line(str(file), number, text)
    progress(size)
