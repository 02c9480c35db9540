"""A host: what an installation does with mail that its users send and its receiver-SMTP takes.

A host is told the time with every call and never asks for it; what it does is recorded in the
trace; when it has mail to send, it asks its driver to be woken. Nothing here knows how bytes
travel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from lab.hosts.directory import Directory, Entry, Forward, MailingList, User
from lab.hosts.message import Calendar, compose_notification, return_path_line, time_stamp_line
from lab.hosts.routing import Neighbour, RoutingTable
from lab.hosts.spool import Addressee, Queue, Retry, Spool
from lab.hosts.spool import Entry as Mail
from lab.protocol import NO_LIMITS, NULL_PATH, Limits, Path, Reply, Transaction, reply
from lab.protocol.lines import MAX_COMMAND_LINE, MAX_DOMAIN, MAX_PATH, MAX_USER
from lab.trace import Row

OK: Final = reply(250, "OK")
NO_SUCH_USER: Final = reply(550, "No such user here")
NOT_ACTIVE: Final = reply(450, "User not active now")
WILL_MAIL: Final = reply(250, "User not active now, so will do mail.")
BUSY: Final = reply(450, "Mailbox busy")
FULL: Final = reply(452, "Mailbox full")
NO_SPACE: Final = reply(452, "Insufficient system storage")
NO_SPACE_LEFT: Final = reply(552, "Exceeded storage allocation")
LOOPING: Final = reply(
    554, "Transaction failed: too many time stamp lines, the mail goes in a circle"
)
NO_RELAY: Final = reply(550, "This host does not relay")
PATH_TOO_LONG: Final = reply(550, "The reverse-path would grow too long")
_MAILBOXES: Final = {"busy": BUSY, "full": FULL}


@dataclass(frozen=True, slots=True)
class Identity:
    """What a host is: its name, its names elsewhere, its people and its settings.

    ``names`` are its names in environments where it has another (section 3.6). ``on_251``:
    "accept" leaves forwarding to the receiver, "redirect" sends to the given path instead;
    ``on_551``: "redirect", or "return" an error to the originator (section 3.2). ``store``: seconds
    that it takes to put a message into stable storage; 250 is said after that, or, by a
    ``careless`` host, before. ``turn``: changes roles when asked by TURN (section 3.8). ``holds``:
    hosts that it does not call; mail for them waits until they call and TURN.
    """

    name: str
    directory: Directory
    names: dict[str, str] = field(default_factory=dict)
    relay: bool = False
    limits: Limits = NO_LIMITS
    on_251: str = "accept"
    on_551: str = "return"
    store: float = 0.0
    careless: bool = False
    turn: bool = False
    holds: frozenset[str] = frozenset()

    def name_in(self, environment: str) -> str:
        """The name by which the host is known in an environment."""
        return self.names.get(environment, self.name)


@dataclass(slots=True)
class Condition:
    """What is wrong with a host at present; each count is of the faults that say so.

    ``down``: it runs nothing. ``busy``: its mailboxes are (450). ``full``: it has no storage left
    (452, or 552 after the data). ``refusing``: it greets with 421. ``skew``: seconds that its clock
    is ahead. ``lives``: how often it has crashed; what was in memory belongs to one life.
    """

    down: int = 0
    busy: int = 0
    full: int = 0
    refusing: int = 0
    skew: float = 0.0
    lives: int = 0


class Destination:
    """Where mail for a path goes from here: to an entry of the directory, onward, or nowhere.

    ``path`` is the forward-path after this host has removed itself from its beginning.
    """

    __slots__ = ("entry", "hop", "path", "plain", "refusal", "unfolds")

    def __init__(
        self,
        path: Path,
        entry: Entry | None = None,
        hop: Neighbour | None = None,
        refusal: Reply | None = None,
    ) -> None:
        self.path = path
        self.entry = entry
        self.hop = hop
        self.refusal = refusal
        self.unfolds = isinstance(entry, MailingList | Forward)
        # a user here whose mailbox takes whatever comes: nothing more to ask
        self.plain = isinstance(entry, User) and entry.mailbox not in _MAILBOXES


@dataclass(slots=True)
class Loss:
    """A recipient who will not get the message, and who said what about it."""

    recipient: str
    path: Path
    who: str
    what: str


class Host:
    """An installation with users, mail drops, tables and a spool.

    ``record`` takes a row of the trace; ``wake(host, queue, at)`` asks the driver to look at a
    queue at a time; ``number`` gives the next message its number.
    """

    def __init__(
        self,
        identity: Identity,
        routes: RoutingTable,
        calendar: Calendar,
        retry: Retry,
        record: Callable[[Row], None],
        wake: Callable[[Host, Queue, float], None],
        number: Callable[[], int],
    ) -> None:
        self.identity = identity
        self.name = identity.name
        self.routes = routes
        self.calendar = calendar
        self.retry = retry
        self.record = record
        self.wake = wake
        self.number = number
        self.spool = Spool()
        self.open_sessions = 0
        self.condition = Condition()
        self.unsaved: dict[int, tuple[int, tuple[str, ...]]] = {}
        self._own = {name.upper() for name in (identity.name, *identity.names.values())}
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
        while route and route[0].upper() in self._own:
            route = route[1:]
        if route != path.route:
            path = Path(route, path.local, path.domain)
        if not route and path.domain.upper() in self._own:
            entry = self.identity.directory.find(path.user)
            return Destination(path, entry, refusal=None if entry else NO_SUCH_USER)
        hop = self.routes.next_hop(self.name, path.first)
        if hop is None:
            known = self.routes.resolve(path.first) is not None
            first = path.first[:MAX_DOMAIN]
            why = f"No way to {first}" if known else f"No host {first} is known here"
            return Destination(path, refusal=reply(550, why))
        too_long = _too_long_to_send(path)
        return Destination(path, refusal=too_long) if too_long else Destination(path, hop=hop)

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
    ) -> None:
        """Deliver here what is for here, and put the rest into the spool: one copy a next host.

        ``return_path`` is the way by which this host would send a notification; the reverse-path
        that the next host sees is the same, with this host before it if it is ``relaying``.
        """
        onward: dict[str, tuple[Neighbour, list[Addressee]]] = {}
        losses: list[Loss] = []
        for recipient, place in self._unfolded(now, message, places):
            if place.hop is not None:
                group = onward.get(place.hop.name)
                if group is None:
                    group = onward[place.hop.name] = (place.hop, [])
                group[1].append((recipient, place.path))
            elif isinstance(place.entry, User):
                loss = self._deliver(
                    now, message, verb, return_path, recipient, place, place.entry, mail_data
                )
                if loss:
                    losses.append(loss)
            else:
                why = str(place.refusal or NO_SUCH_USER)
                losses.append(Loss(recipient, place.path, self.name, why))
        for hop, addressees in onward.values():
            reverse_path = return_path
            if relaying and not return_path.is_null:
                name = self.identity.name_in(hop.environment)
                if len(return_path.text) + len(name) + 2 > MAX_PATH:
                    # taken for a list or a forward, before it was known which way it would go
                    why = str(PATH_TOO_LONG)
                    losses += [Loss(one, path, self.name, why) for one, path in addressees]
                    continue
                reverse_path = _prefixed(return_path, name)
                if len(reverse_path.text) > MAX_PATH:
                    why = str(PATH_TOO_LONG)
                    losses += [Loss(one, path, self.name, why) for one, path in addressees]
                    continue
            mail = Mail(message, verb, reverse_path, return_path, addressees, mail_data)
            mail.relaying = relaying
            self._enqueue(now, hop, mail)
        if losses:
            self.give_back(now, message, return_path, losses)

    def _enqueue(self, now: float, hop: Neighbour, mail: Mail) -> None:
        mail.expires = now + self.retry.give_up
        queue = self.spool.queue(hop.name, hop.environment)
        queue.entries.append(mail)
        size = len(mail.mail_data)
        self.record((now, "queue", self.name, hop.name, None, mail.message, mail.ids, size))
        self.arrange(now, queue)

    # -- lists, forwards and mail drops ---------------------------------------------------------

    def _unfolded(
        self, now: float, message: int, places: Sequence[tuple[str, Destination]]
    ) -> Sequence[tuple[str, Destination]]:
        """The recipients, with lists replaced by their members and forwards by where they lead."""
        for _, place in places:
            if place.unfolds:
                break
        else:
            return places
        return [
            one
            for recipient, place in places
            for one in self._unfold(now, message, recipient, place, set())
        ]

    def _unfold(
        self, now: float, message: int, recipient: str, place: Destination, seen: set[str]
    ) -> Iterable[tuple[str, Destination]]:
        entry = place.entry
        row = (now, "", self.name, None, None, message)
        if isinstance(entry, Forward):
            key = f"forward {entry.user}"
            there = self.destination(entry.to)
            if key in seen:
                yield recipient, Destination(place.path, refusal=NO_SUCH_USER)
                return
            seen.add(key)
            old, new = place.path.bare, entry.to.bare
            self.record((now, "forward", *row[2:], recipient, old, new, "forward"))
            yield from self._unfold(now, message, recipient, there, seen)
        elif isinstance(entry, MailingList):
            members = self._members(entry, seen)
            if not members:
                yield recipient, Destination(place.path, refusal=NO_SUCH_USER)
                return
            ids = tuple([(f"{recipient}.{n}", path.bare) for n, path in enumerate(members, 1)])
            self.record((now, "expand", *row[2:], recipient, entry.name, ids))
            for (one, _), path in zip(ids, members, strict=True):
                yield from self._unfold(now, message, one, self.destination(path), seen)
        else:
            yield recipient, place

    def _members(self, entry: MailingList, seen: set[str]) -> list[Path]:
        """The members of a list and of the lists in it, each once, lists of this host unfolded."""
        seen.add(f"list {entry.name}")
        members = []
        for member in entry.members:
            inner = self.destination(member.path).entry
            key = f"{member.path.user}@{member.path.domain.upper()}"
            if isinstance(inner, MailingList):
                if f"list {inner.name}" not in seen:
                    members += self._members(inner, seen)
            elif key not in seen:
                seen.add(key)
                members.append(member.path)
        return members

    def _deliver(
        self,
        now: float,
        message: int,
        verb: str,
        return_path: Path,
        recipient: str,
        place: Destination,
        user: User,
        mail_data: bytes,
    ) -> Loss | None:
        """Final delivery: to the mail drop, the terminal, or both (sections 3.4 and 4.1.1)."""
        at_terminal = user.active and user.accepts
        octets = return_path_line(return_path) + mail_data
        row = (now, "deliver", self.name, None, None, message, recipient, user.name, octets)
        if verb != "MAIL" and at_terminal:
            self.record((now, "terminal", *row[2:]))
        if verb == "SEND" or (verb == "SOML" and at_terminal):
            if at_terminal:
                return None
            return Loss(recipient, place.path, self.name, str(NOT_ACTIVE))
        if user.mailbox == "full-after-data":
            what = "552 Mailbox full"
            return Loss(recipient, place.path, self.name, what)
        self.record(row)
        return None

    # -- mail goes back -------------------------------------------------------------------------

    def give_back(
        self, now: float, message: int, return_path: Path, losses: Sequence[Loss]
    ) -> None:
        """Send an undeliverable mail notification (section 3.6); none about a notification."""
        reason = "; ".join(dict.fromkeys(loss.what for loss in losses))
        if return_path.is_null:
            self.record((now, "abandon", self.name, None, None, message, reason))
            return
        number = self.number()
        ids = tuple(loss.recipient for loss in losses)
        row = (now, "notify", self.name, None, None, number)
        self.record((*row, message, ids, return_path.bare, reason))
        told = [(loss.path, loss.who, loss.what) for loss in losses]
        daytime = self.calendar.daytime(now + self.condition.skew)
        octets = compose_notification(daytime, self.name, return_path, told)
        place = self.destination(return_path)
        if place.refusal is not None:
            why = str(place.refusal)
            self.record((now, "abandon", self.name, None, None, number, why))
            return
        self.dispatch(now, number, "MAIL", NULL_PATH, [("1", place)], octets, relaying=False)

    # -- the spool ------------------------------------------------------------------------------

    def arrange(self, now: float, queue: Queue) -> None:
        """Ask to be woken for the next try of a queue, unless that is under way or arranged."""
        if queue.session or queue.host in self.identity.holds:
            return
        at = queue.next_try()
        if at is None:
            return
        at = max(at, now)
        if queue.wake_at is None or queue.wake_at > at:
            queue.wake_at = at
            self.wake(self, queue, at)

    def hold(self, now: float, queue: Queue, reason: str, session: int | None = None) -> None:
        """The next host cannot be talked to: keep all mail for it, and give up what is too old.

        Mail for which another way is known goes that way instead.
        """
        queue.failures += 1
        entries, queue.entries = queue.entries, []
        kept = [mail for mail in entries if now < mail.expires]
        given_up = [mail for mail in entries if now >= mail.expires]
        kept = [mail for mail in kept if not self._go_round(now, queue, mail)]
        queue.entries = kept
        if kept:
            last = min(mail.expires for mail in kept)
            queue.not_before = min(now + self.retry.delay(queue.failures), last)
        for mail in kept:
            row = (now, "defer", self.name, queue.host, session, mail.message)
            self.record((*row, mail.ids, reason, queue.not_before))
        for mail in given_up:
            self.give_up(now, queue, mail, reason)

    def _go_round(self, now: float, queue: Queue, mail: Mail) -> bool:
        """Send mail by another next host, if all of it may go there and none was tried in vain."""
        avoided = mail.avoided | {queue.host}
        hops = set()
        for _, path in mail.addressees:
            # the host that a source route names, and the destination itself, are not gone round
            mandated = self.routes.resolve(path.first) == queue.host
            hop = None if mandated else self.routes.next_hop(self.name, path.first, avoided)
            if hop is None:
                mail.avoided = frozenset()
                return False
            hops.add(hop)
        if len(hops) != 1:
            return False
        hop = hops.pop()
        mail.avoided = avoided
        expires = mail.expires
        mail.not_before = 0.0
        self._enqueue(now, hop, mail)
        mail.expires = expires
        return True

    def give_up(self, now: float, queue: Queue, mail: Mail, reason: str) -> None:
        """Return mail that could not be sent for so long that no more tries are made."""
        what = f"{queue.host} could not be reached, and no more tries are made: {reason}"
        losses = [Loss(recipient, path, "", what) for recipient, path in mail.addressees]
        row = (now, "refuse", self.name, queue.host, None, mail.message)
        self.record((*row, mail.ids, what))
        self.give_back(now, mail.message, mail.return_path, losses)

    def session_over(self, now: float, queue: Queue) -> None:
        """The session for a queue has ended; what is left waits for its next try."""
        queue.session = False
        self.arrange(now, queue)


def _too_long_to_send(path: Path) -> Reply | None:
    """Why a path is not sent on: 4.5.3 has sizes that no sender-SMTP may exceed, and gives no code
    for a path that it was given, or that has grown, beyond them.
    """
    if len(path.text) > MAX_PATH:
        return reply(550, "The path is too long to be sent on")
    if len(path.user) > MAX_USER:
        return reply(550, "The user name is too long to be sent on")
    if any(len(name) > MAX_DOMAIN for name in (*path.route, path.domain)):
        return reply(550, "A domain of the path is too long to be sent on")
    return None


def _may_grow(path: Path, name: str) -> bool:
    """Whether a reverse-path can be sent on with a relay's name before it; null stays so."""
    if path.is_null or len(path.text) > MAX_PATH:
        return path.is_null
    return _grows(path, name)


@lru_cache(maxsize=16384)
def _grows(path: Path, name: str) -> bool:
    return _too_long_to_send(_prefixed(path, name)) is None


@lru_cache(maxsize=16384)
def _prefixed(path: Path, name: str) -> Path:
    """The reverse-path with a relay's name put at its beginning (section 3.6)."""
    return Path((name, *path.route), path.local, path.domain)


def stamp(host: Host, environment: str, peer: str, now: float) -> bytes:
    """The time stamp line that the host puts before mail from ``peer``."""
    daytime = host.calendar.daytime(now + host.condition.skew)
    return time_stamp_line(peer, host.identity.name_in(environment), daytime)


Later = Callable[[float, Callable[[float], None]], None]
"""Calls back after so many seconds with the time, unless the host has crashed meanwhile."""

CARELESS_DELAY: Final = 1.0
"""Seconds that a careless host takes to store what it has said 250 for, if it says no other."""

MOST_STAMPS: Final = 25
"""Time stamp lines beyond which mail is taken to go in a circle. RFC 821 has no such limit."""


def is_looping(mail_data: bytes) -> bool:
    """Whether mail has passed so many hosts that it must be going in a circle."""
    if not mail_data.startswith(b"Received: "):
        return False
    stamps = 0
    for line in mail_data.split(b"\r\n", MOST_STAMPS + 1):
        if not line.startswith(b"Received: "):
            break
        stamps += 1
    return stamps > MOST_STAMPS


class Reception:
    """A host as its receiver-SMTP of one session asks it: the verdicts on what a peer sends.

    ``now`` is set by the driver before each call; ``peer`` is the name that HELO gave,
    ``peer_host`` the host at the other end, where it is one of the topology. ``identify`` gives
    a transaction its message number and the ids of its recipients.
    """

    __slots__ = (
        "_taken", "environment", "host", "identify", "later", "now", "peer", "peer_host",
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
        self.later: Later | None = None
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
        verdict = place.refusal or self._verdict(transaction, place)
        if verdict.code < 300:
            self._taken.append(place)
        return verdict

    def _verdict(self, transaction: Transaction, place: Destination) -> Reply:
        entry = place.entry
        if self.host.condition.full:
            return NO_SPACE
        if self.host.condition.busy and entry is not None:
            return BUSY
        if isinstance(entry, User):
            return _user_verdict(transaction.verb, entry)
        if isinstance(entry, Forward):
            return entry.reply
        if entry is not None:
            return OK
        if not self.host.identity.relay:
            return NO_RELAY
        # The recipient is refused here, where the originator can still be told by the one who sends
        assert place.hop is not None
        name = self.host.identity.name_in(place.hop.environment)
        return OK if _may_grow(transaction.reverse_path, name) else PATH_TOO_LONG

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
        message, numbers = self.identify(transaction)
        ids = tuple(numbers)
        if self.later is None:
            self._record_accept(self.now, transaction, message, ids)
            self._stored(self.now, transaction, self._taken, message, ids)
            return OK
        return self._accept_later(transaction, self._taken, message, ids)

    def _accept_later(
        self,
        transaction: Transaction,
        taken: list[Destination],
        message: int,
        ids: tuple[str, ...],
    ) -> Reply | None:
        """Say OK when the mail is stored; or, being careless, before."""
        host, later = self.host, self.later
        assert later is not None, "storing takes time where a driver keeps it"
        careless = host.identity.careless

        def stored(now: float) -> None:
            if careless:
                host.unsaved.pop(message, None)
            else:
                self._record_accept(now, transaction, message, ids)
            self._stored(now, transaction, taken, message, ids)
            if self.respond is not None:
                self.respond(OK)

        if not careless:
            later(host.identity.store, stored)
            return None
        self._record_accept(self.now, transaction, message, ids)
        host.unsaved[message] = (message, ids)
        later(host.identity.store or CARELESS_DELAY, stored)
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
        return self.host.identity.directory.verify(string)

    def expand(self, string: str) -> Reply:
        """EXPN."""
        return self.host.identity.directory.expand(string)

    def help(self, string: str) -> Reply:
        """HELP."""
        from lab.hosts.help import help_reply

        return help_reply(self.name, string)

    def turn(self) -> Reply:
        """TURN, where the host is set so; mail is not given to just anybody who claims a name."""
        known = self.host.routes.resolve(self.peer)
        if self.host.identity.turn and known is not None and known == self.peer_host:
            return OK
        return reply(502, "Command not implemented")

    def goodbye(self) -> Reply:
        """221."""
        return reply(221, f"{self.name} Service closing transmission channel")


def _user_verdict(verb: str, user: User) -> Reply:
    at_terminal = user.active and user.accepts
    if verb == "SEND":
        return OK if at_terminal else NOT_ACTIVE
    if verb == "SOML" and at_terminal:
        return OK
    refusal = _MAILBOXES.get(user.mailbox)
    if refusal is not None:
        return refusal
    return OK if verb == "MAIL" or at_terminal else WILL_MAIL
