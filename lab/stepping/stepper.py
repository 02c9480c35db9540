"""The stepper: goes through a run event by event, forward and back, and can change it.

The whole run is made first, and the stepper reads its trace. A change that a learner makes becomes
a fault at that moment. The run is then made again from its seed with the fault, and is the same as
before up to that moment.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.analysis.conditions import Condition, NoCondition, Predicate, condition, unknown_hosts
from lab.analysis.index import TraceIndex
from lab.api.acting import Act
from lab.api.diff import Diff
from lab.api.progress import Progress, check_progress, shown
from lab.api.run import Run
from lab.api.simulate import make_run, topology_of
from lab.extend.given import (
    GivenBehaviours,
    GivenFault,
    GivenProbe,
    GivenRetry,
    GivenRouting,
    as_option,
    check_hosts,
    given_plugins,
    parted_faults,
)
from lab.hosts.interception import command_line, reply_of
from lab.quantities import count_noun, duration
from lab.runtime import arguments
from lab.runtime.deprecation import renamed
from lab.stepping.moments import Moment
from lab.topology.model import FaultSpec as Fault
from lab.topology.model import Topology, TopologyError
from lab.topology.write import to_toml
from lab.trace.rows import KIND, PEER, Event
from lab.trace.trace import Trace

if TYPE_CHECKING:
    from lab.views.widget import Watch


class NoIntervention(ValueError):
    """Raised for a change that is not possible; the message says why, and what is possible."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """A change: the number of events before it, its fault, and the fault in words."""

    moment: int
    fault: Fault
    words: str


class Stepper:
    """A run of a topology, event by event.

    ``n`` is the number of events that have happened, ``moment`` the state of the run after them.
    Each move returns the moment that it leads to. ``breakpoints`` are the conditions at which
    :meth:`go_on` stops.
    """

    def __init__(
        self,
        topology: Topology | str | os.PathLike[str],
        seed: int = 0,
        until: float | None = None,
        faults: Sequence[GivenFault] = (),
        progress: Progress | None = None,
        *,
        routing: GivenRouting = None,
        retry: GivenRetry = None,
        behaviours: GivenBehaviours = (),
        probes: Sequence[GivenProbe] = (),
    ) -> None:
        seed = arguments.whole_number("seed", seed)
        until = arguments.seconds("until", until)
        arguments.function("progress", progress, "the number of messages so far")
        specs, own_faults = parted_faults(faults)
        self._plugins = given_plugins(routing, retry, behaviours, own_faults, probes)
        self._original = topology_of(topology, seed).with_faults(specs)
        check_hosts(self._plugins, self._original)
        self.seed = seed
        self.until_time = until
        self.breakpoints: list[Condition] = []
        self.interventions: list[Intervention] = []
        self.session: int | None = None
        self._progress = progress
        self._unaltered: Run | None = None
        self._make()
        self.n = min(1, self.index.count)

    def __repr__(self) -> str:
        times = len(self.interventions)
        changed = f", altered {count_noun(times, 'time')}" if times else ""
        return f"<Stepper: {self.moment!r}{changed}>"

    if not TYPE_CHECKING:  # type checkers know the new names only

        def __getattr__(self, name: str) -> Any:
            return renamed(self, {"records": "index"}, name)

    def _make(self) -> None:
        faults = (
            *self._original.faults,
            *(change.fault for change in self.interventions),
        )
        topology = replace(self._original, faults=faults)
        self.run = self._made(topology, self._progress)
        if not self.interventions:
            self._unaltered = self.run
        self.index = TraceIndex(self.run.trace)

    def _made(self, topology: Topology, progress: Progress | None = None) -> Run:
        return make_run(
            topology, self.seed, self.until_time, progress=progress, plugins=self._plugins
        )

    # -- the moment ----------------------------------------------------------------------------

    @property
    def moment(self) -> Moment:
        """The state of the run after ``n`` events."""
        return Moment(self.index, self.n, self.session)

    @property
    def event(self) -> Event | None:
        """The last event that has happened."""
        return self.moment.event

    @property
    def is_altered(self) -> bool:
        """Whether the run has been changed."""
        return bool(self.interventions)

    @property
    def original(self) -> Run:
        """The run as it was before it was changed; the run itself if it was not."""
        if self._unaltered is None:
            self._unaltered = self._made(self._original)
        return self._unaltered

    def diff(self) -> Diff:
        """Return the comparison of the original run, A, with the altered one, B."""
        return Diff(self.original.trace, self.run.trace, ("original", "altered"))

    # -- moves ------------------------------------------------------------------------------------

    def seek(self, n: int) -> Moment:
        """Go to the moment after ``n`` events."""
        n = arguments.whole_number("n", n)
        self.n = max(0, min(n, self.index.count))
        return self.moment

    def step(self, events: int = 1) -> Moment:
        """Go forward by a number of events."""
        return self.seek(self.n + arguments.whole_number("events", events))

    def back(self, events: int = 1) -> Moment:
        """Go back by a number of events."""
        return self.seek(self.n - arguments.whole_number("events", events))

    def at(self, t: float) -> Moment:
        """Go to a time in seconds; the events of that instant have happened."""
        return self.seek(self.index.moment_at(arguments.real_number("t", t, unit="seconds")))

    def until(self, wanted: Condition) -> Moment:
        """Go forward to the next event for which a condition holds, or to the end.

        A condition is a text such as "reply 550" or "host B stores", or a function of an event.
        Raises :class:`NoCondition`.
        """
        return self._forward(self._predicate(wanted))

    def back_until(self, wanted: Condition) -> Moment:
        """Go back to the last event before for which a condition holds, or to the beginning."""
        holds = self._predicate(wanted)
        for n in range(self.n - 1, 0, -1):
            if holds(self.index.trace[n - 1]):
                return self.seek(n)
        return self.seek(0)

    def next(
        self,
        *,
        host: str | None = None,
        message: int | None = None,
        session: int | None = None,
        kind: str | None = None,
    ) -> Moment:
        """Go forward to the next event of the given host, message, session and kind."""
        for name, value in (("host", host), ("kind", kind)):
            if value is not None:
                arguments.text(name, value)
        for name, number in (("message", message), ("session", session)):
            if number is not None:
                arguments.whole_number(name, number)
        wanted = {"host": host, "message": message, "session": session, "kind": kind}
        words = [f"{name} {value}" for name, value in wanted.items() if value is not None]
        return self.until(" ".join(words)) if words else self.step()

    def go_on(self) -> Moment:
        """Go forward to the next breakpoint, or to the end."""
        predicates = [self._predicate(condition) for condition in self.breakpoints]
        return self._forward(lambda event: any(holds(event) for holds in predicates))

    def _forward(self, holds: Predicate) -> Moment:
        for n in range(self.n + 1, self.index.count + 1):
            if holds(self.index.trace[n - 1]):
                return self.seek(n)
        return self.seek(self.index.count)

    def _predicate(self, wanted: Condition) -> Predicate:
        holds = condition(wanted)
        unknown_hosts(wanted, list(self.run.topology.hosts))
        return holds

    def add_breakpoint(self, wanted: Condition) -> None:
        """Make :meth:`go_on` stop at the events for which a condition holds."""
        self._predicate(wanted)
        self.breakpoints.append(wanted)

    # -- interventions ----------------------------------------------------------------------------

    def cut(self, a: str, b: str, duration: float | None = None) -> Moment:
        """Take the link between two hosts down now, for ``duration`` seconds or for good."""
        duration = arguments.seconds("duration", duration)
        ends = (self.host(a), self.host(b))
        if frozenset(ends) not in self.index.latencies:
            raise NoIntervention(f"no link joins {ends[0]} and {ends[1]}; name the ends of a link")
        return self.intervene(Fault("link-down", link=ends, duration=duration))

    def crash(self, host: str, duration: float = 60.0) -> Moment:
        """Crash a host now; it starts again after ``duration`` seconds."""
        duration = arguments.real_number("duration", duration, 0, unit="seconds", example="60.0")
        return self.intervene(Fault("crash", host=self.host(host), duration=duration))

    def hang_up(self, session: int | None = None) -> Moment:
        """Cut the transmission channel of a session now."""
        number = self._open_session(session)
        first = self.index.session_histories[number].snapshots[0]
        ends = (first.sender_host, first.receiver_host)
        return self.intervene(Fault("hang-up", link=ends, session=number))

    def change_reply(self, line: str, session: int | None = None) -> Moment:
        """Replace the next reply of a session by another: "550 No such user here".

        By default it is the session that is shown. Raises :class:`NoIntervention`.
        """
        arguments.text("line", line)
        number = self._open_session(session)
        try:
            forced = reply_of(line)
        except ValueError as why:
            raise NoIntervention(f"{line!r} {why}") from None
        seq = self._next(number, ("reply",), "reply")
        self._not_accepted_yet(number, forced.code)
        row = self.index.rows[seq]
        count = self.index.count_in(number, self.n, ("reply",)) + 1
        fault = Fault("change-reply", host=row[PEER], session=number, number=count, line=line)
        return self.intervene(fault)

    def change_command(self, line: str, session: int | None = None) -> Moment:
        """Replace the next command of a session by another: "RSET"."""
        arguments.text("line", line)
        number = self._open_session(session)
        try:
            command_line(line)
        except ValueError as why:
            raise NoIntervention(f"{line!r} {why}") from None
        row = self.index.rows[self._next(number, ("command", "data"), "command")]
        if row[KIND] == "data":
            raise NoIntervention(
                f"{row[PEER]} sends mail data next in session {number}, not a command"
            )
        count = self.index.count_in(number, self.n, ("command", "data")) + 1
        fault = Fault("change-command", host=row[PEER], session=number, number=count, line=line)
        return self.intervene(fault)

    def intervene(self, fault: Fault) -> Moment:
        """Add a fault at this moment, and make the run again from its seed.

        Raises :class:`NoIntervention` if the fault would have no effect.
        """
        if not isinstance(fault, Fault):
            raise TypeError(f"fault must be a lab.Fault, not {arguments.shown(fault)}")
        if fault.line is None and fault.when is None and fault.rate is None:
            if self.n > 1:
                fault = replace(fault, when={"seq": self.n - 1})
            else:
                fault = replace(fault, at=0.0)
        try:
            fault = self._original.with_faults([fault]).faults[-1]
        except TopologyError as error:
            raise NoIntervention("; ".join(error.problems)) from None
        before, index = self.run, self.index
        self.interventions.append(Intervention(self.n, fault, words_of(fault)))
        self._make()
        takes_effect = any(row[KIND] == "fault" for row in self.index.rows[self.n :])
        same_until_now = self.index.rows[: self.n] == index.rows[: self.n]
        if takes_effect and same_until_now:
            return self.moment
        self.interventions.pop()
        self.run, self.index = before, index
        raise NoIntervention(
            "all mail is settled, so this would change nothing; go back some events first"
            if same_until_now
            else "this would change what has happened already; go back some events first"
        )

    def undo(self) -> Moment:
        """Undo the last intervention, and go to the moment at which it was made."""
        if not self.interventions:
            raise NoIntervention("nothing was changed")
        last = self.interventions.pop()
        self._make()
        return self.seek(last.moment)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a topology file with the interventions as faults; a run of it is this run."""
        file = Path(arguments.path("path", path, "the path of a file"))
        seed = f" --seed {self.seed}" if self.seed else ""
        changes = [f"after event {change.moment}: {change.words}" for change in self.interventions]
        until = f" --until '{self.until_time:g} s'" if self.until_time is not None else ""
        code = "".join(f" {as_option(meta)}" for meta in self._plugins.described)
        how = f"A run altered by hand. To make it again: lab run {file.name}{seed}{until}{code}"
        comment = "\n".join([how, *changes])
        topology = replace(self.run.topology, expect={})
        file.write_text(to_toml(topology, comment), encoding="utf-8")
        return file

    # -- in a notebook ----------------------------------------------------------------------------

    def watch(self, *, breaks: Iterable[Condition] = ()) -> Watch:
        """Return a widget of a notebook in which the run is changed by clicking.

        Links are cut, hosts crashed, replies changed and channels hung up at the moment that is
        shown; the widget goes on with the altered run, and shows it beside its original. Raises
        ImportError without anywidget.
        """
        return self.run.watch(position=self.n, breaks=breaks, act=self.alter)

    def alter(self, change: Mapping[str, str | float | None]) -> tuple[Trace, str, str]:
        """Make a change that was clicked; return the trace, the comparison as HTML, and words.

        ``change`` has the ``act``, the position ``n``, and: for "cut" the hosts ``a`` and ``b``,
        for "crash" the ``host``, for "reply" the ``line`` and for it and "hang-up" the ``session``.
        "cut" and "crash" may have ``seconds``. Raises :class:`NoIntervention`.
        """
        arguments.instance("change", change, Mapping, 'a dict such as {"act": "undo"}')
        self.seek(int(_number(change, "n", self.n)))
        act = change.get("act")
        session = int(_number(change, "session", 0)) or None
        if act == "cut":
            self.cut(_text(change, "a"), _text(change, "b"), _number(change, "seconds", 0) or None)
        elif act == "crash":
            self.crash(_text(change, "host"), _number(change, "seconds", 60.0))
        elif act == "reply":
            self.change_reply(_text(change, "line"), session)
        elif act == "hang-up":
            self.hang_up(session)
        elif act == "undo":
            self.undo()
        else:
            raise NoIntervention(f"{act!r} is not an act; use cut, crash, reply, hang-up or undo")
        words = "; ".join(
            f"after event {intervention.moment}: {intervention.words}"
            for intervention in self.interventions
        )
        return self.run.trace, self.diff().page() if self.is_altered else "", words

    # -- what an intervention needs ---------------------------------------------------------------

    def host(self, name: str) -> str:
        """Return the name of a host as the topology has it; ".ARPA" may be left out."""
        if not isinstance(name, str):
            raise TypeError(f"host must be the name of a host, not {arguments.shown(name)}")
        spec = self.run.topology.host(name) or self.run.topology.host(f"{name}.ARPA")
        if spec is None:
            known = list(self.run.topology.hosts)
            examples = ", ".join(known[:6]) + (" ..." if len(known) > 6 else "")
            raise NoIntervention(f"there is no host {name}; there are {examples}")
        return spec.name

    def _open_session(self, session: int | None) -> int:
        number = self.moment.session
        if session is not None:
            number = arguments.whole_number("session", session, example=1)
        if number is None or number not in self.index.sessions(self.n):
            numbers = ", ".join(map(str, self.index.sessions(self.n))) or "none"
            problem = "no session is open" if number is None else f"session {number} is not open"
            raise NoIntervention(f"{problem} now; open sessions: {numbers}")
        return number

    def _next(self, session: int, kinds: tuple[str, ...], noun: str) -> int:
        seq = self.index.next_in(session, self.n, kinds)
        if seq is None:
            raise NoIntervention(f"session {session} has no further {noun}")
        return seq

    def _not_accepted_yet(self, session: int, code: int) -> None:
        """Raise NoIntervention if mail has been stored and a refusing reply would deny it."""
        history = self.index.session_histories[session]
        snapshot = history.at(self.n - 1)
        if code >= 400 and snapshot is not None and snapshot.has_stored:
            event = history.seqs[bisect_right(history.seqs, self.n - 1) - 1] + 1
            raise NoIntervention(
                f"{snapshot.receiver_host} has accepted the mail (event {event}), and its reply is "
                f"on its way: go back before event {event}, or hang up"
            )


def step(
    topology: Topology | str | os.PathLike[str],
    seed: int = 0,
    until: float | None = None,
    faults: Sequence[GivenFault] = (),
    progress: Progress | bool | None = None,
    *,
    routing: GivenRouting = None,
    retry: GivenRetry = None,
    behaviours: GivenBehaviours = (),
    probes: Sequence[GivenProbe] = (),
) -> Stepper:
    """Return a stepper over a run of a topology; ``topology`` may be the path of a file.

    The arguments are those of :func:`lab.simulate`, which raises the same. ``stepper.step()``,
    ``.back()``, ``.until("reply 550")`` and ``.crash("USC-ISIE")`` return the moment that they lead
    to.
    """
    seed = arguments.whole_number("seed", seed)
    check_progress(progress, "the number of messages so far")
    topology = topology_of(topology, seed)
    with shown(progress, topology.messages) as bar:
        return Stepper(
            topology, seed, until, faults, bar,
            routing=routing, retry=retry, behaviours=behaviours, probes=probes,
        )  # fmt: skip


def act_on(run: Run) -> Act:
    """Return what makes a run again with changes that are clicked: a stepper, made when needed."""
    until = run.trace.last if run.ending == "until" else None
    steppers: list[Stepper] = []

    def act(change: Mapping[str, str | float | None]) -> tuple[Trace, str, str]:
        if not steppers:
            steppers.append(Stepper(run.topology, run.trace.meta.get("seed", 0), until))
        return steppers[0].alter(change)

    return act


def _text(change: Mapping[str, str | float | None], name: str) -> str:
    text = change.get(name)
    if not isinstance(text, str):
        raise NoIntervention(f"{change.get('act')} requires {name}, a text")
    return text


def _number(change: Mapping[str, str | float | None], name: str, default: float) -> float:
    number = change.get(name)
    if number is None:
        return default
    if not isinstance(number, (int, float)):
        raise NoIntervention(f"{name} must be a number, not {number!r}")
    return number


def words_of(fault: Fault) -> str:
    """Return a fault in a few words."""
    where = " – ".join(fault.link or ()) or fault.host or ""
    lasts = f" for {duration(fault.duration)}" if fault.duration is not None else ""
    change = f" to {fault.line!r}" if fault.line is not None else ""
    session = f" in session {fault.session}" if fault.session is not None else ""
    return f"{fault.kind} {where}{session}{change}{lasts}"


__all__ = ["Intervention", "NoCondition", "NoIntervention", "Stepper", "step", "words_of"]
