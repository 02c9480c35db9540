"""The figures that a sweep keeps of each run, by name.

A measure is a number of the summary by its dotted name (``delivered``,
``delivery_seconds.p95``), one of those below, or, from Python, a function of the :class:`lab.Run`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lab.analysis.measures import (
    busiest_relay_share,
    delivery_times,
    longest_queue,
    wire_bytes,
)
from lab.analysis.quantiles import percentile
from lab.analysis.summary import DeliverySeconds
from lab.quantities import as_toml
from lab.topology.model import COUNTS
from lab.topology.problems import did_you_mean, join_some
from lab.trace.rows import KIND, KINDS

if TYPE_CHECKING:
    from lab.api.run import Run

_PERCENTILE: Final = re.compile(r"delivery_seconds\.p(\d{1,2}(?:\.\d+)?|100)")
_SPANS: Final = tuple(DeliverySeconds.__annotations__)


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a run.

    ``unit`` is "s", "B", "share", or "" for a count or an unknown unit. ``is_ours`` is True for a
    measure of the lab, which every process finds by its name, and False for a user's function.
    """

    name: str
    of: Callable[[Run], Any]
    unit: str = ""
    is_ours: bool = True


def sorted_delivery_times(run: Run) -> list[float]:
    """Return the delivery times of a run, in seconds, sorted."""
    return sorted(delivery_times(run.account).values())


def delivered_share(run: Run) -> float | None:
    """Return the share of the recipients whose mail was delivered; None without recipients."""
    submitted: int = run.summary["submitted"]
    return run.summary["delivered"] / submitted if submitted else None


def _mean(run: Run) -> float | None:
    times = sorted_delivery_times(run)
    return round(sum(times) / len(times), 6) if times else None


def _percentile(run: Run, share: float) -> float | None:
    times = sorted_delivery_times(run)
    return round(percentile(times, share), 6) if times else None


def _span(run: Run, name: str) -> float | None:
    """Return a delivery time of the summary; None, not 0, if nothing was delivered."""
    span: Any = dict(run.summary["delivery_seconds"])[name]
    return span if run.summary["delivered"] else None


OTHERS: Final = (
    Measure("simulated_seconds", lambda run: run.summary["simulated_seconds"], "s"),
    Measure("delivery_seconds.mean", _mean, "s"),
    Measure("delivered_share", delivered_share, "share"),
    Measure("queue_max", lambda run: longest_queue(run.trace)),
    Measure("busiest_relay_share", lambda run: busiest_relay_share(run.trace), "share"),
    Measure("wire_bytes", lambda run: wire_bytes(run.trace), "B"),
)

KNOWN: Final = (
    *COUNTS,
    *(f"delivery_seconds.{name}" for name in _SPANS),
    *(other.name for other in OTHERS),
)
"""The names of measures; ``delivery_seconds.pNN`` and ``events.KIND`` are measures too."""


def measure(name: str) -> Measure:
    """Return the measure of a name; raises ValueError, with the names that are known."""
    if name in COUNTS:
        return Measure(name, lambda run: dict(run.summary)[name])
    for candidate in OTHERS:
        if candidate.name == name:
            return candidate
    head, _, detail = name.partition(".")
    if head == "delivery_seconds" and detail in _SPANS:
        return Measure(name, lambda run: _span(run, detail), "s")
    match = _PERCENTILE.fullmatch(name)
    if match:
        share = float(match[1])
        return Measure(name, lambda run: _percentile(run, share), "s")
    if head == "events" and detail in KINDS:
        return Measure(name, lambda run: sum(row[KIND] == detail for row in run.trace.rows))
    if head == "events":
        meant = did_you_mean(detail, KINDS, f"; there are {join_some(KINDS, 30)}")
        raise ValueError(f"{as_toml(name)} does not name a kind of event{meant}")
    meant = did_you_mean(name, KNOWN, f"; there are {join_some(KNOWN, 30)}")
    raise ValueError(f"{as_toml(name)} is not a measure{meant}")


def measures_of(items: Any) -> tuple[list[Measure], list[tuple[int | None, str]]]:
    """Return the measures of a list of names and functions, or of a mapping of names to functions.

    The second result has the position and a sentence for each item that is not a measure.
    """
    measures: list[Measure] = []
    faults: list[tuple[int | None, str]] = []
    if isinstance(items, str) or callable(items):
        items = [items]
    if not isinstance(items, (list, tuple, Mapping)):
        return [], []  # missing, which is reported elsewhere
    if not items:
        faults.append((None, 'no measures are given; write measures = ["delivered"]'))
    for number, item in enumerate(items):
        function = items[item] if isinstance(items, Mapping) else item
        try:
            made = _measure_of(str(item) if isinstance(items, Mapping) else None, function)
        except ValueError as why:
            faults.append((number, str(why)))
            continue
        if any(made.name == earlier.name for earlier in measures):
            faults.append((number, f"{made.name} is listed twice; list it once"))
        measures.append(made)
    return measures, faults


def _measure_of(name: str | None, item: Any) -> Measure:
    if callable(item):
        return Measure(name or str(getattr(item, "__name__", repr(item))), item, is_ours=False)
    if not isinstance(item, str):
        raise ValueError(f"{as_toml(item)} is not a measure; write a name such as delivered")
    made = measure(item)
    if name is not None:
        raise ValueError(f"the measure {as_toml(name)} must be a function of a run")
    return made
