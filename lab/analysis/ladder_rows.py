"""What a ladder shows, from a trace: who said what to whom and when, one rung after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from lab.protocol import HostName
from lab.trace.rows import (
    CLOSE_REASON,
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
from lab.views.pictures.plot_style import duration

_ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 256))}


@dataclass(frozen=True, slots=True)
class Rung:
    """One line of a ladder: something crosses from a host to another, or happens at one.

    ``t`` is when it arrives or happens, ``sent`` when it left, in seconds. ``kind`` is command,
    reply, error (a reply that refuses), data, open, close, cut, loss, unreachable, deliver, return,
    defer, fault or wait (nothing happens for so long).
    """

    t: float
    kind: str
    host: str
    peer: str | None
    text: str
    seq: int
    sent: float | None = None
    session: int | None = None

    @property
    def crosses(self) -> bool:
        """Whether bytes went from one host to another."""
        return self.kind in ("command", "reply", "error", "data")


class NothingToShow(ValueError):
    """There is no such message, session or pair in the trace; the message says what there is."""


def rungs(
    trace: Trace,
    *,
    message: int | None = None,
    session: int | None = None,
    between: tuple[str, str] | None = None,
) -> list[Rung]:
    """The rungs of a whole trace, or of a message, of a session, of the sessions of two hosts.

    A message takes its notifications with it. Raises :class:`NothingToShow`.
    """
    return first_rungs(trace, None, message=message, session=session, between=between)[0]


def first_rungs(
    trace: Trace,
    most: int | None,
    *,
    message: int | None = None,
    session: int | None = None,
    between: tuple[str, str] | None = None,
) -> tuple[list[Rung], int]:
    """The first ``most`` rungs (None: all), and how many more there are but for waits.

    Those that are only counted cost little, whatever the length of the trace.
    """
    wanted = _Wanted(trace, message, session, between)
    found: list[Rung] = []
    more = shown = 0
    for seq, row in enumerate(trace.rows):
        if row[KIND] not in _MAKERS or not wanted.has(row):
            continue
        tells = row[KIND] != "close" or _is_cut(row)
        if most is None or len(found) < most:
            found.extend(_rung(event_of(row, trace.first_seq + seq)))
            shown += tells
        elif wanted.is_all:
            more = _count(trace) - shown
            break
        else:
            more += tells
    found.sort(key=lambda one: (one.t, one.seq))
    return list(_with_waits(found)), more


def _is_cut(row: Row) -> bool:
    return str(row[CLOSE_REASON]).startswith("cut")


def _count(trace: Trace) -> int:
    """How many rows of a trace a ladder tells of."""
    return trace.count(_MAKERS.keys() - {"close"}) + sum(map(_is_cut, trace.of(("close",))))


class _Wanted:
    """Which rows of a trace are asked for."""

    def __init__(
        self,
        trace: Trace,
        message: int | None,
        session: int | None,
        between: tuple[str, str] | None,
    ) -> None:
        self.session = session
        self.pair = frozenset(_host(trace, name) for name in between) if between else None
        self.messages: set[int] | None = None
        self.sessions: set[int] = set()
        if session is not None:
            self._find(trace, "session", session, ("open",), SESSION)
        elif self.pair is None and message is not None:
            self._find(trace, "message", message, ("submit", "notify"), MESSAGE)
            self._follow(trace, message)

    @property
    def is_all(self) -> bool:
        """Whether every row is."""
        return self.session is None and self.pair is None and self.messages is None

    def _find(
        self, trace: Trace, what: str, number: int, kinds: tuple[str, ...], column: int
    ) -> None:
        last = 0
        for row in trace.of(kinds):
            if row[column] == number:
                return
            last = max(last, row[column])
        raise NothingToShow(f"there is no {what} {number}; {_there_are(last)}")

    def _follow(self, trace: Trace, message: int) -> None:
        """Take a message with the notifications about it, and the sessions that either was in."""
        mine = self.messages = {message}
        for row in trace.rows:
            if row[KIND] == "notify" and row[NOTIFY_ABOUT] in mine:
                mine.add(row[MESSAGE])
            if row[MESSAGE] in mine and row[SESSION] is not None:
                self.sessions.add(row[SESSION])

    def has(self, row: Row) -> bool:
        """Whether a row is among them."""
        if self.session is not None:
            return bool(row[SESSION] == self.session)
        if self.pair is not None:
            return row[PEER] is not None and row[HOST] in self.pair and row[PEER] in self.pair
        if self.messages is not None:
            return row[MESSAGE] in self.messages or (
                row[MESSAGE] is None and row[SESSION] in self.sessions
            )
        return True


def _there_are(last: int) -> str:
    return f"they are 1 to {last}" if last > 1 else "there is 1" if last else "there is none"


def _host(trace: Trace, name: str) -> str:
    hosts = [host["name"] for host in trace.meta.get("hosts", ())]
    wanted = HostName(name)
    for host in hosts:
        if HostName(host) == wanted:
            return str(host)
    some = ", ".join(hosts[:5]) + (" ..." if len(hosts) > 5 else "")
    raise NothingToShow(f"there is no host {name!r}; there are {some}")


def _rung(event: Event) -> Iterator[Rung]:
    maker = _MAKERS.get(event.kind)
    if maker is not None:
        kind, text = maker(event)
        sent = event.extra.get("sent")
        host, peer = event.host, event.peer
        if event.kind in ("command", "reply", "data"):
            host, peer = str(peer), host  # recorded where it arrives; drawn from where it left
        if kind:
            yield Rung(event.t, kind, host, peer, text, event.seq, sent, event.session)


def _command(event: Event) -> tuple[str, str]:
    return "command", _shown(event["text"])


def _reply(event: Event) -> tuple[str, str]:
    code, lines = event["code"], event["text"].split("\n")
    more = f" (and {len(lines) - 1} more lines)" if len(lines) > 1 else ""
    return ("error" if code >= 400 else "reply"), _shown(f"{code} {lines[0]}{more}")


def _data(event: Event) -> tuple[str, str]:
    octets: bytes = event["octets"]
    lines = octets.count(b"\r\n")
    whole = octets.endswith(b"\r\n.\r\n") or octets == b".\r\n"
    size = f"{lines:,} line{'s' * (lines != 1)}, {len(octets):,} bytes"
    return "data", f"mail data: {size}" + ("" if whole else ", not its end")


def _close(event: Event) -> tuple[str, str]:
    reason = str(event["reason"])
    if reason.startswith("cut"):
        return "cut", "the channel is lost: " + reason.removeprefix("cut").lstrip(": ")
    return "close", ""


def _deliver(event: Event) -> tuple[str, str]:
    return "deliver", f"delivered: {event['user']}"


_MAKERS: Final[dict[str, Any]] = {
    "open": lambda event: ("open", f"session {event.session} ({event['transport']})"),
    "command": _command,
    "reply": _reply,
    "data": _data,
    "close": _close,
    "loss": lambda event: ("loss", f"a segment is lost; again after {duration(event['delay'])}"),
    "unreachable": lambda event: ("unreachable", f"no channel: {event['reason']}"),
    "deliver": _deliver,
    "terminal": lambda event: ("deliver", f"at the terminal: {event['user']}"),
    "notify": lambda event: ("return", f"notification about message {event['about']}"),
    "abandon": lambda event: ("return", f"kept: {event['reason']}"),
    "reject": lambda event: ("return", f"rejected: {event['reason']}"),
    "defer": lambda event: ("defer", f"tries again at {event['retry_at']:.6g} s"),
    "fault": lambda event: (
        "fault", f"{event['name']} {event['what']}".strip() + ("" if event["on"] else " is over")
    ),
}  # fmt: skip


def _shown(text: str) -> str:
    return text.translate(_ESCAPES)


def _with_waits(found: Iterable[Rung]) -> Iterator[Rung]:
    """The rungs with those waits between them that are long beside the rest."""
    rungs = list(found)
    gaps = sorted(b.t - a.t for a, b in pairwise(rungs) if b.t > a.t)
    usual = gaps[len(gaps) // 2] if gaps else 0.0
    last: Rung | None = None
    for rung in rungs:
        if last is not None and rung.t - last.t > max(1.0, 20 * usual):
            wait = rung.t - last.t
            words = f"nothing for {duration(wait)}"
            yield Rung(rung.t, "wait", "", None, words, last.seq, sent=last.t)
        yield rung
        last = rung
