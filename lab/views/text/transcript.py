"""The transcript: every session of a run as the RFC prints its dialogues, S: and R: line by line.

The letters stand for the roles: ``S:`` is the sender-SMTP, ``R:`` the receiver-SMTP. So a host's
letter changes when a TURN changes its role (RFC 821, 3.8).
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.analysis.narrative import LETTERS, ending, lines_shown
from lab.runtime.escaping import visible
from lab.trace.closes import is_cut
from lab.trace.rows import CLOSE_REASON, KIND, OCTETS, SESSION, Row, T
from lab.trace.trace import Trace
from lab.trace.waiting_rows import RowFile, WaitingRows


def transcript(trace: Trace) -> Iterator[str]:
    r"""Yield the lines of all sessions, without line ends, in the order in which they opened.

    Mail data are shown as they crossed the wire; control bytes and bytes from 128 up are escaped
    (``\x00``). A reply that comes in pieces is shown piece by piece, each after ``r:``, and then
    whole. A line that is not of the dialogue begins with ``==`` or ``--``.
    """
    with RowFile() as file:
        for number, rows in enumerate(_sessions(trace, file)):
            if number:
                yield ""
            yield from _session(rows)
            rows.close()


def _sessions(trace: Trace, file: RowFile) -> Iterator[WaitingRows]:
    """Yield the rows of each session once it and those that opened before it are over."""
    by_session: dict[int, WaitingRows] = {}
    over: set[int] = set()
    for row in trace.rows:
        kind = row[KIND]
        if kind in LETTERS or kind == "close":
            if row[SESSION] in by_session:
                by_session[row[SESSION]].append(row)
                if kind == "close":
                    by_session[row[SESSION]].finish()
                    over.add(row[SESSION])
                    while by_session and (first := next(iter(by_session))) in over:
                        over.remove(first)
                        yield by_session.pop(first)
        elif kind == "open":
            by_session[row[SESSION]] = WaitingRows(file)
            by_session[row[SESSION]].append(row)
    yield from by_session.values()


def _session(rows: WaitingRows) -> Iterator[str]:
    each = iter(rows)
    t, _, host, peer, session, *_ = next(each)
    yield visible(f"== session {session} · {host} -> {peer} · t={t:.3f} s")
    last = "-- still open when the run stopped"
    for row in each:
        if row[KIND] == "close":
            last = _last_line(row)
        else:
            kind = row[KIND]
            yield from (f"{LETTERS[kind]}: {line}" for line in lines_shown(kind, row[OCTETS]))
    if last:
        yield last


def _last_line(row: Row) -> str:
    reason = str(row[CLOSE_REASON])
    return visible(f"-- {ending(reason, row[T])}") if is_cut(reason) else ""
