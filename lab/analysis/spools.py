"""Spools: which mail lies at which host, from when to when, and how long each spool is.

The stepper, the replay page, the film, the picture of the queues and the measures of a sweep take
them from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Final, NamedTuple

from lab.trace.rows import (
    DEFER_RETRY_AT,
    FORWARD_MODE,
    HOST,
    KIND,
    MESSAGE,
    NOTIFY_ABOUT,
    NOTIFY_RECIPIENTS,
    PEER,
    QUEUE_SIZE,
    RECIPIENT,
    RECIPIENTS,
    Row,
    T,
)
from lab.trace.trace import Trace

KINDS: Final = frozenset({
    "queue", "transfer", "refuse", "forget", "forward", "notify", "abandon", "defer",
})  # fmt: skip
"""The kinds of event that change a spool, or put off mail in it."""

ENTRY: Final = "message {message} for {peer}, {recipients}, {size}"
"""What lies in a spool in words; the last two are counts with their nouns."""

NEXT_TRY: Final = ", next try at {time}"
"""What follows those words if the mail was put off."""

Line = list[tuple[float, int]]
"""The length of a spool from each time on, in seconds and messages."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """Mail in a host's spool: which, for which next host, for whom, how many octets, since when.

    ``retries`` are the events at which it was put off, and the time in seconds to try it again;
    None if it is not to be tried again.
    """

    host: str
    peer: str
    message: int
    recipients: tuple[str, ...]
    size: int
    since: float
    retries: list[tuple[int, float | None]] = field(default_factory=list, compare=False)


class SpoolSpan(NamedTuple):
    """Mail in a spool with the numbers of the events that put it there and took it away.

    ``last`` is None if it lies there when the run ends. ``queued`` is the number of the event that
    put it there at first: it is before ``first`` where some of its recipients have left since.
    """

    first: int
    last: int | None
    queued: int
    mail: Spooled


class SpoolChange(NamedTuple):
    """What an event changed in a spool.

    ``n`` is the number of the event, ``left`` the spans that ended with it. ``by`` is how many
    messages more the spool holds: 1, 0 or -1.
    """

    n: int
    host: str
    by: int
    left: list[SpoolSpan]


def spans_and_changes(rows: Iterable[Row]) -> tuple[list[SpoolSpan], list[SpoolChange]]:
    """Return what lay in the spools, in the order in which it came, and what changed them.

    ``rows`` are counted from 0.
    """
    there: _There = {}
    changes = list(spool_changes(rows, there))
    spans = [span for change in changes for span in change.left]
    spans += [span for here in there.values() for span in here]
    return sorted(spans, key=itemgetter(0, 2)), changes


def queue_lengths(trace: Trace) -> dict[str, Line]:
    """Return the length from each time on of the spool of each host that ever had any mail.

    A message counts once at a host, however many recipients and next hosts it is for; what is being
    sent is in the spool until the next host has accepted it.
    """
    times: list[float] = [0.0]
    lines: dict[str, Line] = {}

    def timed() -> Iterator[Row]:
        for row in trace.of(KINDS):
            times[0] = row[T]
            yield row

    for change in spool_changes(timed()):
        if change.by:
            line = lines.setdefault(change.host, [(0.0, 0)])
            length = line[-1][1] + change.by
            if line[-1][0] == times[0]:
                line.pop()
            line.append((times[0], length))
    return lines


_There = dict[tuple[str, int], list[SpoolSpan]]
"""What lies in the spools, by host and message."""


def spool_changes(
    rows: Iterable[Row], there: _There | None = None, first: int = 0
) -> Iterator[SpoolChange]:
    """Yield what each event changed in a spool; ``rows`` are counted from ``first``.

    ``there`` holds what lies in the spools after the last change that was yielded.
    """
    there = {} if there is None else there
    for n, row in enumerate(rows, first):
        kind = row[KIND]
        if kind not in KINDS:
            continue
        host, message = row[HOST], row[MESSAGE]
        recipients: Sequence[str] | None = None
        if kind == "defer":
            _put_off(there.get((host, message), ()), n, row)
            continue
        if kind == "forward":
            if row[FORWARD_MODE] != "redirect":
                continue
            recipients = (row[RECIPIENT],)
        elif kind == "notify":
            message, recipients = row[NOTIFY_ABOUT], row[NOTIFY_RECIPIENTS]
        elif kind != "abandon":
            recipients = tuple(row[RECIPIENTS])
        before = there.pop((host, message), [])
        left, kept = _parted(before, n, recipients)
        if kind == "queue":
            mail = Spooled(
                host, row[PEER], message, tuple(row[RECIPIENTS]), row[QUEUE_SIZE], row[T]
            )
            kept.append(SpoolSpan(n, None, n, mail))
        if kept:
            there[host, message] = kept
        yield SpoolChange(n, host, bool(kept) - bool(before), left)


def _parted(
    here: Iterable[SpoolSpan], n: int, recipients: Sequence[str] | None
) -> tuple[list[SpoolSpan], list[SpoolSpan]]:
    """Separate the mail of some recipients (None: all), which leaves, from the mail that stays."""
    left: list[SpoolSpan] = []
    kept: list[SpoolSpan] = []
    for span in here:
        first, _, queued, mail = span
        recipients_left: tuple[str, ...] = ()
        if recipients and mail.recipients != recipients:  # quickly, if it leaves for all of them
            recipients_left = tuple(to for to in mail.recipients if to not in recipients)
            if len(recipients_left) == len(mail.recipients):
                kept.append(span)
                continue
        left.append(SpoolSpan(first, n, queued, mail))
        if recipients_left:
            mail = replace(mail, recipients=recipients_left, retries=list(mail.retries))
            kept.append(SpoolSpan(n, None, queued, mail))
    return left, kept


def _put_off(here: Iterable[SpoolSpan], n: int, row: Row) -> None:
    for span in here:
        if span.mail.peer == row[PEER]:
            span.mail.retries.append((n, row[DEFER_RETRY_AT]))


def mail_time(line: Line, until: float) -> float:
    """Return how much mail lay in a spool for how long: messages times seconds."""
    times = [t for t, _ in line[1:]] + [until]
    return sum(length * (end - t) for (t, length), end in zip(line, times, strict=True))


def sum_of(lines: Iterable[Line]) -> Line:
    """Return how much mail lay in several spools together, from each time on."""
    changes: dict[float, int] = {}
    for line in lines:
        before = 0
        for t, length in line:
            changes[t] = changes.get(t, 0) + length - before
            before = length
    total, summed = 0, []
    for t in sorted(changes):
        total += changes[t]
        summed.append((t, total))
    return summed
