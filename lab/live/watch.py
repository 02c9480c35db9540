"""What a live run looks like while it goes on: sessions, queues, mailboxes, and the newest mail.

It is looked at once a second, in a thread of its own, and only while somebody wants to see it: a
table in a terminal, a program that reads JSON lines, or the page in a browser.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lab.analysis.shown_names import ShownNames
from lab.live.mail_text import field, header_fields
from lab.live.spool_folder import stored_date
from lab.live.spool_view import Listed, SpoolView
from lab.protocol import SyntaxFault, parse_return_path_line
from lab.trace.rows import MESSAGE, SUBMIT_RECIPIENTS, SUBMIT_REVERSE_PATH, Row

if TYPE_CHECKING:
    from lab.live.network import LiveNetwork

State = dict[str, Any]
"""The state of a run at a moment, as JSON has it: see :meth:`Watch.look`."""

Show = Callable[[State], None]
"""Called with each new state."""

INTERVAL: Final = 1.0
"""Seconds between two looks."""

_REMEMBERED: Final = 2_000
"""How many messages have their envelope kept in memory; older ones have what is stored of it."""

_NEWEST: Final = 20
"""How many messages a state lists."""


class Envelope(NamedTuple):
    """How a message was handed in: its number in the run, from whom, and for whom."""

    message: int
    reverse_path: str
    recipients: tuple[str, ...]


class Envelopes:
    """The envelopes of the newest messages, by the numbers by which hosts know them."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Envelope] = OrderedDict()
        self._since = time.time()

    def add(self, own: int, envelope: Envelope) -> None:
        """Remember the envelope of a message, by its number in the run and a host's own."""
        known = self._known
        known[own] = known[envelope.message] = envelope
        while len(known) > 2 * _REMEMBERED:
            known.popitem(last=False)

    def of(self, mail: Listed) -> Envelope | None:
        """Return the envelope of a message; None if it is older, or of an earlier run."""
        if mail.message is None or mail.stored_at < self._since:
            return None
        return self._known.get(mail.message)


class Watch:
    """Looks at a network every INTERVAL while somebody wants it, and tells who waits.

    ``version`` counts the states that differed from the one before; ``state`` is the last one.
    """

    def __init__(self, network: LiveNetwork) -> None:
        self._network = network
        specs = network.topology.hosts.values()
        self.labels = dict(ShownNames((spec.name, spec.label) for spec in specs))
        assert network.settings.storage is not None
        names = [name for name, host in network.hosts.items() if not host.external]
        self.spool = SpoolView(network.settings.storage, names)
        self.envelopes = Envelopes()
        self.state: State = {}
        self.version = 0
        self._listeners: list[Show] = []
        self._watchers = 0
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="lab-watch", daemon=True)

    def start(self) -> None:
        """Begin to look, in a thread."""
        self._network.records.on_submit = self._submitted
        self._thread.start()

    def _submitted(self, row: Row, own: int) -> None:
        recipients = tuple(row[SUBMIT_RECIPIENTS])
        self.envelopes.add(own, Envelope(row[MESSAGE], row[SUBMIT_REVERSE_PATH], recipients))

    def close(self) -> None:
        """Look no more; returns when the thread has ended."""
        self._ended.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self.spool.close()

    @property
    def has_ended(self) -> bool:
        """Whether nobody looks any more, because the run ends."""
        return self._ended.is_set()

    # -- who wants to see it --------------------------------------------------------------------

    def listen(self, listener: Show) -> None:
        """Call with each new state, in the thread."""
        with self._changed:
            self._listeners.append(listener)
            self._changed.notify_all()

    def join(self) -> None:
        """Note that somebody watches from now on, who calls :meth:`wait`."""
        with self._changed:
            self._watchers += 1
            self._changed.notify_all()

    def leave(self) -> None:
        """Note that somebody watches no more."""
        with self._changed:
            self._watchers -= 1

    def wait(self, version: int, seconds: float) -> State | None:
        """Return a state that is newer than a version; None if none comes in so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.version > version or self.has_ended, seconds)
            return self.state if self.version > version else None

    # -- looking --------------------------------------------------------------------------------

    def _go_on(self) -> None:
        while not self.has_ended:
            with self._changed:
                self._changed.wait_for(lambda: self._watchers or self._listeners or self.has_ended)
            self.refresh()
            self._ended.wait(INTERVAL)

    def refresh(self) -> None:
        """Look now, and tell everybody if something has changed."""
        state = self.look()
        with self._changed:
            if {**state, "t": 0.0} == {**self.state, "t": 0.0}:
                return
            self.state = state
            self.version += 1
            self._changed.notify_all()
        for listener in self._listeners:
            listener(state)

    def look(self) -> State:
        """Return the state of the run: the time, a list of hosts, and the newest mail.

        Each host has where it listens, whether it is up, how many sessions it has with other hosts
        of the run, how many messages wait for each next host, and how many lie in each mailbox.
        ``labels`` has what people see in place of the names of hosts.
        """
        network = self._network
        sessions = Counter[str]()
        for session in list(network.sessions.values()):
            sessions[session.sender_host] += 1
            sessions[session.receiver_host] += 1
        hosts = [self._host(name, sessions[name]) for name in network.hosts]
        newest = [self.described(mail) for mail in self.spool.in_mailboxes(most=_NEWEST)]
        return {
            "t": round(max(network.clock.now, 0.0), 3), "hosts": hosts, "newest": newest,
            "labels": self.labels,
        }  # fmt: skip

    def _host(self, name: str, sessions: int) -> State:
        handle = self._network.hosts[name]
        address, port = handle.external or (self._network.settings.address, handle.port)
        queues = {} if handle.external else self.spool.queues(name)
        return {
            "host": name, "address": address, "port": port, "external": bool(handle.external),
            "up": not handle.faults.down, "sessions": sessions, "queues": queues,
            "mailboxes": {} if handle.external else self.spool.mailboxes(name),
        }  # fmt: skip

    def described(self, mail: Listed) -> State:
        """Return a message as lists show it, with as much of its envelope as is known."""
        fields = header_fields(mail.octets)
        envelope = self.envelopes.of(mail)
        sender = mail.reverse_path or _return_path(mail.octets)
        recipients = mail.recipients
        if envelope is not None:
            sender, recipients = envelope.reverse_path, mail.recipients or envelope.recipients
        return {
            "host": mail.host, "number": mail.number, "user": mail.user,
            "next_host": mail.next_host, "message": envelope.message if envelope else None,
            "from": sender, "to": list(recipients), "subject": field(fields, "Subject"),
            "size": mail.size, "stored_at": stored_date(mail.stored_at), "at": mail.stored_at,
        }  # fmt: skip


def _return_path(octets: bytes) -> str:
    """Return the reverse-path in the line that final delivery puts first; "" if there is none."""
    try:
        return parse_return_path_line(octets.partition(b"\r\n")[0]).bare
    except SyntaxFault:
        return ""
