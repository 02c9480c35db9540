"""The lab from Python: load a topology, simulate it, look at the run."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.analysis.account import Account, summarise, write_summary
from lab.analysis.invariants import Breach, breaches
from lab.analysis.streaming import StreamingAnalysis
from lab.simulation.partitioned.coordinator import Coordinator
from lab.simulation.partitioned.planning import shared_out
from lab.simulation.simulation import Simulation
from lab.simulation.simulation import simulate as run_simulation
from lab.topology.model import FaultSpec as Fault
from lab.topology.model import Topology
from lab.topology.model import load as load_topology
from lab.trace.retention import Retention
from lab.trace.rows import END_REASON, KIND
from lab.trace.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lab.views.pictures.film import Animation
    from lab.views.replay import Replay
    from lab.views.widget import Watch


ARTEFACTS = (
    "summary.json",
    "trace.jsonl",
    "transcript.txt",
    "map.png",
    "timeline.png",
    "ladder.png",
    "replay.html",
    "capture.pcap",
    "capture.hosts",
)
"""The files that a run leaves, beside its mail drops."""

WANTING = {
    "transcript.txt": "transcript", "map.png": "map", "timeline.png": "timeline",
    "ladder.png": "ladder", "replay.html": "replay", "capture.pcap": "capture", "mail": "mail",
}  # fmt: skip
"""The artefacts that want a certain level of detail of the trace, and the views that they are."""


def load(path: str | os.PathLike[str], sets: Sequence[str] = (), seed: int = 0) -> Topology:
    """The topology that a file describes.

    ``sets`` are overrides such as ``"link.0.latency=1 s"``; ``seed`` is for ``[generate]``. Raises
    :class:`lab.TopologyError` with every problem of the file, a sentence each.
    """
    return load_topology(path, sets=sets, seed=seed)


def simulate(
    topology: Topology | str | os.PathLike[str],
    seed: int = 0,
    until: float | None = None,
    progress: Callable[[int], None] | None = None,
    faults: Sequence[Fault] = (),
    trace: str = "wire",
    store: str | os.PathLike[str] | None = None,
    processes: int = 1,
) -> Run:
    """A run of a topology (or of the file of that name) from a seed.

    ``until`` is in simulated seconds; without it the run ends when nothing is left to do. The same
    topology and seed give the same trace, byte for byte. ``faults`` befall it beside those of the
    file: ``lab.Fault("crash", host="USC-ISIE.ARPA", at=10.0, duration=60.0)``.

    ``trace`` says how much is recorded: "wire", "session", "delivery" or "none"
    (:data:`lab.trace.levels.LEVELS`); summary, digest and breaches are the same. ``store`` is a
    folder for a trace that is too long for the memory, as Parquet.

    ``processes`` share the hosts out among them (:mod:`lab.simulation.partitioned`); all that the
    run gives is the
    same. Where that cannot be done or does not pay, a warning says why, and one makes the run.
    """
    if not isinstance(topology, Topology):
        topology = load(topology, seed=seed)
    topology = topology.with_seed(seed)
    if faults:
        topology = replace(topology, faults=(*topology.faults, *faults))
    folder = None if store is None else Path(store)
    if processes > 1:
        shared = shared_out(topology, processes)
        if not isinstance(shared, str):
            retention = Retention(trace, folder, in_memory=trace == "wire" and folder is None)
            return in_parts(Coordinator.of(topology, seed, until, shared, retention), progress)
        warnings.warn(f"one process makes this run: {shared}", stacklevel=2)
    if trace == "wire" and store is None:
        return Run(topology, run_simulation(topology, seed, until, progress))
    simulation = Simulation(topology, seed)
    ledger = StreamingAnalysis(simulation.trace, Retention(trace, folder))
    simulation.begin()
    done = carry_out(simulation, ledger, until, progress)
    simulation.close()
    return done


def carry_out(
    simulation: Simulation,
    ledger: StreamingAnalysis,
    until: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Run:
    """The run of a simulation that has begun, whose rows a ledger takes as they come."""

    def each(messages: int) -> None:
        ledger.take()
        if progress is not None:
            progress(messages)

    simulation.run(until, each)
    return Run(simulation.topology, ledger.close(), ledger)


def in_parts(whole: Coordinator, progress: Callable[[int], None] | None = None) -> Run:
    """The run whose parts several processes make."""
    return Run(whole.topology, whole.run(progress), whole)


@dataclass(frozen=True)
class Run:
    """What a simulation left: the topology it was of, and the trace of what happened.

    ``ledger`` is there where the trace may not hold all that happened.
    """

    topology: Topology
    trace: Trace
    ledger: StreamingAnalysis | Coordinator | None = field(default=None, compare=False, repr=False)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What became of each recipient, and the counts, as ``lab run --json`` prints them."""
        return summarise(self.trace, self.account)

    @cached_property
    def account(self) -> Account:
        """What became of each recipient, as the trace tells it."""
        return Account(self.trace.rows) if self.ledger is None else self.ledger.account

    @cached_property
    def breaches(self) -> list[Breach]:
        """The rules of :mod:`lab.analysis.invariants` that the run broke; there should be none."""
        if self.ledger is not None:
            return self.ledger.rules.found(self.account)
        return breaches(self.trace.rows, self.account)

    def story(self, message: int) -> list[str]:
        """What became of a message, in plain sentences."""
        from lab.analysis.sentences import sentences

        return sentences(self.trace, message)

    @property
    def is_settled(self) -> bool:
        """Whether the run went on until nothing was left to do."""
        end = self.trace.rows[-1]
        return bool(end[KIND] == "end" and end[END_REASON] == "settled")

    @property
    def digest(self) -> str:
        """The SHA-256 of the trace in its canonical form."""
        digest: str = self.summary["digest"]
        return digest

    def plot(self, kind: str = "timeline", ax: Axes | None = None, **options: Any) -> Axes:
        """A picture of the run as matplotlib Axes.

        ``kind`` is "timeline", "ladder", "queues", "latency", "map" or "states"; ``options`` are
        those of its function in :mod:`lab.views`: ``run.plot("ladder", message=1)``.
        """
        from lab import views

        return views.plot(self.trace, kind, ax, **options)

    def replay(self) -> Replay:
        """The run as a page that plays it: shown in a notebook, or ``.save(path)``."""
        from lab.views.replay import Replay

        return Replay(self.trace)

    def animate(self, seconds: float = 20) -> Animation:
        """The map as a film of so many seconds: shown in a notebook, or ``.save("film.svg")``."""
        from lab.views.pictures.film import animation

        return animation(self.trace, seconds)

    def watch(self, **options: Any) -> Watch:
        """The run as a widget of a notebook, to play, step and break; see :class:`Watch`."""
        try:
            from lab.views.widget import Watch
        except ImportError:
            raise ImportError(
                "the widget wants anywidget, which is not installed; "
                "run: pip install 'smtp-lab[lessons]'"
            ) from None

        return Watch(self.trace, **options)

    def transcript(self) -> None:
        """Print every session as it went over the wire, ``S:`` and ``R:``."""
        for line in self.transcript_lines():
            print(line)

    def transcript_lines(self) -> Iterator[str]:
        """The lines of the transcript, one by one."""
        from lab.views.text.transcript import transcript

        return transcript(self.trace)

    def unmet(self) -> list[str]:
        """The expectations of the topology file that did not come true, a sentence each."""
        wrong = []
        for key, wanted in self.topology.expect.items():
            found = self.summary[key]
            if found != wanted:
                wrong.append(f"[expect] {key} = {wanted}, but the run had {key} = {found}")
        return wrong

    def save(
        self,
        directory: str | os.PathLike[str],
        progress: Callable[[str], None] | None = None,
    ) -> list[Path]:
        """Leave the artefacts of the run in a directory: the paths of what was written.

        trace.jsonl, transcript.txt, the pictures, mail/ and summary.json. Each file is written
        beside its place and then moved there, so that none is ever half of itself; those of an
        earlier run go first, and the summary comes last: where it is, all is whole. ``progress`` is
        told the name of each before it is written. Raises OSError where something cannot be.
        """
        from lab.views import lacking
        from lab.views.files.capture import write_hosts
        from lab.views.files.maildrops import write_maildrops

        out = Path(directory)
        out.mkdir(parents=True, exist_ok=True)
        stored = self.trace.folder
        for name in ARTEFACTS:
            with suppress(OSError):  # what cannot be removed cannot be written: it is told then
                (out / name).unlink()
        if stored != out / "trace.parquet":
            shutil.rmtree(out / "trace.parquet", ignore_errors=True)
        tell = progress or (lambda name: None)
        tell("trace.jsonl")
        if stored is None:
            written = [_written(out / "trace.jsonl", self.trace.write_jsonl)]
        else:
            written = [stored]
        for name, view in WANTING.items():
            if not lacking(self.trace, view) and name != "mail":
                tell(name)
                written.append(self._artefact(out / name, view))
        written.append(_written(out / "capture.hosts", partial(write_hosts, self.trace)))
        if not lacking(self.trace, "mail"):
            tell("mail")
            write_maildrops(self.trace, out / "mail")
            written.append(out / "mail")
        summary = _written(out / "summary.json", partial(write_summary, self.summary, indent=1))
        return [summary, *written]

    def save_least(self, directory: str | os.PathLike[str]) -> list[Path]:
        """Leave trace and summary, where :meth:`save` was interrupted: their paths."""
        out = Path(directory)
        trace = self.trace.folder or out / "trace.jsonl"
        if not trace.exists():
            _written(trace, self.trace.write_jsonl)
        summary = partial(write_summary, self.summary, indent=1)
        return [trace, _written(out / "summary.json", summary)]

    def _artefact(self, path: Path, view: str) -> Path:
        from lab.views.files.capture import write_capture
        from lab.views.replay import replay_page

        if view == "transcript":
            lines = self.transcript_lines()
            return _written(path, lambda file: file.writelines(line + "\n" for line in lines))
        if view == "replay":
            return _written(path, lambda file: file.write(replay_page(self.trace)))
        if view == "capture":
            return _written(path, partial(write_capture, self.trace), "wb")
        return self._picture(path.parent, view)

    def _picture(self, out: Path, kind: str) -> Path:
        from lab import views

        path = out / f"{kind}.png"
        with _beside(path, ".png") as beside:
            views.save(self.trace, kind, beside)
        return path


def _written(path: Path, write: Callable[[Any], Any], mode: str = "w") -> Path:
    encoding = None if "b" in mode else "utf-8"
    with _beside(path) as beside, open(beside, mode, encoding=encoding) as file:
        write(file)
    return path


@contextmanager
def _beside(path: Path, ending: str = "") -> Iterator[Path]:
    """A path to write to, which becomes the file when it is whole, and goes when it is not."""
    beside = path.with_name(f".{path.name}.part{ending}")
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
