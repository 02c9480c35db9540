"""A host: what an installation does with mail from its users and from other hosts.

Every call passes the time to the host; it never reads a clock. It records what it does in the
trace. When it has mail to send, it asks its driver to be woken. Nothing here knows how bytes
travel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lab.hosts.callers import Callers
from lab.hosts.control import HostControl
from lab.hosts.destination import Destination, Destinations, LearnedForwards
from lab.hosts.directory import Directory, User
from lab.hosts.expansion import Expansion, Recipient
from lab.hosts.failed import FailedRecipient
from lab.hosts.notification import MOST_LISTED, compose_notification
from lab.hosts.paths import why_unsendable, why_unsendable_from
from lab.hosts.plan import MailPlan
from lab.hosts.policies import Behaviour, Retry
from lab.hosts.port import HostPort
from lab.hosts.private_lists import for_members, sent_for
from lab.hosts.reply_script import ReplyScript
from lab.hosts.routing import Neighbour, RoutingTable
from lab.hosts.settings import HostSettings
from lab.hosts.spool import Addressee, Queue, QueuedMail
from lab.hosts.spooling import Spooling
from lab.hosts.stamp import PLAIN, Stamp
from lab.hosts.verdicts import (
    FULL_AFTER_DATA,
    LINE_TOO_LONG,
    NO_SUCH_USER,
    NOT_ACTIVE,
    SEEMS_TO_END,
)
from lab.protocol import (
    NULL_PATH,
    Calendar,
    HostName,
    Path,
    Reply,
    return_path_line,
    with_relay,
)
from lab.protocol.lines import fits_the_wire, seems_to_end

_NOWHERE: Final[frozenset[str]] = frozenset()


class Host(HostControl):
    """An installation with users, mailboxes, tables and a spool.

    ``port`` is the driver's side: it records what happens, and wakes the host. ``answers_given``
    counts the replies that its settings prescribe. ``stamp`` is what its time stamp lines have
    besides the usual; None: nothing. ``behaviours`` are asked for verdicts before the host itself.
    ``program`` returns, for each session, the replies of a mail program that speaks for the host.
    """

    def __init__(
        self,
        settings: HostSettings,
        routes: RoutingTable,
        calendar: Calendar,
        retry: Retry,
        port: HostPort,
    ) -> None:
        super().__init__(settings, port.record)
        name = settings.name
        self.routes = routes
        self.calendar = calendar
        self.stamp: Stamp | None = settings.stamp if settings.stamp != PLAIN else None
        self.retry = retry
        self.port = port
        self.directory = Directory(name, settings.users, settings.lists, settings.forwards)
        own_names = (name, *settings.names.values())
        self.destinations = Destinations(name, own_names, self.directory, routes)
        self.own_names = self.destinations.own_names
        self.expansion = Expansion(name, self.destinations)
        self.relay_for = Callers(settings.relay_for, routes)
        holds = frozenset([routes.resolve(HostName(held)) or held for held in settings.holds])
        self.spooling = Spooling(
            name, holds, routes, retry, port, settings.hop_limit, settings.channels
        )
        self.spool = self.spooling.spool
        self.open_sessions = 0
        self.behaviours: Sequence[Behaviour] = ()
        self.forwards_learned = LearnedForwards()
        self.answers_given: dict[str, int] = {}
        self.stages_reached: dict[str, int] = {}
        self.program: Callable[[], ReplyScript] | None = None

    @property
    def has_fault(self) -> bool:
        """Whether a fault makes the host refuse or defer mail."""
        return bool(self.faults.busy or self.faults.full)

    @property
    def has_work(self) -> bool:
        """Whether the host has something to do of its own accord, unlike mail that others fetch."""
        if self.unstored:
            return True
        for queue in self.spool.queues.values():
            if queue.wake_at is not None and len(queue) > 0:
                return True
        return False

    @property
    def has_queued_mail(self) -> bool:
        """Whether there is mail in its spool."""
        return len(self.spool) > 0

    def daytime(self, now: float) -> str:
        """Return the ``<daytime>`` that the host's clock shows (section 4.1.2)."""
        return self.calendar.daytime(now + self.faults.skew)

    # -- mail comes in --------------------------------------------------------------------------

    def submit(
        self,
        now: float,
        message: int,
        sender: Path,
        to: Sequence[Path],
        mail_data: bytes,
        verb: str = "MAIL",
    ) -> None:
        """Take mail that a user submits; recipients without a known route are rejected."""
        texts = tuple([path.bare for path in to])
        size = len(mail_data)
        row = (now, "submit", self.name, None, None, message, sender.bare, texts, verb, size)
        self.record(row)
        recipients = []
        for number, path in enumerate(to, 1):
            recipient = str(number)
            destination = self.destinations.of(path)
            if destination.refusal is None:
                recipients.append((recipient, destination))
            else:
                why = str(destination.refusal)
                about = (now, "reject", self.name, None, None, message)
                self.record((*about, recipient, path.bare, why))
        self.dispatch(now, message, verb, sender, recipients, mail_data, relaying=False)

    def dispatch(
        self,
        now: float,
        message: int,
        verb: str,
        return_path: Path,
        recipients: Sequence[Recipient],
        mail_data: bytes,
        *,
        relaying: bool,
        earlier: QueuedMail | None = None,
    ) -> None:
        """Deliver to recipients at this host, and queue a copy for each next host of the others.

        The originator gets a notification about recipients who cannot be given the mail.
        ``earlier`` is the mail of the spool that goes another way.
        """
        plan = self.plan(
            message, verb, return_path, recipients, mail_data, relaying=relaying, earlier=earlier
        )
        self.carry_out(now, message, plan)

    def plan(
        self,
        message: int,
        verb: str,
        return_path: Path,
        recipients: Sequence[Recipient],
        mail_data: bytes,
        *,
        relaying: bool,
        earlier: QueuedMail | None = None,
        stamp: bytes = b"",
    ) -> MailPlan:
        """Return what to do with mail: deliver it here, queue it for next hosts, or neither.

        ``message`` is 0 for mail that has no number yet. ``return_path`` is the path by which this
        host would send a notification. The next host sees the same reverse-path, with this host
        before it if it is ``relaying``. ``earlier`` is the mail of the spool that goes another way,
        ``stamp`` the time stamp line that comes above the mail data.
        """
        plan = MailPlan(return_path, mail_data, stamp)
        if earlier is not None:
            plan.written.update(earlier.written)
        onward: dict[tuple[str, Path | None], tuple[Neighbour, list[Addressee]]] = {}
        octets = sent = b""
        visited = _NOWHERE
        if relaying and return_path.route:
            visited = self.routes.known(return_path.route_hosts)
        for recipient, destination in self.expansion.expand(plan, message, recipients):
            if destination.hop is not None and (visited or len(self.forwards_learned)):
                destination = self._onward(plan, recipient, destination, visited)
            hop = destination.hop
            if hop is not None:
                # a private list has a copy of its own, which says so in the time stamp line
                key = hop.name, plan.private_list(recipient) if plan.written else None
                group = onward.get(key)
                if group is None:
                    group = onward[key] = (hop, [])
                group[1].append((recipient, destination.path))
                continue
            user = destination.entry
            if isinstance(user, User):
                # one copy of the bytes for all of them
                octets = octets or b"".join((return_path_line(return_path), stamp, mail_data))
                refusal = self._deliver(plan, verb, recipient, user, octets)
            else:
                refusal = destination.refusal or NO_SUCH_USER
            if refusal is not None:
                plan.fail(recipient, destination.path, self.name, refusal)
        for (_, private_list), (hop, addressees) in onward.items():
            sent = sent or plan.mail_data
            mail = QueuedMail(message, verb, return_path, return_path, addressees, sent)
            mail.relaying = relaying
            if private_list is not None and earlier is None:
                plan.for_members.append((mail, private_list))
            if plan.written:
                mail.written = plan.written_of(addressees)
            if earlier is not None:
                mail.continue_from(earlier)
            self._send_on(plan, hop, mail)
        return plan

    def carry_out(self, now: float, message: int, plan: MailPlan) -> None:
        """Do what was planned for mail, which has this number now."""
        name, record = self.name, self.record
        for step in plan.steps:
            record((now, step[0], name, None, None, message, *step[1:]))
        if plan.lists:
            self.expansion.remember(message, plan.lists)
        for mail, written in plan.for_members:
            octets = for_members(mail.mail_data, written, name, self.daytime(now))
            mail.mail_data = octets
        for hop, mail in plan.onward:
            mail.message = message
            self.spooling.enqueue(now, hop, mail)
        if plan.failed:
            self.notify_sender(now, message, plan.return_path, plan.failed, plan.mail_data)

    def _onward(
        self,
        plan: MailPlan,
        recipient: str,
        destination: Destination,
        visited: frozenset[str],
    ) -> Destination:
        """Return where to send mail on, by learned forwards and the hosts that it has visited."""
        path = destination.path
        learned = self.forwards_learned.find(path)
        if learned is not None:
            plan.steps.append(("forward", recipient, path.bare, learned.bare, "learned"))
            plan.written.setdefault(recipient, (path, False))
            destination = self.destinations.of(learned)
        hop = destination.hop
        if hop is None or hop.name not in visited:
            return destination
        # The shortest route leads back to a host that the mail came from: that host sent it around
        # a failure, and would do so again. But if a source route or the destination itself leads
        # back, it goes there.
        target = self.routes.resolve(destination.path.first_host)
        assert target is not None, "there is a next host only on the way to a host that exists"
        detour = self.routes.next_hop(self.name, target, visited - {target})
        return destination if detour is None else Destination(destination.path, hop=detour)

    def _send_on(self, plan: MailPlan, hop: Neighbour, mail: QueuedMail) -> None:
        """Plan to put mail into the spool for a next host, unless it may not be sent there."""
        return_path = mail.return_path
        name = self.settings.name_in(hop.environment) if mail.relaying else ""
        refusal = why_unsendable_from(return_path, name)
        if refusal is None and not fits_the_wire(mail.mail_data):
            refusal = LINE_TOO_LONG
        if hop.name in self.routes.external and refusal is None and seems_to_end(mail.mail_data):
            refusal = SEEMS_TO_END
        if refusal is not None:
            for recipient, path in mail.addressees:
                plan.fail(recipient, path, self.name, refusal)
            return
        if self.routes.aliases:
            self._drop_unsendable(plan, hop, mail)
        if not mail.addressees:
            return
        mail.reverse_path = self.reverse_path(mail, hop.environment)
        plan.onward.append((hop, mail))
        plan.is_handled = True

    def _drop_unsendable(self, plan: MailPlan, hop: Neighbour, mail: QueuedMail) -> None:
        """Fail the recipients whose paths are too long with the official names in them."""
        sendable = []
        for recipient, path in mail.addressees:
            refusal = why_unsendable(self.destinations.official(path, hop.environment))
            if refusal is None:
                sendable.append((recipient, path))
            else:
                plan.fail(recipient, path, self.name, refusal)
        mail.addressees = sendable

    def reverse_path(self, mail: QueuedMail, environment: str) -> Path:
        """Return the reverse-path of mail, by the names of this host in an environment (3.6)."""
        path = mail.return_path
        if mail.relaying:
            return with_relay(path, self.settings.name_in(environment))
        if not self.settings.names or path.route or path.host not in self.own_names:
            return path
        return Path((), path.local, self.settings.name_in(environment))

    def learn(self, old: Path, new: Path) -> None:
        """Remember "the correct forward-path to use in the future" for a mailbox (section 3.2)."""
        destination = self.destinations.of(new)
        if not old.route and destination.refusal is None and not destination.needs_expansion:
            self.forwards_learned.learn(old, new)

    def _deliver(
        self, plan: MailPlan, verb: str, recipient: str, user: User, octets: bytes
    ) -> Reply | None:
        """Plan final delivery: to the mailbox, the terminal, or both (sections 3.4 and 4.1.1); or
        return why not.
        """
        at_terminal = user.active and user.accepts
        needs_mailbox = verb != "SEND" and not (verb == "SOML" and at_terminal)
        if not (needs_mailbox or at_terminal):
            return NOT_ACTIVE
        if verb != "MAIL" and at_terminal:
            plan.steps.append(("terminal", recipient, user.name, octets))
        if needs_mailbox:
            if user.mailbox == "full-after-data":
                return FULL_AFTER_DATA
            plan.steps.append(("deliver", recipient, user.name, octets))
        plan.is_handled = True
        return None

    # -- mail goes back -------------------------------------------------------------------------

    def notify_sender(
        self,
        now: float,
        message: int,
        return_path: Path,
        failed: Sequence[FailedRecipient],
        mail_data: bytes,
    ) -> None:
        """Send an undeliverable mail notification (section 3.6), or several for many recipients;
        none about a notification.
        """
        if return_path.is_null:
            why = _reasons(failed)
            self.record((now, "abandon", self.name, None, None, message, why))
            return
        for failure in failed:
            failure.hide(sent_for(mail_data, failure.path, self.own_names))
        for first in range(0, len(failed), MOST_LISTED):
            listed = failed[first : first + MOST_LISTED]
            self._notify_sender(now, message, return_path, listed, mail_data)

    def _notify_sender(
        self,
        now: float,
        message: int,
        return_path: Path,
        failed: Sequence[FailedRecipient],
        mail_data: bytes,
    ) -> None:
        number = self.port.next_message(self.name, message)
        ids = tuple([failure.recipient for failure in failed])
        row = (now, "notify", self.name, None, None, number)
        self.record((*row, message, ids, return_path.bare, _reasons(failed)))
        destination = self.destinations.of(return_path)
        if destination.refusal is not None:
            why = str(destination.refusal)
            self.record((now, "abandon", self.name, None, None, number, why))
            return
        environment = destination.hop.environment if destination.hop is not None else ""
        name = self.settings.name_in(environment)
        quote = self.settings.notification_quote
        octets = compose_notification(
            self.daytime(now), name, return_path, failed, mail_data, quote
        )
        recipients = [("1", destination)]
        self.dispatch(now, number, "MAIL", NULL_PATH, recipients, octets, relaying=False)

    # -- the spool ------------------------------------------------------------------------------

    def schedule_retry(self, now: float, queue: Queue) -> None:
        """Ask to be woken for the next try of a queue, unless it is under way or scheduled."""
        self.spooling.schedule_retry(now, queue)

    def defer_all(
        self,
        now: float,
        queue: Queue,
        reason: str,
        session: int | None = None,
        *,
        cut_off: bool = False,
        how: str = "could not be reached",
    ) -> None:
        """Keep all mail for a next host that cannot be reached, and expire mail that is too old.

        Mail for which another route is known goes there instead. ``cut_off``: the next host runs,
        but the route to it is down. ``how`` says what the next host did, in a notification.
        """
        for mail in self.spooling.defer_all(now, queue, reason, session, cut_off=cut_off):
            self.expire(now, queue, mail, reason, how)

    def expire(
        self,
        now: float,
        queue: Queue,
        mail: QueuedMail,
        reason: str,
        how: str = "could not be reached",
    ) -> None:
        """Return mail that is too old to be tried again."""
        text = f"{queue.host} {how}, and no more attempts are made: {reason}"
        failed = mail.failed(mail.addressees, "", text)
        self.port.forget(self.name, mail)
        row = (now, "refuse", self.name, queue.host, None, mail.message)
        self.record((*row, mail.ids, text))
        self.notify_sender(now, mail.message, mail.return_path, failed, mail.mail_data)

    def give_up_soon(self, now: float) -> None:
        """Have mail be given up that fails once more, whatever its age."""
        self.spooling.give_up = 0.0
        for queue in self.spool.queues.values():
            for mail in queue.entries:
                mail.expires = min(mail.expires, now)

    def lose_memory(self, now: float) -> None:
        """Lose what was in memory only, in a crash: mail not stored yet, and when to try again."""
        super().lose_memory(now)
        for queue in self.spool.queues.values():
            queue.failures = 0
            queue.not_before = 0.0

    def resume(self, now: float) -> None:
        """Try all mail in the spool, because the host runs again.

        Mail that has become too old has one more try. If the host goes down in that too, the mail
        is returned.
        """
        for queue in list(self.spool.queues.values()):
            for mail in self.spooling.last_tries_over(now, queue):
                self.expire(now, queue, mail, f"{self.name} went down at every attempt")
            self.schedule_retry(now, queue)

    def session_over(self, now: float, queue: Queue) -> None:
        """End the session for a queue; mail that is left waits for its next try."""
        queue.sessions -= 1
        self.schedule_retry(now, queue)


def _reasons(failed: Sequence[FailedRecipient]) -> str:
    """Return the reasons of failures in one line, each once."""
    return "; ".join(dict.fromkeys([failure.reason for failure in failed]))
