"""A host as the installation of one receiver-SMTP: the verdicts on commands and mail data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mypy_extensions import mypyc_attr

from lab.hosts.destination import Destination
from lab.hosts.directory import Forward, MailingList, User
from lab.hosts.help import help_reply
from lab.hosts.host import Host
from lab.hosts.interception import OverriddenReceiver
from lab.hosts.paths import why_unsendable_from
from lab.hosts.plan import MailPlan
from lab.hosts.received import hops_beyond
from lab.hosts.reply_script import ReplyScript
from lab.hosts.scripted import ScriptedReceiver
from lab.hosts.verdicts import (
    BUSY,
    NO_RELAY,
    NO_SPACE,
    NOT_IMPLEMENTED,
    OK,
    in_a_loop,
    user_verdict,
)  # fmt: skip
from lab.protocol import (
    COMMANDS,
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

Identity = tuple[int, Sequence[str]]
"""The number of a message, and the ids of its recipients."""


def from_outside(_: Transaction) -> None:
    """Treat all mail as mail from outside."""


CARELESS_DELAY: Final = 1.0
"""Seconds after its 250 at which a careless host stores mail, if ``store`` does not say."""


def receiver_smtp(
    session: ReceivingSession,
    override: Callable[[], Reply | None] | None = None,
    script: ReplyScript | None = None,
) -> ReceiverSMTP:
    """Return the receiver-SMTP that serves a host in one session, as its settings say.

    ``override`` is called for each reply, and returns the reply that a fault puts in its place.
    ``script`` has the replies that the file sets: the driver sends what it says.
    """
    settings, counts = session.host.settings, session.host.answers_given
    if override is not None:
        return OverriddenReceiver(session, settings, counts, override, script)
    if settings.answers or settings.unimplemented or script is not None:
        return ScriptedReceiver(session, settings, counts, script)
    return ReceiverSMTP(
        session, settings.limits, grammar=settings.grammar, eight_bit=settings.eight_bit
    )


def reply_script(host: Host) -> ReplyScript | None:
    """Return the replies that a host's settings, or a program, prescribe for one session."""
    if host.program is not None:
        return host.program()
    replies = host.settings.replies
    return ReplyScript(replies, host.stages_reached) if replies else None


@mypyc_attr(allow_interpreted_subclasses=True)
class ReceivingSession:
    """The installation of one session's receiver-SMTP: a host's verdicts on what a peer sends.

    The driver sets ``now`` before each call. ``peer`` is the name that HELO gave, ``peer_host`` the
    host at the other end, if it is one of the topology. ``identify`` gives a transaction its
    message number and the ids of its recipients; None if the mail is from outside. Then ``enter``
    records it as submitted, when it is stored and not before, and returns the same. ``respond``
    sends a verdict that comes later; if it is None, storing takes no time. ``trusts_names``: TURN
    takes the peer for the host that it says it is. ``address`` is the IP address of a caller from
    outside.
    """

    __slots__ = (
        "address", "enter", "environment", "host", "identify", "now", "peer", "peer_host",
        "respond", "session", "trusts_names",
    )  # fmt: skip

    def __init__(
        self,
        host: Host,
        environment: str,
        identify: Callable[[Transaction], Identity | None],
        session: int | None = None,
        peer_host: str | None = None,
        enter: Callable[[Transaction], Identity] | None = None,
    ) -> None:
        self.host = host
        self.peer_host = peer_host
        self.enter = enter
        self.respond: Callable[[Reply], None] | None = None
        self.environment = environment
        self.identify = identify
        self.session = session
        self.address = ""
        self.peer = ""
        self.trusts_names = False
        self.now = 0.0

    @property
    def name(self) -> str:
        """The host's name in the environment of the session."""
        return self.host.settings.name_in(self.environment)

    @property
    def domain(self) -> str:
        """The same: the official name, with which 220, 221 and 421 begin."""
        return self.name

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
        return NO_SPACE if self.host.faults.full else OK

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        """Return the reply to RCPT: for a user or list of this host, or for mail to send on."""
        host = self.host
        destination = host.destinations.of(forward_path)
        if destination.is_open_mailbox and transaction.verb == "MAIL" and not host.has_fault:
            return OK
        return destination.refusal or self._verdict(transaction, forward_path, destination)

    def _verdict(self, transaction: Transaction, path: Path, destination: Destination) -> Reply:
        entry = destination.entry
        if self.host.faults.full:
            return NO_SPACE
        if self.host.faults.busy and entry is not None:
            return BUSY
        if isinstance(entry, User):
            return user_verdict(transaction.verb, entry)
        if isinstance(entry, Forward):
            return entry.reply_with(self._official(entry.to))
        if entry is not None:
            return OK
        if not self._relays(transaction, path):
            return NO_RELAY
        # refused here, while the sending host can still notify the originator
        assert destination.hop is not None
        name = self.host.settings.name_in(destination.hop.environment)
        return why_unsendable_from(transaction.reverse_path, name) or OK

    def _relays(self, transaction: Transaction, path: Path) -> bool:
        """Return whether the host relays mail of a transaction for this caller."""
        if not self.host.relay_for.include(self.peer_host, self.address):
            return False
        return self.host.settings.relay or self._comes_back(transaction, path)

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

        If no recipient can be given the mail, nothing is kept and the reply says why (4.1.1). If
        storing takes time, the verdict comes later, through ``respond``, when the mail is stored.
        A careless host replies OK before that.
        """
        host = self.host
        if host.faults.full:
            return NO_SPACE
        most = host.settings.hop_limit
        hops = hops_beyond(transaction.mail_data, most)
        if hops:
            return in_a_loop(hops, most)
        known = self.identify(transaction)
        if self.respond is None:
            return self._take(self.now, transaction, known)
        if host.settings.careless:
            return self._take_unstored(self.now, transaction, known)

        def stored(now: float) -> None:
            verdict = NO_SPACE if host.faults.full else self._take(now, transaction, known)
            if self.respond is not None:
                self.respond(verdict)

        host.port.later(host.name, host.settings.store, stored)
        return LATER

    def _take(self, now: float, transaction: Transaction, known: Identity | None) -> Reply:
        """Deliver mail or send it on, unless no recipient can be given it; return the verdict."""
        plan = self._plan(now, transaction, known)
        verdict = plan.verdict
        if verdict is OK:
            message, ids = identity = known or self._entered(transaction)
            self._record_accept(now, transaction, message, ids)
            stamp = self.host.stamp
            if known is None and stamp is not None and stamp.has_number:
                plan = self._plan(now, transaction, identity)  # its line has the number now
            self.host.carry_out(now, message, plan)
        return verdict

    def _take_unstored(self, now: float, transaction: Transaction, known: Identity | None) -> Reply:
        """Accept mail and store it later, as a careless host does: a crash until then loses it."""
        host = self.host
        verdict = self._plan(now, transaction, known).verdict
        if verdict is not OK:
            return verdict
        message, ids = identity = known or self._entered(transaction)

        def stored(now: float) -> None:
            host.unstored.pop(message, None)
            host.carry_out(now, message, self._plan(now, transaction, identity))

        self._record_accept(now, transaction, message, ids)
        host.unstored[message] = (message, tuple(ids))
        host.port.later(host.name, host.settings.store or CARELESS_DELAY, stored)
        return OK

    def _entered(self, transaction: Transaction) -> Identity:
        """Record mail from outside as submitted; return its number and the ids of recipients."""
        assert self.enter is not None, "mail that no host of the lab has sent"
        return self.enter(transaction)

    def _plan(self, now: float, transaction: Transaction, known: Identity | None) -> MailPlan:
        """Plan what to do with mail, under the time stamp line of this host."""
        host, paths = self.host, transaction.forward_paths
        options = ""
        if host.stamp is not None:
            options = host.stamp.options(known[0] if known else 0, paths)
        stamp = time_stamp_line(self.peer, self.name, host.daytime(now), options)
        message, ids = known or (0, [str(number) for number in range(1, len(paths) + 1)])
        recipients = [
            (id_, host.destinations.of(path)) for id_, path in zip(ids, paths, strict=True)
        ]
        reverse_path = transaction.reverse_path
        mail_data = transaction.mail_data
        return host.plan(
            message, transaction.verb, reverse_path, recipients, mail_data,
            relaying=True, stamp=stamp,
        )  # fmt: skip

    def _record_accept(
        self, now: float, transaction: Transaction, message: int, ids: Sequence[str]
    ) -> None:
        row = (
            now, "accept", self.host.name, self.peer_host, self.session, message,
            tuple(ids), transaction.reverse_path.bare, len(transaction.mail_data),
        )  # fmt: skip
        self.host.record(row)

    # -- other commands -------------------------------------------------------------------------

    def verify(self, string: str) -> Reply:
        """Return the reply to VRFY.

        For a list it is positive only if the settings say so, and only "if on receipt of a message
        so addressed it will be delivered to everyone on the list" (3.3).
        """
        directory, user = self.host.directory, self._user_in(string)
        entry = directory.find(user)
        if isinstance(entry, MailingList) and self._may_verify(entry):
            return reply(250, directory.line_of_list(entry, self.name))
        return directory.verify(user, self.name, self._official, is_mailbox=user != string)

    def _may_verify(self, mailing_list: MailingList) -> bool:
        """Return whether VRFY of a list may be positive: mail for it reaches every member."""
        if mailing_list.private or not self.host.settings.verify_lists:
            return False
        for member in mailing_list.members:
            destination = self.host.destinations.of(member.path)
            user = destination.entry
            if destination.refusal or (isinstance(user, User) and user.mailbox != "open"):
                return False
        return True

    def expand(self, string: str) -> Reply:
        """Return the reply to EXPN; a user is a list of one, if the settings say so (3.3)."""
        directory, user = self.host.directory, self._user_in(string)
        entry = directory.find(user)
        if isinstance(entry, User) and self.host.settings.expand_users:
            return reply(250, directory.line_of(entry, self.name))
        return directory.expand(user, self._official)

    def _official(self, path: Path) -> Path:
        """Return a path for a reply, with the names that are official where the peer is (3.7)."""
        return self.host.destinations.official(path, self.environment)

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
        return help_reply(self.name, string, self._status, self._implemented)

    @property
    def _implemented(self) -> tuple[str, ...]:
        """The commands that this host has: TURN only if it changes roles."""
        settings = self.host.settings
        missing = {*settings.unimplemented, *(() if settings.turn else ("TURN",))}
        return tuple([verb for verb in COMMANDS if verb not in missing])

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
        known = self.known_peer
        is_peer = known is not None and (self.trusts_names or known == self.peer_host)
        return OK if self.host.settings.turn and is_peer else NOT_IMPLEMENTED

    @property
    def known_peer(self) -> str | None:
        """The other host of the topology whose name HELO gave; None if there is none."""
        known = self.host.routes.resolve(HostName(self.peer))
        return None if known == self.host.name else known

    def goodbye(self) -> Reply:
        """Return 221."""
        return reply(221, f"{self.name} Service closing transmission channel")
