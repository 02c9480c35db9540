"""Measures: the figures that a sweep keeps of each run, by name.

A measure is a number of the summary by its dotted name (``delivered``,
``delivery_seconds.p95``), one of those below, or, from Python, a function of the :class:`lab.Run`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lab.quantities import as_toml
from lab.topology.model import COUNTS
from lab.topology.problems import did_you_mean, join_some
from lab.trace.rows import HOST, KIND, KINDS, MESSAGE, OCTETS, RECIPIENTS

if TYPE_CHECKING:
    from lab.api.run import Run

_PERCENTILE: Final = re.compile(r"delivery_seconds\.p(\d{1,2}(?:\.\d+)?|100)")
_SPANS: Final = ("min", "median", "p95", "max")


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a run; ``unit`` is "s", "B", "share" or "" for a count or whatever it is.

    ``is_ours``: any process knows it by its name; otherwise it is the user's own function.
    """

    name: str
    of: Callable[[Run], Any]
    unit: str = ""
    is_ours: bool = True


def delivery_spans(run: Run) -> list[float]:
    """The seconds from hand-over to delivery of each recipient that had its mail, sorted."""
    return sorted(
        one.settled_at - one.submitted_at
        for one in run.account.everyone()
        if one.outcome == "delivered" and one.settled_at is not None
    )


def queue_max(run: Run) -> int:
    """The most messages that lay in one host's spool at one time."""
    from lab.views.pictures.queues import queue_lengths

    lines = queue_lengths(run.trace).values()
    return max((length for line in lines for _, length in line), default=0)


def busiest_relay_share(run: Run) -> float | None:
    """Of all that relays passed on, the share of the relay that passed on most; None of nothing."""
    taken: set[tuple[str, int]] = set()
    passed: Counter[str] = Counter()
    for row in run.trace.rows:
        if row[KIND] == "accept":
            taken.add((row[HOST], row[MESSAGE]))
        elif row[KIND] == "transfer" and (row[HOST], row[MESSAGE]) in taken:
            passed[row[HOST]] += len(row[RECIPIENTS] or ()) or 1
    return max(passed.values()) / passed.total() if passed else None


def delivered_share(run: Run) -> float | None:
    """The share of the recipients that had their mail; None where there was no recipient."""
    submitted: int = run.summary["submitted"]
    return run.summary["delivered"] / submitted if submitted else None


def wire_bytes(run: Run) -> int:
    """Bytes of commands, replies and mail data that crossed the wire."""
    return sum(
        len(row[OCTETS]) for row in run.trace.rows if row[KIND] in ("command", "reply", "data")
    )


def _mean(run: Run) -> float | None:
    spans = delivery_spans(run)
    return round(sum(spans) / len(spans), 6) if spans else None


def _percentile(run: Run, share: float) -> float | None:
    """By nearest rank, as the summary does it."""
    spans = delivery_spans(run)
    if not spans:
        return None
    rank = -int(-share * len(spans) // 100)
    return round(spans[min(max(rank, 1), len(spans)) - 1], 6)


def _span(run: Run, name: str) -> float | None:
    """A span of the summary, and None (no 0) where nothing was delivered."""
    span: float = run.summary["delivery_seconds"][name]
    return span if run.summary["delivered"] else None


OTHERS: Final = (
    Measure("simulated_seconds", lambda run: run.summary["simulated_seconds"], "s"),
    Measure("delivery_seconds.mean", _mean, "s"),
    Measure("delivered_share", delivered_share, "share"),
    Measure("queue_max", queue_max),
    Measure("busiest_relay_share", busiest_relay_share, "share"),
    Measure("wire_bytes", wire_bytes, "B"),
)

KNOWN: Final = (
    *COUNTS,
    *(f"delivery_seconds.{name}" for name in _SPANS),
    *(one.name for one in OTHERS),
)
"""The names of measures; beside them ``delivery_seconds.pNN`` and ``events.KIND``."""


def measure(name: str) -> Measure:
    """The measure of that name; raises ValueError, with what there is."""
    if name in COUNTS:
        return Measure(name, lambda run: run.summary[name])
    for one in OTHERS:
        if one.name == name:
            return one
    head, _, rest = name.partition(".")
    if head == "delivery_seconds" and rest in _SPANS:
        return Measure(name, lambda run: _span(run, rest), "s")
    match = _PERCENTILE.fullmatch(name)
    if match:
        share = float(match[1])
        return Measure(name, lambda run: _percentile(run, share), "s")
    if head == "events" and rest in KINDS:
        return Measure(name, lambda run: sum(row[KIND] == rest for row in run.trace.rows))
    if head == "events":
        meant = did_you_mean(rest, KINDS, f"; there are {join_some(KINDS, 30)}")
        raise ValueError(f"{as_toml(name)} names no kind of event{meant}")
    meant = did_you_mean(name, KNOWN, f"; there are {join_some(KNOWN, 30)}")
    raise ValueError(f"{as_toml(name)} is no measure{meant}")


def measures_of(given: Any) -> tuple[list[Measure], list[tuple[int | None, str]]]:
    """The measures of a list of names and functions, or of a mapping of names to functions.

    The second result has a sentence for each that is none, with its number in the list.
    """
    found: list[Measure] = []
    faults: list[tuple[int | None, str]] = []
    if isinstance(given, str) or callable(given):
        given = [given]
    if not isinstance(given, (list, tuple, Mapping)):
        return [], []  # missing, which is told elsewhere
    if not given:
        faults.append((None, 'there are none; write measures = ["delivered"]'))
    for number, one in enumerate(given):
        function = given[one] if isinstance(given, Mapping) else one
        try:
            made = _one(str(one) if isinstance(given, Mapping) else None, function)
        except ValueError as why:
            faults.append((number, str(why)))
            continue
        if any(made.name == other.name for other in found):
            faults.append((number, f"{made.name} stands there twice; write it once"))
        found.append(made)
    return found, faults


def _one(name: str | None, given: Any) -> Measure:
    if callable(given):
        return Measure(name or str(getattr(given, "__name__", repr(given))), given, is_ours=False)
    if not isinstance(given, str):
        raise ValueError(f"{as_toml(given)} is no measure; write a name such as delivered")
    made = measure(given)
    if name is not None:
        raise ValueError(f"{as_toml(name)} is to be a function of a run")
    return made
