"""Two runs compared: where they part, whose mail fared otherwise, and which links carried more.

Between simulated runs each time counts. If one of the runs is live its times are measured, and what
counts is what :mod:`lab.analysis.likeness` compares: outcomes, mail and bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypedDict

from lab.analysis.account import Account
from lab.analysis.channels import traffic
from lab.analysis.divergence import Divergence, first_divergence, first_unlike
from lab.analysis.likeness import likeness
from lab.analysis.likeness import sentence as sentence_of
from lab.analysis.link_use import link_use
from lab.analysis.pairing import match_messages, pair_recipients
from lab.analysis.phase_changes import PhaseChange, PhaseChanges, totals
from lab.analysis.recipients import Recipient
from lab.analysis.shown_names import ShownNames, shown_names
from lab.quantities import bandwidth, count_noun, duration
from lab.trace.levels import LEVELS, includes
from lab.trace.meta import Meta
from lab.trace.trace import Trace

_DIGITS: Final = 6
"""Digits of seconds that are compared and shown: those of a summary."""


class RecipientPair(NamedTuple):
    """The same recipient in two runs; None in a run that does not have it."""

    a: Recipient | None
    b: Recipient | None

    @property
    def recipient(self) -> Recipient:
        """The recipient in the first run, or in the second where the first does not have it."""
        recipient = self.a or self.b
        assert recipient is not None
        return recipient

    @property
    def change(self) -> float | None:
        """The seconds that its outcome took longer in the second run, less than 0 for sooner.

        None if it has no outcome in one of the runs, or another one.
        """
        if self.a is None or self.b is None or self.a.outcome != self.b.outcome:
            return None
        ours, theirs = self.a.seconds, self.b.seconds
        return None if ours is None or theirs is None else round(theirs - ours, _DIGITS)

    def fared_otherwise(self, *, times_aside: bool) -> bool:
        """Return whether outcome, copies or (unless aside) times and hops differ."""
        fates = [_fate(each, times_aside=times_aside) for each in self]
        return fates[0] != fates[1]


def _fate(recipient: Recipient | None, *, times_aside: bool) -> tuple[object, ...] | None:
    if recipient is None:
        return None
    ends = recipient.ended_at
    when = () if times_aside else (None if ends is None else round(ends, _DIGITS), recipient.hops)
    return recipient.outcome, max(1, recipient.deliveries), *when


class LinkChange(NamedTuple):
    """How much more a link carried from ``host`` to ``peer`` in the second of two runs.

    ``a`` and ``b`` are the load in each run, in the ``unit`` of :class:`Loads`; None in a run
    without the link.
    """

    host: str
    peer: str
    name: str
    a: float | None
    b: float | None

    @property
    def change(self) -> float:
        """The load of the second run less that of the first."""
        return (self.b or 0.0) - (self.a or 0.0)


@dataclass(frozen=True)
class Loads:
    """The load of each direction of each link in two runs.

    ``unit`` is "busy seconds" if all links that were used have a bandwidth, or else "bytes"; it is
    "sessions" if a run was recorded without what crossed the wire, and "" if it was recorded
    without channels, too.
    """

    unit: str
    links: Sequence[LinkChange]

    def changed(self) -> list[LinkChange]:
        """Return the links whose load differs, the largest change first."""
        changes = [each for each in self.links if each.change]
        return sorted(changes, key=lambda each: -abs(each.change))


class Fate(TypedDict):
    """What became of a recipient in one of two runs."""

    outcome: str
    settled_at: float | None


@dataclass(frozen=True)
class Differences:
    """What differs between two runs, A and B.

    ``same``: nothing that happened does. ``times_aside``: one of them is live, and times do not
    count. ``level`` is how much of both was recorded. ``first`` is where they part. ``pairs`` are
    all recipients. ``made_from`` are sentences about what they were made from, ``notes`` those that
    a reader of the comparison should know, and ``unlike`` those about a live run that is not the
    simulated one. ``shown`` are the names of hosts as people see them. ``phases`` say where the
    time of recipients went, if what crossed the wire was recorded.
    """

    same: bool
    times_aside: bool
    level: str
    first: Divergence | None
    pairs: Sequence[RecipientPair]
    loads: Loads
    made_from: Sequence[str] = ()
    notes: Sequence[str] = ()
    unlike: Sequence[str] = ()
    shown: ShownNames = field(default_factory=ShownNames)
    phases: PhaseChanges | None = None

    def phase_changes(self, pair: RecipientPair) -> list[PhaseChange]:
        """Return where the time of a recipient went in each run; [] if that was not recorded."""
        return [] if self.phases is None else self.phases.of(pair.a, pair.b)

    def phase_totals(self) -> Mapping[str, float]:
        """Return the seconds that B spent more in each phase, of all that have a change."""
        changed = (pair for pair in self.pairs if pair.change)
        return totals(map(self.phase_changes, changed)) if self.phases is not None else {}

    def movers(self) -> list[RecipientPair]:
        """Return the recipients that fared otherwise: other outcomes first, then by seconds."""
        pairs = [pair for pair in self.pairs if pair.fared_otherwise(times_aside=self.times_aside)]
        return sorted(pairs, key=_how_much)

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as plain JSON, as ``lab diff --json`` prints it."""
        first = self.first
        return {
            "same": self.same,
            "first": None if first is None else {
                "t": first.t,
                **{side: first.text(of) for side, of in (("a", first.a), ("b", first.b))},
                "host": first.host,
                "at": {
                    side: None if of is None else {"t": of.t, "seq": of.seq}
                    for side, of in (("a", first.a), ("b", first.b))
                },
            },
            "recipients": [
                {**_pair_as_dict(pair), "phases": [
                    {**part._asdict(), "change": part.change} for part in self.phase_changes(pair)
                ]}
                for pair in self.movers()
            ],
            "phases": dict(self.phase_totals()),
            "links": [
                {**each._asdict(), "change": each.change, "unit": self.loads.unit}
                for each in self.loads.changed()
            ],
            "made_from": list(self.made_from),
            "notes": [*self.notes, *self.unlike],
        }  # fmt: skip


def _how_much(pair: RecipientPair) -> tuple[bool, float, int]:
    return pair.change is not None, -abs(pair.change or 0.0), pair.recipient.message


def _pair_as_dict(pair: RecipientPair) -> dict[str, Any]:
    numbers = [each and each.message for each in pair]
    keys: dict[str, Any] = {
        "message": pair.recipient.message,
        "recipient": pair.recipient.address,
        "a": _fate_as_dict(pair.a),
        "b": _fate_as_dict(pair.b),
        "seconds": pair.change,
    }
    if numbers[0] != numbers[1]:
        keys["messages"] = dict(zip("ab", numbers, strict=True))
    return keys


def _fate_as_dict(recipient: Recipient | None) -> Fate | None:
    if recipient is None:
        return None
    summary = recipient.as_dict()
    return {"outcome": summary["outcome"], "settled_at": summary["settled_at"]}


# -- the comparison --------------------------------------------------------------------------------


def differences(a: Trace, b: Trace) -> Differences:
    """Return what differs between two runs.

    Runs that were recorded at different levels are compared as far as both were recorded.
    """
    level = max((a.level, b.level), key=list(LEVELS).index)
    times_aside = any(trace.meta.get("live") for trace in (a, b))
    matched = match_messages(a.rows, b.rows, by_time=not times_aside)
    has_mail = includes(level, "delivery")
    ours, theirs = (_recipients(trace) if has_mail else {} for trace in (a, b))
    pairs = [RecipientPair(*pair) for pair in pair_recipients(ours, theirs, matched)]
    unlike: list[str] = []
    if not times_aside:
        first = first_divergence(a, b, level)
    else:
        external = [
            str(host["name"])
            for trace in (a, b)
            for host in trace.meta.get("hosts", ())
            if host.get("external")
        ]
        first = first_unlike(a, b, level, matched, external)
        unlike = list(_unlike(a, b)) if level == "wire" else []
        if level == "wire" and not unlike:
            first = None
    same = first is None and not unlike
    same = same and not any(pair.fared_otherwise(times_aside=times_aside) for pair in pairs)
    hidden = same and _differ_unseen(a, b, level)
    return Differences(
        same and not hidden, times_aside, level, first, pairs, _loads(a, b, level),
        tuple(_made_from(a.meta, b.meta)), tuple(_notes(a, b, level, hidden=hidden)), unlike,
        ShownNames({**shown_names(b.meta), **shown_names(a.meta)}.items()),
        PhaseChanges(a, b) if level == "wire" and not same else None,
    )  # fmt: skip


def _recipients(trace: Trace) -> dict[tuple[int, str], Recipient]:
    account = Account(trace.rows)
    account.counts()  # which tells mail that is lost from mail that waits
    return {(each.message, each.id): each for each in account.everyone()}


def _unlike(a: Trace, b: Trace) -> Iterator[str]:
    """Yield what a live run says otherwise than a simulated one, or another live one."""
    compared = likeness(a, b) if b.meta.get("live") else likeness(b, a)
    shown = shown_names(a.meta)
    yield from (sentence_of(each, shown) for each in compared["differences"])


def _differ_unseen(a: Trace, b: Trace, level: str) -> bool:
    """Return whether the digests of two runs tell that they differ in what is not compared."""
    if level == "wire" or a.meta != b.meta:
        return False
    known = [each.digest() if each.recorded or each.level == "wire" else None for each in (a, b)]
    return None not in known and known[0] != known[1]


def _notes(a: Trace, b: Trace, level: str, *, hidden: bool) -> Iterator[str]:
    for name, trace in (("A", a), ("B", b)):
        if trace.level != level:
            other_name = "B" if name == "A" else "A"
            yield (
                f"{other_name} was recorded with --trace {level} and {name} with --trace "
                f"{trace.level}; what both have is compared"
            )
    if not includes(level, "delivery"):
        yield f"--trace {level} leaves out the mail, so recipients are not compared"
    if hidden:
        yield "the digests differ: so do events that were not recorded"
    if any(trace.meta.get("live") for trace in (a, b)):
        yield "times of a live run are measured, so they do not count as a difference"


# -- links -----------------------------------------------------------------------------------------

_Ends = tuple[str, str, str, str]


def _loads(a: Trace, b: Trace, level: str) -> Loads:
    """Return the load of each link in both runs."""
    if not includes(level, "session"):
        return Loads("", ())
    if not includes(level, "wire"):
        counts = [
            {(host, peer, "", ""): float(n) for (host, peer), n in traffic(trace).crossings.items()}
            for trace in (a, b)
        ]
        return Loads("sessions", _changes(*counts))
    uses = [
        {(use["host"], use["peer"], use["environment"], use["name"]): use for use in link_use(side)}
        for side in (a, b)
    ]
    is_limited = all(
        use["busy_seconds"] is not None for run in uses for use in run.values() if use["bytes"]
    )
    key = "busy_seconds" if is_limited else "bytes"
    loads = [
        {ends: round(float(dict(use)[key] or 0), _DIGITS) for ends, use in run.items()}  # type: ignore[arg-type]
        for run in uses
    ]
    return Loads("busy seconds" if is_limited else "bytes", _changes(*loads))


def _changes(ours: Mapping[_Ends, float], theirs: Mapping[_Ends, float]) -> list[LinkChange]:
    return [
        LinkChange(ends[0], ends[1], ends[3], ours.get(ends), theirs.get(ends))
        for ends in dict.fromkeys([*ours, *theirs])
    ]


# -- what they were made from ----------------------------------------------------------------------


def _made_from(a: Meta, b: Meta) -> Iterator[str]:
    """Yield what differs between two topologies as traces describe them."""
    for key in ("title", "seed", "start"):
        if a.get(key) != b.get(key):
            yield f"{key}: {_shown(a.get(key))} in A, {_shown(b.get(key))} in B"
    yield from _of_parts("host", *(_named(meta.get("hosts", ()), ("name",)) for meta in (a, b)))
    keys = ("a", "b", "environment", "name")
    yield from _of_parts("link", *(_named(meta.get("links", ()), keys) for meta in (a, b)))


_Parts = dict[tuple[str, ...], Mapping[str, object]]


def _named(parts: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> _Parts:
    return {tuple(str(part.get(key, "")) for key in keys): part for part in parts}


def _of_parts(noun: str, ours: _Parts, theirs: _Parts) -> Iterator[str]:
    for side, parts_here, parts_there in (("A", ours, theirs), ("B", theirs, ours)):
        alone = [name for name in parts_here if name not in parts_there]
        if len(alone) > _MOST_NAMED:
            yield f"{count_noun(len(alone), noun)} in {side} only"
        else:
            yield from (f"{noun} {_name(name)}: in {side} only" for name in alone)
    for name in ours:
        for key in dict.fromkeys([*ours[name], *theirs.get(name, ())]):
            values = [parts[name].get(key) for parts in (ours, theirs) if name in parts]
            if len(values) == 2 and values[0] != values[1]:
                values_shown = f"{_shown(values[0], key)} in A, {_shown(values[1], key)} in B"
                yield f"{noun} {_name(name)}: {key} {values_shown}"


_MOST_NAMED: Final = 5
"""Hosts or links of one run alone that are named; more are counted."""


def _name(name: Sequence[str]) -> str:
    if len(name) == 1:
        return name[0]
    a, b, _, own = name
    return f"{a} - {b}" + (f" ({own})" if own else "")


def _shown(value: object, key: str = "") -> str:
    if value is None or value == "":
        return "not set"
    if isinstance(value, (int, float)) and key in _UNITS:
        return _UNITS[key](value)
    return f"{value:g}" if isinstance(value, float) else str(value)


_UNITS: Final[Mapping[str, Callable[[float], str]]] = {
    "latency": duration, "jitter": duration, "bandwidth": bandwidth,
}  # fmt: skip
"""How the values of a link are written that have a unit."""
