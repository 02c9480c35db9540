"""What is made of the rows of all parts together: their numbers, and the rules of the mail."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

from lab.account import Account
from lab.invariants import Breach, MailRules, together
from lab.invariants.replies import WrongReply
from lab.parts.share import NUMBERS
from lab.trace import Row

_MASK = (1 << NUMBERS) - 1


class Numbers:
    """The numbers in the whole run of what each host has numbered for itself: eight bytes each."""

    def __init__(self) -> None:
        self._of: dict[int, array[int]] = {}
        self.count = 0

    def known(self, own: int) -> int:
        """The number of what has appeared already."""
        return self._of[own >> NUMBERS][own & _MASK]

    def number(self, own: int) -> int:
        """The number of what appears, now or before."""
        of = self._of.get(own >> NUMBERS, ())
        place = own & _MASK
        if place < len(of) and of[place]:
            return of[place]
        self.put(own, self.count + 1)
        return self.count

    def put(self, own: int, number: int) -> None:
        """Have this be the number of what a host has numbered."""
        of = self._of.setdefault(own >> NUMBERS, array("q"))
        place = own & _MASK
        if place >= len(of):
            of.extend([0] * (place + 1 - len(of)))
        of[place] = number
        self.count += 1


class Gathered:
    """Takes the rows of all parts in the order of the run, as :class:`lab.invariants.Invariants`
    does, and the replies that the parts have found to be wrong.
    """

    def __init__(self) -> None:
        self._mail = MailRules()
        self._sessions = Numbers()
        self._messages = Numbers()
        self._aliases = Numbers()
        self._wrong: list[WrongReply] = []

    @property
    def messages(self) -> int:
        """How many messages there have been so far."""
        return self._messages.count

    def know(self, aliases: Iterable[tuple[int, int]]) -> None:
        """Know sessions by the key that stands for their numbers: pairs of these."""
        for key, own in aliases:
            self._aliases.put(key, own)

    def number(self, rows: Iterable[list[Any]]) -> None:
        """Put the numbers of the run into rows, in the place of the hosts' own."""
        session_number, message_number = self._sessions.number, self._messages.number
        sessions: dict[int, int] = {}
        messages: dict[int, int] = {}
        for row in rows:
            session, message = row[4], row[5]
            if session is not None:
                number = sessions.get(session)
                if number is None:
                    own = session if session > 0 else self._aliases.known(-session)
                    number = sessions[session] = session_number(own)
                row[4] = number
            if row[1] == "notify":
                row[6] = self._messages.known(row[6])
            if message is not None:
                number = messages.get(message)
                if number is None:
                    number = messages[message] = message_number(message)
                row[5] = number

    def take_all(self, rows: Iterable[Row]) -> None:
        """Hold the rules of the mail against rows, in their order."""
        handlers = self._mail.handlers
        for row in rows:
            handler = handlers.get(row[1])
            if handler is not None:
                handler(row)

    def take_wrong(self, wrong: Iterable[WrongReply]) -> None:
        """Take the replies that a part has found to be wrong."""
        self._wrong += wrong

    def found(self, account: Account) -> list[Breach]:
        """What was found, with the mail that is lost by the account of the same rows."""
        return together(self._mail, map(self._told, self._wrong), account)

    def _told(self, wrong: WrongReply) -> WrongReply:
        t, session, message, host, said, why = wrong
        about = None if message is None else self._messages.known(message)
        return (t, self._sessions.known(session), about, host, said, why)
