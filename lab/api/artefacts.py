"""What ``lab run --out`` and ``run.save`` leave in a directory."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from lab.analysis.summarising import write_summary
from lab.analysis.summary import Summary
from lab.api.run_file import RUN_FILE, write_run_file
from lab.runtime.private_files import writes_private_files
from lab.runtime.whole_files import whole_file
from lab.trace.jsonl import is_journal
from lab.trace.trace import Trace

ARTEFACTS: Final = (
    "summary.json",
    "trace.jsonl",
    "transcript.txt",
    "map.png",
    "timeline.png",
    "ladder.png",
    "replay.html",
    "capture.pcap",
    "capture.hosts",
    "run.json",
)
"""The files that a run leaves besides its mail drops."""

_OF_RUNS: Final = ("capture.pcap", "capture.hosts", "run.json")
"""What only a run of ours leaves: a capture that was read is not written over."""

VIEWS: Final = {
    "transcript.txt": "transcript", "map.png": "map", "timeline.png": "timeline",
    "ladder.png": "ladder", "replay.html": "replay", "capture.pcap": "capture", "mail": "mail",
}  # fmt: skip
"""The artefacts that require a certain level of the trace, and the view that each of them is."""


def unavailable(trace: Trace) -> list[str]:
    """Return the names of the artefacts for which the trace does not hold enough."""
    from lab.views import why_unavailable

    return [name for name, view in VIEWS.items() if why_unavailable(trace, view)]


@writes_private_files
def write_artefacts(
    trace: Trace,
    summary: Summary,
    directory: str | os.PathLike[str],
    progress: Callable[[str], None] | None = None,
    *,
    again: Mapping[str, Any] | None,
    findings: Mapping[str, object] | None = None,
    report: Callable[[str], None] = warnings.warn,
) -> list[Path]:
    """Write all artefacts of a run into a directory; return the paths of what was written.

    Each file is written under another name and then moved to its own, so that none is ever half
    written. Those of an earlier run are removed first, and the summary comes last. ``progress`` is
    called with the name of each before it is written. ``again`` is the content of run.json. It is
    None for a trace that was read from a capture: then that file and the packets are left out.
    ``findings`` is what the probes of the run have found, by their names.

    Each is made on its own. ``report`` is called with a sentence for each that cannot be made;
    those that cannot be written raise OSError, when all others are there.
    """
    from lab.views.files.capture import write_hosts
    from lab.views.files.findings import finding_files, write_finding

    out = Path(directory)
    out.mkdir(parents=True, exist_ok=True)
    _remove_findings(out)
    stored = trace.folder
    artefacts = [name for name in ARTEFACTS if again is not None or name not in _OF_RUNS]
    for name in artefacts:
        if stored is None and is_journal(out / name):
            continue  # a live run's own trace so far: it stays until the whole takes its place
        with suppress(OSError):  # a file that cannot be removed is reported when it is written
            (out / name).unlink()
    if stored != out / "trace.parquet":
        shutil.rmtree(out / "trace.parquet", ignore_errors=True)
    makes: dict[str, Callable[[], Path]] = {
        "trace.jsonl": lambda: stored or _write(out / "trace.jsonl", trace.write_jsonl)
    }
    missing = unavailable(trace)
    for name, view in VIEWS.items():
        if name not in missing and (again is not None or name not in _OF_RUNS):
            makes[name] = partial(_write_view, trace, out / name, view)
    findings = findings or {}
    files = finding_files(findings)
    for probe, name in files.items():
        makes[name] = partial(
            _write, out / name, partial(write_finding, findings[probe]), newline=""
        )
    if again is not None:
        makes["capture.hosts"] = partial(_write, out / "capture.hosts", partial(write_hosts, trace))
        makes["run.json"] = partial(_write_run_file, again, files, out)
    makes["summary.json"] = partial(_write_summary, summary, out)
    written = _made(makes, progress or (lambda name: None), report)
    return [*written[-1:], *written[:-1]]


def _made(
    makes: Mapping[str, Callable[[], Path]],
    progress: Callable[[str], None],
    report: Callable[[str], None],
) -> list[Path]:
    """Make artefacts, each on its own; raise the first OSError when all others are made."""
    written, unwritable = [], []
    for name, make in makes.items():
        progress(name)
        try:
            written.append(make())
        except OSError as why:
            unwritable.append(why)
        except Exception as why:  # one that fails takes no other with it
            reason = str(why) if isinstance(why, ValueError) else f"{type(why).__name__}: {why}"
            report(f"{name} was not made: {reason}")
    if unwritable:
        raise unwritable[0]
    return written


@writes_private_files
def write_least(trace: Trace, summary: Summary, directory: str | os.PathLike[str]) -> list[Path]:
    """Write trace and summary alone, after an interruption; return their paths."""
    out = Path(directory)
    path = trace.folder or out / "trace.jsonl"
    if trace.folder is None and (not path.exists() or is_journal(path)):
        _write(path, trace.write_jsonl)
    return [path, _write_summary(summary, out)]


def _write_summary(summary: Summary, out: Path) -> Path:
    return _write(out / "summary.json", partial(write_summary, summary, indent=1))


def _write_run_file(again: Mapping[str, Any], files: Mapping[str, str], out: Path) -> Path:
    """Write run.json, with the files of the probes that could be made."""
    made = {probe: name for probe, name in files.items() if (out / name).exists()}
    content = {**again, "probes": made} if made else again
    return _write(out / RUN_FILE, partial(write_run_file, content))


def _remove_findings(out: Path) -> None:
    """Remove the files of probes that the run.json of an earlier run lists."""
    from lab.views.files.findings import FOLDER, listed_files

    with suppress(OSError, ValueError, RecursionError):
        for name in listed_files(json.loads((out / RUN_FILE).read_text(encoding="utf-8"))):
            (out / name).unlink(missing_ok=True)
        (out / FOLDER).rmdir()  # if nobody else has put a file there


def _write_view(trace: Trace, path: Path, view: str) -> Path:
    from lab.views.files.capture import write_capture
    from lab.views.files.maildrops import write_maildrops
    from lab.views.replay import replay_page
    from lab.views.text.transcript import transcript

    if view == "mail":
        write_maildrops(trace, path)
        return path
    if view == "transcript":
        return _write(path, lambda file: file.writelines(f"{line}\n" for line in transcript(trace)))
    if view == "replay":
        return _write(path, lambda file: file.write(replay_page(trace)))
    if view == "capture":
        return _write(path, partial(write_capture, trace), "wb")
    return _write_picture(trace, path, view)


def _write_picture(trace: Trace, path: Path, kind: str) -> Path:
    from lab import views

    with whole_file(path, ".png") as unfinished:
        views.save(trace, kind, unfinished)
    return path


def _write(
    path: Path, write: Callable[[Any], Any], mode: str = "w", newline: str | None = None
) -> Path:
    encoding = None if "b" in mode else "utf-8"
    path.parent.mkdir(exist_ok=True)
    with (
        whole_file(path) as unfinished,
        open(unfinished, mode, encoding=encoding, newline=newline) as file,
    ):
        write(file)
    return path
