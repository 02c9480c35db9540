"""The invariants: what must be true of every run, whatever went wrong in it, read from its trace.

One pass, row by row, keeps a ledger of who has which copy of the mail:

- a host has mail *in hand* from when it takes it (a user's, a peer's, a notification of its own)
  until it delivers it, puts it into its spool or gives it back, and in its *spool* until the next
  host has said 250 for it, or it is given up. Nothing comes from nowhere, nothing vanishes.
- what is delivered is what was sent: the text byte for byte under the trace lines, a time stamp
  line for each host that it passed, in order (clocks that a fault has set wrong apart).
- the reverse-path at each hop is the route that the message came (section 3.6).
- no reply is outside the table of section 4.3.

What is known of a message is let go some time after no host has a copy of it any more: the ledger
is as long as the mail that is on its way, not as the run.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from lab.account import Account
from lab.protocol import COMMAND_REPLIES, COMMANDS, folded, stuff, unstuff
from lab.protocol.receiver import CLEARED
from lab.protocol.replies import CONNECTION, MAIL_DATA, OUT_OF_ORDER
from lab.trace import Row

Copy = tuple[str, str]
"""A copy of a message for one recipient at a host: (recipient's id, host)."""

Came = tuple[str, int]
"""How a message came to a host: its reverse-path, and its time stamp lines with the host's own."""

LINGERS: Final = 1_000
"""Messages that nobody has a copy of and that are known yet: a process that was killed may tell of
what it did after others have told what came of it.
"""

MOST: Final = 20
"""Breaches that are told; a run that has so many has said enough."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that a run broke at ``t`` seconds, in a sentence; ``message`` where it is of one."""

    rule: str
    t: float
    sentence: str
    message: int | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}"


def _codes(row: str, *more: int) -> frozenset[bytes]:
    return frozenset(b"%d" % code for code in (*COMMAND_REPLIES[row], 421, *more))


_NOTHING: Final = frozenset[bytes]()
_NOBODY: Final = frozenset[str]()
_GREETING: Final = _codes(CONNECTION)
_AFTER_DATA: Final = _codes(MAIL_DATA)
_UNKNOWN: Final = frozenset((b"500", b"421"))
_ROWS: Final = {
    # 4.1.1 wants 503 for what comes before HELO, though 4.3 does not list it (see OUT_OF_ORDER)
    verb.encode(): _codes(verb, *([OUT_OF_ORDER] if COMMAND_REPLIES[verb].keys() & {552} else []))
    for verb in COMMANDS
}
_TURN: Final = _ROWS[b"TURN"]
_STAMP: Final = re.compile(rb"Received: from (\S+) by (\S+) ; ([^\r\n]+)\r\n")


@dataclass(slots=True)
class Mail:
    """What is known of one message while any host has a copy of it.

    ``origin`` is the host where it was handed in, its reverse-path and its size (-1: not told);
    ``text`` its bytes as they were first sent, ``came`` how it came to each host; ``hand`` and
    ``spool`` count the copies, ``shown`` are those that a terminal has shown, ``promised`` are the
    recipients that were accepted in each session and that the peer has not been told of, and
    ``crossing`` the sessions in which its mail data came and has not been answered.
    """

    origin: tuple[str, str, int]
    text: bytes | None = None
    came: dict[str, list[Came]] = field(default_factory=dict)
    hand: dict[Copy, int] = field(default_factory=dict)
    spool: dict[Copy, int] = field(default_factory=dict)
    shown: set[Copy] = field(default_factory=set)
    promised: dict[int | None, frozenset[str]] = field(default_factory=dict)
    crossing: set[int | None] = field(default_factory=set)

    def take(self, copy: Copy) -> None:
        """Have one copy more in hand."""
        self.hand[copy] = self.hand.get(copy, 0) + 1


class Invariants:
    """The rules, held against the rows of a trace one by one; ``breaches`` is what they found."""

    def __init__(self) -> None:
        self.breaches: list[Breach] = []
        self._due: dict[int | None, frozenset[bytes]] = {}
        self._data: dict[int | None, bytes] = {}
        self._mail: dict[int, Mail] = {}
        self._done_with: deque[int] = deque()
        self._names: dict[str, str] = {}
        self._elsewhere: dict[str, dict[str, str]] = {}
        self._environments: dict[int | None, str] = {}
        self._holding: dict[str, frozenset[str]] = {}
        self._contrary: set[str] = set()
        self._external: set[str] = set()
        self._clearing: set[str] = set()
        self._skewed: set[str] = set()
        self._altered: set[int | None] = set()
        self._down: Counter[str] = Counter()
        self._century = 1900
        self.handlers: dict[str, Callable[[Row], None]] = {
            kind: getattr(self, f"_{kind}") for kind in _KINDS
        }
        self.handlers["data"] = self._mail_data

    def take(self, row: Row) -> None:
        """Hold the rules against one more row."""
        handler = self.handlers.get(row[1])
        if handler is not None:
            handler(row)

    def take_all(self, rows: Iterable[Row]) -> None:
        """Hold the rules against rows, in their order."""
        handlers = self.handlers
        for row in rows:
            handler = handlers.get(row[1])
            if handler is not None:
                handler(row)

    def found(self, account: Account) -> list[Breach]:
        """What was found, with the mail that is lost by the account of the same rows."""
        lost = [
            Breach(
                "no accepted mail is lost",
                one.vanished_at,
                f"nobody has message {one.message} for {one.path}, and nobody was told",
                one.message,
            )
            for one in account.lost
        ]
        return sorted([*self.breaches, *lost[:MOST]], key=lambda one: one.t)

    def _breach(self, rule: str, row: Row, sentence: str) -> None:
        if len(self.breaches) < MOST:
            self.breaches.append(Breach(rule, row[0], sentence, row[5]))

    # -- what was said: section 4.3 ---------------------------------------------------------------

    def _command(self, row: Row) -> None:
        verb = row[7][:4]
        codes = _ROWS.get(verb)
        self._due[row[4]] = _ROWS.get(verb.upper(), _UNKNOWN) if codes is None else codes

    def _reply(self, row: Row) -> None:
        session, code = row[4], row[7][:3]
        codes = self._due.pop(session, _NOTHING)
        if codes is _AFTER_DATA and row[5] in self._mail:
            self._mail[row[5]].crossing.discard(session)
            self._done(row[5])
        if code not in codes:
            self._wrong_reply(row, codes)
        elif codes is _TURN and code == b"250":
            self._due[session] = _GREETING

    def _wrong_reply(self, row: Row, codes: frozenset[bytes]) -> None:
        if (codes and row[3] in self._contrary) or row[4] in self._altered:
            if codes is _TURN and row[7][:1] == b"2":
                self._due[row[4]] = _GREETING  # by its first digit it is a success
            return  # it was set to answer what it likes
        if not codes:
            why = "though nothing had been asked"
        else:
            allowed = " ".join(sorted(code.decode() for code in codes))
            why = f"where section 4.3 permits {allowed}"
        said = row[7].decode("latin-1").strip()
        self._breach(
            "no reply outside 4.3's table",
            row,
            f"{row[3]} said {said!r} in session {row[4]}, {why}",
        )

    def _mail_data(self, row: Row) -> None:
        session = row[4]
        octets: bytes = row[7]
        if row[2] in self._clearing:
            octets = octets.translate(CLEARED)
        if self._due.get(session) is _AFTER_DATA:
            octets = self._data.get(session, b"") + octets  # it came in pieces
        self._data[session] = octets
        mail = self._mail.get(row[5])
        if mail is not None:
            mail.crossing.add(session)
        self._due[session] = _AFTER_DATA

    def _open(self, row: Row) -> None:
        self._due[row[4]] = _GREETING
        if self._elsewhere:
            self._environments[row[4]] = row[6]

    def _close(self, row: Row) -> None:
        # what is being stored may be accepted after the channel has gone
        if self._due.pop(row[4], None) is not _AFTER_DATA:
            self._data.pop(row[4], None)
            self._environments.pop(row[4], None)

    # -- who has what -----------------------------------------------------------------------------

    def _start(self, row: Row) -> None:
        meta = row[6]
        for host in meta.get("hosts", ()):
            for name in (host["name"], *(host.get("names") or {}).values()):
                self._names[folded(name)] = host["name"]
            if host.get("names"):
                self._elsewhere[host["name"]] = host["names"]
            if host.get("eight_bit") == "clear":
                self._clearing.add(host["name"])
            if host.get("answers"):
                self._contrary.add(host["name"])
            if host.get("external"):
                self._contrary.add(host["name"])
                self._external.add(host["name"])
            if host.get("holds"):
                self._holding[host["name"]] = frozenset(host["holds"])
        if meta.get("start"):
            self._century = datetime.fromisoformat(meta["start"]).year

    def _submit(self, row: Row) -> None:
        host, message = row[2], row[5]
        self._mail[message] = mail = Mail((host, row[6], row[9]))
        for number in range(1, len(row[7]) + 1):
            mail.hand[str(number), host] = 1

    def _notify(self, row: Row) -> None:
        host, about = row[2], row[6]
        for one in row[7]:
            self._let_go(row, about, (one, host), "gave back")
        self._done(about)
        self._mail[row[5]] = mail = Mail((host, "", -1))
        mail.hand["1", host] = 1

    def _accept(self, row: Row) -> None:
        host, session, message, ids = row[2], row[4], row[5], row[6]
        mail = self._mail.get(message)
        octets = self._data.pop(session, None)
        if octets is None or mail is None:
            self._breach(
                "nothing is delivered that was not sent",
                row,
                f"{host} accepted message {message}, and no mail data had come",
            )
            return
        foreign = mail.text is None and mail.origin[0] == host
        if foreign:
            # a script's mail, or a person's: submitted where it is accepted
            self._drop(mail, host)
        for one in ids:
            mail.take((one, host))
        mail.promised[session] = frozenset(ids)
        mail.crossing.discard(session)
        self._check_arrival(row, mail, octets, foreign)

    def _expand(self, row: Row) -> None:
        host, message = row[2], row[5]
        self._let_go(row, message, (row[6], host), "expanded")
        mail = self._mail.get(message)
        if mail is not None:
            for one, _ in row[8]:
                mail.take((one, host))
            self._done(message)

    def _queue(self, row: Row) -> None:
        host, mail = row[2], self._mail.get(row[5])
        for one in row[6]:
            copy = (one, host)
            if mail is not None and _less(mail.hand, copy):
                mail.spool[copy] = mail.spool.get(copy, 0) + 1
            elif mail is None or copy not in mail.spool:
                self._from_nowhere(row, one, "put into its spool")

    def _transfer(self, row: Row) -> None:
        host, session, message = row[2], row[4], row[5]
        mail = self._mail.get(message)
        promised = mail.promised.pop(session, _NOBODY) if mail is not None else _NOBODY
        for one in row[6]:
            if mail is None or not _less(mail.spool, (one, host)):
                self._from_nowhere(row, one, "sent on")
            if one not in promised:
                self._breach(
                    "no accepted mail is lost",
                    row,
                    f"{host} took message {message} to be {row[3]}'s, which had not stored it",
                )
        self._done(message)

    def _refuse(self, row: Row) -> None:
        for one in row[6]:
            self._take_back(row[5], (one, row[2]))

    def _forward(self, row: Row) -> None:
        if row[4] is not None:
            self._take_back(row[5], (row[6], row[2]))

    def _take_back(self, message: int, copy: Copy) -> None:
        """Out of the spool, into the hand: a refusal, or another path to send to."""
        mail = self._mail.get(message)
        if mail is not None and _less(mail.spool, copy):
            mail.take(copy)

    def _reject(self, row: Row) -> None:
        self._let_go(row, row[5], (row[6], row[2]), "rejected")
        self._done(row[5])

    def _terminal(self, row: Row) -> None:
        copy, mail = (row[6], row[2]), self._mail.get(row[5])
        if mail is not None and _less(mail.hand, copy):
            mail.shown.add(copy)
        else:
            self._from_nowhere(row, row[6], "shown on a terminal")

    def _deliver(self, row: Row) -> None:
        copy, mail = (row[6], row[2]), self._mail.get(row[5])
        if mail is not None and copy in mail.shown:
            mail.shown.discard(copy)  # SAML: to the terminal and to the mail drop
        elif mail is None or not _less(mail.hand, copy):
            self._from_nowhere(row, row[6], "delivered")
            return
        self._check_delivery(row, mail)
        self._done(row[5])

    def _abandon(self, row: Row) -> None:
        mail = self._mail.get(row[5])
        if mail is not None:
            self._drop(mail, row[2])
            self._done(row[5])

    def _forget(self, row: Row) -> None:
        mail = self._mail.get(row[5])
        if mail is not None:
            for one in row[6]:
                _less(mail.hand, (one, row[2]))
            self._done(row[5])

    @staticmethod
    def _drop(mail: Mail, host: str) -> None:
        for copy in [one for one in mail.hand if one[1] == host]:
            del mail.hand[copy]

    def _done(self, message: int) -> None:
        """Let go of what is known of a message before long, if no host has a copy of it."""
        mail = self._mail.get(message)
        if mail is not None and not (mail.hand or mail.spool or mail.crossing):
            self._done_with.append(message)
            if len(self._done_with) > LINGERS:
                first = self._done_with.popleft()
                mail = self._mail.get(first)
                if mail is not None and not (mail.hand or mail.spool or mail.crossing):
                    del self._mail[first]

    def _let_go(self, row: Row, message: int, copy: Copy, what: str) -> None:
        mail = self._mail.get(message)
        if mail is None or (not _less(mail.hand, copy) and copy not in mail.shown):
            self._from_nowhere(row, copy[0], what, message)

    def _from_nowhere(self, row: Row, one: str, what: str, message: int | None = None) -> None:
        self._breach(
            "nothing is delivered that was not sent",
            row,
            f"{row[2]} had no mail for recipient {one} of message {message or row[5]}, "
            f"and yet it was {what} there",
        )

    # -- what it looks like -----------------------------------------------------------------------

    def _check_arrival(self, row: Row, mail: Mail, octets: bytes, foreign: bool) -> None:
        """Text, time stamp lines and reverse-path of mail that a host has just accepted."""
        host, peer, reverse_path = row[2], row[3], row[7]
        origin, text = mail.origin, mail.text
        if foreign:
            # who is none of ours need not have doubled a period that text follows (4.5.2)
            octets = stuff(unstuff(octets[:-3]))
        if text is None:
            text = mail.text = octets
            if origin[2] >= 0 and row[8] != origin[2]:
                self._changed(row, f"{origin[2]} bytes were handed in and {row[8]} came")
        stamps = self._stamps(octets, text)
        if stamps < 0:
            self._changed(row, "what came is not the text under time stamp lines")
            stamps = 0
        came = (reverse_path, stamps)
        straight = peer == origin[0] and peer not in self._elsewhere and came == (origin[1], 0)
        if not (foreign or straight):
            self._check_way(row, came, mail)
        mail.came.setdefault(host, []).append((reverse_path, stamps + 1))

    def _check_way(self, row: Row, came: Came, mail: Mail) -> None:
        peer: str = row[3]
        message = row[5]
        before, origin = mail.came.get(peer, ()), mail.origin
        environment = self._environments.get(row[4], "")
        name = self._elsewhere.get(peer, {}).get(environment, peer)
        possible = [(_prefixed(path, name), stamps) for path, stamps in before]
        if peer == origin[0]:
            possible.append((self._own_path(origin[1], peer, name), 0))
        if came in possible or row[4] in self._altered:
            return
        path, stamps = came
        if path not in [one for one, _ in possible]:
            rule, what = "the reverse-path is the route that the message came", f"as <{path}>"
            ways = " or ".join(f"<{one}>" for one, _ in possible) or "not at all"
        else:
            rule, what = "a time stamp line for each host", f"with {stamps} time stamp lines"
            ways = " or ".join(str(count) for _, count in possible)
        self._breach(
            rule, row, f"message {message} came from {peer} to {row[2]} {what}, not {ways}"
        )

    def _own_path(self, path: str, host: str, name: str) -> str:
        """The path of a host's own user by the name that the host has where it sends to (3.6)."""
        local, _, domain = path.rpartition("@")
        own = host in self._elsewhere and self._names.get(folded(domain)) == host
        return f"{local}@{name}" if own and not path.startswith("@") else path

    def _check_delivery(self, row: Row, mail: Mail) -> None:
        """Return path line, time stamp lines and text of mail as it lies in a mail drop."""
        host, message, octets = row[2], row[5], row[8]
        if host in self._external:
            return  # how a server of somebody else's keeps its mail is its own affair
        origin = mail.origin
        end = octets.find(b"\r\n") + 2
        first = octets[:end]
        stored = mail.text
        text = octets[end:] if stored is None else unstuff(stored[:-3])
        if stored is None:
            mail.text = stuff(text)
        stamps = self._stamps(octets[end:], text)
        came = mail.came.get(host, [])
        if host == origin[0]:
            came = [*came, (origin[1], 0)]
        if stamps < 0:
            self._changed(row, "what was delivered is not the text under time stamp lines")
        elif not any(first == b"Return-Path: <%b>\r\n" % path.encode() for path, _ in came):
            self._breach(
                "the reverse-path is the route that the message came",
                row,
                f"message {message} lies at {host} under {first.decode('latin-1').strip()!r}",
            )
        elif not any(stamps == count for _, count in came):
            self._breach(
                "a time stamp line for each host",
                row,
                f"message {message} lies at {host} with {stamps} time stamp lines",
            )
        elif stamps > 1:
            self._check_order(row, octets[end : len(octets) - len(text)])

    def _stamps(self, octets: bytes, text: bytes) -> int:
        """The number of time stamp lines before the text; -1 where there is anything else."""
        if octets == text:
            return 0
        if not octets.endswith(text):
            return -1
        above = octets[: len(octets) - len(text)]
        count = above.count(b"\r\n")
        return count if _are_stamps(above) else -1

    def _check_order(self, row: Row, above: bytes) -> None:
        """Each time stamp line is no earlier than the one below, save where a clock is wrong."""
        later: float | None = None
        onward = None
        for sent_by, received_by, daytime in _STAMP.findall(above):
            host = self._host(received_by)
            if onward is not None and host != onward:
                self._breach(
                    "a time stamp line for each host",
                    row,
                    f"message {row[5]} came from {onward}, and the line below is {host}'s",
                )
            onward = self._host(sent_by)
            if host in self._skewed:
                continue
            at = _seconds(daytime.decode("latin-1"), self._century)
            if later is not None and at > later:
                self._breach(
                    "time stamp lines are in order",
                    row,
                    f"message {row[5]} passed {host} at {daytime.decode('latin-1')}, "
                    "after a host that it came to later",
                )
            later = at

    def _host(self, name: bytes) -> str:
        text = name.decode("latin-1")
        return self._names.get(folded(text), text)

    def _changed(self, row: Row, how: str) -> None:
        self._breach(
            "the bytes of the text arrive unchanged", row, f"message {row[5]} at {row[2]}: {how}"
        )

    # -- faults and the end -----------------------------------------------------------------------

    def _fault(self, row: Row) -> None:
        if row[6] == "clock-skew":
            self._skewed.add(row[2])
        elif row[6] in ("change-reply", "change-command"):
            self._altered.add(row[4])
        elif row[6] in ("host-down", "crash"):
            self._down[row[2]] += 1 if row[7] else -1

    def _end(self, row: Row) -> None:
        if row[6] == "interrupted":
            return  # in the middle of anything
        for message, mail in self._mail.items() if row[6] == "settled" else ():
            for one, host in mail.hand:
                self._breach(
                    "no accepted mail is lost",
                    (row[0], "", host, None, None, message),
                    f"{host} took message {message} for recipient {one}, "
                    "and then did nothing with it",
                )
            for one, host in mail.spool:
                if self._down[host] <= 0 and host not in self._holding:
                    self._breach(
                        "each recipient reaches an end",
                        (row[0], "", host, None, None, message),
                        f"the run is over, and message {message} for recipient {one} "
                        f"still lies in the spool of {host}",
                    )


def _less(copies: dict[Copy, int], copy: Copy) -> bool:
    """Take one away; whether there was one."""
    count = copies.get(copy, 0)
    if count > 1:
        copies[copy] = count - 1
    elif count:
        del copies[copy]
    return count > 0


_KINDS: Final = (
    "start", "command", "reply", "open", "close", "submit", "notify", "accept", "expand", "queue",
    "transfer", "refuse", "forward", "reject", "terminal", "deliver", "abandon", "forget",
    "fault", "end",
)  # fmt: skip


def _prefixed(path: str, name: str) -> str:
    """A reverse-path, without its brackets, with a relay put at its beginning (section 3.6)."""
    if not path:
        return path  # the null one of a notification stays null
    return f"@{name}{',' if path.startswith('@') else ':'}{path}"


@lru_cache(maxsize=4096)
def _are_stamps(above: bytes) -> bool:
    return not _STAMP.sub(b"", above)


_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


@lru_cache(maxsize=65536)
def _seconds(daytime: str, first_year: int) -> float:
    """Seconds of a ``<daytime>`` (4.1.2) on a clock of its own zone, from any beginning.

    Its two digits are a year from that of the run's start on.
    """
    day, month, year, time, _ = daytime.split(" ")
    hour, minute, second = map(int, time.split(":"))
    whole = first_year - first_year % 100 + int(year)
    whole += 100 if whole < first_year else 0
    date = datetime(whole, _MONTHS.index(month) + 1, int(day))
    return (date - datetime(1, 1, 1)).total_seconds() + hour * 3600 + minute * 60 + second


def breaches(rows: Iterable[Row], account: Account | None = None) -> list[Breach]:
    """The rules that a run broke, in order of time; ``account`` is that of the same rows."""
    rules = Invariants()
    rules.take_all(rows)
    return rules.found(account if account is not None else Account(rows))
