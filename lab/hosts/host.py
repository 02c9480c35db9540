"""A host: what an installation does with mail that its users send and its receiver-SMTP takes.

A host is told the time with every call and never asks for it; what it does is recorded in the
trace; when it has mail to send, it asks its driver to be woken. Nothing here knows how bytes
travel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lab.hosts.destination import Destination, FailedRecipient
from lab.hosts.directory import AMBIGUOUS, Directory, User
from lab.hosts.expansion import unfolded
from lab.hosts.message import Calendar, compose_notification, return_path_line
from lab.hosts.neighbour import Neighbour
from lab.hosts.paths import bears, prefixed, unsendable, unsendable_from
from lab.hosts.port import HostPort
from lab.hosts.retry import Retry
from lab.hosts.routing import RoutingTable
from lab.hosts.settings import HostFaults, HostSettings
from lab.hosts.spool import Addressee, Queue, Spool
from lab.hosts.spool import Entry as Mail
from lab.hosts.verdicts import LINE_TOO_LONG, NO_SUCH_USER, NOT_ACTIVE
from lab.protocol import NULL_PATH, Path, folded, reply
from lab.protocol.lines import fits_the_wire
from lab.protocol.sizes import MAX_COMMAND_LINE, MAX_DOMAIN
from lab.trace.rows import HOST

_NOWHERE: Final[frozenset[str]] = frozenset()


class Host:
    """An installation with users, mail drops, tables and a spool.

    ``port`` is its driver's side: it records what happens, and calls when time has passed.
    """

    def __init__(
        self,
        identity: HostSettings,
        routes: RoutingTable,
        calendar: Calendar,
        retry: Retry,
        port: HostPort,
    ) -> None:
        self.identity = identity
        self.name = identity.name
        self.directory = Directory(identity.name, identity.users, identity.lists, identity.forwards)
        self.holds = frozenset([routes.resolve(name) or name for name in identity.holds])
        self.routes = routes
        self.calendar = calendar
        self.retry = retry
        self.port = port
        self.record = port.record
        self.spool = Spool()
        self.open_sessions = 0
        self.condition = HostFaults()
        self.learned: dict[tuple[str, str], tuple[Path, Path]] = {}
        self.expanded: dict[int, set[str]] = {}
        self.said: dict[str, int] = {}
        self.unsaved: dict[int, tuple[int, tuple[str, ...]]] = {}
        self.own_names = {folded(name) for name in (identity.name, *identity.names.values())}
        self._known: dict[str, Destination] = {}

    @property
    def ails(self) -> bool:
        """Whether something is wrong with the host that its verdicts must tell."""
        return bool(self.condition.busy or self.condition.full)

    # -- where mail goes ------------------------------------------------------------------------

    def destination(self, path: Path) -> Destination:
        """Where mail for a forward-path goes from here (section 3.6)."""
        known = self._known.get(path.text)
        if known is None:
            known = self._find_destination(path)
            if len(self._known) > 4096:
                self._known.clear()
            if len(path.text) <= MAX_COMMAND_LINE:
                # what is longer is not kept: it would be a way to fill our memory
                self._known[path.text] = known
        return known

    def _find_destination(self, path: Path) -> Destination:
        route = path.route
        while route and folded(route[0]) in self.own_names:
            route = route[1:]
        if route != path.route:
            path = Path(route, path.local, path.domain)
        if not route and folded(path.domain) in self.own_names:
            directory = self.directory
            entry = directory.find(path.user)
            if entry is not None:
                return Destination(path, entry)
            ambiguous = directory.is_ambiguous(path.user)
            return Destination(path, refusal=AMBIGUOUS if ambiguous else NO_SUCH_USER)
        hop = self.routes.next_hop(self.name, path.first)
        if hop is None:
            known = self.routes.resolve(path.first) is not None
            first = path.first[:MAX_DOMAIN]
            why = f"No way to {first}" if known else f"No host {first} is known here"
            return Destination(path, refusal=reply(550, why))
        refusal = unsendable(path)
        return Destination(path, refusal=refusal) if refusal else Destination(path, hop=hop)

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
        """A user hands mail to this host; recipients that it knows no way to are rejected."""
        texts = tuple([path.bare for path in to])
        size = len(mail_data)
        row = (now, "submit", self.name, None, None, message, sender.bare, texts, verb, size)
        self.record(row)
        places = []
        for number, path in enumerate(to, 1):
            place = self.destination(path)
            if place.refusal is None:
                places.append((str(number), place))
            else:
                why = str(place.refusal)
                one = str(number)
                self.record((now, "reject", self.name, None, None, message, one, path.bare, why))
        self.dispatch(now, message, verb, sender, places, mail_data, relaying=False)

    def dispatch(
        self,
        now: float,
        message: int,
        verb: str,
        return_path: Path,
        places: Sequence[tuple[str, Destination]],
        mail_data: bytes,
        *,
        relaying: bool,
        told: frozenset[str] = frozenset(),
    ) -> None:
        """Deliver here what is for here, and put the rest into the spool: one copy a next host.

        ``return_path`` is the way by which this host would send a notification; the reverse-path
        that the next host sees is the same, with this host before it if it is ``relaying``.
        """
        onward: dict[str, tuple[Neighbour, list[Addressee]]] = {}
        losses: list[FailedRecipient] = []
        octets = b""
        visited = self._visited(return_path) if relaying and return_path.route else _NOWHERE
        for recipient, place in unfolded(self, now, message, places, mail_data):
            if place.hop is not None:
                if self.learned:
                    place = self._as_learned(now, message, recipient, place)
                if visited and place.hop is not None and place.hop.name in visited:
                    place = self._onward(place, visited)
            hop = place.hop
            if hop is not None:
                group = onward.get(hop.name)
                if group is None:
                    group = onward[hop.name] = (hop, [])
                group[1].append((recipient, place.path))
            elif isinstance(place.entry, User):
                # one copy of the bytes for all of them
                octets = octets or return_path_line(return_path) + mail_data
                loss = self._deliver(now, message, verb, recipient, place, place.entry, octets)
                if loss:
                    losses.append(loss)
            else:
                why = str(place.refusal or NO_SUCH_USER)
                losses.append(FailedRecipient(recipient, place.path, self.name, why))
        for hop, addressees in onward.values():
            reverse_path = return_path
            name = self.identity.name_in(hop.environment) if relaying else ""
            # taken for a list or a forward, before it was known which way it would go
            refusal = unsendable_from(return_path, name)
            if refusal is None and not fits_the_wire(mail_data):
                refusal = LINE_TOO_LONG
            if refusal is not None:
                why = str(refusal)
                losses += [FailedRecipient(one, path, self.name, why) for one, path in addressees]
                continue
            if return_path.domain:  # not the null one
                reverse_path = (
                    prefixed(return_path, name)
                    if relaying
                    else self._own_path(return_path, hop.environment)
                )
            mail = Mail(message, verb, reverse_path, return_path, addressees, mail_data)
            mail.relaying = relaying
            mail.told = told
            self._enqueue(now, hop, mail)
        if losses:
            self.give_back(now, message, return_path, losses)

    def _own_path(self, path: Path, environment: str) -> Path:
        """The path of a user of this host by its name in an environment (section 3.6)."""
        name = self.identity.name_in(environment)
        if not self.identity.names or path.route or folded(path.domain) not in self.own_names:
            return path
        return Path((), path.local, name)

    def _visited(self, return_path: Path) -> frozenset[str]:
        """The hosts that mail came by, as its reverse-path tells them."""
        hosts = map(self.routes.resolve, return_path.route)
        return frozenset([host for host in hosts if host is not None])

    def _onward(self, place: Destination, visited: frozenset[str]) -> Destination:
        """Another way, if there is one, for mail that the shortest would lead back where it came
        from: somebody sent it round what is in its way, and would do so again.
        """
        first = self.routes.resolve(place.path.first)
        # where a source route or the destination itself wants it, it goes nevertheless
        hop = self.routes.next_hop(self.name, place.path.first, visited - {first})
        return place if hop is None else Destination(place.path, hop=hop)

    # -- what a 251 has told (section 3.2) ------------------------------------------------------

    def learn(self, old: Path, new: Path) -> None:
        """Remember "the correct forward-path to use in the future" for a mailbox."""
        there = self.destination(new)
        if not old.route and there.refusal is None and not there.unfolds:
            self.learned[old.user, folded(old.domain)] = (old, new)

    def unlearn(self, path: Path) -> Path | None:
        """Forget what was learned for a mailbox, for mail to it is refused: the path as it was."""
        for key, (old, new) in self.learned.items():
            if new == path:
                del self.learned[key]
                return old
        return None

    def _as_learned(
        self, now: float, message: int, recipient: str, place: Destination
    ) -> Destination:
        """Where mail goes by what was learned; a source route is its writer's, and stays."""
        path = place.path
        known = None if path.route else self.learned.get((path.user, folded(path.domain)))
        if known is None:
            return place
        row = (now, "forward", self.name, None, None, message, recipient)
        self.record((*row, path.bare, known[1].bare, "learned"))
        return self.destination(known[1])

    def _enqueue(self, now: float, hop: Neighbour, mail: Mail) -> None:
        mail.expires = now + self.retry.give_up
        queue = self.spool.queue(hop.name, hop.environment)
        queue.entries.append(mail)
        size = len(mail.mail_data)
        self.record((now, "queue", self.name, hop.name, None, mail.message, mail.ids, size))
        self.arrange(now, queue)

    # -- mail drops ---------------------------------------------------------------------------

    def _deliver(
        self,
        now: float,
        message: int,
        verb: str,
        recipient: str,
        place: Destination,
        user: User,
        octets: bytes,
    ) -> FailedRecipient | None:
        """Final delivery: to the mail drop, the terminal, or both (sections 3.4 and 4.1.1)."""
        at_terminal = user.active and user.accepts
        row = (now, "deliver", self.name, None, None, message, recipient, user.name, octets)
        if verb != "MAIL" and at_terminal:
            self.record((now, "terminal", *row[HOST:]))
        if verb == "SEND" or (verb == "SOML" and at_terminal):
            if at_terminal:
                return None
            return FailedRecipient(recipient, place.path, self.name, str(NOT_ACTIVE))
        if user.mailbox == "full-after-data":
            what = "552 Mailbox full"
            return FailedRecipient(recipient, place.path, self.name, what)
        self.record(row)
        return None

    # -- mail goes back -------------------------------------------------------------------------

    def give_back(
        self, now: float, message: int, return_path: Path, losses: Sequence[FailedRecipient]
    ) -> None:
        """Send an undeliverable mail notification (section 3.6); none about a notification."""
        reason = "; ".join(dict.fromkeys(loss.what for loss in losses))
        if return_path.is_null:
            self.record((now, "abandon", self.name, None, None, message, reason))
            return
        number = self.port.next_message(self.name, message)
        ids = tuple(loss.recipient for loss in losses)
        row = (now, "notify", self.name, None, None, number)
        self.record((*row, message, ids, return_path.bare, reason))
        told = [(loss.path, loss.who, loss.what) for loss in losses]
        daytime = self.calendar.daytime(now + self.condition.skew)
        place = self.destination(return_path)
        environment = place.hop.environment if place.hop is not None else ""
        name = self.identity.name_in(environment)
        octets = compose_notification(daytime, name, return_path, told)
        if place.refusal is not None:
            why = str(place.refusal)
            self.record((now, "abandon", self.name, None, None, number, why))
            return
        self.dispatch(now, number, "MAIL", NULL_PATH, [("1", place)], octets, relaying=False)

    # -- the spool ------------------------------------------------------------------------------

    def arrange(self, now: float, queue: Queue) -> None:
        """Ask to be woken for the next try of a queue, unless that is under way or arranged."""
        if queue.session or not queue.entries or queue.host in self.holds:
            return
        at = queue.next_try()
        if at is None:
            return
        at = max(at, now)
        if queue.wake_at is None or queue.wake_at > at:
            queue.wake_at = at
            self.port.wake(self.name, queue, at)

    def hold(
        self,
        now: float,
        queue: Queue,
        reason: str,
        session: int | None = None,
        *,
        cut_off: bool = False,
    ) -> None:
        """The next host cannot be talked to: keep all mail for it, and give up what is too old.

        Mail for which another way is known goes that way instead. ``cut_off``: the next host runs,
        and it is the way there that is down.
        """
        queue.failures += 1
        entries, queue.entries = queue.entries, []
        kept = [mail for mail in entries if now < mail.expires]
        given_up = [mail for mail in entries if now >= mail.expires]
        kept = [m for m in kept if not self._go_round(now, queue, m, cut_off=cut_off)]
        queue.entries = kept
        if kept:
            last = min(mail.expires for mail in kept)
            queue.not_before = min(now + self.retry.delay(queue.failures), last)
        for mail in kept:
            row = (now, "defer", self.name, queue.host, session, mail.message)
            self.record((*row, mail.ids, reason, queue.not_before))
        for mail in given_up:
            self.give_up(now, queue, mail, reason)

    def _go_round(self, now: float, queue: Queue, mail: Mail, *, cut_off: bool) -> bool:
        """Send mail by another next host, if all of it may go there and none was tried in vain.

        The host that a source route names, and the destination itself, are waited for where it is
        they that do not run; but if only the way is ``cut_off``, others may know one.
        """
        avoided = mail.avoided | {queue.host}
        visited = self._visited(mail.return_path) if mail.relaying else frozenset()
        hops = set()
        for _, path in mail.addressees:
            first = self.routes.resolve(path.first)
            way = None
            if first != queue.host or cut_off:
                around = mail.avoided | visited - {first}
                way = self.routes.way_round(self.name, path.first, queue.host, around)
            if way is None or not bears(mail.return_path, (self.name, *way)):
                mail.avoided = frozenset()
                return False
            hops.add(self.routes.near(self.name)[way[0]])
        if len(hops) != 1:
            return False
        hop = hops.pop()
        mail.avoided = avoided
        expires = mail.expires
        mail.not_before = 0.0
        self._enqueue(now, hop, mail)
        mail.expires = expires
        return True

    def give_up(
        self, now: float, queue: Queue, mail: Mail, reason: str, how: str = "could not be reached"
    ) -> None:
        """Return mail that could not be sent for so long that no more tries are made."""
        what = f"{queue.host} {how}, and no more tries are made: {reason}"
        losses = [FailedRecipient(recipient, path, "", what) for recipient, path in mail.addressees]
        row = (now, "refuse", self.name, queue.host, None, mail.message)
        self.record((*row, mail.ids, what))
        self.give_back(now, mail.message, mail.return_path, losses)

    def resume(self, now: float) -> None:
        """The host runs again: what is in its spool is tried at once.

        What is too old by then has one more try; if the host goes down in that too, it is returned.
        """
        for queue in list(self.spool.queues.values()):
            queue.wake_at = None
            given_up = [mail for mail in queue.entries if now >= mail.expires and mail.last_chance]
            for mail in queue.entries:
                mail.last_chance = now >= mail.expires
            if given_up and not queue.session:
                queue.entries = [mail for mail in queue.entries if mail not in given_up]
                for mail in given_up:
                    self.give_up(now, queue, mail, f"{self.name} went down at every try")
            self.arrange(now, queue)

    def session_over(self, now: float, queue: Queue) -> None:
        """The session for a queue has ended; what is left waits for its next try."""
        queue.session = False
        self.arrange(now, queue)
