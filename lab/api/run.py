"""A run: the topology, the trace of what happened, and all that can be read from it."""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.analysis.account import Account
from lab.analysis.invariants import Breach, Invariants, PeerBreach, Peers
from lab.analysis.summarising import ending_of, summarise
from lab.analysis.summary import Summary
from lab.api import acting
from lab.api.acting import Act
from lab.api.artefacts import write_artefacts, write_least
from lab.api.progress import Progress
from lab.api.run_file import Leg, described
from lab.quantities import clock_time
from lab.runtime import arguments
from lab.runtime.deprecation import renamed
from lab.runtime.extras import required
from lab.runtime.gc_pause import gc_pause
from lab.simulation.plugins import NONE, Plugins
from lab.topology.model import FaultSpec, Topology
from lab.trace.levels import includes
from lab.trace.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lab.analysis.conditions import Condition
    from lab.analysis.link_use import LinkUse
    from lab.analysis.streaming import StreamingAnalysis
    from lab.analysis.why import Why
    from lab.simulation.partitioned.coordinator import Coordinator
    from lab.simulation.partitioned.merged_results import MergedResults
    from lab.views.export import Exported
    from lab.views.pictures.film import Animation
    from lab.views.replay import Replay
    from lab.views.widget import Watch


@dataclass(frozen=True, repr=False)
class Run:
    """What happened in a topology: its trace, and what can be read from it."""

    topology: Topology
    trace: Trace
    _analysis: StreamingAnalysis | Coordinator | None = field(
        default=None, compare=False, repr=False
    )
    """What was found while the run went on, if the trace may not hold all that happened."""
    _findings: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)
    """What each probe of the run has returned, by its name."""
    _plugins: Plugins = field(default=NONE, compare=False, repr=False)
    """The code of users that the run has called."""
    _state: Paused | None = field(default=None, compare=False, repr=False)
    """What the run goes on from, if that was kept."""
    legs: tuple[Leg, ...] = field(default=(), compare=False, repr=False)
    """Where it went on with more faults, which are the last ones of the topology."""

    @cached_property
    def summary(self) -> Summary:
        """What became of each recipient, and the counts, as ``lab run --json`` prints them."""
        meta = self.trace.meta
        has_others = meta.get("live") or any(host.get("reply") for host in meta.get("hosts", ()))
        peers = self._rules.peers if has_others else Peers()
        summaries = [breach.summary() for breach in peers.breaches]
        account = self.account
        with gc_pause():
            return summarise(self.trace, account, summaries, peers.count)

    @cached_property
    def account(self) -> Account:
        """What became of each recipient, according to the trace."""
        if self._analysis is not None:
            return self._analysis.account
        with gc_pause():
            return Account(self.trace.rows)

    @cached_property
    def breaches(self) -> list[Breach]:
        """The rules of :mod:`lab.analysis.invariants` that the run broke; there should be none.

        A run whose trace has gaps is not judged: ``failures`` of the summary tells that.
        """
        if any(name == "trace" for _, name in self.account.failures):
            return []
        return self._rules.breaches(self.account)

    @cached_property
    def peer_breaches(self) -> list[PeerBreach]:
        """The rules of RFC 821 that others broke: external and scripted hosts, and callers."""
        return self._rules.peers.breaches

    @property
    def _events(self) -> int | None:
        """How many events were recorded before the end, also those that were not kept.

        None if nobody has counted them: processes that share a run send what is kept.
        """
        recorded = getattr(self._analysis, "trace", None)
        if recorded is None:
            return len(self.trace) - 1 if self.trace.level == "wire" else None
        events: int = recorded.first_seq - 1
        return events

    @cached_property
    def _rules(self) -> Invariants | MergedResults:
        if self._analysis is not None:
            return self._analysis.rules
        rules = Invariants()
        with gc_pause():
            rules.take_all(self.trace.rows)
        return rules

    @cached_property
    def probes(self) -> Mapping[str, Any]:
        """What each probe of the run has found, by its name.

        Rows are a pandas DataFrame, or a list of mappings where pandas is not installed.
        """
        return {name: _table(finding) for name, finding in self._findings.items()}

    def __repr__(self) -> str:
        from lab.views.card import run_line

        return run_line(self.summary)

    def _repr_html_(self) -> str:
        from lab.views.card import MOST_EVENTS, run_card

        problems = [*map(str, self.breaches), *self.unmet()]
        verdict = self.verdict if len(self.trace) <= MOST_EVENTS else ""
        return run_card(self.trace, self.summary, problems, verdict)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def findings(self) -> Mapping[str, object]:
        """Return what each probe of the run has returned, by its name: rows as a list."""
        return self._findings

    if not TYPE_CHECKING:  # type checkers know the new names only

        def __getattr__(self, name: str) -> object:
            if name == "ledger":
                raise AttributeError("Run.ledger was removed; use account, breaches and digest")
            return renamed(self, {}, name)

    def story(self, message: int) -> list[str]:
        """Return what became of a message, in sentences; ValueError if there is no such message."""
        from lab.analysis.narrative import narrate

        number = arguments.whole_number("message", message, example=1)
        sentences = narrate(self.trace, number)
        if not sentences and includes(self.trace.level, "delivery"):
            raise ValueError(f"there is no message {number} in this run")
        return sentences

    def why(self, message: int) -> Why:
        """Return where the time of each recipient of a message went, phase by phase, and why.

        Printed, it is a text, and in a notebook a table; ``.table()`` is a DataFrame, as is
        ``trace.phases()`` of all messages. Raises ValueError if there is no such message, and for a
        run that was recorded without what crossed the wire.
        """
        from lab.analysis.why import why

        return why(self.trace, arguments.whole_number("message", message, example=1))

    @cached_property
    def verdict(self) -> str:
        """How long half of the recipients took, and on what most of that time went, in a sentence.

        It is empty for a run that was recorded without what crossed the wire.
        """
        from lab.analysis.verdict import verdict

        return verdict(self.trace)

    def links(self) -> list[LinkUse]:
        """Return what crossed each link, an entry for each direction: :class:`lab.LinkUse`.

        ``trace.links()`` has the same as a table. Raises ValueError for a trace that was recorded
        without what crossed the wire.
        """
        from lab.analysis.link_use import link_use

        return link_use(self.trace)

    @property
    def is_settled(self) -> bool:
        """Whether the run went on until nothing was left to do."""
        return self.ending == "settled"

    @property
    def ending(self) -> str:
        """How the run ended: "settled" if nothing was left to do, or why it stopped before.

        That is "until", "max-events", "max-seconds", "interrupted" or "failed"; "" stands for a
        trace that has no end.
        """
        return ending_of(self.trace)

    @property
    def interrupted(self) -> bool:
        """Whether somebody stopped the run: with Ctrl-C, or with the button of a notebook."""
        return self.ending == "interrupted"

    @property
    def digest(self) -> str:
        """The SHA-256 of the trace in its canonical form."""
        digest: str = self.summary["digest"]
        return digest

    def plot(self, kind: str = "timeline", ax: Axes | None = None, **options: object) -> Axes:
        """Draw a picture of the run; return its matplotlib Axes.

        ``kind`` is one of :data:`lab.views.PICTURES`; ``options`` are those of its function in
        :mod:`lab.views`: ``run.plot("ladder", message=1)``. Raises ValueError for another kind and
        for a trace that was not recorded in enough detail, and :class:`lab.NothingToShow` if there
        is nothing to draw.
        """
        from lab import views

        return views.plot(self.trace, kind, ax, **options)

    def replay(self) -> Replay:
        """Return a page that plays the run: shown in a notebook, or ``.save(path)``."""
        from lab.views.replay import Replay

        return Replay(self.trace)

    def animate(self, seconds: float = 20) -> Animation:
        """Return the map as a film of that length: shown in a notebook, or ``.save("film.svg")``.

        Raises ValueError for a length of 0 or less.
        """
        from lab.views.pictures.film import animation

        return animation(self.trace, arguments.real_number("seconds", seconds, example="20"))

    def watch(
        self,
        *,
        position: int = 0,
        breaks: Iterable[Condition] = (),
        act: Act | None = None,
    ) -> Watch:
        """Return a widget of a notebook that plays the run, steps through it and can change it.

        ``position`` is how many events have happened at first. It stops after each event that one
        of ``breaks`` holds of: a text such as "reply 550", or a function of an event.

        Links are cut, hosts crashed, replies changed and channels hung up by clicking, from the
        moment that is shown on; the widget goes on with the altered run, and shows it beside its
        original. That takes a run that ``lab.simulate`` made in one process with ``trace="wire"``,
        without ``store`` and without code of your own, and to its end or ``until``; any other is
        played only. ``act`` makes the run again instead of the lab: it takes what was clicked.

        Raises ImportError without anywidget, and ValueError for a text that is not a condition.
        """
        position = arguments.whole_number("position", position, 0)
        arguments.many("breaks", breaks, 'a list of conditions such as ["reply 550"]')
        required("anywidget", "the widget requires")
        from lab.views.widget import Watch

        position = arguments.whole_number("position", position, 0, example=5)
        arguments.function("act", act, "what was clicked")
        act = self._act() if act is None else act
        return Watch(self.trace, position=position, breaks=breaks, act=act)

    def _act(self) -> Act | None:
        """Return what makes this run again with changes; None where it cannot be made again."""
        if self._state is None or self.legs or self._plugins:  # it would be made without them
            return None
        if self.ending not in ("settled", "until"):
            return None
        return None if acting.make is None else acting.make(self)

    def transcript(self) -> None:
        """Print every session as it went over the wire, ``S:`` and ``R:``."""
        for line in self.transcript_lines():
            print(line)

    def transcript_lines(self) -> Iterator[str]:
        """Return the lines of the transcript, one by one."""
        from lab.views.text.transcript import transcript

        return transcript(self.trace)

    def continue_(
        self,
        until: float | str | None = None,
        faults: Sequence[FaultSpec] = (),
        *,
        max_events: int | None = None,
        max_seconds: float | str | None = None,
        progress: Progress | bool | None = None,
    ) -> Run:
        """Go on from where this run stopped; return the run from its beginning to the new end.

        This run stays as it is, and can be continued as often as wanted: each time is a branch of
        its own. ``until`` is a time of the run, as for :func:`lab.simulate`; the limits and
        ``progress`` too. ``faults`` are added to those of the topology: they happen at their time
        (or now), and those that wait for an event or come at a rate do so from now on. A run that
        goes on without them has the digest of a run that never stopped.

        Nothing is run again: the state of a run is kept with it, by ``lab.simulate`` in one process
        with ``trace="wire"`` and without ``store``. Code of your own goes on too, with what it
        holds. The second and further branches are made in copies of this process; on systems
        without ``os.fork``, the run is made again for them.

        Raises ValueError for a run whose state was not kept, a time before the end of this run,
        and ``change-reply`` or ``change-command``; :class:`lab.TopologyError` for a fault that the
        topology cannot have, and what :func:`lab.simulate` raises.
        """
        if self._state is None:
            raise ValueError(
                "this run cannot go on, because its state was not kept; make it with lab.simulate "
                'in one process, with trace="wire" and without store'
            )
        return self._state.go_on(self, until, faults, max_events, max_seconds, progress)

    def unmet(self) -> list[str]:
        """Return the expectations of the topology file that were not met, a sentence each."""
        wrong = []
        summary = dict(self.summary)
        for key, wanted in self.topology.expect.items():
            value = summary[key]
            if value != wanted:
                wrong.append(f"[expect] {key} = {wanted}, but the run had {key} = {value}")
        return wrong

    def export(self, format: str, path: str | os.PathLike[str], **chosen: object) -> Exported:
        """Write the run in the format of another tool; return the paths and notes about them.

        ``format`` is one of :data:`lab.views.export.FORMATS`: "csv" (``path`` is a folder),
        "mermaid", "plantuml", "shiviz", "perfetto" or "pcapng". ``chosen`` are the options of
        :func:`lab.views.export`, such as ``message=1``. Raises what that function raises.
        """
        from lab.views import export

        return export(self.trace, format, path, **chosen)  # type: ignore[arg-type]

    def save(
        self,
        directory: str | os.PathLike[str],
        progress: Callable[[str], None] | None = None,
        report: Callable[[str], None] | None = None,
    ) -> list[Path]:
        """Leave the artefacts of the run in a directory; return the paths of what was written.

        These are trace.jsonl, transcript.txt, the pictures, mail/, run.json, summary.json, and in
        probes/ what each probe has found: rows as CSV, anything else as JSON. No file is ever half
        written; those of an earlier run are removed first, and the summary comes last.
        ``progress`` is called with the name of each before it is written.

        Each is made on its own. ``report`` is called with a sentence for each that cannot be made,
        such as a capture of more than 136 years, and for a capture whose dates are shifted;
        without it, these are warnings. Raises OSError for what cannot be written, when all others
        are there.
        """
        from lab.views.files.capture import note_of_shift

        arguments.path("directory", directory, "the path of a directory")
        arguments.function("progress", progress, "the name of each artefact")
        arguments.function("report", report, "a sentence about an artefact")
        tell = report or (lambda sentence: warnings.warn(sentence, stacklevel=2))
        probes = self._plugins.probes_described
        again = described(self.topology, self.trace, self.digest, self._events, probes, self.legs)
        written = write_artefacts(
            self.trace, self.summary, directory, progress,
            again=again, findings=self._findings, report=tell,
        )  # fmt: skip
        shift = note_of_shift(self.trace)
        if shift and any(path.name == "capture.pcap" for path in written):
            tell(shift)
        return written

    def save_least(self, directory: str | os.PathLike[str]) -> list[Path]:
        """Leave trace and summary alone, where :meth:`save` was interrupted; return their paths."""
        arguments.path("directory", directory, "the path of a directory")
        return write_least(self.trace, self.summary, directory)


class Paused(ABC):
    """What a run goes on from."""

    @abstractmethod
    def go_on(
        self,
        run: Run,
        until: float | str | None,
        faults: Sequence[FaultSpec],
        max_events: int | None,
        max_seconds: float | str | None,
        progress: Progress | bool | None,
    ) -> Run:
        """Return the run that goes on from the end of ``run``; see :meth:`Run.continue_`."""


def _table(finding: object) -> object:
    """Return rows as a DataFrame, and anything else as it is."""
    if not isinstance(finding, list) or not all(isinstance(row, Mapping) for row in finding):
        return finding
    try:
        import pandas
    except ImportError:
        return finding
    return pandas.DataFrame(finding)


class Interrupted(KeyboardInterrupt):
    """A run was interrupted; ``run`` is what happened until then, readable like any other."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"interrupted at {clock_time(run.trace.last)} of simulated time")
        self.run = run


class RunFailed(Exception):
    """A process of a run ended too early, or code of a user failed; ``run`` is what happened until
    then.
    """

    def __init__(self, reason: str, run: Run) -> None:
        super().__init__(reason)
        self.run = run
