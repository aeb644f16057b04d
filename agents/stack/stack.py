"""The local stack as a whole: Kafka and Redis up, down, and their state in a file that any process can read."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct, field

from agents.stack import kafka, redis_server
from agents.stack.errors import StackError
from agents.stack.process import Process, free_port, require_free


class Part(Struct, frozen=True):
    """Where one part is, and the process behind it.

    `address`: for clients; `127.0.0.1:9092`, `redis://127.0.0.1:6379/0`.
    `port`: where our process listens; None when the part is somebody else's, taken from the environment.
    `process`: None while none of ours runs.
    """

    address: str
    port: int | None = None
    process: Process | None = None

    @property
    def ours(self) -> bool:
        """False when the address came from the environment: then we neither start nor stop it."""
        return self.port is not None

    def is_running(self) -> bool:
        """True while our process runs. What isn't ours counts as running."""
        return not self.ours or (self.process is not None and self.process.is_running())


class Stack(Struct, kw_only=True):
    """A started Kafka and Redis. Its state is `stack.json` in the folder, so `down` works from another process."""

    folder: Path
    temporary: bool
    kafka_part: Part
    redis_part: Part
    redis_arguments: list[str] = field(default_factory=list)

    @property
    def kafka(self) -> str:
        """Bootstrap address, `127.0.0.1:9092`: the advertised one."""
        return self.kafka_part.address

    @property
    def redis(self) -> str:
        """URL, `redis://127.0.0.1:6379/0`."""
        return self.redis_part.address

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what we started, by part."""
        parts = {"kafka": self.kafka_part, "redis": self.redis_part}
        return {name: part.process.pid for name, part in parts.items() if part.process}

    def start_kafka(self) -> None:
        """Starts our broker again on its own log, port and settings, unless it runs.

        Raises:
            StackError: it ended, or gave no answer.
        """
        part = self.kafka_part
        if part.port is not None and not part.is_running():
            process = kafka.launch(self.folder / "kafka", part.port)
            self.kafka_part = msgspec.structs.replace(part, process=process)
            self.save()

    def start_redis(self) -> None:
        """Starts our Redis again on its own port, unless it runs.

        Raises:
            StackError: it ended, or gave no answer.
        """
        part = self.redis_part
        if part.port is not None and not part.is_running():
            process = redis_server.launch(self.folder / "redis", part.port, self.redis_arguments)
            self.redis_part = msgspec.structs.replace(part, process=process)
            self.save()

    def kill_kafka(self) -> None:
        """SIGKILL for our broker; its log stays for `start_kafka`."""
        if self.kafka_part.process:
            self.kafka_part.process.kill()

    def kill_redis(self) -> None:
        """SIGKILL for our Redis."""
        if self.redis_part.process:
            self.redis_part.process.kill()

    def is_running(self) -> bool:
        """True while both parts run."""
        return self.kafka_part.is_running() and self.redis_part.is_running()

    def down(self) -> None:
        """Ends what we started, and removes the folder if it is a temporary one. A second call does nothing."""
        for part in (self.redis_part, self.kafka_part):
            if part.process:
                part.process.stop()
        kafka.keep_classes(self.folder / "kafka")
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            _state_file(self.folder).unlink(missing_ok=True)

    def save(self) -> None:
        """Writes the state, beside and then moved: a reader never sees half a file."""
        state = _state_file(self.folder)
        draft = state.with_suffix(".draft")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(self, enc_hook=str)))
        draft.replace(state)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The stack that was started in `folder`; None if there is none, or it was taken down.

        Raises:
            StackError: the state file is not ours.
        """
        file = _state_file(folder)
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls, dec_hook=lambda kind, value: kind(value))
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise StackError(f"{file} can't be read ({error}). Choose another folder, or delete the file.") from error


def _state_file(folder: Path) -> Path:
    return folder / "stack.json"


def default_folder() -> Path:
    """Where `bellwether stack` keeps its data: `$XDG_STATE_HOME/bellwether/stack`, else below `~/.local/state`."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "bellwether" / "stack"


def up(  # noqa: PLR0913 -- each is one thing that a caller sets, by name
    folder: Path | None = None,
    *,
    kafka_port: int | None = None,
    redis_port: int | None = None,
    kafka_advertised_port: int | None = None,
    kafka_properties: Mapping[str, str] | None = None,
    redis_arguments: Sequence[str] = (),
) -> Stack:
    """Starts Kafka and Redis, or what of them doesn't run yet, and returns when both answer.

    Args:
        folder: data, logs and state; None: a temporary one, which `down` removes.
        kafka_port: None: a free one.
        redis_port: None: a free one.
        kafka_advertised_port: what clients are told, if a proxy stands before the broker.
        kafka_properties: server properties above ours.
        redis_arguments: more arguments for redis-server.

    A part whose address is in the environment (`BELLWETHER_KAFKA`, `BELLWETHER_REDIS`) is used as it is.

    Raises:
        StackError: a port is taken, a jar is missing or altered, or a server doesn't start. Nothing is left running.
    """
    if (known := _known(folder)) is not None:
        return known
    stack = Stack(
        folder=folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="bellwether-")),
        temporary=folder is None,
        kafka_part=_place("kafka", "{}", kafka_port, kafka_advertised_port),
        redis_part=_place("redis", "redis://{}/0", redis_port, None),
        redis_arguments=list(redis_arguments),
    )
    try:
        _start(stack, kafka_advertised_port, kafka_properties or {})
    except BaseException:
        stack.down()
        raise
    return stack


def _known(folder: Path | None) -> Stack | None:
    """The stack that runs in this folder. What is left of one that doesn't is ended; its data stay."""
    known = Stack.load(folder) if folder else None
    if known is None or known.is_running():
        return known
    known.down()
    return None


def _place(name: str, form: str, port: int | None, advertised_port: int | None) -> Part:
    elsewhere = os.environ.get(f"BELLWETHER_{name.upper()}")
    if elsewhere:
        return Part(elsewhere)
    if port is not None:
        require_free(name.capitalize(), port)
    listening = port or free_port()
    return Part(form.format(f"127.0.0.1:{advertised_port or listening}"), listening)


def _start(stack: Stack, advertised_port: int | None, properties: Mapping[str, str]) -> None:
    """Redis first: it is there at once, and a failure of it is cheap."""
    stack.folder.mkdir(parents=True, exist_ok=True)
    stack.save()
    stack.start_redis()
    if stack.kafka_part.port is not None:
        kafka.configure(stack.folder / "kafka", stack.kafka_part.port, advertised_port, properties)
        stack.start_kafka()


def status(folder: Path) -> Stack | None:
    """The stack of `folder`, to be asked what runs; None if none was started there. Errors as `Stack.load`."""
    return Stack.load(folder)


@contextmanager
def running(
    folder: Path | None = None,
    *,
    kafka_advertised_port: int | None = None,
    kafka_properties: Mapping[str, str] | None = None,
    redis_arguments: Sequence[str] = (),
) -> Iterator[Stack]:
    """A stack on random ports for the time of a `with` block: for tests and the demo. Errors as `up`."""
    stack = up(
        folder,
        kafka_advertised_port=kafka_advertised_port,
        kafka_properties=kafka_properties,
        redis_arguments=redis_arguments,
    )
    try:
        yield stack
    finally:
        stack.down()
