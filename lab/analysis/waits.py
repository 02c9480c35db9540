"""Waits: when nothing is on its way and nothing happens, and which waits are long beside the rest.

A run may have sessions of a second and waits of an hour. Pictures and films draw its longest waits
as narrow bands, and the replay page plays them in no time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lab.analysis.channels import LEAVES
from lab.trace.rows import DIALOGUE, KIND, OPEN_STARTED, SENT, Row, T

Span = tuple[float, float]
"""From when to when, in seconds."""

MOST: Final = 8
"""Waits drawn as bands in one picture; with more, it would not be clear what is to scale."""

_SHARE: Final = 0.05
"""The most of the time of all that is not waiting that the page gives to a wait."""


class Skips(NamedTuple):
    """The waits that playing skips, and how long it stays at each of them, in seconds."""

    waits: list[Span]
    lasting: float


def on_wires(rows: Iterable[Row]) -> Iterator[Span]:
    """Yield when each command, reply and mail data was on its way."""
    return ((row[SENT], row[T]) for row in rows if row[KIND] in DIALOGUE)


def happening(rows: Iterable[Row]) -> Iterator[Span]:
    """Yield when each event happened: from when to when, if something was on its way."""
    for row in rows:
        if row[KIND] in LEAVES:
            yield row[OPEN_STARTED if row[KIND] == "open" else SENT], row[T]
        else:
            yield row[T], row[T]


def waits(busy: Iterable[Span], first: float, last: float) -> list[Span]:
    """Return the times from ``first`` to ``last`` that none of the ``busy`` spans covers."""
    quiet: list[Span] = []
    reached = first
    for begin, end in sorted(busy):
        if begin > reached:
            quiet.append((reached, begin))
        reached = max(reached, end)
    if last > reached:
        quiet.append((reached, last))
    return quiet


def long_waits(busy: Iterable[Span], first: float, last: float) -> list[Span]:
    """Return the waits that are far longer than all the rest, with a margin at both ends.

    There are at most :data:`MOST`; none, where leaving them out would not save much.
    """
    seconds_kept = last - first
    longest: list[Span] = []
    for begin, end in sorted(waits(busy, first, last), key=lambda wait: wait[0] - wait[1]):
        if end - begin <= 0.4 * (seconds_kept - (end - begin)) or end - begin < 1.0:
            break
        longest.append((begin, end))
        seconds_kept -= end - begin
    if len(longest) > MOST or last - first < 5 * seconds_kept:
        return []
    margin = max(seconds_kept * 0.08, 0.05)
    return sorted(
        (begin + margin, end - margin) for begin, end in longest if end - begin > 4 * margin
    )


def skips(busy: Iterable[Span], last: float) -> Skips:
    """Return which waits playing skips.

    All of them together take at most as long as all that is not waiting.
    """
    all_waits = waits(busy, 0.0, last)
    at_work = last - sum(end - begin for begin, end in all_waits)
    at_work = at_work if at_work > 1e-9 else max(last, 1e-3) / 5
    lasting = at_work * min(_SHARE, 1 / (len(all_waits) + 1))
    return Skips([wait for wait in all_waits if wait[1] - wait[0] > lasting], lasting)
