"""Which message of one run is which of another, and which recipient.

Messages have numbers of their own in each run. They are paired by who submitted them where, to
whom, and when or in which order; so a message keeps its partner if others come before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from lab.analysis.recipients import Recipient
from lab.trace.rows import HOST, KIND, MESSAGE, NOTIFY_ABOUT, OWN, SUBMIT_SIZE, Row, T

Pair = tuple[Recipient | None, Recipient | None]
"""A recipient of the first run and the same one of the second; None where it is in one alone."""


def match_messages(
    ours: Sequence[Row], theirs: Sequence[Row], *, by_time: bool = False
) -> dict[int, int]:
    """Return the number in our run of each message of the other run that is the same.

    Submissions are the same if host, reverse-path, recipients and verb are, and size too where that
    can be; of several, the first is the first. ``by_time``: those at the same time are paired
    before all others. Notifications are the same if they are by the same host about the same
    message and recipients.
    """
    matched: dict[int, int] = {}
    whole = SUBMIT_SIZE + 1
    # a date may be longer by a digit, so the size does not have to be the same
    timed = ((whole, True), (SUBMIT_SIZE, True)) if by_time else ()
    for last, is_timed in (*timed, (whole, False), (SUBMIT_SIZE, False)):
        submitted = [_submitted(rows, last, is_timed=is_timed) for rows in (ours, theirs)]
        _match(submitted[0], submitted[1], matched)
    _match(_notified(ours), _notified(theirs, matched), matched)
    return matched


_Numbers = dict[tuple[Any, ...], list[int]]


def _submitted(rows: Sequence[Row], last: int, *, is_timed: bool) -> _Numbers:
    numbers: _Numbers = defaultdict(list)
    for row in sorted((row for row in rows if row[KIND] == "submit"), key=lambda row: row[T]):
        numbers[(row[T] if is_timed else None, row[HOST], *row[OWN:last])].append(row[MESSAGE])
    return numbers


def _notified(rows: Sequence[Row], matched: dict[int, int] | None = None) -> _Numbers:
    numbers: _Numbers = defaultdict(list)
    for row in rows:
        if row[KIND] == "notify":
            about = row[NOTIFY_ABOUT]
            about = about if matched is None else matched.get(about)
            numbers[(row[HOST], about, *row[NOTIFY_ABOUT + 1 :])].append(row[MESSAGE])
    return numbers


def _match(ours: _Numbers, theirs: _Numbers, matched: dict[int, int]) -> None:
    taken = set(matched.values())
    for key, numbers in theirs.items():
        free = [number for number in ours.get(key, ()) if number not in taken]
        left = [number for number in numbers if number not in matched]
        matched.update(zip(left, free, strict=False))


# -- recipients ------------------------------------------------------------------------------------

_Known = Mapping[tuple[int, str], Recipient]


def pair_recipients(ours: _Known, theirs: _Known, matched: Mapping[int, int]) -> Iterator[Pair]:
    """Yield each recipient of either run with the same one of the other, or None.

    ``ours`` and ``theirs`` have the recipients by message and id, message by message. Of a message,
    those with the same id and address are the same, then those with the same address, then those
    with the same id: mail for a user may be forwarded in one run alone.
    """
    waiting: dict[int, list[Recipient]] = defaultdict(list)
    for (message, _), each in theirs.items():
        waiting[matched.get(message, -message)].append(each)
    for message, group in groupby(ours.values(), key=lambda each: each.message):
        yield from _pairs(list(group), waiting.pop(message, []))
    for left in waiting.values():
        for each in left:
            yield None, each


_SAME: Final[tuple[Callable[[Recipient], object], ...]] = (
    lambda each: (each.id, each.address),
    lambda each: each.address,
    lambda each: each.id,
)
"""What two recipients of a message must share to be the same, the strictest first."""


def _pairs(ours: Sequence[Recipient], theirs: Sequence[Recipient]) -> Iterator[Pair]:
    left = {id(each): each for each in theirs}
    partners: dict[int, Recipient] = {}
    for key in _SAME:
        waiting = _by(key, left.values())
        for each in ours:
            if id(each) not in partners and waiting.get(key(each)):
                partner = partners[id(each)] = waiting[key(each)].pop(0)
                del left[id(partner)]
    for each in ours:
        yield each, partners.get(id(each))
    for each in left.values():
        yield None, each


def _by(
    key: Callable[[Recipient], object], recipients: Iterable[Recipient]
) -> dict[object, list[Recipient]]:
    recipients_by_key: dict[object, list[Recipient]] = defaultdict(list)
    for each in recipients:
        recipients_by_key[key(each)].append(each)
    return recipients_by_key
