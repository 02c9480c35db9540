"""The story of one message in plain sentences: what happened to it, and why."""

from __future__ import annotations

from collections.abc import Iterator

from lab.trace.rows import (
    EXPAND_MEMBERS,
    FAULT_NAME,
    FAULT_ON,
    FAULT_WHAT,
    HOST,
    KIND,
    MESSAGE,
    NOTIFY_ABOUT,
    PEER,
    SESSION,
    SUBMIT_RECIPIENTS,
    Row,
    T,
    event_of,
)
from lab.trace.trace import Trace

_MOST = 40
"""Sentences of a story; of a longer one the middle is left out."""


def sentences(trace: Trace, message: int) -> list[str]:
    """Return what happened to a message and to the notifications about it, a sentence each.

    Repeated failures to send are one sentence for the first, and one with their number. A story of
    more than :data:`_MOST` sentences lacks its middle.
    """
    told = list(_told(trace, message))
    if len(told) <= _MOST:
        return told
    half = _MOST // 2
    return [*told[:half], f"... {len(told) - 2 * half} more ...", *told[-half:]]


def _told(trace: Trace, message: int) -> Iterator[str]:
    mine = {message}
    hosts: set[str] = set()
    again: dict[tuple[str, str, int], int] = {}
    talked: set[int] = set()
    over: set[int] = set()
    for row in trace.rows:
        kind, host = row[KIND], row[HOST]
        if kind == "close" and row[SESSION] in talked:
            over.add(row[SESSION])
        if kind == "notify" and row[NOTIFY_ABOUT] in mine:
            mine.add(row[MESSAGE])
        elif kind == "fault":
            if row[FAULT_ON] and (host in hosts or row[PEER] in hosts):
                yield f"{_at(row)}: {_fault(row)}."
            continue
        elif row[MESSAGE] not in mine:
            continue
        elif kind == "data":
            talked.add(row[SESSION])
        tell = _SENTENCES.get(kind)
        if tell is None:
            continue
        if kind == "accept" and row[SESSION] in over:
            tell = "{e.host} has stored {it}, and nobody hears its 250: session {e.session} is over"
        hosts.add(host)
        if kind == "defer":
            key = (host, row[PEER], row[MESSAGE])
            again[key] = again.get(key, 0) + 1
            if again[key] > 1:
                continue
        words = tell.format(e=event_of(row), ids=_ids(row), it=f"message {row[MESSAGE]}")
        yield f"{_at(row)}: {words}."
    for (host, peer, number), times in again.items():
        if times > 1:
            yield f"{host} put message {number} for {peer} off {times} times in all."


_SENTENCES = {
    "submit": "{e[reverse_path]} hands {it} for {ids} to {e.host}",
    "reject": "{e.host} refuses {e[path]} at the hand-over: {e[reason]}",
    "expand": "{e.host} unfolds the list {e[name]} to {ids}",
    "accept": "{e.host} says 250 for {it} to {e.peer}, in session {e.session}",
    "transfer": "{e.host} has that 250, and keeps {it} no longer",
    "defer": "{e.host} cannot send {it} to {e.peer} now: {e[reason]}",
    "refuse": "{e.host} will not send {it} to {e.peer} any more: {e[reply]}",
    "forward": "{e.host} sends {it} to {e[new]} in place of {e[old]}",
    "deliver": "{e.host} delivers {it} to {e[user]}",
    "terminal": "{e.host} shows {it} to {e[user]}",
    "forget": "{e.host} forgets {it}, which it had not stored",
    "notify": "{e.host} writes notification {e.message} to {e[path]}: {e[reason]}",
    "abandon": "{e.host} keeps {it}, about which nobody can be told: {e[reason]}",
}


def _at(row: Row) -> str:
    return f"{row[T]:.6g} s"


def _ids(row: Row) -> str:
    """Whom a row is about, where it says so."""
    if row[KIND] == "submit":
        return ", ".join(row[SUBMIT_RECIPIENTS])
    if row[KIND] == "expand":
        return (
            ", ".join(path for _, path in row[EXPAND_MEMBERS])
            or "nobody: it went to its members before"
        )
    return ""


def _fault(row: Row) -> str:
    where = f"{row[HOST]} - {row[PEER]}" if row[PEER] else row[HOST] or "the network"
    return f"{row[FAULT_NAME]} at {where}" + (f" ({row[FAULT_WHAT]})" if row[FAULT_WHAT] else "")
