"""A host as the installation of one receiver-SMTP: the verdicts on commands and mail data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lab.hosts.destination import Destination
from lab.hosts.directory import Forward, User
from lab.hosts.help import help_reply
from lab.hosts.host import Host
from lab.hosts.interception import OverriddenReceiver
from lab.hosts.message import is_looping
from lab.hosts.paths import why_unsendable_from
from lab.hosts.scripted import ScriptedReceiver
from lab.hosts.verdicts import (
    BUSY,
    LOOPING,
    NO_RELAY,
    NO_SPACE,
    NO_SPACE_LEFT,
    NOT_IMPLEMENTED,
    OK,
    user_verdict,
)  # fmt: skip
from lab.protocol import (
    LATER,
    HostName,
    Path,
    ReceiverSMTP,
    Reply,
    SyntaxFault,
    Transaction,
    parse_path,
    reply,
    time_stamp_line,
)

CARELESS_DELAY: Final = 1.0
"""Seconds after its 250 at which a careless host stores mail, if ``store`` does not say."""


def receiver_smtp(
    session: ReceivingSession, override: Callable[[], Reply | None] | None = None
) -> ReceiverSMTP:
    """Return the receiver-SMTP that serves a host in one session, as its settings say.

    ``override`` is called for each reply, and returns the reply that a fault puts in its place.
    """
    settings, given = session.host.settings, session.host.answers_given
    if override is not None:
        return OverriddenReceiver(session, settings, given, override)
    if settings.answers or settings.unimplemented:
        return ScriptedReceiver(session, settings, given)
    return ReceiverSMTP(
        session, settings.limits, grammar=settings.grammar, eight_bit=settings.eight_bit
    )


class ReceivingSession:
    """The installation of one session's receiver-SMTP: a host's verdicts on what a peer sends.

    The driver sets ``now`` before each call. ``peer`` is the name that HELO gave, ``peer_host`` the
    host at the other end, if it is one of the topology. ``identify`` gives a transaction its
    message number and the ids of its recipients. ``enters`` is set if that records mail from
    outside as submitted, which must be when the mail is stored, not before. ``respond`` sends a
    verdict that comes later; if it is None, storing takes no time.
    """

    __slots__ = (
        "_accepted", "enters", "environment", "host", "identify", "now", "peer", "peer_host",
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
        self._accepted: list[Destination] = []

    @property
    def name(self) -> str:
        """The host's name in the environment of the session."""
        return self.host.settings.name_in(self.environment)

    def greeting(self) -> Reply:
        """Return 220, or 421 if the host has as many sessions as it allows."""
        most = self.host.settings.limits.sessions
        is_full = most is not None and self.host.open_sessions > most
        if is_full or self.host.faults.refusing:
            return reply(421, f"{self.name} Service not available, closing transmission channel")
        return reply(220, f"{self.name} Simple Mail Transfer Service Ready")

    def hello(self, domain: str) -> Reply:
        """Return 250 with the host's own name."""
        self.peer = domain
        return reply(250, self.name)

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        """Begin a transaction."""
        self._accepted = []
        return NO_SPACE if self.host.faults.full else OK

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        """Return the reply to RCPT: for a user or list of this host, or for mail to send on."""
        host = self.host
        destination = host.destinations.of(forward_path)
        if destination.is_open_mailbox and transaction.verb == "MAIL" and not host.has_fault:
            self._accepted.append(destination)
            return OK
        verdict = destination.refusal or self._verdict(transaction, forward_path, destination)
        if verdict.code < 300:
            self._accepted.append(destination)
        return verdict

    def _verdict(self, transaction: Transaction, path: Path, destination: Destination) -> Reply:
        entry = destination.entry
        if self.host.faults.full:
            return NO_SPACE
        if self.host.faults.busy and entry is not None:
            return BUSY
        if isinstance(entry, User):
            return user_verdict(transaction.verb, entry)
        if isinstance(entry, Forward):
            return entry.reply
        if entry is not None:
            return OK
        if not self.host.settings.relay and not self._comes_back(transaction, path):
            return NO_RELAY
        # refused here, while the sending host can still notify the originator
        assert destination.hop is not None
        name = self.host.settings.name_in(destination.hop.environment)
        return why_unsendable_from(transaction.reverse_path, name) or OK

    def _comes_back(self, transaction: Transaction, path: Path) -> bool:
        """Return whether this is a notification on its way back along a path with this host's name.

        Mail that the host sends on for a list or a forward has its name in the reverse-path,
        whether or not the host relays for others (section 3.6).
        """
        if not transaction.reverse_path.is_null or not path.route:
            return False
        return path.first_host in self.host.own_names and self.host.directory.sends_on

    # -- the mail data --------------------------------------------------------------------------

    def accept(self, transaction: Transaction) -> Reply:
        """Put the time stamp line before the mail, deliver it or send it on, and return OK.

        If storing takes time, the verdict comes later, through ``respond``, when the mail is
        stored. A careless host replies OK at once.
        """
        host = self.host
        if host.faults.full:
            return NO_SPACE_LEFT
        if is_looping(transaction.mail_data):
            return LOOPING
        accepted, store, is_careless = self._accepted, host.settings.store, host.settings.careless
        if self.respond is None:
            message, ids = self._identify(transaction)
            self._take(self.now, transaction, accepted, message, ids)
            return OK
        if self.enters and not is_careless:
            host.port.later(host.name, store, lambda now: self._enter(now, transaction, accepted))
            return LATER
        message, ids = self._identify(transaction)
        if is_careless:
            self._store_after_reply(transaction, accepted, message, ids)
            return OK

        def stored(now: float) -> None:
            self._take(now, transaction, accepted, message, ids)
            self._give(OK)

        host.port.later(host.name, store, stored)
        return LATER

    def _identify(self, transaction: Transaction) -> tuple[int, tuple[str, ...]]:
        message, ids = self.identify(transaction)
        return message, tuple(ids)

    def _give(self, verdict: Reply) -> None:
        if self.respond is not None:
            self.respond(verdict)

    def _enter(self, now: float, transaction: Transaction, accepted: list[Destination]) -> None:
        """Take mail from outside, which gets its number only when it is stored."""
        message, ids = self._identify(transaction)
        self._take(now, transaction, accepted, message, ids)
        self._give(OK)

    def _take(
        self,
        now: float,
        transaction: Transaction,
        accepted: list[Destination],
        message: int,
        ids: tuple[str, ...],
    ) -> None:
        """Record that mail is accepted, and deliver it or send it on."""
        self._record_accept(now, transaction, message, ids)
        self._store(now, transaction, accepted, message, ids)

    def _store_after_reply(
        self,
        transaction: Transaction,
        accepted: list[Destination],
        message: int,
        ids: tuple[str, ...],
    ) -> None:
        """Store mail after the OK, as a careless host does: a crash until then loses it."""
        host = self.host

        def stored(now: float) -> None:
            host.unstored.pop(message, None)
            self._store(now, transaction, accepted, message, ids)

        self._record_accept(self.now, transaction, message, ids)
        host.unstored[message] = (message, ids)
        host.port.later(host.name, host.settings.store or CARELESS_DELAY, stored)

    def _store(
        self,
        now: float,
        transaction: Transaction,
        accepted: list[Destination],
        message: int,
        ids: tuple[str, ...],
    ) -> None:
        """Put the time stamp line before mail, and deliver it or send it on."""
        host = self.host
        stamp = time_stamp_line(self.peer, self.name, host.daytime(now))
        octets = stamp + transaction.mail_data
        recipients = list(zip(ids, accepted, strict=True))
        path = transaction.reverse_path
        host.dispatch(now, message, transaction.verb, path, recipients, octets, relaying=True)

    def _record_accept(
        self, now: float, transaction: Transaction, message: int, ids: tuple[str, ...]
    ) -> None:
        row = (
            now, "accept", self.host.name, self.peer_host, self.session, message,
            ids, transaction.reverse_path.bare, len(transaction.mail_data),
        )  # fmt: skip
        self.host.record(row)

    # -- other commands -------------------------------------------------------------------------

    def verify(self, string: str) -> Reply:
        """Return the reply to VRFY."""
        return self.host.directory.verify(self._user_in(string), self.name)

    def expand(self, string: str) -> Reply:
        """Return the reply to EXPN."""
        return self.host.directory.expand(self._user_in(string))

    def _user_in(self, string: str) -> str:
        """Return the user name that a string of VRFY or EXPN means.

        "At least local mailboxes must be recognized" (3.3), so it may be written as a local part,
        with this host's name, or as a path.
        """
        if self.host.directory.find(string) is not None:
            return string
        path = string if string.startswith("<") else f"<{string}>"
        for written in (path, f"{path[:-1]}@{self.name}>"):
            try:
                parsed = parse_path(written)
            except SyntaxFault:
                continue
            if not parsed.route and parsed.host in self.host.own_names:
                return parsed.user
        return string

    def help(self, string: str) -> Reply:
        """Return the reply to HELP."""
        return help_reply(self.name, string, self._status)

    def _status(self) -> str:
        """Return the state of the host, for HELP STATUS (211)."""
        host = self.host
        return (
            f"{self.name} at {host.daytime(self.now)}: {host.open_sessions} open here, "
            f"{len(host.spool)} in the spool"
        )

    def turn(self) -> Reply:
        """Return the reply to TURN.

        Roles change if the settings allow it and the peer is the host that it claims to be: mail
        is not given to anybody who claims a name.
        """
        known = self.host.routes.resolve(HostName(self.peer))
        if self.host.settings.turn and known is not None and known == self.peer_host:
            return OK
        return NOT_IMPLEMENTED

    def goodbye(self) -> Reply:
        """Return 221."""
        return reply(221, f"{self.name} Service closing transmission channel")
