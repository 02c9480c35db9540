"""A host as the receiver-SMTP of one session asks it: whom it takes mail for, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lab.hosts.destination import Destination
from lab.hosts.directory import Forward, User
from lab.hosts.host import Host
from lab.hosts.message import time_stamp_line
from lab.hosts.paths import unsendable_from
from lab.hosts.scripted import NOT_IMPLEMENTED, ScriptedReceiver
from lab.hosts.time_stamps import is_looping
from lab.hosts.verdicts import (
    BUSY,
    LOOPING,
    NO_RELAY,
    NO_SPACE,
    NO_SPACE_LEFT,
    OK,
    user_verdict,
)  # fmt: skip
from lab.protocol import (
    Path,
    ReceiverSMTP,
    Reply,
    SyntaxFault,
    Transaction,
    folded,
    parse_path,
    reply,
)

CARELESS_DELAY: Final = 1.0
"""Seconds that a careless host takes to store what it has said 250 for, if it says no other."""


def stamp(host: Host, environment: str, peer: str, now: float) -> bytes:
    """The time stamp line that the host puts before mail from ``peer``."""
    daytime = host.calendar.daytime(now + host.condition.skew)
    return time_stamp_line(peer, host.identity.name_in(environment), daytime)


def receiver_smtp(reception: ReceivingSession) -> ReceiverSMTP:
    """The receiver-SMTP that serves a host in one session, as the host is set."""
    identity = reception.host.identity
    if identity.answers or identity.unimplemented:
        return ScriptedReceiver(reception)
    return ReceiverSMTP(
        reception, identity.limits, grammar=identity.grammar, eight_bit=identity.eight_bit
    )


class ReceivingSession:
    """A host as its receiver-SMTP of one session asks it: the verdicts on what a peer sends.

    ``now`` is set by the driver before each call; ``peer`` is the name that HELO gave,
    ``peer_host`` the host at the other end, where it is one of the topology. ``identify`` gives
    a transaction its message number and the ids of its recipients. ``enters`` is set where that
    enters mail from outside as submitted: that is done when it is stored, and not before.
    """

    __slots__ = (
        "_taken", "enters", "environment", "host", "identify", "now", "peer", "peer_host",
        "respond", "session",
    )  # fmt: skip

    def __init__(
        self,
        host: Host,
        environment: str,
        identify: Callable[[Transaction], tuple[int, Sequence[str]]],
        session: int | None = None,
        peer_host: str | None = None,
    ) -> None:
        self.host = host
        self.peer_host = peer_host
        self.enters = False
        self.respond: Callable[[Reply], None] | None = None
        self.environment = environment
        self.identify = identify
        self.session = session
        self.peer = ""
        self.now = 0.0
        self._taken: list[Destination] = []

    @property
    def name(self) -> str:
        """The host's name in the environment of the session."""
        return self.host.identity.name_in(self.environment)

    def greeting(self) -> Reply:
        """220, or 421 where the host has as many sessions as it takes."""
        most = self.host.identity.limits.sessions
        full = most is not None and self.host.open_sessions > most
        if full or self.host.condition.refusing:
            return reply(421, f"{self.name} Service not available, closing transmission channel")
        return reply(220, f"{self.name} Simple Mail Transfer Service Ready")

    def hello(self, domain: str) -> Reply:
        """250 with the own name."""
        self.peer = domain
        return reply(250, self.name)

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        """A transaction may begin."""
        self._taken = []
        return NO_SPACE if self.host.condition.full else OK

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        """Whether the host takes mail for a path: its user's, its list's, or to send on."""
        place = self.host.destination(forward_path)
        if place.plain and transaction.verb == "MAIL" and not self.host.ails:
            self._taken.append(place)
            return OK
        verdict = place.refusal or self._verdict(transaction, forward_path, place)
        if verdict.code < 300:
            self._taken.append(place)
        return verdict

    def _verdict(self, transaction: Transaction, path: Path, place: Destination) -> Reply:
        entry = place.entry
        if self.host.condition.full:
            return NO_SPACE
        if self.host.condition.busy and entry is not None:
            return BUSY
        if isinstance(entry, User):
            return user_verdict(transaction.verb, entry)
        if isinstance(entry, Forward):
            return entry.reply
        if entry is not None:
            return OK
        if not self.host.identity.relay and not self._comes_back(transaction, path):
            return NO_RELAY
        # The recipient is refused here, where the originator can still be told by the one who sends
        assert place.hop is not None
        name = self.host.identity.name_in(place.hop.environment)
        return unsendable_from(transaction.reverse_path, name) or OK

    def _comes_back(self, transaction: Transaction, path: Path) -> bool:
        """Whether this is a notification on its way back along a path that this host is in of its
        own doing: mail that it sends on for a list or a forward has its name in the reverse-path,
        whether or not it relays for others (section 3.6).
        """
        if not transaction.reverse_path.is_null or not path.route:
            return False
        here = path.route[0].upper() in self.host.own_names
        return here and self.host.directory.sends_on

    def accept(self, transaction: Transaction) -> Reply | None:
        """Put the time stamp line before the mail, deliver it or send it on, and say OK.

        Where storing takes time the verdict comes later, by ``respond``, when the mail is safe; a
        careless host says OK at once.
        """
        host = self.host
        if host.condition.full:
            return NO_SPACE_LEFT
        if is_looping(transaction.mail_data):
            return LOOPING
        store = host.identity.store
        if self.enters and self.respond is not None and not host.identity.careless:
            taken = self._taken
            host.port.later(host.name, store, lambda now: self._enter(now, transaction, taken))
            return None
        message, numbers = self.identify(transaction)
        ids = tuple(numbers)
        if self.respond is None:
            self._record_accept(self.now, transaction, message, ids)
            self._stored(self.now, transaction, self._taken, message, ids)
            return OK
        return self._accept_later(transaction, self._taken, message, ids)

    def _enter(self, now: float, transaction: Transaction, taken: list[Destination]) -> None:
        """Mail from outside is stored: it exists from here on, and OK is said."""
        message, numbers = self.identify(transaction)
        ids = tuple(numbers)
        self._record_accept(now, transaction, message, ids)
        self._stored(now, transaction, taken, message, ids)
        if self.respond is not None:
            self.respond(OK)

    def _accept_later(
        self,
        transaction: Transaction,
        taken: list[Destination],
        message: int,
        ids: tuple[str, ...],
    ) -> Reply | None:
        """Say OK when the mail is stored; or, being careless, before."""
        host = self.host
        careless = host.identity.careless

        def stored(now: float) -> None:
            if careless:
                host.unsaved.pop(message, None)
            else:
                self._record_accept(now, transaction, message, ids)
            self._stored(now, transaction, taken, message, ids)
            if not careless and self.respond is not None:
                self.respond(OK)

        if not careless:
            host.port.later(host.name, host.identity.store, stored)
            return None
        self._record_accept(self.now, transaction, message, ids)
        host.unsaved[message] = (message, ids)
        host.port.later(host.name, host.identity.store or CARELESS_DELAY, stored)
        return OK

    def _stored(
        self,
        now: float,
        transaction: Transaction,
        taken: list[Destination],
        message: int,
        ids: tuple[str, ...],
    ) -> None:
        """The mail has reached stable storage: deliver it, or send it on."""
        host = self.host
        octets = stamp(host, self.environment, self.peer, now) + transaction.mail_data
        places = list(zip(ids, taken, strict=True))
        path = transaction.reverse_path
        host.dispatch(now, message, transaction.verb, path, places, octets, relaying=True)

    def _record_accept(
        self, now: float, transaction: Transaction, message: int, ids: tuple[str, ...]
    ) -> None:
        row = (
            now, "accept", self.host.name, self.peer_host, self.session, message,
            ids, transaction.reverse_path.bare, len(transaction.mail_data),
        )  # fmt: skip
        self.host.record(row)

    def verify(self, string: str) -> Reply:
        """VRFY."""
        return self.host.directory.verify(self._sought(string), self.name)

    def expand(self, string: str) -> Reply:
        """EXPN."""
        return self.host.directory.expand(self._sought(string))

    def _sought(self, string: str) -> str:
        """The name that is asked for: "at least local mailboxes must be recognized" (3.3), so it
        may be written as a local part, or with this host's name, or as a path.
        """
        if self.host.directory.find(string) is not None:
            return string
        path = string if string.startswith("<") else f"<{string}>"
        for written in (path, f"{path[:-1]}@{self.name}>"):
            try:
                found = parse_path(written)
            except SyntaxFault:
                continue
            if not found.route and folded(found.domain) in self.host.own_names:
                return found.user
        return string

    def help(self, string: str) -> Reply:
        """HELP."""
        from lab.hosts.help import help_reply

        return help_reply(self.name, string, self._status)

    def _status(self) -> str:
        """How the host does, for HELP STATUS (211)."""
        host = self.host
        daytime = host.calendar.daytime(self.now + host.condition.skew)
        return (
            f"{self.name} at {daytime}: {host.open_sessions} open here, "
            f"{len(host.spool)} in the spool"
        )

    def turn(self) -> Reply:
        """TURN, where the host is set so; mail is not given to just anybody who claims a name."""
        known = self.host.routes.resolve(self.peer)
        if self.host.identity.turn and known is not None and known == self.peer_host:
            return OK
        return NOT_IMPLEMENTED

    def goodbye(self) -> Reply:
        """221."""
        return reply(221, f"{self.name} Service closing transmission channel")
