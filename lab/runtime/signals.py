"""Give signals another handler for a while."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final


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


@contextmanager
def held_back(*, forget: bool = False) -> Iterator[None]:
    """Let Ctrl-C, and a request to end, arrive only after this context; ``forget``: never.

    That holds for the whole process: a signal mask would let them arrive by another thread, such as
    those of an event loop's library.
    """
    numbers_held: list[int] = []
    with blocked():
        former = _handled_by(lambda number, _: numbers_held.append(number))
    try:
        yield
    finally:
        with blocked():
            for number, handler in former:
                signal.signal(number, handler)
        for number in numbers_held[: 0 if forget else 1]:
            signal.raise_signal(number)


def _handled_by(handler: Callable[..., Any]) -> list[tuple[int, Any]]:
    """Set a handler; return the former ones: none outside the main thread."""
    try:
        return [(number, signal.signal(number, handler)) for number in _HELD_BACK]
    except ValueError:
        return []


@contextmanager
def blocked() -> Iterator[None]:
    """Block the same signals in this thread, and in processes that are started in this context.

    These get them when they call :func:`let_through`.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_through() -> None:
    """Let the signals arrive that were held back when this process was started."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)


_HELD_BACK: Final = (signal.SIGINT, signal.SIGTERM)


def not_ignored() -> tuple[int, ...]:
    """Return Ctrl-C's signal; nothing if it is ignored, as in processes that work for another."""
    return () if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else (signal.SIGINT,)
