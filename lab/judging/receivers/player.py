"""Plays a case to a receiver-SMTP, over any channel, and records what happened.

The program need keep no clock, so nothing waits but for its replies. How long it may say nothing is
the only time that counts: ``timeout``, less after it has been silent a few times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lab.judging.cases import QUIT, Case, Names, Say
from lab.judging.channel import Channel
from lab.judging.record import Asked, Record
from lab.judging.replies import Counter, read

_SHOWN: Final = 400
"""Bytes that are kept of a flood."""
_OPENING: Final = 4.0
"""Seconds at least that a program may take to start and greet."""
_STORING: Final = 5
"""By how much the timeout is multiplied while mail is being stored."""
_ENDING: Final = 3.0
"""Seconds that a program may take to close the channel after 221, or when its input ended."""


def expanded(case: Case) -> Iterator[Say]:
    """Yield what is said in a case, one by one, with QUIT at the end if that is its ending."""
    for say in case.says:
        for _ in range(say.times):
            yield say
    if case.ending == "quit":
        yield QUIT


def play(case: Case, names: Names, channel: Channel, timeout: float) -> Record:
    """Play a case and return what happened; the channel is left to the caller."""
    record = Record(case, token=names.token)
    due = 1
    waiting = b""
    pieces: tuple[int, ...] = ()
    counter = Counter()
    goes_on = _exchange(channel, counter, b"", due, max(timeout, _OPENING))
    for say in expanded(case) if goes_on else ():
        octets = names.put_into(say.octets)
        record.asked.append(Asked(say, octets))
        due += bool(say.wanted)
        waiting += octets
        pieces = say.pieces
        if say.is_joined:
            continue
        longer = timeout * (_STORING if say.row == "data" else 1)
        goes_on = _send(channel, counter, waiting, pieces, due, longer)
        waiting = b""
        if not goes_on or _must_stop(record, channel, say):
            break
    finish(record, channel, timeout, goes_on)
    return record


def _exchange(channel: Channel, counter: Counter, octets: bytes, due: int, timeout: float) -> bool:
    return channel.exchange(octets, lambda: counter.of(channel.received) >= due, timeout)


def _send(
    channel: Channel,
    counter: Counter,
    octets: bytes,
    pieces: tuple[int, ...],
    due: int,
    timeout: float,
) -> bool:
    """Send octets, in pieces if there are sizes, and wait until that number of replies has come."""
    for piece in cut(octets, pieces)[:-1]:
        channel.exchange(piece, lambda: True, timeout)
    return _exchange(channel, counter, cut(octets, pieces)[-1], due, timeout)


def cut(octets: bytes, sizes: tuple[int, ...]) -> list[bytes]:
    """Return octets in pieces of these sizes, the last size again and again; at least one."""
    pieces = []
    sizes = sizes or (max(1, len(octets)),)
    number = 0
    while octets:
        size = sizes[min(number, len(sizes) - 1)]
        pieces.append(octets[:size])
        octets = octets[size:]
        number += 1
    return pieces or [b""]


def _must_stop(record: Record, channel: Channel, say: Say) -> bool:
    """Return whether the rest of a case makes no sense after the reply that came."""
    replies = read(bytes(channel.received))
    code = replies[-1].code if replies else 0
    if say.may_refuse and code >= 400:
        record.skips = True
    wrong_setup = say.is_setup and say.wanted and code not in say.wanted
    no_text = say.row == "DATA" and 354 in say.wanted and code != 354
    return bool(wrong_setup or no_text or code == 421)


def finish(record: Record, channel: Channel, timeout: float, goes_on: bool) -> None:
    """Close our side, wait for the program to close its own, and note how it ended."""
    record.is_silent = not goes_on and not channel.has_ended
    record.slow_for = channel.slow_for if record.is_silent else 0.0
    if not record.is_silent:
        record.is_going_away = not (record.asked and record.asked[-1].say.row == "QUIT")
        if record.is_going_away:
            channel.end_input()
        channel.exchange(b"", lambda: channel.has_ended, min(timeout, _ENDING), 2 * _ENDING)
    record.received = bytes(channel.received[: _SHOWN if channel.is_flooded else None])
    record.has_ended = channel.has_ended
    record.is_flooded = channel.is_flooded
    record.errors = bytes(channel.errors).decode("utf-8", "replace")
    if channel.program is not None and record.has_ended and not record.is_flooded:
        record.status = channel.program.wait(1)
    if channel.program is not None:
        record.stopped_because = channel.program.stopped_because
