"""What went wrong in a run and for how long, from its trace: a row each in the timeline."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from lab.trace.rows import CLOSE_REASON, FAULT_NAME, FAULT_ON, FAULT_WHAT, HOST, KIND, PEER, Row, T
from lab.trace.trace import Trace

MOST: Final = 6
"""Rows for faults; what more there are share the last."""


@dataclass(slots=True)
class Trouble:
    """Faults of one kind at one place.

    ``spans`` are the times in seconds from which and to which they lasted: infinity for good,
    twice the same for what was over at once.
    """

    name: str
    spans: list[tuple[float, float]] = field(default_factory=list)


def troubles(trace: Trace) -> list[Trouble]:
    """The faults of a run, by kind and place, in the order in which they first struck."""
    found: dict[str, Trouble] = {}
    open_: dict[str, list[float]] = {}
    for row in trace.of(("fault", "close")):
        if row[KIND] == "fault" and row[FAULT_NAME] != "hang-up":
            name = _name(row)
            trouble = found.setdefault(name, Trouble(name))
            if row[FAULT_ON]:
                open_.setdefault(name, []).append(row[T])
            elif open_.get(name):
                trouble.spans.append((open_[name].pop(0), row[T]))
        elif row[KIND] == "close" and str(row[CLOSE_REASON]).startswith("cut: after "):
            name = f"{row[HOST]} - {row[PEER]}: hang-up"
            found.setdefault(name, Trouble(name)).spans.append((row[T], row[T]))
    for name, begun in open_.items():
        kind = name.rpartition(": ")[2]
        found[name].spans += [(t, t if kind == "crash" else math.inf) for t in begun]
    every = list(found.values())
    if len(every) > MOST:
        rest = [span for one in every[MOST - 1 :] for span in one.spans]
        every[MOST - 1 :] = [Trouble(f"{len(every) - MOST + 1} other faults", rest)]
    return every


def _name(row: Row) -> str:
    kind, what = row[FAULT_NAME], row[FAULT_WHAT]
    if kind == "partition":
        return f"partition: {what}"
    where = f"{row[HOST]} - {row[PEER]}" if row[PEER] else row[HOST]
    return f"{where}: {kind}"
