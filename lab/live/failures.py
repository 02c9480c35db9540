"""What fails in a live run while the run goes on: what is caught, and how it is recorded.

An exception stays where it happens. Each method that an event loop calls is :func:`contained`: what
it raises ends the session that it was about, or what else it was doing, and is recorded as a row of
kind ``failure``, from which the summary is made.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

from lab.trace.rows import Row

_LONGEST: Final = 200
"""Characters of a reason."""

_Method = TypeVar("_Method", bound=Callable[..., Any])


def reason_of_failure(error: BaseException) -> str:
    """Return what an exception says, on one line: its kind, its text, and where it was raised."""
    text = " ".join(str(error).split())
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is not None:
        code = trace.tb_frame.f_code
        place = code.co_filename.replace("\\", "/").rpartition("/")[2]
        reason = f"{reason[: _LONGEST - 60]} ({place}, line {trace.tb_lineno})"
    return reason[:_LONGEST]


def how_process_ended(code: int | None) -> str:
    """Return in words how a process ended, by its exit status; None if it is still there."""
    if code is None:
        return "it has closed its control channel"
    if code >= 0:
        return f"it ended by itself, with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"it was ended by {name}"


def failure_row(
    now: float,
    host: str,
    name: str,
    reason: str,
    *,
    peer: str | None = None,
    session: int | None = None,
) -> Row:
    """Return the row of a failure; ``name`` is "session", "storage", "process", ..."""
    return (now, "failure", host, peer, session, None, name, reason[:_LONGEST])


def contained(method: _Method) -> _Method:
    """Give what a method raises to ``self.failed``; the method then returns None.

    Only exceptions that are errors: not those that end a process.
    """

    @wraps(method)
    def call(self: Any, *arguments: Any) -> Any:
        try:
            return method(self, *arguments)
        except Exception as error:
            self.failed(error)
            return None

    return call  # type: ignore[return-value]
