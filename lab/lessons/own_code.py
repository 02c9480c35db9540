"""Run a student's code within limits, and say at which of its own lines it failed."""

from __future__ import annotations

import io
import linecache
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final

SECONDS: Final = 10.0
"""How long a function of a student's may take for one call."""


class OwnFault(Exception):
    """Raised when a student's code fails; the text says how, and shows the line."""


class TooLong(BaseException):
    """Raised in code that takes too long. Not an Exception, so that the code does not catch it."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TooLong in the block after some seconds, where the system can do that."""
    able = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    left = signal.getitimer(signal.ITIMER_REAL)[0] if able else 0.0
    if not able or 0 < left <= seconds:  # a limit around this one ends sooner
        yield
        return
    begun = time.monotonic()
    former = signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        seconds_left = max(left - (time.monotonic() - begun), 0.01) if left else 0.0
        signal.setitimer(signal.ITIMER_REAL, seconds_left, 0.5 if seconds_left else 0.0)
        signal.signal(signal.SIGALRM, former)


def _stop(number: int, frame: FrameType | None) -> None:
    raise TooLong


def called(function: Callable[..., object], *arguments: object) -> object:
    """Call a student's function with copies of the arguments, and return its result.

    What it prints is left out. Raises OwnFault if it raises, takes too long, or changes what it is
    given.
    """
    inputs = [argument if callable(argument) else deepcopy(argument) for argument in arguments]
    try:
        with redirect_stdout(io.StringIO()), limited(SECONDS):
            result = function(*inputs)
            if hasattr(type(result), "__next__"):
                result = list(result)  # type: ignore[call-overload]  # a generator is run here
    except TooLong:
        raise OwnFault(f"Your function does not end within {SECONDS:.0f} seconds.") from None
    except (Exception, SystemExit) as error:
        raise OwnFault(f"Your function fails: {explained(error)}") from None
    for argument, own in zip(arguments, inputs, strict=True):
        if not callable(argument) and argument != own:
            raise OwnFault("Your function changes the list that it is given; work on a copy.")
    return result


def explained(error: BaseException) -> str:
    """Return what an error of a student's code says, and the line."""
    text = re.sub(r"[\w.]+\.<locals>\.", "", " ".join(str(error).split())) or "no text"
    if isinstance(error, RecursionError):
        text = "it calls itself without end"
    where = own_line(error.__traceback__)
    return f"{type(error).__name__} ({text[:150]}){f', in {where}' if where else ''}."


def own_line(traceback: TracebackType | None) -> str:
    """Return the last line of a student's own that an error passed, with its number, or ""."""
    own, first = None, ""
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not first and not is_ours(file):
            first = file
        if first and file == first:
            own = file, traceback.tb_lineno
        traceback = traceback.tb_next
    if own is None:
        return ""
    text = linecache.getline(*own).strip()
    of = Path(own[0]).name if Path(own[0]).is_file() and "ipykernel" not in own[0] else "your cell"
    return f"line {own[1]} of {of}" + (f": `{text}`" if text else "")


def is_ours(file: str) -> bool:
    """Return whether code is the lab's or a library's, and not a student's."""
    return (
        Path(__file__).parents[1] in Path(file).parents
        or "site-packages" in file
        or Path(linecache.__file__).parent in Path(file).parents
        or file.startswith("<frozen")
    )
