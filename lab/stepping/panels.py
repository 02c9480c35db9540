"""Panels of a moment as lines of text: dialogue, both sides, links, spools, events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lab.analysis.faults import place_of
from lab.analysis.narrative import clock, counted, gist, length, lines_of, sentence
from lab.protocol.dialogue import SideState
from lab.protocol.replies import MAIL_DATA
from lab.protocol.states import Buffers
from lab.stepping.moments import InFlight, Moment

_LONG: Final = 12
_DOES: Final = {
    Buffers.KEEP: "the buffers stay as they are",
    Buffers.CLEAR: "the buffers are cleared",
    Buffers.REVERSE_PATH: "the buffers are cleared, the reverse-path is inserted",
    Buffers.FORWARD_PATH: "the forward-path is appended",
    Buffers.MAIL_DATA: "mail data is appended from now on",
}


def heading(moment: Moment) -> str:
    """Which event of how many, and when."""
    return f"event {moment.n:,} of {moment.records.count:,} · {clock(moment.t)}"


def dialogue(moment: Moment, session: int | None = None, most: int = 0) -> list[str]:
    """What was said in a session so far, S: and R: line by line."""
    number = moment.session if session is None else session
    film = moment.records.session_histories.get(number) if number is not None else None
    if film is None:
        return ["no session has opened" if number is None else f"there is no session {number}"]
    if not film.seqs or film.seqs[0] >= moment.n:
        return [f"session {number} has not opened yet"]
    first = film.shots[0]
    lines = [f"session {number} · {first.sender_host} → {first.receiver_host}"]
    lines += [f"{one.speaker}: {one.text}" for one in moment.dialogue(number, most)]
    if film.closed is not None and film.seqs[-1] < moment.n:
        lines.append(f"-- {'over' if film.reason == 'quit' else film.reason}")
    return lines


def sides(moment: Moment) -> list[str]:
    """The states and buffers of both engines, and the row of the table that applies."""
    shot = moment.shot
    if shot is None:
        return ["no session has opened"]
    lines = [f"session {moment.session}" + ("" if shot.open else ", closed")]
    for role, host, side in (
        ("sender-SMTP", shot.sender_host, shot.sender),
        ("receiver-SMTP", shot.receiver_host, shot.receiver),
    ):
        lines += [f"{role} {host}", *(f"  {line}" for line in _side(side))]
    return [*lines, *_row(shot.receiver)]


def _side(side: SideState) -> Iterator[str]:
    waiting = f", waits for the reply to {_named(side.awaiting)}" if side.awaiting else ""
    yield f"state         {side.state.value}{waiting}"
    if side.reverse_path is None and not side.forward_paths and not side.mail_data:
        yield "buffers       all three are empty"
        return
    path = "–" if side.reverse_path is None else f"{side.verb} {side.reverse_path}"
    yield f"reverse-path  {path}"
    to = list(side.forward_paths)
    shown = [*to[:3], f"and {len(to) - 3:,} more"] if len(to) > 4 else to or ["–"]
    yield f"forward-path  {shown[0]}"
    yield from (f"              {one}" for one in shown[1:])
    if side.mail_data:
        yield f"mail data     {counted(len(side.mail_data), 'octet')}: {_first(side.mail_data)}"
    else:
        yield "mail data     –"


def _first(octets: bytes) -> str:
    text = lines_of(octets)[0]
    return f"{text[:30]}..."


def _named(command: str) -> str:
    return {"CONNECT": "the opening", MAIL_DATA: "the mail data"}.get(command, command)


def _row(side: SideState) -> Iterator[str]:
    """The row of the transition table that decided the last command."""
    if side.command == "CONNECT":
        yield "table: the channel opens, and the receiver-SMTP greets (3.5, 4.3)"
        return
    what = _named(side.command)
    if side.row is None:
        yield f"table: {side.was.value} × {what}: out of order, 503 (4.1.1, 4.3)"
        return
    means = f": {side.code}, {side.meaning.value}" if side.code and side.meaning else ""
    done = side.row.next.value
    yield f"table: {side.was.value} × {what} → {done} ({side.row.section}){means}"
    yield f"       {_DOES[side.row.buffers]}"


def links(moment: Moment) -> list[str]:
    """What is on each link."""
    some = [on_link(one) for one in moment.links]
    return some[:_LONG] + _more(len(some)) if some else ["nothing is on its way"]


def on_link(one: InFlight) -> str:
    """What is on a link, in a line."""
    crossing = one.crossing
    a, b = one.link
    said = gist(crossing.kind, crossing.octets)
    return f"{a} → {b} {one.share:3.0%}  session {crossing.session}: {said}"


def spools(moment: Moment, host: str | None = None) -> list[str]:
    """Each host's spool, or that of one."""
    lines = []
    for mail in sorted(moment.spool, key=lambda one: (one.host, one.since, one.message)):
        if host is not None and mail.host != host:
            continue
        retry = moment.retry_at(mail)
        later = f", next try at {clock(retry, 1)}" if retry is not None else ""
        waits = f", since {length(moment.t - mail.since)}" if moment.t > mail.since else ""
        lines.append(
            f"{mail.host}: mail {mail.message} for {mail.peer}, "
            f"{counted(len(mail.recipients), 'recipient')}, {counted(mail.size, 'octet')}"
            f"{waits}{later}"
        )
    return lines or ["empty" if host else "all are empty"]


def faults(moment: Moment) -> list[str]:
    """The faults that last."""
    return [
        f"{fault.kind} {place_of(fault.host, fault.peer)}"
        f"{f' ({fault.what})' if fault.what else ''}, since {clock(fault.begin, 1)}"
        for fault in moment.faults
    ]


def events(moment: Moment, before: int = 8, after: int = 4) -> list[str]:
    """The events around the moment; the last that has happened is marked."""
    first = max(0, moment.n - before)
    last = min(moment.records.count, moment.n + after)
    shown = [moment.records.trace[seq] for seq in range(first, last)]
    times = [clock(event.t, 1) for event in shown]
    wide, long = len(f"{moment.records.count:,}"), max(map(len, times), default=0)
    lines = []
    for seq, (event, time) in enumerate(zip(shown, times, strict=True), first):
        mark = ">" if seq == moment.n - 1 else " "
        lines.append(f"{mark} {seq + 1:>{wide},}  {time:>{long}}  {sentence(event)}")
    return lines


def where(moment: Moment) -> list[str]:
    """All of a moment, panel under panel."""
    lines = [heading(moment), moment.sentence, ""]
    lines += dialogue(moment, most=12)
    lines += ["", *sides(moment), "", "links:", *(f"  {one}" for one in links(moment))]
    lines += ["spools:", *(f"  {one}" for one in spools(moment)[:_LONG])]
    lines += [f"  {one}" for one in _more(len(moment.spool))]
    if moment.faults:
        lines += ["faults:", *(f"  {one}" for one in faults(moment))]
    return [*lines, f"digest so far: {moment.digest}"]


def _more(count: int) -> list[str]:
    return [f"... and {count - _LONG:,} more"] if count > _LONG else []
