"""Runs in the formats of other tools: ``lab export``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from lab.analysis.ladder_rows import chosen_rows
from lab.analysis.shown_names import shown_names
from lab.runtime import arguments
from lab.runtime.whole_files import whole_file
from lab.trace.levels import includes
from lab.trace.trace import Trace, check_trace


class Format(NamedTuple):
    """A format: how its file is called by default, how much must have been recorded, what it is.

    ``chosen``: it can be of one message, one session or two hosts.
    """

    file: str
    needs: str
    about: str
    chosen: bool = False


FORMATS: Final = {
    "csv": Format("tables", "none", "a folder of tables, for spreadsheets, pandas and R"),
    "mermaid": Format("run.mmd", "session", "a sequence diagram for Mermaid", chosen=True),
    "plantuml": Format("run.puml", "session", "a sequence diagram for PlantUML", chosen=True),
    "shiviz": Format("run.log", "session", "a log with vector clocks, for ShiViz", chosen=True),
    "perfetto": Format("run.pftrace", "session", "a trace for ui.perfetto.dev"),
    "pcapng": Format("run.pcapng", "wire", "packets with comments, for Wireshark"),
}
"""The formats, as ``lab export TRACE FORMAT`` names them."""


class Exported(NamedTuple):
    """What was written, and sentences about what a user should know of it."""

    paths: list[Path]
    notes: list[str]


def export(
    trace: Trace,
    format: str,
    path: str | Path,
    *,
    message: int | None = None,
    session: int | None = None,
    between: tuple[str, str] | None = None,
) -> Exported:
    """Write a run in one of :data:`FORMATS` to a file; for ``csv``, into a folder.

    ``message``, ``session`` and ``between`` (two hosts) choose what a diagram or a log has, as they
    do for a ladder. A file is there whole or not at all. Raises ValueError in one sentence for
    another format, for one that cannot be so chosen, and for a trace that was not recorded in
    enough detail; :class:`lab.NothingToShow` for a message or session that does not exist; and
    OSError for what cannot be written.
    """
    check_trace(trace)
    known = FORMATS[arguments.one_of("format", format, FORMATS)]
    out = Path(arguments.path("path", path, "the path of a file"))
    options = {"message": message, "session": session, "between": between}
    chosen: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if chosen and not known.chosen:
        *names, last = [name for name, each in FORMATS.items() if each.chosen]
        raise ValueError(
            f"{next(iter(chosen))} is for {', '.join(names)} and {last}, not for {format}"
        )
    if not includes(trace.level, known.needs):
        raise ValueError(
            f"--trace {known.needs} is required for {format}; "
            f"this run was recorded with --trace {trace.level}"
        )
    if format == "csv":
        return _tables(trace, out)
    write = _writer(trace, format, chosen)
    is_binary = format in _BINARY
    with whole_file(out) as unfinished:
        if is_binary:
            with open(unfinished, "wb") as octets:
                write(octets)
        else:
            with open(unfinished, "w", encoding="utf-8", newline="\n") as text:
                write(text)
    return Exported([out], _notes(format, out))


_BINARY: Final = frozenset({"perfetto", "pcapng"})


def _writer(trace: Trace, format: str, chosen: dict[str, Any]) -> Callable[[IO[Any]], None]:
    """Return what writes a run into a file; of what is chosen, complain before it is opened."""
    from lab.views.files import diagrams, pcapng, perfetto, shiviz

    if format == "perfetto":
        return partial(perfetto.write_perfetto, trace)
    if format == "pcapng":
        return partial(pcapng.write_pcapng, trace)
    numbered = chosen_rows(trace, **chosen)
    if format == "shiviz":
        return partial(
            shiviz.write_shiviz,
            lambda: (row for _, row in chosen_rows(trace, **chosen)),
            shown=shown_names(trace.meta),
        )
    write = diagrams.write_mermaid if format == "mermaid" else diagrams.write_plantuml
    return partial(write, trace, numbered)


def _notes(format: str, path: Path) -> list[str]:
    """Return what a user should know of a file."""
    from lab.views.files.diagrams import MERMAID_LIMIT

    size = path.stat().st_size
    if format == "mermaid" and size > MERMAID_LIMIT:
        return [
            f"{path}: Mermaid draws at most {MERMAID_LIMIT:,} characters unless maxTextSize is "
            f"greater, and these are {size:,}; choose a part with --message, --session or --between"
        ]
    return []


def _tables(trace: Trace, folder: Path) -> Exported:
    from lab.views.files.csv_tables import TABLES, write_csv

    folder.mkdir(parents=True, exist_ok=True)
    paths, missing = [], []
    for name, table in TABLES.items():
        path = folder / f"{name}.csv"
        if not includes(trace.level, table.needs):
            path.unlink(missing_ok=True)
            missing.append(path.name)
            continue
        with (
            whole_file(path) as unfinished,
            open(unfinished, "w", encoding="utf-8", newline="") as file,
        ):
            write_csv(trace, name, file)
        paths.append(path)
    notes = [f"--trace {trace.level} leaves out {', '.join(missing)}"] if missing else []
    return Exported(paths, notes)
