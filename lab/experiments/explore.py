"""Break a run at every step in turn, and see what becomes of the mail.

A *cut* ends a session after a given number of bytes from one side: inside and at the end of every
command and reply, inside the mail data, and around the final dot. A *crash* takes a host down right
after an event, at that host or at another. Both sides are in the *window* of RFC 1047 from the end
of the mail data until the sender-SMTP has its 250. A break makes a duplicate there and nowhere
else. A *reply* that a host misplaces, doubles, delays or withholds is invented for each reply of
the run, see :mod:`lab.experiments.misbehaviour`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from lab.analysis.account import Account
from lab.analysis.invariants import breaches
from lab.analysis.recipients import OUTCOMES
from lab.api.progress import Progress, check_progress, shown
from lab.experiments.misbehaviour import misbehaviours
from lab.hosts.reply_script import ScriptedReply
from lab.quantities import clock_time
from lab.runtime import arguments
from lab.runtime.executor import results
from lab.simulation.simulation import simulate
from lab.topology.model import FaultSpec, Topology
from lab.topology.write import fault_table, table_of, toml_value
from lab.trace.rows import HOST, KIND, OCTETS, PEER, SESSION, Row, T
from lab.trace.trace import Trace

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from lab.api.run import Run

DOWN: Final = 60.0
"""Seconds for which a host is down after a crash."""

WAYS: Final = ("cut", "crash", "reply")
"""By what a run can be broken."""

_COUNTED: Final = ("submitted", *OUTCOMES, "duplicates")
"""What is counted of each run."""


class BreakPoint(NamedTuple):
    """A place at which a run is broken: its kind, a description, and what breaks it.

    That is a ``fault``, or (then ``fault`` is None) the ``reply`` that ``host`` sends in place of
    its own. ``at`` is its time in the unbroken run, in simulated seconds.
    """

    number: int
    kind: str
    where: str
    fault: FaultSpec | None
    in_window: bool
    at: float
    host: str = ""
    reply: ScriptedReply | None = None


class Window(NamedTuple):
    """The time in which both sides hold a message, as numbers of rows.

    ``data`` is the row of the mail data, ``accept`` that of its acceptance, and ``reply`` that of
    the reply, or of the close of the session.
    """

    sender: str
    receiver: str
    data: int
    accept: int
    reply: int

    def holds(self, seq: int, ends: tuple[str, str]) -> bool:
        """Whether a row of a session between two hosts is in the window."""
        return self.accept <= seq < self.reply and set(ends) == {self.sender, self.receiver}


@dataclass(slots=True)
class Trial:
    """What became of the mail in a run that was broken at a point."""

    counts: dict[str, int]
    breaches: list[str]


@dataclass(slots=True, repr=False)
class Explored:
    """The points that were tried, and the outcome of each.

    ``possible`` is the number of points at which the run could be broken. ``windows`` are intervals
    in seconds, each from the arrival of some mail data to the arrival of its 250. The text of the
    object is the table that ``lab explore`` prints.
    """

    points: list[BreakPoint]
    possible: int
    outcomes: list[Trial] = field(default_factory=list)
    topology: Topology = field(default_factory=Topology)
    seed: int = 0
    windows: list[tuple[float, float]] = field(default_factory=list)

    def __repr__(self) -> str:
        from lab.views.pictures.experiments import as_text, explored_table

        return as_text(explored_table(self))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Plot each point at its time: whether it did no harm, made a duplicate or lost mail."""
        from lab.views.pictures.experiments import breaks

        return breaks(self, ax)

    def frame(self) -> pandas.DataFrame:
        """Return a row for each point: number, kind, where, at (s), in_window and counts."""
        import pandas

        return pandas.DataFrame(
            {"number": p.number, "kind": p.kind, "where": p.where, "at": p.at}
            | {"in_window": p.in_window, **outcome.counts}
            for p, outcome in self.tried()
        )

    def run(self, point: BreakPoint | int) -> Run:
        """Return the run that was broken at a point, given as such or by its number.

        Raises IndexError if no point with that number was tried.
        """
        from lab.api.simulate import simulate

        if not isinstance(point, BreakPoint):
            number = arguments.whole_number("point", point)
            tried = next((point for point in self.points if point.number == number), None)
            if tried is None:
                raise IndexError(
                    f"no point {number} was tried; points are numbered from 1 to {self.possible}"
                )
            point = tried
        return simulate(broken(self.topology, point), self.seed)

    def tried(self) -> Iterator[tuple[BreakPoint, Trial]]:
        """Yield each point that was tried, with its outcome."""
        return zip(self.points, self.outcomes, strict=False)

    @property
    def breaches(self) -> list[tuple[BreakPoint, str]]:
        """Each rule that was broken, with the point."""
        return [(point, breach) for point, outcome in self.tried() for breach in outcome.breaches]

    @property
    def doubled(self) -> list[BreakPoint]:
        """The points at which a break made a duplicate."""
        return [point for point, outcome in self.tried() if outcome.counts["duplicates"]]

    @property
    def lost(self) -> list[BreakPoint]:
        """The points at which a break lost mail: a bug in the lab, or a careless host."""
        return [point for point, outcome in self.tried() if outcome.counts["lost"]]

    def total(self, name: str, kind: str | None = None) -> int:
        """Return the sum of a count over all points, or over those of one kind."""
        arguments.one_of("name", name, _COUNTED)
        if kind is not None:
            arguments.text("kind", kind)
        return sum(o.counts[name] for p, o in self.tried() if kind in (None, p.kind))

    def as_dict(self) -> dict[str, object]:
        """Return the figures as ``lab explore --json`` prints them."""
        names = ("delivered", "returned", "duplicates", "lost")
        window = [point for point, _ in self.tried() if point.in_window]
        doubled = self.doubled
        return {
            "points": len(self.outcomes),
            **{name: self.total(name) for name in names},
            "submitted": self.total("submitted"),
            **{name: self.total(name) for name in OUTCOMES if name not in names},
            "possible": self.possible,
            "window": {
                "points": len(window),
                "doubled": sum(point.in_window for point in doubled),
                "doubled_outside": sum(not point.in_window for point in doubled),
            },
            "duplicate_points": [{"point": p.number, "where": p.where} for p in doubled],
            "breaches": [{"point": p.number, "breach": breach} for p, breach in self.breaches],
            "kinds": {kind: self._of_kind(kind, names) for kind in self.kinds},
        }

    @property
    def kinds(self) -> list[str]:
        """The kinds of the points, in order of the alphabet."""
        return sorted({point.kind for point in self.points})

    def _of_kind(self, kind: str, names: Sequence[str]) -> dict[str, int]:
        points = sum(point.kind == kind for point, _ in self.tried())
        return {"points": points, **{name: self.total(name, kind) for name in names}}


def points(trace: Trace, down: float = DOWN, by: Sequence[str] = WAYS) -> list[BreakPoint]:
    """Return every point at which a run can be broken, in the order of the run.

    ``down`` is how many seconds a host is down after a crash. ``by``: cuts, crashes, replies.
    """
    windows = list(_windows(trace.rows))
    points_of = {
        "cut": partial(_cuts, trace.rows, windows),
        "crash": partial(_crashes, trace, windows, down),
        "reply": partial(_misbehaviours, trace.rows, windows),
    }
    candidates = [candidate for way in WAYS if way in by for candidate in points_of[way]()]
    candidates.sort(key=lambda candidate: candidate.order)
    return [
        BreakPoint(number, c.kind, c.where, c.fault, c.in_window, trace.rows[c.order[0]][T],
                   c.host, c.reply)
        for number, c in enumerate(candidates, 1)
    ]  # fmt: skip


class Candidate(NamedTuple):
    """A point that has no number yet.

    ``order`` sorts the points: the number of a row, then the number of bytes of it that have
    crossed. A crash comes after all of them, and replies after that.
    """

    order: tuple[int, int]
    kind: str
    where: str
    fault: FaultSpec | None
    in_window: bool
    host: str = ""
    reply: ScriptedReply | None = None


def _windows(rows: Sequence[Row]) -> Iterator[Window]:
    data: dict[int | None, int] = {}
    accepted: dict[int | None, int] = {}
    for seq, row in enumerate(rows):
        session = row[SESSION]
        if row[KIND] == "data":
            data[session] = seq
        elif row[KIND] == "accept" and session in data:
            accepted[session] = seq
        elif row[KIND] in ("reply", "close") and session in accepted:
            sender, receiver = rows[data[session]][PEER], rows[data[session]][HOST]
            yield Window(sender, receiver, data[session], accepted.pop(session), seq)


# -- cuts: after a number of bytes from one side of a session


def _cuts(rows: Sequence[Row], windows: Sequence[Window]) -> Iterator[Candidate]:
    ends: dict[int | None, tuple[str, str]] = {}
    crossed: dict[tuple[int | None, str], int] = {}
    pieces: dict[int | None, bytes] = {}
    doubling = {window.data for window in windows}
    answers = {window.reply for window in windows}
    for seq, row in enumerate(rows):
        kind, session = row[KIND], row[SESSION]
        if kind == "open":
            ends[session] = (row[HOST], row[PEER])
        elif kind in _CUTS and session in ends:
            of = "receiver" if kind in ("reply", "piece") else "sender"
            before = crossed.get((session, of), 0)
            octets: bytes = row[OCTETS]
            if kind == "piece":
                pieces[session] = pieces.get(session, b"") + octets
            elif kind == "reply" and octets in pieces.get(session, b""):
                pieces[session] = pieces[session].partition(octets)[2]
                continue  # it has crossed piece by piece
            crossed[session, of] = before + len(octets)
            for taken, position in _CUTS[kind](len(octets)):
                whole = taken == len(octets)
                where = f"{position} {_shortened(kind, octets)!r}, session {session}"
                fault = FaultSpec(
                    "hang-up", 0.0, link=ends[session], session=session, of=of,
                    after=f"{before + taken} B",
                )  # fmt: skip
                in_window = (seq in doubling and whole) or (seq in answers and not whole)
                if kind == "piece" and not (whole and rows[seq + 1][KIND] == "reply"):
                    in_window = any(window.holds(seq, ends[session]) for window in windows)
                name = f"cut {position} {'the data' if kind == 'data' else 'a ' + kind}"
                yield Candidate((seq, taken), name, where, fault, in_window)


def _of_a_line(size: int) -> Iterator[tuple[int, str]]:
    yield max(1, size // 2), "inside"
    yield size - 1, "inside"
    yield size, "after"


def _of_a_piece(size: int) -> Iterator[tuple[int, str]]:
    if size > 1:
        yield size // 2, "inside"
    yield size, "after"


def _of_the_data(size: int) -> Iterator[tuple[int, str]]:
    """Inside the text; before, between and after CRLF, dot, CRLF."""
    inside = {1, size // 2, size - 5, size - 4, size - 3, size - 2, size - 1}
    yield from ((taken, "inside") for taken in sorted(inside) if 0 < taken < size)
    yield size, "after"


_CUTS: Final = {
    "command": _of_a_line, "reply": _of_a_line, "piece": _of_a_piece, "data": _of_the_data,
}  # fmt: skip


def _shortened(kind: str, octets: bytes) -> str:
    if kind == "data":
        return "..."
    line = octets.decode("latin-1").strip().partition("\r\n")[0]
    return line if len(line) <= 30 else f"{line[:27]}..."


# -- crashes: of each host, right after each event


def _crashes(trace: Trace, windows: Sequence[Window], down: float) -> Iterator[Candidate]:
    hosts = [host["name"] for host in trace.meta["hosts"] if host["kind"] == "host"]
    for seq in _moments(trace.rows):
        row = trace.rows[seq]
        for number, host in enumerate(hosts):
            fault = FaultSpec("crash", duration=down, host=host, when={"seq": seq})
            where = f"{host} crashes right after {row[KIND]} at {row[HOST]}, {clock_time(row[T])}"
            in_window = any(_is_in_window(window, host, seq) for window in windows)
            kind = "crash of the host" if host == row[HOST] else "crash of another host"
            yield Candidate((seq, 10**9 + number), kind, where, fault, in_window)


def _moments(rows: Sequence[Row]) -> Iterator[int]:
    """Yield the last of the rows that one host wrote at one instant, for each such group."""
    for seq, (row, following) in enumerate(pairwise(rows)):
        if row[HOST] and (row[T], row[HOST]) != (following[T], following[HOST]):
            yield seq


def _is_in_window(window: Window, host: str, seq: int) -> bool:
    if host == window.sender:
        return window.data <= seq < window.reply
    return host == window.receiver and window.accept <= seq < window.reply


# -- misbehaviour in place of each reply


def _misbehaviours(rows: Sequence[Row], windows: Sequence[Window]) -> Iterator[Candidate]:
    answers = {window.reply for window in windows}
    for number, (seq, kind, where, host, reply, unanswered) in enumerate(misbehaviours(rows)):
        in_window = unanswered and seq in answers
        order = (seq, 2 * 10**9 + number)
        yield Candidate(order, kind, where, None, in_window, host, reply)


# -- running them


def selected(break_points: Sequence[BreakPoint], limit: int | None) -> list[BreakPoint]:
    """Return at most ``limit`` points, spread evenly over the run."""
    if limit is None or len(break_points) <= limit:
        return list(break_points)
    return [break_points[number * len(break_points) // limit] for number in range(limit)]


def plan(
    topology: Topology, seed: int = 0, limit: int | None = None, by: Sequence[str] = WAYS
) -> Explored:
    """Find the points at which to break a topology's run, without trying any of them."""
    trace = simulate(topology, seed)
    every = points(trace, by=by)
    rows = trace.rows
    windows = [(rows[w.data][T], rows[w.reply][T]) for w in _windows(rows)]
    return Explored(
        selected(every, limit), len(every), topology=topology, seed=seed, windows=windows
    )


def try_all(
    explored: Explored,
    topology: Topology,
    seed: int = 0,
    processes: int | None = None,
    scheduler: str | None = None,
) -> Iterator[Trial]:
    """Break the run at each point in turn; yield each outcome, and keep it in ``explored``."""
    work = partial(broken_run, topology, seed)
    for outcome in results(work, explored.points, processes, scheduler):
        explored.outcomes.append(outcome)
        yield outcome


def explore(
    topology: Topology | str | os.PathLike[str],
    seed: int = 0,
    *,
    limit: int | None = None,
    by: Sequence[str] = WAYS,
    processes: int = 1,
    scheduler: str | None = None,
    progress: Progress | bool | None = None,
) -> Explored:
    """Break a topology's run at every step in turn; ``topology`` may be the path of a file.

    ``limit`` is the largest number of points to try, spread over the run. ``by``: with what to
    break it, "cut", "crash" and "reply" (a host misbehaves at a reply). ``processes`` does not
    change the result; a script that asks for more than one requires
    ``if __name__ == "__main__":``. ``scheduler`` is the address of a Dask scheduler whose workers
    try the points, such as "tcp://10.0.0.1:8786"; raises OSError if it cannot be reached.
    ``progress`` is called with the number of points tried so far; True shows a bar,
    False none, and by default one appears after two seconds on a terminal or in a notebook.
    """
    from lab.api.simulate import topology_of

    seed = arguments.whole_number("seed", seed)
    if limit is not None:
        limit = arguments.whole_number("limit", limit, 0, example=100)
    expected = 'several of "cut", "crash" and "reply"'
    ways = [arguments.one_of("by", way, WAYS) for way in arguments.many("by", by, expected)]
    processes = arguments.whole_number("processes", processes, 1, example=2)
    if scheduler is not None:
        arguments.text("scheduler", scheduler, "the address of a scheduler")
    check_progress(progress, "the number of points tried so far")
    explored = plan(topology_of(topology, seed), seed, limit, ways)
    with shown(progress, len(explored.points), "points") as tell:
        for done, _ in enumerate(
            try_all(explored, explored.topology, seed, processes, scheduler), 1
        ):
            if tell is not None:
                tell(done)
    return explored


def broken_run(topology: Topology, seed: int, point: BreakPoint) -> Trial:
    """Run a topology broken at a point, and return the outcome."""
    trace = simulate(broken(topology, point), seed)
    account = Account(trace.rows)
    summary = account.summary()
    counts = {name: summary[name] for name in _COUNTED}
    return Trial(counts, [str(breach) for breach in breaches(trace.rows, account)])


def broken(topology: Topology, point: BreakPoint) -> Topology:
    """Return a topology with what breaks it at a point, and without what its file expects."""
    if point.fault is not None:
        return replace(topology, faults=(*topology.faults, point.fault), expect={})
    host = topology.hosts[point.host]
    scripted = replace(host, replies=_replies(host.replies, point))
    return replace(topology, hosts={**topology.hosts, host.name: scripted}, expect={})


def _replies(own: Sequence[ScriptedReply], point: BreakPoint) -> Sequence[ScriptedReply]:
    """Return the scripted replies of a host with that of a point, which goes before the others."""
    return own if point.reply is None else (point.reply, *own)


def as_override(topology: Topology, point: BreakPoint) -> str:
    """Return the argument of ``--set`` with which ``lab run`` repeats one point."""
    if point.fault is not None:
        faults = [fault_table(spec) for spec in (*topology.faults, point.fault)]
        return f"fault={toml_value(faults)}"
    replies = _replies(topology.hosts[point.host].replies, point)
    return f"host.{point.host}.reply={toml_value([table_of(reply) for reply in replies])}"
