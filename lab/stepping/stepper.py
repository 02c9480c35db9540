"""The stepper: a run looked at event by event, forward and back, and changed on the way.

A run is made whole, and looked at by its trace. What a learner changes at a moment becomes a fault
that strikes there; the run is made again from its seed with it, and is the same up to that moment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.analysis.conditions import Condition, NoCondition, Predicate, condition, unknown_hosts
from lab.analysis.index import TraceIndex
from lab.api.simulate import load, make_run
from lab.hosts.interception import command_line, reply_of
from lab.stepping.moments import Moment
from lab.topology.model import FaultSpec as Fault
from lab.topology.model import Topology
from lab.topology.write import to_toml
from lab.trace.rows import HOST, KIND, PEER, SESSION, Event

Progress = Callable[[int], None]


class NoIntervention(ValueError):
    """What cannot be changed at this moment; the message says why, and what can be done."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """What was changed: after how many events, by which fault, in words."""

    moment: int
    fault: Fault
    words: str


class Stepper:
    """A run of a topology, event by event.

    ``n`` is how many events have happened, ``moment`` all that is to be seen then. The moves give
    the moment that they lead to. ``breakpoints`` are the conditions that :meth:`go_on` stops at.
    """

    def __init__(
        self,
        topology: Topology | str | os.PathLike[str],
        seed: int = 0,
        until: float | None = None,
        faults: Sequence[Fault] = (),
        progress: Progress | None = None,
    ) -> None:
        if not isinstance(topology, Topology):
            topology = load(topology, seed=seed)
        topology = topology.with_seed(seed)
        self._original = replace(topology, faults=(*topology.faults, *faults))
        self.seed = seed
        self.until_time = until
        self.breakpoints: list[Condition] = []
        self.interventions: list[Intervention] = []
        self.session: int | None = None
        self._progress = progress
        self._make()
        self.n = min(1, self.records.count)

    def __repr__(self) -> str:
        times = len(self.interventions)
        changed = f", altered {times} time{'s' * (times > 1)}" if times else ""
        return f"<Stepper: {self.moment!r}{changed}>"

    def _make(self) -> None:
        faults = (*self._original.faults, *(one.fault for one in self.interventions))
        topology = replace(self._original, faults=faults)
        self.run = make_run(topology, self.seed, self.until_time, progress=self._progress)
        self.records = TraceIndex(self.run.trace)

    # -- where we are -----------------------------------------------------------------------------

    @property
    def moment(self) -> Moment:
        """The moment at which the run is looked at."""
        return Moment(self.records, self.n, self.session)

    @property
    def event(self) -> Event | None:
        """The last event that has happened."""
        return self.moment.event

    @property
    def is_altered(self) -> bool:
        """Whether anything was changed by hand."""
        return bool(self.interventions)

    # -- moves ------------------------------------------------------------------------------------

    def seek(self, n: int) -> Moment:
        """Go to the moment after so many events."""
        self.n = max(0, min(n, self.records.count))
        return self.moment

    def step(self, events: int = 1) -> Moment:
        """Go so many events on."""
        return self.seek(self.n + events)

    def back(self, events: int = 1) -> Moment:
        """Go so many events back."""
        return self.seek(self.n - events)

    def at(self, t: float) -> Moment:
        """Go to a time in seconds: all that happens by then has happened."""
        return self.seek(self.records.moment_at(t))

    def until(self, wanted: Condition) -> Moment:
        """Go on to the next event that a condition holds of, or to the end.

        A condition is a text such as "reply 550" or "host B stores", or a function of an event.
        Raises :class:`NoCondition`.
        """
        return self._forward(self._predicate(wanted))

    def back_until(self, wanted: Condition) -> Moment:
        """Go back to the event before, that a condition holds of, or to the beginning."""
        holds = self._predicate(wanted)
        for n in range(self.n - 1, 0, -1):
            if holds(self.records.trace[n - 1]):
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
        """Go on to the next event of a host, message, session or kind (all that are given)."""
        given = {"host": host, "message": message, "session": session, "kind": kind}
        words = [f"{name} {one}" for name, one in given.items() if one is not None]
        return self.until(" ".join(words)) if words else self.step()

    def go_on(self) -> Moment:
        """Go on to the next breakpoint, or to the end."""
        holding = [self._predicate(one) for one in self.breakpoints]
        return self._forward(lambda event: any(holds(event) for holds in holding))

    def _forward(self, holds: Predicate) -> Moment:
        for n in range(self.n + 1, self.records.count + 1):
            if holds(self.records.trace[n - 1]):
                return self.seek(n)
        return self.seek(self.records.count)

    def _predicate(self, wanted: Condition) -> Predicate:
        holds = condition(wanted)
        unknown_hosts(wanted, list(self.run.topology.hosts))
        return holds

    def add_breakpoint(self, wanted: Condition) -> None:
        """Have :meth:`go_on` stop at the events that a condition holds of."""
        self._predicate(wanted)
        self.breakpoints.append(wanted)

    # -- interventions ----------------------------------------------------------------------------

    def cut(self, a: str, b: str, duration: float | None = None) -> Moment:
        """Take the link between two hosts down now, for so many seconds or for good."""
        ends = (self.host(a), self.host(b))
        if frozenset(ends) not in self.records.latencies:
            raise NoIntervention(f"no link joins {ends[0]} and {ends[1]}; name the ends of one")
        return self.intervene(Fault("link-down", link=ends, duration=duration))

    def crash(self, host: str, duration: float = 60.0) -> Moment:
        """Let a host crash now; it runs again after so many seconds."""
        return self.intervene(Fault("crash", host=self.host(host), duration=duration))

    def hang_up(self, session: int | None = None) -> Moment:
        """Cut the transmission channel of a session now."""
        number = self._open_session(session)
        film = self.records.session_histories[number]
        shot = film.shots[0]
        ends = (shot.sender_host, shot.receiver_host)
        return self.intervene(Fault("hang-up", link=ends, session=number))

    def change_reply(self, line: str, session: int | None = None) -> Moment:
        """Have the next reply of a session be another: "550 No such user here".

        The session is the one that is looked at. Raises :class:`NoIntervention`.
        """
        number = self._open_session(session)
        try:
            forced = reply_of(line)
        except ValueError as why:
            raise NoIntervention(f"{line!r} {why}") from None
        seq = self._next(number, ("reply",), "reply")
        self._not_accepted_yet(number, forced.code)
        row = self.records.rows[seq]
        count = self._count(number, ("reply",)) + 1
        fault = Fault("change-reply", host=row[PEER], session=number, number=count, line=line)
        return self.intervene(fault)

    def change_command(self, line: str, session: int | None = None) -> Moment:
        """Have the next command of a session be another: "RSET"."""
        number = self._open_session(session)
        try:
            command_line(line)
        except ValueError as why:
            raise NoIntervention(f"{line!r} {why}") from None
        row = self.records.rows[self._next(number, ("command", "data"), "command")]
        if row[KIND] == "data":
            raise NoIntervention(
                f"the next that {row[PEER]} sends in session {number} is mail data, and no command"
            )
        count = self._count(number, ("command", "data")) + 1
        fault = Fault("change-command", host=row[PEER], session=number, number=count, line=line)
        return self.intervene(fault)

    def intervene(self, fault: Fault) -> Moment:
        """Let any fault strike at this moment, and make the run again from its seed.

        Raises :class:`NoIntervention` where nothing is left that it could befall.
        """
        if fault.line is None and fault.when is None and fault.rate is None:
            if self.n > 1:
                fault = replace(fault, when={"seq": self.n - 1})
            else:
                fault = replace(fault, at=0.0)
        before, records = self.run, self.records
        self.interventions.append(Intervention(self.n, fault, words_of(fault)))
        self._make()
        strikes = any(row[KIND] == "fault" for row in self.records.rows[self.n :])
        same = self.records.rows[: self.n] == records.rows[: self.n]
        if strikes and same:
            return self.moment
        self.interventions.pop()
        self.run, self.records = before, records
        raise NoIntervention(
            "all mail is settled: nothing is left that this could change; go back some events first"
            if same
            else "it would change what has happened already; go back some events first"
        )

    def undo(self) -> Moment:
        """Take the last intervention back, and go to where it was made."""
        if not self.interventions:
            raise NoIntervention("nothing was changed")
        last = self.interventions.pop()
        self._make()
        return self.seek(last.moment)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a topology with the interventions as faults, which gives this run again."""
        where = Path(path)
        seed = f" --seed {self.seed}" if self.seed else ""
        changes = [f"after event {one.moment}: {one.words}" for one in self.interventions]
        until = f" --until '{self.until_time:g} s'" if self.until_time is not None else ""
        how = f"A run altered by hand. It is made again by: lab run {where.name}{seed}{until}"
        comment = "\n".join([how, *changes])
        topology = replace(self.run.topology, expect={})
        where.write_text(to_toml(topology, comment), encoding="utf-8")
        return where

    # -- what an intervention needs ---------------------------------------------------------------

    def host(self, name: str) -> str:
        """The host of that name, in any case, with or without ".ARPA"."""
        spec = self.run.topology.host(name) or self.run.topology.host(f"{name}.ARPA")
        if spec is None:
            known = list(self.run.topology.hosts)
            some = ", ".join(known[:6]) + (" ..." if len(known) > 6 else "")
            raise NoIntervention(f"there is no host {name}; there are {some}")
        return spec.name

    def _open_session(self, session: int | None) -> int:
        number = self.moment.session if session is None else session
        if number is None or number not in self.records.sessions(self.n):
            there = self.records.sessions(self.n)
            listed = ", ".join(map(str, there)) or "none"
            what = "no session" if number is None else f"session {number}"
            raise NoIntervention(f"{what} is open now; open are: {listed}")
        return number

    def _next(self, session: int, kinds: tuple[str, ...], what: str) -> int:
        for seq in self.records.session_histories[session].seqs:
            if seq >= self.n and self.records.rows[seq][KIND] in kinds:
                return seq
        raise NoIntervention(f"no {what} comes any more in session {session}")

    def _count(self, session: int, kinds: tuple[str, ...]) -> int:
        seqs = self.records.session_histories[session].seqs
        return sum(seq < self.n and self.records.rows[seq][KIND] in kinds for seq in seqs)

    def _not_accepted_yet(self, session: int, code: int) -> None:
        """See to it that no mail has been stored for which the reply is on its way."""
        for seq in range(self.n - 1, -1, -1):
            row = self.records.rows[seq]
            if row[SESSION] != session:
                continue
            if row[KIND] in ("command", "data", "reply"):
                return
            if row[KIND] == "accept" and code >= 400:
                raise NoIntervention(
                    f"{row[HOST]} has accepted the mail (event {seq + 1}), and its reply is on its "
                    f"way: go back before event {seq + 1}, or hang up"
                )


def step(
    topology: Topology | str | os.PathLike[str],
    seed: int = 0,
    until: float | None = None,
    faults: Sequence[Fault] = (),
    progress: Progress | None = None,
) -> Stepper:
    """A stepper over a run of a topology (or of the file of that name) from a seed.

    The arguments are those of :func:`lab.simulate`. ``stepper.step()``, ``.back()``,
    ``.until("reply 550")`` and ``.crash("USC-ISIE")`` give the moment that they lead to.
    """
    return Stepper(topology, seed, until, faults, progress)


def words_of(fault: Fault) -> str:
    """A fault in a few words."""
    where = " – ".join(fault.link or ()) or fault.host or ""
    lasts = f" for {fault.duration:g} s" if fault.duration is not None else ""
    what = f" to {fault.line!r}" if fault.line is not None else ""
    session = f" in session {fault.session}" if fault.session is not None else ""
    return f"{fault.kind} {where}{session}{what}{lasts}"


__all__ = ["Intervention", "NoCondition", "NoIntervention", "Stepper", "step", "words_of"]
