"""The rules about mail: none is lost, none comes from nowhere, and all arrives unchanged.

One pass, row by row, follows which host has which copy of the mail:

- A host has mail *in hand* from when it accepts it (from a user, from a peer, or a notification of
  its own) until it delivers it, puts it into its spool or returns it. It has it in its *spool*
  until the next host has replied 250, or it gives up. Nothing appears and nothing vanishes.
- What is delivered is what was sent: the text byte for byte, under a time stamp line for each host
  that it passed, in order (except where a fault has set a clock wrong).
- The reverse-path at each hop is the route by which the message came (section 3.6).

How mail must look is in :mod:`lab.analysis.invariants.form`.

A message is forgotten some time after no host has a copy of it any more, so that memory grows with
the mail that is on its way and not with the run.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from lab.analysis.invariants.breach import END, LOST, NOT_SENT, Finding, Findings, of_message
from lab.analysis.invariants.copies import Arrived, Copy, GrowingText, Mail, take_out
from lab.analysis.invariants.form import FormRules
from lab.protocol.receiver import CLEARED
from lab.trace.rows import (
    CHANGING,
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

LINGERS: Final = 1_000
"""Messages that are remembered although no host has a copy, and sessions whose mail data is: a
process that was killed may report what it did after others have reported what followed.
"""

_NOBODY: Final = frozenset[str]()


_MUCH: Final = 1 << 20
"""Bytes of mail data from outside that are held; of more, only what the rules need."""


class MailRules:
    """Checks rows one by one; ``findings`` are the breaches.

    It needs no commands, and of the replies only those to mail data. It keeps the first
    :data:`MOST` findings, and those at the same time as the last of them.
    """

    def __init__(self) -> None:
        self._findings = Findings()
        self._answering: set[int | None] = set()
        self._octets: dict[int | None, Arrived] = {}
        self._late: deque[int | None] = deque()
        self._mail: dict[int, Mail] = {}
        self._done_with: deque[int] = deque()
        self._form = FormRules(self._findings)
        self._holding: dict[str, frozenset[str]] = {}
        self._scripted: set[str] = set()
        self._clearing: set[str] = set()
        self._down: Counter[str] = Counter()

    def handlers(self) -> dict[str, Callable[[Row], None]]:
        """Return what checks a row, for each kind of row that the rules need."""
        return {kind: getattr(self, f"_{kind}") for kind in KINDS}

    @property
    def findings(self) -> list[Finding]:
        """The breaches: the first :data:`MOST`, and those at the same time as the last of them."""
        return self._findings.all

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
        before = self._octets.get(session) if session in self._answering else None
        if before is None:
            self._octets[session] = octets
        elif isinstance(before, GrowingText):
            before.feed(octets)
        elif row[PEER] == OUTSIDE and len(before) > _MUCH:
            self._octets[session] = growing = GrowingText()
            growing.feed(before)
            growing.feed(octets)
        elif isinstance(before, bytearray):
            before += octets
        else:  # it comes in pieces: they may be large, and are not to be there twice
            self._octets[session] = bytearray(before) + octets
        mail = self._mail.get(row[MESSAGE])
        if mail is not None:
            mail.crossing.add(session)
        self._answering.add(session)

    def _open(self, row: Row) -> None:
        if self._form.has_names:
            self._form.environments[row[SESSION]] = row[OPEN_ENVIRONMENT]

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
        self._form.environments.pop(session, None)

    # -- who has which copy -----------------------------------------------------------------------

    def _start(self, row: Row) -> None:
        meta = row[START_META]
        self._form.start(meta)
        for host in meta.get("hosts", ()):
            if host.get("eight_bit") == "clear":
                self._clearing.add(host["name"])
            if host.get("reply") or host.get("external"):
                self._scripted.add(host["name"])
            if host.get("holds"):
                self._holding[host["name"]] = frozenset(host["holds"])

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
        octets = self._octets.pop(session, None)
        self._answering.discard(session)
        if row[PEER] == OUTSIDE and octets is not None:
            mail = self._from_outside(row, mail)
        if octets is None or mail is None:
            self._findings.add(
                NOT_SENT,
                row,
                f"{host} accepted message ",
                of_message(message),
                ", but no mail data had arrived",
            )
            return
        foreign = mail.text is None and mail.origin[0] == host
        if foreign:
            # mail of a script or of a person: submitted where it is accepted
            self._drop(mail, host)
        for recipient in ids:
            mail.take((recipient, host))
        mail.promised[session] = frozenset(ids)
        mail.crossing.discard(session)
        self._form.check_arrival(row, mail, octets, foreign)

    def _from_outside(self, row: Row, mail: Mail | None) -> Mail:
        """Return the mail that comes from outside: new, or sent back by a mail program there."""
        if mail is None:
            mail = self._mail[row[MESSAGE]] = Mail((row[HOST], "", -1))
            mail.was_changed = True
        elif mail.text is not None or mail.origin[0] != row[HOST]:
            mail.was_changed = True
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
            if mail is not None and take_out(mail.hand, copy):
                mail.spool[copy] = mail.spool.get(copy, 0) + 1
            elif mail is None or copy not in mail.spool:
                self._from_nowhere(row, recipient, "put into its spool")

    def _transfer(self, row: Row) -> None:
        host, session, message = row[HOST], row[SESSION], row[MESSAGE]
        mail = self._mail.get(message)
        promised = mail.promised.pop(session, _NOBODY) if mail is not None else _NOBODY
        for recipient in row[RECIPIENTS]:
            if mail is None or not take_out(mail.spool, (recipient, host)):
                self._from_nowhere(row, recipient, "sent on")
            may_be_untrue = row[PEER] in self._scripted or session in self._form.altered
            if recipient not in promised and not may_be_untrue:
                self._findings.add(
                    LOST,
                    row,
                    f"{host} removed message ",
                    of_message(message),
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
        if mail is not None and take_out(mail.spool, copy):
            mail.take(copy)

    def _reject(self, row: Row) -> None:
        self._let_go(row, row[MESSAGE], (row[RECIPIENT], row[HOST]), "rejected")
        self._done(row[MESSAGE])

    def _terminal(self, row: Row) -> None:
        copy, mail = (row[RECIPIENT], row[HOST]), self._mail.get(row[MESSAGE])
        if mail is not None and take_out(mail.hand, copy):
            mail.shown.add(copy)
        else:
            self._from_nowhere(row, row[RECIPIENT], "shown on a terminal")

    def _deliver(self, row: Row) -> None:
        copy, mail = (row[RECIPIENT], row[HOST]), self._mail.get(row[MESSAGE])
        if mail is not None and copy in mail.shown:
            mail.shown.discard(copy)  # SAML: to the terminal and to the mail drop
        elif mail is None or not take_out(mail.hand, copy):
            self._from_nowhere(row, row[RECIPIENT], "delivered")
            return
        self._form.check_delivery(row, mail)
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
                take_out(mail.hand, (recipient, row[HOST]))
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

    def _let_go(self, row: Row, message: int, copy: Copy, done: str) -> None:
        mail = self._mail.get(message)
        if mail is None or (not take_out(mail.hand, copy) and copy not in mail.shown):
            self._from_nowhere(row, copy[0], done, message)

    def _from_nowhere(
        self, row: Row, recipient: str, done: str, message: int | None = None
    ) -> None:
        self._findings.add(
            NOT_SENT,
            row,
            f"{row[HOST]} had no mail for recipient {recipient} of message ",
            of_message(message or row[MESSAGE]),
            f", but it was {done} there",
        )

    # -- faults and the end -----------------------------------------------------------------------

    def _fault(self, row: Row) -> None:
        if row[FAULT_NAME] == "clock-skew":
            self._form.skewed.add(row[HOST])
        elif row[FAULT_NAME] in CHANGING:
            self._form.altered.add(row[SESSION])
        elif row[FAULT_NAME] in ("host-down", "crash"):
            self._down[row[HOST]] += 1 if row[FAULT_ON] else -1

    def _end(self, row: Row) -> None:
        if row[END_REASON] == "interrupted":
            return  # mail may be anywhere
        for message, mail in self._mail.items() if row[END_REASON] == "settled" else ():
            for recipient, host in mail.hand:
                self._findings.add(
                    LOST,
                    (row[T], "", host, None, None, message),
                    f"{host} took message ",
                    of_message(message),
                    f" for recipient {recipient} and then did nothing with it",
                )
            for recipient, host in mail.spool:
                if self._down[host] <= 0 and host not in self._holding:
                    self._findings.add(
                        END,
                        (row[T], "", host, None, None, message),
                        "the run is over, and message ",
                        of_message(message),
                        f" for recipient {recipient} is still in the spool of {host}",
                    )


KINDS: Final = (
    "start", "data", "reply", "open", "close", "submit", "notify", "accept", "expand", "queue",
    "transfer", "refuse", "forward", "reject", "terminal", "deliver", "abandon", "forget",
    "fault", "end",
)  # fmt: skip
"""The kinds of event that the rules need."""
