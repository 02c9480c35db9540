"""Give signals another handler for a while."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def signal_handler(handler: Callable[..., Any], *numbers: int) -> Iterator[None]:
    """Let ``handler`` handle these signals; afterwards they have their former handlers again.

    Outside the main thread, where no signal arrives, this does nothing.
    """
    try:
        former = [(number, signal.signal(number, handler)) for number in numbers]
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        for number, before in former:
            signal.signal(number, before)


@contextmanager
def interruptible(stop: Callable[[], None], *numbers: int) -> Iterator[None]:
    """Let the first of these signals call ``stop``; after it, Ctrl-C interrupts at once, as usual.

    ``stop`` asks for an end in good order. A second Ctrl-C does not wait for it.
    """
    former = signal.getsignal(signal.SIGINT)

    def handler(*_: object) -> None:
        signal.signal(signal.SIGINT, former)
        stop()

    with signal_handler(handler, *numbers):
        yield


def not_ignored() -> tuple[int, ...]:
    """Return Ctrl-C's signal; nothing if it is ignored, as in processes that work for another."""
    return () if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else (signal.SIGINT,)
