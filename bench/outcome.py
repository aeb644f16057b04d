"""What a job's output should be, what it was, and whether that is the same. A wrong hash has no speed."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from bench.peers import jobs
from bench.purchases import Made

_MODULUS = 1 << 128
_FIRST = bytes(16)


class Outcome(Struct, frozen=True):
    """An output in short.

    Attributes:
        count: records; finds what is missing or there twice.
        sum: of the hashes of key and value; finds wrong content, in any order.
        chain: of each key's records one after the other, then the sum over the keys; finds a wrong order in a key.
    """

    count: int
    sum: str
    chain: str


class Digest:
    """Adds output records up."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0
        self._chains: dict[bytes, bytes] = {}

    def add(self, key: bytes, value: Mapping[str, Any]) -> None:
        """One more record, in the order of its partition."""
        canonical = msgspec.json.encode(value, order="sorted")
        self._count += 1
        self._sum += _number(key + b"\0" + canonical)
        self._chains[key] = _hash(self._chains.get(key, _FIRST) + canonical)

    def outcome(self) -> Outcome:
        """What was added so far."""
        chain = sum(_number(key + b"\0" + last) for key, last in self._chains.items())
        return Outcome(self._count, f"{self._sum % _MODULUS:032x}", f"{chain % _MODULUS:032x}")


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _number(data: bytes) -> int:
    return int.from_bytes(_hash(data), "big")


class LastOfEachWindow:
    """J2: how often a window is sent is a program's own affair; its last value is checked."""

    def __init__(self) -> None:
        self._last: dict[tuple[bytes, int], Mapping[str, Any]] = {}

    def add(self, key: bytes, value: Mapping[str, Any]) -> None:
        """One more record, in the order of its partition."""
        self._last[key, value["hour"]] = value

    def outcome(self) -> Outcome:
        """Of the last values only, window by window."""
        digest = Digest()
        for (key, _), value in sorted(self._last.items(), key=lambda item: item[0]):
            digest.add(key, value)
        return digest.outcome()


def of_job(job: str) -> Digest | LastOfEachWindow:
    """What adds up this job's output."""
    return LastOfEachWindow() if job == "j2" else Digest()


class Expected:
    """Runs the jobs beside the loading, so that the right output is known before any program starts."""

    def __init__(self, names: Iterable[str]) -> None:
        self._found = {name: of_job(name) for name in names}
        self._states: dict[str, dict[str, jobs.State]] = {name: {} for name in self._found}

    def add(self, made: Made) -> None:
        """The next record of the source."""
        for name, digest in self._found.items():
            output = _passed_on(made) if name == jobs.STATELESS else self._decided(name, made)
            if output is not None:
                digest.add(made.key if name == jobs.STATELESS else made.customer.encode(), output)

    def _decided(self, name: str, made: Made) -> jobs.Output | None:
        job, states = jobs.STATEFUL[name], self._states[name]
        key = job.state_key(made.customer, made.at_ms)
        state = states.get(key)
        if state is None:
            state = states[key] = job.new_state()
        return job.decide(state, made.customer, made.card, made.transaction, made.amount_minor, made.at_ms)

    def outcomes(self) -> dict[str, Outcome]:
        """By job."""
        return {name: digest.outcome() for name, digest in self._found.items()}


def _passed_on(made: Made) -> jobs.Output | None:
    return msgspec.json.decode(made.value) if jobs.large_only(made.amount_minor) else None


def faults(expected: Outcome, found: Outcome) -> list[str]:
    """What is wrong, in words; empty when the output is right."""
    if found.count != expected.count:
        return [f"{found.count:,} outputs instead of {expected.count:,}"]
    if found.sum != expected.sum:
        return [f"the {found.count:,} outputs have another content than they should"]
    if found.chain != expected.chain:
        return ["outputs of a customer are out of order"]
    return []
