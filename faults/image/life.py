"""Two workers of the image beside a real Kafka and Redis: they get well, are killed, cut off and stopped."""

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.request import urlopen

import msgspec

from agents import stack
from agents.demo.generator import generate
from agents.stack.process import free_port
from faults.image.engine import Container, Finding, background, once

RECORDS, SEED = 30_000, 7
HEALTHY_SECONDS_MAX = 60.0
UNHEALTHY_SECONDS_MAX = 45.0
BACK_SECONDS_MAX = 150.0  # a worker gives Kafka up after two minutes, and is started again
STOP_SECONDS_MAX = 20  # as the manifests grant it
TAKEN_IN_SECONDS_MAX = 30.0
LOOK_SECONDS = 0.1
DECIDED_SECONDS_MAX = 180

Options = tuple[str, ...]


def lives(image: str) -> Iterator[Finding]:
    """All claims about how it lives and dies, on servers of this machine, whose network the containers share.

    Raises:
        EngineError: a container can't be started.
        StackError: Kafka or Redis doesn't start.
    """
    with stack.running() as servers, tempfile.TemporaryDirectory() as folder:
        at = (
            "--network",
            "host",
            "--env",
            f"BELLWETHER_KAFKA={servers.kafka}",
            "--env",
            f"BELLWETHER_REDIS={servers.redis}",
        )
        for words in (("topics", "create"), ("config", "apply"), ("topics", "check")):
            yield _command(image, at, words)
        port = free_port()
        with _worker(image, (*at, "--init"), port) as guarded, _worker(image, at, free_port()) as alone:
            yield from _get_well(guarded, alone)
            yield from _killed_at_work(image, (*at, *_records(Path(folder))), guarded, port)
            yield _command(image, at, ("verify", "--wait", str(DECIDED_SECONDS_MAX)))
            yield from _cut_off(servers, guarded, alone)
            yield _stopped(guarded, "with an init")
            yield _stopped(alone, "as process 1")
        yield _command(image, at, ("verify",))


def _worker(image: str, options: Options, port: int) -> AbstractContextManager[Container]:
    return background(image, (*options, "--env", f"BELLWETHER_HTTP=127.0.0.1:{port}"))


def _records(folder: Path) -> Options:
    """Writes the records, and mounts them where any user may read them."""
    encode = msgspec.json.encode
    folder.chmod(0o755)
    (folder / "records.jsonl").write_bytes(b"".join(encode(one) + b"\n" for one in generate(RECORDS, SEED).records))
    return ("--mount", f"type=bind,src={folder},dst=/records,readonly")


def _command(image: str, options: Options, words: Options) -> Finding:
    code, said = once(image, options, words)
    return Finding(f"`bellwether {' '.join(words)}` does its work", said.strip() if code else "exit code 0", code == 0)


def _get_well(*workers: Container) -> Iterator[Finding]:
    for worker in workers:
        seconds = worker.until("healthy", HEALTHY_SECONDS_MAX)
        yield Finding("a worker gets healthy", f"{worker.health} after {seconds:.0f} s", worker.health == "healthy")


def _killed_at_work(image: str, options: Options, worker: Container, port: int) -> Iterator[Finding]:
    """SIGKILL to the container while records come in; it is started again, and everything is decided."""
    with background(image, options, ("send", "/records", "--wait", str(DECIDED_SECONDS_MAX))) as sender:
        taken_in = _first_taken_in(port)
        worker.kill()
        yield Finding("killed at work", f"after {taken_in} records of {RECORDS}", bool(taken_in) and sender.is_running)
        worker.start()
        sender.until_ended(DECIDED_SECONDS_MAX)
        said = sender.log.strip().splitlines()[-1]
        yield Finding("all records are decided all the same", said, sender.exit_code == 0 and not sender.is_running)
    seconds = worker.until("healthy", HEALTHY_SECONDS_MAX)
    yield Finding("started again, it is healthy", f"{worker.health} after {seconds:.0f} s", worker.health == "healthy")


def _first_taken_in(port: int) -> int:
    """Waits for the first records that a worker has taken in: how many; 0 if none came."""
    deadline = time.monotonic() + TAKEN_IN_SECONDS_MAX
    taken_in = 0
    while not taken_in and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            counts = re.findall(r"^bellwether_records_total{.*} (.+)$", answer.read().decode(), re.MULTILINE)
        taken_in = int(sum(float(count) for count in counts))
    return taken_in


def _cut_off(servers: stack.Stack, *workers: Container) -> Iterator[Finding]:
    servers.kill_kafka()
    for worker in workers:
        seconds = worker.until("unhealthy", UNHEALTHY_SECONDS_MAX)
        yield Finding("unhealthy without Kafka", f"{worker.health} after {seconds:.0f} s", worker.health == "unhealthy")
    servers.start_kafka()
    for worker in workers:
        seconds = worker.until("healthy", BACK_SECONDS_MAX)
        yield Finding("healthy with Kafka", f"{worker.health} after {seconds:.0f} s", worker.health == "healthy")


def _stopped(worker: Container, how: str) -> Finding:
    seconds = worker.stop(STOP_SECONDS_MAX)
    seen = f"exit code {worker.exit_code} after {seconds:.1f} s"
    return Finding(f"`docker stop` ends it cleanly {how}", seen, worker.exit_code == 0 and seconds < STOP_SECONDS_MAX)
