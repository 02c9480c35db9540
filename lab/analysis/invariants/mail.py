"""The rules about mail: none is lost, none comes from nowhere, and all arrives unchanged.

One pass, row by row, follows which host has which copy of the mail:

- A host has mail *in hand* from when it accepts it (from a user, from a peer, or a notification of
  its own) until it delivers it, puts it into its spool or returns it. It has it in its *spool*
  until the next host has replied 250, or it gives up. Nothing appears and nothing vanishes.
- What is delivered is what was sent: the text byte for byte, under a time stamp line for each host
  that it passed, in order (except where a fault has set a clock wrong).
- The reverse-path at each hop is the route by which the message came (section 3.6).

A message is forgotten some time after no host has a copy of it any more, so that memory grows with
the mail that is on its way and not with the run.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from lab.analysis.invariants.breach import (
    END,
    LOST,
    MOST,
    NOT_SENT,
    ORDER,
    ROUTE,
    STAMPS,
    TEXT,
    Finding,
)
from lab.analysis.invariants.timestamps import seconds, stamps_above, time_stamps
from lab.protocol import HostName, dot_stuff, dot_unstuff
from lab.protocol.receiver import CLEARED
from lab.trace.rows import (
    ACCEPT_REVERSE_PATH,
    ACCEPT_SIZE,
    DELIVER_OCTETS,
    END_REASON,
    EXPAND_MEMBERS,
    FAULT_NAME,
    FAULT_ON,
    HOST,
    MESSAGE,
    NOTIFY_ABOUT,
    NOTIFY_RECIPIENTS,
    OCTETS,
    OPEN_ENVIRONMENT,
    OUTSIDE,
    PEER,
    RECIPIENT,
    RECIPIENTS,
    SESSION,
    START_META,
    SUBMIT_RECIPIENTS,
    SUBMIT_REVERSE_PATH,
    SUBMIT_SIZE,
    Row,
    T,
)

Copy = tuple[str, str]
"""A copy of a message for one recipient at a host: (recipient's id, host)."""

Came = tuple[str, int]
"""How a message came to a host: its reverse-path, and its time stamp lines with the host's own."""

LINGERS: Final = 1_000
"""Messages that are remembered although no host has a copy, and sessions whose mail data is: a
process that was killed may report what it did after others have reported what followed.
"""

_NOBODY: Final = frozenset[str]()


@dataclass(slots=True)
class Mail:
    """One message, as long as any host has a copy of it.

    ``origin`` is the host where it was submitted, its reverse-path and its size (-1: unknown).
    ``text`` are its bytes as they were first sent, ``came`` says how it came to each host. ``hand``
    and ``spool`` count the copies, ``shown`` are those that a terminal has shown. ``promised`` are
    the recipients accepted in each session whose 250 the peer has not received, and ``crossing``
    the sessions in which its mail data has arrived and not been answered. ``was_outside``: a mail
    program outside the lab has sent it back, and may have changed how it looks.
    """

    origin: tuple[str, str, int]
    text: bytes | None = None
    came: dict[str, list[Came]] = field(default_factory=dict)
    hand: dict[Copy, int] = field(default_factory=dict)
    spool: dict[Copy, int] = field(default_factory=dict)
    shown: set[Copy] = field(default_factory=set)
    promised: dict[int | None, frozenset[str]] = field(default_factory=dict)
    crossing: set[int | None] = field(default_factory=set)
    was_outside: bool = False

    def take(self, copy: Copy) -> None:
        """Add a copy in hand."""
        self.hand[copy] = self.hand.get(copy, 0) + 1


class MailRules:
    """Checks rows one by one; ``findings`` are the breaches.

    It needs no commands, and of the replies only those to mail data. It keeps the first
    :data:`MOST` findings, and those at the same time as the last of them.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._answering: set[int | None] = set()
        self._octets: dict[int | None, list[bytes]] = {}
        self._late: deque[int | None] = deque()
        self._mail: dict[int, Mail] = {}
        self._done_with: deque[int] = deque()
        self._names: dict[HostName, str] = {}
        self._elsewhere: dict[str, dict[str, str]] = {}
        self._environments: dict[int | None, str] = {}
        self._holding: dict[str, frozenset[str]] = {}
        self._external: set[str] = set()
        self._scripted: set[str] = set()
        self._clearing: set[str] = set()
        self._skewed: set[str] = set()
        self._altered: set[int | None] = set()
        self._down: Counter[str] = Counter()
        self._century = 1900

    def handlers(self) -> dict[str, Callable[[Row], None]]:
        """Return what checks a row, for each kind of row that the rules need."""
        return {kind: getattr(self, f"_{kind}") for kind in KINDS}

    def _breach(self, rule: str, row: Row, *words: str | int | None) -> None:
        if len(self.findings) < MOST or row[T] <= self.findings[-1].t:
            self.findings.append(Finding(rule, row[T], row[MESSAGE], words))

    # -- the channel ------------------------------------------------------------------------------

    def _reply(self, row: Row) -> None:
        session, message = row[SESSION], row[MESSAGE]
        if session in self._answering:
            self._answering.discard(session)
            if message in self._mail:
                self._mail[message].crossing.discard(session)
                self._done(message)

    def _data(self, row: Row) -> None:
        session = row[SESSION]
        octets: bytes = row[OCTETS]
        if row[HOST] in self._clearing:
            octets = octets.translate(CLEARED)
        if session in self._answering and session in self._octets:
            self._octets[session].append(octets)  # it came in pieces
        else:
            self._octets[session] = [octets]
        mail = self._mail.get(row[MESSAGE])
        if mail is not None:
            mail.crossing.add(session)
        self._answering.add(session)

    def _open(self, row: Row) -> None:
        if self._elsewhere:
            self._environments[row[SESSION]] = row[OPEN_ENVIRONMENT]

    def _close(self, row: Row) -> None:
        """Forget a session, unless what has come may be accepted after the channel has gone: mail
        data that is being stored. A scripted host may have replied to it already.
        """
        session = row[SESSION]
        if session in self._answering or row[PEER] in self._scripted:
            self._answering.discard(session)
            self._late.append(session)
            session = self._late.popleft() if len(self._late) > LINGERS else None
        self._octets.pop(session, None)
        self._environments.pop(session, None)

    # -- who has which copy -----------------------------------------------------------------------

    def _start(self, row: Row) -> None:
        meta = row[START_META]
        for host in meta.get("hosts", ()):
            for name in (host["name"], *(host.get("names") or {}).values()):
                self._names[HostName(name)] = host["name"]
            if host.get("names"):
                self._elsewhere[host["name"]] = host["names"]
            if host.get("eight_bit") == "clear":
                self._clearing.add(host["name"])
            if host.get("external"):
                self._external.add(host["name"])
            if host.get("reply") or host.get("external"):
                self._scripted.add(host["name"])
            if host.get("holds"):
                self._holding[host["name"]] = frozenset(host["holds"])
        if meta.get("start"):
            self._century = datetime.fromisoformat(meta["start"]).year

    def _submit(self, row: Row) -> None:
        host, message = row[HOST], row[MESSAGE]
        self._mail[message] = mail = Mail((host, row[SUBMIT_REVERSE_PATH], row[SUBMIT_SIZE]))
        for number in range(1, len(row[SUBMIT_RECIPIENTS]) + 1):
            mail.hand[str(number), host] = 1

    def _notify(self, row: Row) -> None:
        host, about = row[HOST], row[NOTIFY_ABOUT]
        for recipient in row[NOTIFY_RECIPIENTS]:
            self._let_go(row, about, (recipient, host), "gave back")
        self._done(about)
        self._mail[row[MESSAGE]] = mail = Mail((host, "", -1))
        mail.hand["1", host] = 1

    def _accept(self, row: Row) -> None:
        host, session, message, ids = row[HOST], row[SESSION], row[MESSAGE], row[RECIPIENTS]
        mail = self._mail.get(message)
        pieces = self._octets.pop(session, None)
        self._answering.discard(session)
        if row[PEER] == OUTSIDE and pieces is not None:
            mail = self._from_outside(row, mail)
        if pieces is None or mail is None:
            self._breach(
                NOT_SENT,
                row,
                f"{host} accepted message ",
                message,
                ", but no mail data had arrived",
            )
            return
        octets = b"".join(pieces)
        foreign = mail.text is None and mail.origin[0] == host
        if foreign:
            # mail of a script or of a person: submitted where it is accepted
            self._drop(mail, host)
        for recipient in ids:
            mail.take((recipient, host))
        mail.promised[session] = frozenset(ids)
        mail.crossing.discard(session)
        self._check_arrival(row, mail, octets, foreign)

    def _from_outside(self, row: Row, mail: Mail | None) -> Mail:
        """Return the mail that comes from outside: new, or sent back by a mail program there."""
        if mail is None:
            mail = self._mail[row[MESSAGE]] = Mail((row[HOST], "", -1))
            mail.was_outside = True
        elif mail.text is not None or mail.origin[0] != row[HOST]:
            mail.was_outside = True
        return mail

    def _expand(self, row: Row) -> None:
        host, message = row[HOST], row[MESSAGE]
        self._let_go(row, message, (row[RECIPIENT], host), "expanded")
        mail = self._mail.get(message)
        if mail is not None:
            for member, _ in row[EXPAND_MEMBERS]:
                mail.take((member, host))
            self._done(message)

    def _queue(self, row: Row) -> None:
        host, mail = row[HOST], self._mail.get(row[MESSAGE])
        for recipient in row[RECIPIENTS]:
            copy = (recipient, host)
            if mail is not None and _less(mail.hand, copy):
                mail.spool[copy] = mail.spool.get(copy, 0) + 1
            elif mail is None or copy not in mail.spool:
                self._from_nowhere(row, recipient, "put into its spool")

    def _transfer(self, row: Row) -> None:
        host, session, message = row[HOST], row[SESSION], row[MESSAGE]
        mail = self._mail.get(message)
        promised = mail.promised.pop(session, _NOBODY) if mail is not None else _NOBODY
        for recipient in row[RECIPIENTS]:
            if mail is None or not _less(mail.spool, (recipient, host)):
                self._from_nowhere(row, recipient, "sent on")
            if recipient not in promised and row[PEER] not in self._scripted:
                self._breach(
                    LOST,
                    row,
                    f"{host} removed message ",
                    message,
                    f" as accepted by {row[PEER]}, which had not stored it",
                )
        self._done(message)

    def _refuse(self, row: Row) -> None:
        for recipient in row[RECIPIENTS]:
            self._take_back(row[MESSAGE], (recipient, row[HOST]))

    def _forward(self, row: Row) -> None:
        if row[SESSION] is not None:
            self._take_back(row[MESSAGE], (row[RECIPIENT], row[HOST]))

    def _take_back(self, message: int, copy: Copy) -> None:
        """Move a copy from the spool to the hand: it was refused, or goes to another path."""
        mail = self._mail.get(message)
        if mail is not None and _less(mail.spool, copy):
            mail.take(copy)

    def _reject(self, row: Row) -> None:
        self._let_go(row, row[MESSAGE], (row[RECIPIENT], row[HOST]), "rejected")
        self._done(row[MESSAGE])

    def _terminal(self, row: Row) -> None:
        copy, mail = (row[RECIPIENT], row[HOST]), self._mail.get(row[MESSAGE])
        if mail is not None and _less(mail.hand, copy):
            mail.shown.add(copy)
        else:
            self._from_nowhere(row, row[RECIPIENT], "shown on a terminal")

    def _deliver(self, row: Row) -> None:
        copy, mail = (row[RECIPIENT], row[HOST]), self._mail.get(row[MESSAGE])
        if mail is not None and copy in mail.shown:
            mail.shown.discard(copy)  # SAML: to the terminal and to the mail drop
        elif mail is None or not _less(mail.hand, copy):
            self._from_nowhere(row, row[RECIPIENT], "delivered")
            return
        self._check_delivery(row, mail)
        self._done(row[MESSAGE])

    def _abandon(self, row: Row) -> None:
        mail = self._mail.get(row[MESSAGE])
        if mail is not None:
            self._drop(mail, row[HOST])
            self._done(row[MESSAGE])

    def _forget(self, row: Row) -> None:
        mail = self._mail.get(row[MESSAGE])
        if mail is not None:
            for recipient in row[RECIPIENTS]:
                _less(mail.hand, (recipient, row[HOST]))
            self._done(row[MESSAGE])

    @staticmethod
    def _drop(mail: Mail, host: str) -> None:
        for copy in [copy for copy in mail.hand if copy[1] == host]:
            del mail.hand[copy]

    def _done(self, message: int) -> None:
        """Forget a message before long, if no host has a copy of it."""
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

    def _from_nowhere(
        self, row: Row, recipient: str, what: str, message: int | None = None
    ) -> None:
        self._breach(
            NOT_SENT,
            row,
            f"{row[HOST]} had no mail for recipient {recipient} of message ",
            message or row[MESSAGE],
            f", but it was {what} there",
        )

    # -- what mail looks like ---------------------------------------------------------------------

    def _check_arrival(self, row: Row, mail: Mail, octets: bytes, foreign: bool) -> None:
        """Check text, time stamp lines and reverse-path of mail that a host has just accepted."""
        if mail.was_outside:
            return
        host, peer, reverse_path = row[HOST], row[PEER], row[ACCEPT_REVERSE_PATH]
        origin, text = mail.origin, mail.text
        if foreign:
            # a sender outside the lab need not have doubled a period before more text (4.5.2)
            octets = dot_stuff(dot_unstuff(octets[:-3]))
        if text is None:
            text = mail.text = octets
            if origin[2] >= 0 and row[ACCEPT_SIZE] != origin[2]:
                self._changed(
                    row, f"{origin[2]} bytes were submitted but {row[ACCEPT_SIZE]} arrived"
                )
        stamps = stamps_above(octets, text)
        if stamps < 0:
            self._changed(row, "what arrived is not the text below time stamp lines")
            stamps = 0
        came = (reverse_path, stamps)
        straight = peer == origin[0] and peer not in self._elsewhere and came == (origin[1], 0)
        if not (foreign or straight):
            self._check_way(row, came, mail)
        mail.came.setdefault(host, []).append((reverse_path, stamps + 1))

    def _check_way(self, row: Row, came: Came, mail: Mail) -> None:
        peer: str = row[PEER]
        before, origin = mail.came.get(peer, ()), mail.origin
        environment = self._environments.get(row[SESSION], "")
        name = self._elsewhere.get(peer, {}).get(environment, peer)
        possible = [(_prefixed(path, name), stamps) for path, stamps in before]
        if peer == origin[0]:
            possible.append((self._own_path(origin[1], peer, name), 0))
        if came in possible or row[SESSION] in self._altered:
            return
        path, stamps = came
        if path not in [possible_path for possible_path, _ in possible]:
            rule, what = ROUTE, f"as <{path}>"
            ways = " or ".join(f"<{each}>" for each, _ in possible) or "not at all"
        else:
            rule, what = STAMPS, f"with {stamps} time stamp lines"
            ways = " or ".join(str(count) for _, count in possible)
        difference = f" came from {peer} to {row[HOST]} {what}, not {ways}"
        self._breach(rule, row, "message ", row[MESSAGE], difference)

    def _own_path(self, path: str, host: str, name: str) -> str:
        """Return the path of a host's user by the name of the host where it sends to (3.6)."""
        local, _, domain = path.rpartition("@")
        own = host in self._elsewhere and self._names.get(HostName(domain)) == host
        return f"{local}@{name}" if own and not path.startswith("@") else path

    def _check_delivery(self, row: Row, mail: Mail) -> None:
        """Check return path line, time stamp lines and text of mail as it lies in a mailbox."""
        host, message, octets = row[HOST], row[MESSAGE], row[DELIVER_OCTETS]
        if host in self._external or mail.was_outside:
            return  # a server outside the lab may do what it likes with its mail
        origin = mail.origin
        end = octets.find(b"\r\n") + 2
        first = octets[:end]
        stored = mail.text
        text = octets[end:] if stored is None else dot_unstuff(stored[:-3])
        if stored is None:
            mail.text = dot_stuff(text)
        stamps = stamps_above(octets[end:], text)
        came = mail.came.get(host, [])
        if host == origin[0]:
            came = [*came, (origin[1], 0)]
        if stamps < 0:
            self._changed(row, "what was delivered is not the text below time stamp lines")
        elif not any(first == b"Return-Path: <%b>\r\n" % path.encode() for path, _ in came):
            self._breach(
                ROUTE,
                row,
                "message ",
                message,
                f" lies at {host} under {first.decode('latin-1').strip()!r}",
            )
        elif not any(stamps == count for _, count in came):
            self._breach(
                STAMPS,
                row,
                "message ",
                message,
                f" lies at {host} with {stamps} time stamp lines",
            )
        elif stamps > 1:
            self._check_order(row, octets[end : len(octets) - len(text)])

    def _check_order(self, row: Row, above: bytes) -> None:
        """Check that no time stamp line is earlier than the one below, unless a clock is wrong."""
        later: float | None = None
        onward = None
        for stamp in time_stamps(above) or ():
            host = self._host(stamp.received_by)
            if onward is not None and host != onward:
                self._breach(
                    STAMPS,
                    row,
                    "message ",
                    row[MESSAGE],
                    f" came from {onward}, but the time stamp line below is by {host}",
                )
            onward = self._host(stamp.sent_by)
            if host in self._skewed:
                continue
            at = seconds(stamp.daytime, self._century)
            if later is not None and at > later:
                self._breach(
                    ORDER,
                    row,
                    "message ",
                    row[MESSAGE],
                    f" passed {host} at {stamp.daytime}, later than a host that comes after it",
                )
            later = at

    def _host(self, name: str) -> str:
        return self._names.get(HostName(name), name)

    def _changed(self, row: Row, how: str) -> None:
        rule = TEXT
        self._breach(rule, row, "message ", row[MESSAGE], f" at {row[HOST]}: {how}")

    # -- faults and the end -----------------------------------------------------------------------

    def _fault(self, row: Row) -> None:
        if row[FAULT_NAME] == "clock-skew":
            self._skewed.add(row[HOST])
        elif row[FAULT_NAME] in ("change-reply", "change-command"):
            self._altered.add(row[SESSION])
        elif row[FAULT_NAME] in ("host-down", "crash"):
            self._down[row[HOST]] += 1 if row[FAULT_ON] else -1

    def _end(self, row: Row) -> None:
        if row[END_REASON] == "interrupted":
            return  # mail may be anywhere
        for message, mail in self._mail.items() if row[END_REASON] == "settled" else ():
            for recipient, host in mail.hand:
                self._breach(
                    LOST,
                    (row[T], "", host, None, None, message),
                    f"{host} took message ",
                    message,
                    f" for recipient {recipient} and then did nothing with it",
                )
            for recipient, host in mail.spool:
                if self._down[host] <= 0 and host not in self._holding:
                    self._breach(
                        END,
                        (row[T], "", host, None, None, message),
                        "the run is over, and message ",
                        message,
                        f" for recipient {recipient} is still in the spool of {host}",
                    )


def _less(copies: dict[Copy, int], copy: Copy) -> bool:
    """Remove a copy, and return whether there was one."""
    count = copies.get(copy, 0)
    if count > 1:
        copies[copy] = count - 1
    elif count:
        del copies[copy]
    return count > 0


KINDS: Final = (
    "start", "data", "reply", "open", "close", "submit", "notify", "accept", "expand", "queue",
    "transfer", "refuse", "forward", "reject", "terminal", "deliver", "abandon", "forget",
    "fault", "end",
)  # fmt: skip
"""The kinds of event that the rules need."""


def _prefixed(path: str, name: str) -> str:
    """Return a reverse-path, without brackets, with a relay at its beginning (section 3.6)."""
    if not path:
        return path  # the null one of a notification stays null
    return f"@{name}{',' if path.startswith('@') else ':'}{path}"
