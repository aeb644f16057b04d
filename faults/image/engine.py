"""Containers of one image, locked up as in production, by the `docker` command of this machine."""

import json
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

# As in docker-compose.yml and config/kubernetes, only stricter: not even a folder for temporary files.
LOCKED_UP = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
LOOK_SECONDS = 0.5


class EngineError(Exception):
    """The engine isn't there, or refused. The message is its own."""


class Finding(Struct, frozen=True):
    """One claim about the image, what was seen, and whether the claim holds."""

    claim: str
    seen: str
    holds: bool


def docker(*words: str) -> str:
    """What a `docker` command says.

    Raises:
        EngineError: there is no such command, no daemon, or it ended with an error.
    """
    code, said = _run(words)
    if code:
        raise EngineError(f"docker {words[0]} ended with {code}: {said.strip()}")
    return said


def inspect(name: str) -> dict[str, Any]:
    """All that the engine knows of an image or a container. Errors as `docker`."""
    [known] = json.loads(docker("inspect", name))
    return dict(known)


def once(image: str, options: Sequence[str], command: Sequence[str]) -> tuple[int, str]:
    """Runs a command in a container of its own, gone afterwards: exit code, and what it said."""
    return _run(("run", "--rm", *LOCKED_UP, *options, image, *command))


class Container(Struct, frozen=True):
    """A container that runs, or ran."""

    name: str

    @property
    def health(self) -> str:
        """starting, healthy or unhealthy."""
        return str(self._state()["Health"]["Status"])

    @property
    def exit_code(self) -> int:
        """Of its last end; 0 while it runs."""
        return int(self._state()["ExitCode"])

    @property
    def is_running(self) -> bool:
        """False once it has ended."""
        return bool(self._state()["Running"])

    @property
    def log(self) -> str:
        """All that it wrote."""
        return _run(("logs", self.name))[1]

    def start(self) -> None:
        """Starts it again, as it was made."""
        docker("start", self.name)

    def kill(self) -> None:
        """SIGKILL."""
        docker("kill", self.name)

    def stop(self, seconds_max: int) -> float:
        """SIGTERM, and SIGKILL after so long: seconds until it had ended."""
        began_at = time.monotonic()
        docker("stop", "--time", str(seconds_max), self.name)
        return time.monotonic() - began_at

    def until(self, health: str, seconds_max: float) -> float:
        """Waits until it says so of itself, at most for so long: seconds that it took."""
        began_at = time.monotonic()
        while self.health != health and time.monotonic() - began_at < seconds_max:
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - began_at

    def until_ended(self, seconds_max: float) -> None:
        """Waits until it has ended by itself, or for so long."""
        deadline = time.monotonic() + seconds_max
        while self.is_running and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)

    def _state(self) -> Mapping[str, Any]:
        state: Mapping[str, Any] = inspect(self.name)["State"]
        return state


@contextmanager
def background(image: str, options: Sequence[str], command: Sequence[str] = ()) -> Iterator[Container]:
    """A container in the background, removed at the end whatever it does."""
    container = Container(f"bellwether-image-{uuid.uuid4().hex[:8]}")
    docker("run", "--detach", "--name", container.name, *LOCKED_UP, *options, image, *command)
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container.name)


def _run(words: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            ["docker", *words],  # noqa: S607 - the one of this machine
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except FileNotFoundError as error:
        raise EngineError("There is no docker command on this machine.") from error
    return done.returncode, done.stdout
