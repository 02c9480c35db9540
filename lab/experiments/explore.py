"""Exploring: a run is repeated and broken at every step in turn, to see what becomes of the mail.

A *cut* ends a session when so many bytes of one side have arrived: inside and at the end of every
command and reply, inside the mail data, around the final dot. A *crash* takes a host down right
after something happened there or anywhere else. Both sides are in the *window* of RFC 1047 while
mail is being stored or is stored and its 250 has not arrived: there, and only there, a break makes
a duplicate.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lab.analysis.account import OUTCOMES, Account
from lab.analysis.invariants import breaches
from lab.runtime.worker_pool import results
from lab.simulation.simulation import simulate
from lab.topology.model import FaultSpec, Topology
from lab.topology.write import fault_table, toml_value
from lab.trace.rows import HOST, KIND, OCTETS, PEER, SESSION, Row, T
from lab.trace.trace import Trace

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from lab.api.run import Run

DOWN: Final = 60.0
"""Seconds that a host is down after a crash."""


class BreakPoint(NamedTuple):
    """A place at which a run is broken: what kind of place, where in words, and by which fault.

    ``at`` is when, in simulated seconds of the run that is not broken.
    """

    number: int
    kind: str
    where: str
    fault: FaultSpec
    in_window: bool
    at: float


class Window(NamedTuple):
    """The rows of a trace between which mail is with both sides: data, accept, and the 250."""

    sender: str
    receiver: str
    data: int
    accept: int
    reply: int


@dataclass(slots=True)
class Trial:
    """What became of the mail of a run that was broken at a point."""

    counts: dict[str, int]
    breaches: list[str]


@dataclass(slots=True, repr=False)
class Explored:
    """The points that were tried, and the outcome of each; ``possible`` is how many there are.

    ``windows`` are the times, in seconds, between which mail is being stored or is with both sides:
    from when its data has arrived until its 250 has. Printed, it is the table that ``lab explore``
    prints.
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
        """Every point at its time: where a break did no harm, made a duplicate, or lost mail."""
        from lab.views.pictures.experiments import breaks

        return breaks(self, ax)

    def frame(self) -> pandas.DataFrame:
        """A row a point: number, kind, where, at (s), in_window, and the counts of its run."""
        import pandas

        return pandas.DataFrame(
            {"number": p.number, "kind": p.kind, "where": p.where, "at": p.at}
            | {"in_window": p.in_window, **outcome.counts}
            for p, outcome in self.tried()
        )

    def run(self, point: BreakPoint | int) -> Run:
        """The run that was broken at a point, or at that of a number; IndexError for none."""
        from lab.api.run import simulate

        if not isinstance(point, BreakPoint):
            found = [one for one in self.points if one.number == point]
            if not found:
                raise IndexError(f"no point {point} was tried; there are {self.possible} from 1 on")
            point = found[0]
        return simulate(broken(self.topology, point.fault), self.seed)

    def tried(self) -> Iterator[tuple[BreakPoint, Trial]]:
        """Points with their outcomes, as far as the exploring came."""
        return zip(self.points, self.outcomes, strict=False)

    @property
    def breaches(self) -> list[tuple[BreakPoint, str]]:
        """The rules that were broken, and where."""
        return [(point, one) for point, outcome in self.tried() for one in outcome.breaches]

    @property
    def doubled(self) -> list[BreakPoint]:
        """The points at which a break made a duplicate."""
        return [point for point, outcome in self.tried() if outcome.counts["duplicates"]]

    @property
    def lost(self) -> list[BreakPoint]:
        """The points at which a break lost mail: a bug of the lab's, or a careless host."""
        return [point for point, outcome in self.tried() if outcome.counts["lost"]]

    def total(self, name: str, kind: str | None = None) -> int:
        """A count, over all points or those of a kind."""
        return sum(o.counts[name] for p, o in self.tried() if kind in (None, p.kind))

    def as_dict(self) -> dict[str, Any]:
        """The figures as ``lab explore --json`` prints them."""
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
            "breaches": [{"point": p.number, "breach": one} for p, one in self.breaches],
        }


def points(trace: Trace, down: float = DOWN) -> list[BreakPoint]:
    """Every place at which a run can be broken, in the order of the run."""
    windows = list(_windows(trace.rows))
    found = [*_cuts(trace.rows, windows), *_crashes(trace, windows, down)]
    found.sort(key=lambda one: one[0])
    times = [row[T] for row in trace.rows]
    return [BreakPoint(number, *one[1:], times[one[0][0]]) for number, one in enumerate(found, 1)]


Found = tuple[tuple[int, int], str, str, FaultSpec, bool]


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


# -- cuts: after so many bytes of one side of a session


def _cuts(rows: Sequence[Row], windows: Sequence[Window]) -> Iterator[Found]:
    ends: dict[int | None, tuple[str, str]] = {}
    crossed: dict[tuple[int | None, str], int] = {}
    doubling = {one.data for one in windows}
    answers = {one.reply for one in windows}
    for seq, row in enumerate(rows):
        kind, session = row[KIND], row[SESSION]
        if kind == "open":
            ends[session] = (row[HOST], row[PEER])
        elif kind in _PLACES and session in ends:
            of = "receiver" if kind == "reply" else "sender"
            before = crossed.get((session, of), 0)
            octets: bytes = row[OCTETS]
            crossed[session, of] = before + len(octets)
            for taken, words in _PLACES[kind](len(octets)):
                whole = taken == len(octets)
                place = f"{words} {_shown(kind, octets)!r}, session {session}"
                fault = FaultSpec(
                    "hang-up", 0.0, link=ends[session], session=session, of=of,
                    after=f"{before + taken} B",
                )  # fmt: skip
                in_window = (seq in doubling and whole) or (seq in answers and not whole)
                name = f"cut {words} {'the data' if kind == 'data' else 'a ' + kind}"
                yield (seq, taken), name, place, fault, in_window


def _of_a_line(size: int) -> Iterator[tuple[int, str]]:
    yield max(1, size // 2), "inside"
    yield size - 1, "inside"
    yield size, "after"


def _of_the_data(size: int) -> Iterator[tuple[int, str]]:
    """Inside the text; before, between and after CRLF, dot, CRLF."""
    inside = {1, size // 2, size - 5, size - 4, size - 3, size - 2, size - 1}
    yield from ((taken, "inside") for taken in sorted(inside) if 0 < taken < size)
    yield size, "after"


_PLACES: Final = {"command": _of_a_line, "reply": _of_a_line, "data": _of_the_data}


def _shown(kind: str, octets: bytes) -> str:
    if kind == "data":
        return "..."
    line = octets.decode("latin-1").strip().partition("\r\n")[0]
    return line if len(line) <= 30 else f"{line[:27]}..."


# -- crashes: of each host, right after each event


def _crashes(trace: Trace, windows: Sequence[Window], down: float) -> Iterator[Found]:
    hosts = [one["name"] for one in trace.meta["hosts"] if one["kind"] == "host"]
    for seq in _moments(trace.rows):
        row = trace.rows[seq]
        for number, host in enumerate(hosts):
            fault = FaultSpec("crash", duration=down, host=host, when={"seq": seq})
            where = f"{host} crashes right after {row[KIND]} at {row[HOST]}, {row[T]:.6g} s"
            in_window = any(_befalls(one, host, seq) for one in windows)
            place = (seq, 10**9 + number)
            kind = "crash of the host" if host == row[HOST] else "crash of another host"
            yield place, kind, where, fault, in_window


def _moments(rows: Sequence[Row]) -> Iterator[int]:
    """The last row of each stretch that is of one host and one instant."""
    for seq, (row, following) in enumerate(pairwise(rows)):
        if row[HOST] and (row[T], row[HOST]) != (following[T], following[HOST]):
            yield seq


def _befalls(window: Window, host: str, seq: int) -> bool:
    if host == window.sender:
        return window.data <= seq < window.reply
    return host == window.receiver and window.accept <= seq < window.reply


# -- running them


def selected(found: Sequence[BreakPoint], limit: int | None) -> list[BreakPoint]:
    """At most ``limit`` points, spread evenly over the run."""
    if limit is None or len(found) <= limit:
        return list(found)
    return [found[number * len(found) // limit] for number in range(limit)]


def plan(topology: Topology, seed: int = 0, limit: int | None = None) -> Explored:
    """The points at which a topology's run is to be broken, none tried yet."""
    trace = simulate(topology, seed)
    found = points(trace)
    rows = trace.rows
    windows = [(rows[one.data][T], rows[one.reply][T]) for one in _windows(rows)]
    return Explored(
        selected(found, limit), len(found), topology=topology, seed=seed, windows=windows
    )


def try_all(
    explored: Explored, topology: Topology, seed: int = 0, processes: int | None = None
) -> Iterator[Trial]:
    """Break the run at each point in turn; each outcome is given, and kept in ``explored``."""
    work = partial(broken_run, topology, seed)
    for outcome in results(work, [point.fault for point in explored.points], processes):
        explored.outcomes.append(outcome)
        yield outcome


def explore(
    topology: Topology | str | os.PathLike[str],
    seed: int = 0,
    *,
    limit: int | None = None,
    processes: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Explored:
    """A run of a topology (or of the file of that name), broken at every step in turn.

    ``limit``: the most points to try, spread over the run. ``processes``: the result is the same
    for any number; a script that asks for more than one wants ``if __name__ == "__main__":``.
    ``progress`` is called with the number of points tried so far.
    """
    if not isinstance(topology, Topology):
        from lab.api.run import load

        topology = load(topology, seed=seed)
    explored = plan(topology.with_seed(seed), seed, limit)
    for done, _ in enumerate(try_all(explored, explored.topology, seed, processes), 1):
        if progress is not None:
            progress(done)
    return explored


def broken_run(topology: Topology, seed: int, fault: FaultSpec) -> Trial:
    """The outcome of a run with one more fault."""
    trace = simulate(broken(topology, fault), seed)
    account = Account(trace.rows)
    summary = account.summary()
    counts = {name: summary[name] for name in ("submitted", *OUTCOMES, "duplicates")}
    return Trial(counts, [str(one) for one in breaches(trace.rows, account)])


def broken(topology: Topology, fault: FaultSpec) -> Topology:
    """A topology with one more fault; what its file expects of the run need not come true then."""
    return replace(topology, faults=(*topology.faults, fault), expect={})


def as_override(topology: Topology, fault: FaultSpec) -> str:
    """The ``--set`` that makes ``lab run`` repeat a point alone."""
    faults = [fault_table(one) for one in (*topology.faults, fault)]
    return f"fault={toml_value(faults)}"
