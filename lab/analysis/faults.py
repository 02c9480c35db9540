"""What went wrong in a run and for how long, from its trace: a row each in the timeline."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from lab.trace.trace import Row, Trace

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
        if row[1] == "fault" and row[6] != "hang-up":
            name = _name(row)
            trouble = found.setdefault(name, Trouble(name))
            if row[7]:
                open_.setdefault(name, []).append(row[0])
            elif open_.get(name):
                trouble.spans.append((open_[name].pop(0), row[0]))
        elif row[1] == "close" and str(row[6]).startswith("cut: after "):
            name = f"{row[2]} - {row[3]}: hang-up"
            found.setdefault(name, Trouble(name)).spans.append((row[0], row[0]))
    for name, begun in open_.items():
        kind = name.rpartition(": ")[2]
        found[name].spans += [(t, t if kind == "crash" else math.inf) for t in begun]
    every = list(found.values())
    if len(every) > MOST:
        rest = [span for one in every[MOST - 1 :] for span in one.spans]
        every[MOST - 1 :] = [Trouble(f"{len(every) - MOST + 1} other faults", rest)]
    return every


def _name(row: Row) -> str:
    kind, what = row[6], row[8]
    if kind == "partition":
        return f"partition: {what}"
    where = f"{row[2]} - {row[3]}" if row[3] else row[2]
    return f"{where}: {kind}"
