"""The progress bar of long work in Python: on a terminal, or in a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Final

from lab.runtime import arguments
from lab.runtime.extras import has_processes

Progress = Callable[[int], None]
"""Called now and then with the number of messages, or of other things, so far."""

BAR_AFTER: Final = 2.0
"""Seconds after which a bar appears by itself."""


def is_notebook() -> bool:
    """Return whether this is a kernel of a notebook that can show a bar."""
    is_kernel = hasattr(sys, "ps1") and "ipykernel" in sys.modules
    return is_kernel and find_spec("ipywidgets") is not None


@contextmanager
def shown(
    progress: Progress | bool | None, total: int, noun: str = "messages"
) -> Iterator[Progress | None]:
    """Yield what work tells its progress: the function that is given, or a bar.

    True is a bar at once, False none, and None one after two seconds if somebody looks at it.
    ``noun`` names the things of which there will be ``total``.
    """
    if callable(progress):
        yield progress
    elif _is_silent(progress):
        yield None
    else:
        bar = Bar(total, 0.0 if progress else BAR_AFTER, noun)
        try:
            yield bar.tell
        finally:
            bar.close()


def _is_silent(progress: bool | None) -> bool:
    if progress is False or not has_processes():  # nor are there threads, which keep a bar moving
        return True
    return progress is None and not (sys.stderr.isatty() or is_notebook())


def check_progress(progress: object, number: str) -> None:
    """Raise TypeError unless progress is a function of a number, True, False or None."""
    if not isinstance(progress, bool):
        arguments.function("progress", progress, number)


class Bar:
    """A bar of things, of which there will be ``total`` or more; it appears when it is due."""

    def __init__(self, total: int, delay: float, noun: str) -> None:
        self._noun = noun
        self._total = total
        self._due = time.monotonic() + delay
        self._bar: Any = None

    def tell(self, done: int) -> None:
        """Show how many there have been."""
        if self._bar is None:
            if time.monotonic() < self._due:
                return
            self._open()
        self._bar.update(self._task, completed=done, total=max(self._total, done))

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

        columns = (BarColumn(), MofNCompleteColumn(), self._noun, TimeElapsedColumn())
        console = Console() if is_notebook() else Console(stderr=True)
        self._bar = Progress(*columns, console=console, transient=True)
        self._bar.start()
        self._task = self._bar.add_task("", total=self._total)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
