"""The panels of a moment as lines of text: dialogue, both sides, links, spools and events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lab.analysis.faults import shown_place, what_shown
from lab.analysis.narrative import ending, lines_of, summary_line
from lab.analysis.shown_names import NAMES, ShownNames
from lab.analysis.side_words import EMPTY, side_words
from lab.analysis.spools import ENTRY, NEXT_TRY
from lab.protocol.dialogue import SideState
from lab.quantities import clock_time, count_noun, time_taken
from lab.stepping.moments import InFlight, Moment

_LONG: Final = 12


def heading(moment: Moment) -> str:
    """Return the number of the event, the number of all events, and the time."""
    return f"event {moment.n:,} of {moment.index.count:,} · {clock_time(moment.t)}"


def dialogue(moment: Moment, session: int | None = None, most: int = 0) -> list[str]:
    """Return the lines of a session so far, each with S: or R: before it."""
    number = moment.session if session is None else session
    history = moment.index.session_histories.get(number) if number is not None else None
    if history is None:
        return ["no session has opened" if number is None else f"there is no session {number}"]
    if not history.seqs or history.seqs[0] >= moment.n:
        return [f"session {number} has not opened yet"]
    first = history.snapshots[0]
    ends = [moment.index.shown[host] for host in (first.sender_host, first.receiver_host)]
    lines = [f"session {number} · {' → '.join(ends)}"]
    lines += [f"{line.speaker}: {line.text}" for line in moment.dialogue(number, most)]
    if history.closed is not None and history.seqs[-1] < moment.n:
        lines.append(f"-- {ending(history.reason)}")
    return lines


def sides(moment: Moment) -> list[str]:
    """Return the states and buffers of both engines, and the row of the transition table."""
    snapshot = moment.snapshot
    if snapshot is None:
        return ["no session has opened"]
    lines = [f"session {moment.session}" + ("" if snapshot.open else ", closed")]
    for role, host, side in (
        ("sender-SMTP", snapshot.sender_host, snapshot.sender),
        ("receiver-SMTP", snapshot.receiver_host, snapshot.receiver),
    ):
        lines.append(f"{role} {moment.index.shown[host]}")
        lines += [f"  {line}" for line in _side(side)]
    return [*lines, *_row(snapshot.receiver)]


def _side(side: SideState) -> Iterator[str]:
    words = side_words(side)
    yield f"state         {words.state}"
    if words.are_empty:
        yield "buffers       all three are empty"
        return
    yield f"reverse-path  {words.reverse_path}"
    to = words.forward_paths
    paths = [*to[:3], f"and {len(to) - 3:,} more"] if len(to) > 4 else to or [EMPTY]
    yield f"forward-path  {paths[0]}"
    yield from (f"              {path}" for path in paths[1:])
    begin = f": {_first(side.mail_data)}" if side.mail_data else ""
    yield f"mail data     {words.mail_data}{begin}"


def _first(octets: bytes) -> str:
    text = lines_of(octets)[0]
    return f"{text[:30]}..."


def _row(side: SideState) -> Iterator[str]:
    """Yield the row of the transition table that decided the last command."""
    words = side_words(side)
    yield f"table: {words.row}"
    if words.buffers:
        yield f"       {words.buffers}"


def links(moment: Moment) -> list[str]:
    """Return what is on each link."""
    lines = [link_line(in_flight, moment.index.shown) for in_flight in moment.links]
    return lines[:_LONG] + _unlisted(len(lines)) if lines else ["nothing is on its way"]


def link_line(in_flight: InFlight, shown: ShownNames = NAMES) -> str:
    """Return what is on a link, in a line; ``shown`` are names of hosts as people see them."""
    crossing = in_flight.crossing
    a, b = (shown[host] for host in in_flight.link)
    summary = summary_line(crossing.kind, crossing.octets)
    return f"{a} → {b} {in_flight.share:3.0%}  session {crossing.session}: {summary}"


def spools(moment: Moment, host: str | None = None) -> list[str]:
    """Return the mail in the spool of each host, or of one host."""
    lines = []
    shown = moment.index.shown
    for mail in sorted(moment.spool, key=lambda mail: (mail.host, mail.since, mail.message)):
        if host is not None and mail.host != host:
            continue
        retry = moment.retry_at(mail)
        later = NEXT_TRY.format(time=clock_time(retry)) if retry is not None else ""
        waits = f", since {time_taken(moment.t - mail.since)}" if moment.t > mail.since else ""
        words = ENTRY.format(
            message=mail.message, peer=shown[mail.peer],
            recipients=count_noun(len(mail.recipients), "recipient"),
            size=count_noun(mail.size, "byte"),
        )  # fmt: skip
        lines.append(f"{shown[mail.host]}: {words}{waits}{later}")
    return lines or ["empty" if host else "all are empty"]


def faults(moment: Moment) -> list[str]:
    """Return the faults that are in effect."""
    shown = moment.index.shown
    return [
        f"{fault.kind} {shown_place(fault.host, fault.peer, shown)}"
        f"{f' ({what_shown(fault, shown)})' if fault.what else ''}, "
        f"since {clock_time(fault.begin, 1)}"
        for fault in moment.faults
    ]


def events(moment: Moment, before: int = 8, after: int = 4) -> list[str]:
    """Return the events around the moment; the last one that has happened is marked."""
    first = max(0, moment.n - before)
    last = min(moment.index.count, moment.n + after)
    near = [moment.index.trace[seq] for seq in range(first, last)]
    times = [clock_time(event.t, 1) for event in near]
    number_width, time_width = len(f"{moment.index.count:,}"), max(map(len, times), default=0)
    lines = []
    for seq, (event, time) in enumerate(zip(near, times, strict=True), first):
        mark = ">" if seq == moment.n - 1 else " "
        words = moment.index.sentence(event)
        lines.append(f"{mark} {seq + 1:>{number_width},}  {time:>{time_width}}  {words}")
    return lines


def where(moment: Moment) -> list[str]:
    """Return all panels of a moment, one below another."""
    lines = [heading(moment), moment.sentence, ""]
    lines += dialogue(moment, most=12)
    lines += ["", *sides(moment), "", "links:", *(f"  {line}" for line in links(moment))]
    lines += ["spools:", *(f"  {line}" for line in spools(moment)[:_LONG])]
    lines += [f"  {line}" for line in _unlisted(len(moment.spool))]
    if moment.faults:
        lines += ["faults:", *(f"  {line}" for line in faults(moment))]
    return [*lines, f"digest so far: {moment.digest}"]


def _unlisted(count: int) -> list[str]:
    return [f"... and {count - _LONG:,} more"] if count > _LONG else []
