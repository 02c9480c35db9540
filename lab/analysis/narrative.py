"""Events in sentences, and what became of a message: the wording of each kind of event, once.

:data:`WORDING` has a template for each kind, and for each variant of a kind that has several. In a
template ``{host}`` is a column of the event; ``{path:address}`` is one as :data:`FORMATS` writes
it. ``{place}`` is where a fault is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from lab.analysis.faults import shown_place
from lab.analysis.shown_names import NAMES, ShownNames, shown_names
from lab.quantities import clock_time, count_noun
from lab.runtime.escaping import visible
from lab.trace.closes import QUIT, cut_cause, is_cut
from lab.trace.rows import (
    CHANGING,
    FAULT_ON,
    HOST,
    KIND,
    MESSAGE,
    NOTIFY_ABOUT,
    PEER,
    SESSION,
    Event,
    Row,
    event_of,
)
from lab.trace.trace import Trace

WORDING: Final = {
    "start": "The run begins.",
    "plan": "Mail from {host} to {peer} will go over {path:names}.",
    "late": "{reverse_path:address} cannot hand mail for {recipients:addresses} to {host}: "
    "{reason}.",
    "late/over": "{host} is up again, for {reverse_path:address} to hand it mail.",
    "submit": "{reverse_path:address} hands message {message} to {host}, for "
    "{recipients:addresses}.",
    "reject": "{host} does not accept message {message} for {path:address}: {reason}.",
    "expand": "{host} expands the mailing list {name}: message {message} is for {members:members}.",
    "expand/again": "{host} does not expand the mailing list {name} again: message {message} has "
    "been there.",
    "forward": "{host} takes message {message} for {old:address} on to {new:address}.",
    "forward/redirect": "{host} sends message {message} to {new:address} in place of "
    "{old:address}.",
    "queue": "{host} puts message {message} into its spool, for {peer}.",
    "attempt": "{host} begins to open a transmission channel to {peer}.",
    "unreachable": "{host} cannot reach {peer}: {reason}.",
    "open": "Session {session} is open, from {host} to {peer}, over {transport}.",
    "misnamed": "{host} called {peer}, but the host that answered gives the name {name}.",
    "command": "{peer} says to {host}: {octets:summary_line}",
    "reply": "{peer} answers {host}: {octets:summary_line}",
    "piece": "{peer} sends {host} a piece of what may be a reply: {octets:piece}",
    "data": "{peer} sends {host} the mail data of message {message}, {octets:count}.",
    "data/unnumbered": "{peer} sends {host} mail data, {octets:count}.",
    "close": "Session {session} between {host} and {peer} ends: {reason:ending}.",
    "close/quit": "Session {session} is over.",
    "accept": "{host} accepts message {message} from {peer} in session {session}, and is "
    "responsible for it from now on.",
    "accept/unheard": "{host} has stored message {message}, but {peer} does not receive its 250: "
    "session {session} is over.",
    "transfer": "{host} removes message {message} from its spool: {peer} has accepted it.",
    "refuse": "{peer} refuses message {message} for good: {reply:line}.",
    "refuse/expired": "{host} stops trying to send message {message}: {reply:line}.",
    "defer": "{host} keeps message {message} for {peer}: {reason}.",
    "defer/retry": "{host} keeps message {message} for {peer} until {retry_at:clock}: {reason}.",
    "deliver": "{host} delivers message {message} into the mailbox of {user}.",
    "terminal": "{host} shows message {message} on the terminal of {user}.",
    "notify": "{host} writes a notification, message {message}, to {path:address}: message {about} "
    "cannot be delivered: {reason}.",
    "abandon": "{host} discards message {message} without a notification: {reason}.",
    "loss": "A segment is lost between {host} and {peer}; it is sent again.",
    "fault": "Fault begins: {name}{place:at}{what:brackets}.",
    "fault/over": "Fault ends: {name}{place:at}{what:brackets}.",
    "fault/change-reply": "A fault changes the reply of {host} to {peer} to {what}.",
    "fault/change-command": "A fault changes the command of {host} to {peer}: {what}.",
    "forget": "{host} crashed before it had stored message {message}.",
    "failure": "{host} has a failure, and the run goes on: {reason}.",
    "failure/network": "Something fails in the network, and the run goes on: {reason}.",
    "end": "The run was stopped here.",
    "end/settled": "Nothing is left to do.",
}
"""The template of each kind of event; ``kind/variant`` where :func:`form_of` finds a variant."""

_OTHER: Final = "{kind} at {host}."
"""The template for a kind of event that the lab does not know."""

LETTERS: Final = {"command": "S", "data": "S", "reply": "R", "piece": "r"}
"""The letter before what each kind of event shows of a dialogue: sender-SMTP or receiver-SMTP.

A small r is before a piece of a reply. When a reply is whole, it follows with its own letter.
"""

_LONGEST_PIECE: Final = 200

_FIELD: Final = re.compile(r"\{(\w+)(?::(\w+))?\}")
_ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 256))}

_IN_STORIES: Final = frozenset({
    "submit", "reject", "expand", "accept", "transfer", "defer", "refuse", "forward", "deliver",
    "terminal", "forget", "notify", "abandon",
})  # fmt: skip
"""The kinds of event about a message that its story has."""

_MOST: Final = 40
"""Sentences of a story; a longer one lacks its middle."""


# -- parts of a sentence -----------------------------------------------------------------------


def address(path: str) -> str:
    """Return a path without its source route: user and final host; "<>" for the null path."""
    bare = path.removeprefix("<").removesuffix(">")
    if not bare:
        return "<>"
    return bare.rpartition(":")[2] if bare.startswith("@") else bare


def lines_of(octets: bytes) -> list[str]:
    """Return the lines of what crossed the wire, without their ends, control bytes escaped."""
    text = octets.decode("latin-1").removesuffix("\r\n")
    lines = text.split("\r\n")
    if text.isascii() and all(map(str.isprintable, lines)):  # most text; ten times as fast
        return lines
    return [line.translate(_ESCAPES) for line in lines]


def piece_text(octets: bytes) -> str:
    """Return a piece of a reply as one line, all control bytes escaped; a long one is cut."""
    text = octets[:_LONGEST_PIECE].decode("latin-1").translate(_ESCAPES)
    return text if len(octets) <= _LONGEST_PIECE else f"{text}... ({_byte_count(octets)})"


def lines_shown(kind: str, octets: bytes) -> list[str]:
    """Return the lines of a command, a reply, a piece of one or mail data, as people read them."""
    return [piece_text(octets)] if kind == "piece" else lines_of(octets)


def summary_line(kind: str, octets: bytes) -> str:
    """Return what a command, a reply or mail data says, in one line."""
    if kind == "data":
        return f"mail data, {_byte_count(octets)}"
    first, *further = lines_of(octets)
    return f"{first} (+{count_noun(len(further), 'line')})" if further else first


def _byte_count(octets: bytes) -> str:
    return count_noun(len(octets), "byte")


def _addresses(paths: Sequence[str]) -> str:
    listed = ", ".join(address(path) for path in paths[:3])
    return listed + (f" and {len(paths) - 3:,} more" if len(paths) > 3 else "")


def ending(reason: str, t: float | None = None) -> str:
    """Return how a session ended, from the reason of its close: "over", "cut off: link down".

    ``t`` is when, in seconds; it is said only if the channel was lost.
    """
    if not is_cut(reason):
        return "over" if reason == QUIT else reason
    when = "" if t is None else f" at t={t:.3f} s"
    why = cut_cause(reason)
    return f"cut off{when}" + (f": {why}" if why else "")


FORMATS: Final[dict[str, Callable[[Any], str]]] = {
    "address": address,
    "addresses": _addresses,
    "at": lambda place: f" at {place}" if place else "",
    "brackets": lambda text: f" ({text})" if text else "",
    "clock": clock_time,
    "count": _byte_count,
    "ending": ending,
    "summary_line": lambda octets: summary_line("", octets),
    "piece": piece_text,
    "line": lambda text: text.partition("\r\n")[0],
    "members": lambda members: _addresses([path for _, path in members]),
    "names": ", ".join,
}
"""How a template writes a column: by the name after the colon, a function of the value."""

_PATHS: Final = frozenset({"address", "addresses", "members"})
"""The formats whose text has names of hosts after an @."""


# -- events ------------------------------------------------------------------------------------


def sentence(event: Event, *, is_unheard: bool = False, shown: ShownNames = NAMES) -> str:
    """Return an event as a sentence.

    ``is_unheard``: mail is accepted in a session that is over for the other side
    (:func:`unheard`), which the event alone does not tell. ``shown`` are the names of hosts as
    people see them; what crossed the wire is as it was.
    """
    return _worded(event, "accept/unheard" if is_unheard else form_of(event), shown)


def unheard(rows: Iterable[Row]) -> frozenset[tuple[int | None, int | None]]:
    """Return the session and message of each accept that comes after the session's close.

    The sender-SMTP does not receive the 250, and keeps the mail too (RFC 821, 4.1.1).
    """
    closed: set[int | None] = set()
    unheard_mail = set()
    for row in rows:
        if row[KIND] == "close":
            closed.add(row[SESSION])
        elif row[KIND] == "accept" and row[SESSION] in closed:
            unheard_mail.add((row[SESSION], row[MESSAGE]))
    return frozenset(unheard_mail)


def form_of(event: Event) -> str:
    """Return which template of :data:`WORDING` an event has."""
    variant = _VARIANTS[event.kind](event) if event.kind in _VARIANTS else ""
    return f"{event.kind}/{variant}" if variant else event.kind


def _fault_variant(event: Event) -> str:
    if event["name"] in CHANGING:
        return str(event["name"])
    return "" if event["on"] else "over"


_VARIANTS: Final[dict[str, Callable[[Event], str]]] = {
    "late": lambda event: "" if event["on"] else "over",
    "expand": lambda event: "" if event["members"] else "again",
    "forward": lambda event: "redirect" if event["mode"] == "redirect" else "",
    "data": lambda event: "unnumbered" if event.message is None else "",
    "close": lambda event: QUIT if event["reason"] == QUIT else "",
    # a reply that refuses came in a session; mail expires without one
    "refuse": lambda event: "expired" if event.session is None else "",
    "defer": lambda event: "" if event["retry_at"] is None else "retry",
    "fault": _fault_variant,
    "failure": lambda event: "" if event.host else "network",
    "end": lambda event: "settled" if event["reason"] == "settled" else "",
}
"""For the kinds of event that have variants: which one, or "" for the usual."""


def _worded(event: Event, form: str, shown: ShownNames) -> str:
    template = WORDING.get(form, _OTHER)
    text = _FIELD.sub(lambda field: _field(event, shown, *field.groups()), template)
    text = visible(text)
    return text[:-1] if text.endswith("..") else text


def _field(event: Event, shown: ShownNames, name: str, form: str | None) -> str:
    """Return the text of a column; all but the labels of hosts is escaped, as on the wire."""
    value: Any = event[name] if name != "place" else shown_place(event.host, event.peer, shown)
    if name in ("host", "peer"):
        return shown[str(value)] if value in shown else _escaped(str(value))
    if form == "names":
        value = [shown[host] for host in value]
    elif name == "what" and event["name"] == "partition":
        value = shown.words(_escaped(value))
    elif name == "reason":
        in_words = shown.rejection if event.kind == "reject" else shown.reason
        value = in_words(_escaped(str(value)))
    elif name != "place":
        text = _escaped(FORMATS[form](value) if form else str(value))
        return shown.path(text) if form in _PATHS else text
    return FORMATS[form](value) if form else str(value)


def _escaped(text: str) -> str:
    return text.replace("\r\n", " ").translate(_ESCAPES)


# -- messages ----------------------------------------------------------------------------------


def narrate(trace: Trace, message: int) -> list[str]:
    """Return what happened to a message and to the notifications about it, a sentence each.

    Each begins with its time. Repeated failures to send are one sentence for the first, and one
    with their number. A story of more than 40 sentences lacks its middle.
    """
    story = list(_story(trace, message))
    if len(story) <= _MOST:
        return story
    half = _MOST // 2
    return [*story[:half], f"... {len(story) - 2 * half} more ...", *story[-half:]]


def _story(trace: Trace, message: int) -> Iterator[str]:
    numbers = {message}
    hosts: set[str] = set()
    deferrals: dict[tuple[str, str, int], int] = {}
    without_reply = unheard(trace.of(("close", "accept")))
    shown = shown_names(trace.meta)
    for row in trace.rows:
        kind, host = row[KIND], row[HOST]
        if kind == "notify" and row[NOTIFY_ABOUT] in numbers:
            numbers.add(row[MESSAGE])
        elif kind == "fault":
            if row[FAULT_ON] and (host in hosts or row[PEER] in hosts):
                yield _timed(event_of(row), shown)
            continue
        elif row[MESSAGE] not in numbers:
            continue
        if kind not in _IN_STORIES:
            continue
        hosts.add(host)
        if kind == "defer":
            key = (host, row[PEER], row[MESSAGE])
            deferrals[key] = deferrals.get(key, 0) + 1
            if deferrals[key] > 1:
                continue
        is_unheard = kind == "accept" and (row[SESSION], row[MESSAGE]) in without_reply
        yield _timed(event_of(row), shown, is_unheard=is_unheard)
    for (host, peer, number), times in deferrals.items():
        if times > 1:
            yield visible(
                f"{shown[host]} put off message {number} for {shown[peer]} {times} times in all."
            )


def _timed(event: Event, shown: ShownNames, *, is_unheard: bool = False) -> str:
    return f"{clock_time(event.t)}: {sentence(event, is_unheard=is_unheard, shown=shown)}"
