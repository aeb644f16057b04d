"""Ctrl-C ends the demo, also when it comes while Python runs a finalizer, which drops what is raised in it."""

import os
import signal
import sys

import pytest

from agents.demo import interrupts


class Ending:
    """Asks for an end while it is finalized."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_a_request_that_a_finalizer_drops_is_heard_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda one: dropped.append(one.exc_type))
    with interrupts.heard():
        interrupts.check()
        Ending()
        assert dropped == [KeyboardInterrupt]
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_way_to_ask_is_heard_at_once_and_only_meanwhile(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interrupts.heard():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before
    with interrupts.heard():
        interrupts.check()
