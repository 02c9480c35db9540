"""Files that commands write: the artefacts of a run, and pictures."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.common import (
    INTERRUPTED,
    echo,
    exit_with_error,
    print_error,
    print_note,
    reason_of,
    status_line,
)
from lab.runtime.signals import interruptible, not_ignored
from lab.views.pictures import ENDINGS

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.trace.trace import Trace


def make_directory(out: str) -> None:
    """Make a directory before a long run; exit status 2 if its files could not be written there."""
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        exit_with_error(f"{out}: the directory cannot be made ({reason_of(error)})")
    if not os.access(out, os.W_OK | os.X_OK):
        exit_with_error(f"{out}: the directory is not writable; name another")


def write_artefacts(done: Run, out: str) -> str:
    """Write the artefacts; return a sentence about them, or "" if not all could be written.

    Ctrl-C takes effect before the next artefact, and a second one at once: while a library is
    being imported, some that are written in C crash.
    """
    stops: list[None] = []

    def begin(name: str) -> None:
        if stops:
            raise KeyboardInterrupt
        update(f"writing {name} to {out}")

    try:
        from lab.api.artefacts import ARTEFACTS, unavailable

        with (
            interruptible(lambda: stops.append(None), *not_ignored()),
            status_line(f"writing to {out}") as update,
        ):
            paths = done.save(out, begin, print_note)
    except OSError as error:
        where = error.filename2 or error.filename or out
        whole = ", ".join(name for name in ARTEFACTS if (Path(out) / name).exists())
        print_error(
            f"{where}: not all artefacts could be written ({reason_of(error)}); "
            f"complete in {out}: {whole or 'none'}"
        )
        return ""
    except KeyboardInterrupt:
        _write_minimum(done, out)
        raise click.exceptions.Exit(INTERRUPTED) from None
    written = f"wrote to {out}: " + ", ".join(_within(path, out) for path in paths)
    if missing := unavailable(done.trace):
        written += f"; --trace {done.trace.level} leaves out {', '.join(missing)}"
    return written


def _within(path: Path, out: str) -> str:
    """Return how a file in a directory is called there."""
    return path.relative_to(out).as_posix() if path.is_relative_to(out) else path.name


def _write_minimum(done: Run, out: str) -> None:
    """Write trace and summary only, after Ctrl-C while the artefacts were being written."""
    with suppress(ValueError):  # not in the main thread, which alone gets signals
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        written = ", ".join(path.name for path in done.save_least(out))
        print_error(f"interrupted before all artefacts were written; wrote to {out}: {written}")
    except OSError as error:
        print_error(f"interrupted, and {error.filename or out}: {reason_of(error)}")


def save_picture(trace: Trace, kind: str, path: Path, **options: Any) -> None:
    """Draw a picture into a file; exit status 2 if it cannot be drawn or written."""
    from lab import views

    if why := views.why_unavailable(trace, kind):
        exit_with_error(f"{path}: not drawn: {why}")
    with status_line(f"drawing the {kind}"), writing_picture(path):
        views.save(trace, kind, path, **options)
    echo(f"wrote {path}")


@contextmanager
def writing_picture(path: Path) -> Iterator[None]:
    """Exit with status 2 if a picture cannot be written, or its name has an unknown ending."""
    try:
        yield
        return
    except OSError as error:
        why = reason_of(error)
    except ValueError as error:
        if path.suffix.lower() in ENDINGS:
            raise
        why = str(error).splitlines()[0].rstrip(".") + "; use a name that ends with .png or .svg"
    exit_with_error(f"{path}: the picture cannot be written ({why})")
