"""A host that sends mail to a person, who is the receiver-SMTP: ``lab talk`` after TURN (3.8)."""

from __future__ import annotations

from lab.hosts.host import Host
from lab.hosts.receiving import ReceivingSession
from lab.hosts.sending import QueueSender
from lab.protocol import Answer, Crossing, Outgoing, SenderSMTP, Transaction


class PlayedHost:
    """The other side of a session whose roles have changed: ``host`` is the sender-SMTP now, and
    sends its mail for ``played``, the host whose part the person plays.

    What the person takes with a 250 is in the hands of that host, which delivers it or sends it on.
    """

    def __init__(self, host: Host, played: Host, environment: str, session: int) -> None:
        self.host = host
        self._queue = host.spool.queue(played.name, environment)
        self._queue.sessions += 1
        self._queue.not_before = 0.0
        self._mail = QueueSender(host, self._queue, session)
        name = host.settings.name_in(environment)
        self._receiving = ReceivingSession(
            played, environment, self._mail.identify, session, host.name
        )
        self._receiving.hello(name)
        self.sender = SenderSMTP(name, self)

    @property
    def is_over(self) -> bool:
        """Whether the session is over."""
        return self.sender.closing

    def receive(self, octets: bytes) -> list[Crossing]:
        """Take the bytes of a reply; return what is sent."""
        return [event for event in self.sender.receive(octets) if event.kind != "reply"]

    def close(self) -> None:
        """End the session; mail that was not taken waits for its next try."""
        self.sender.end_of_input()
        self.host.session_over(0.0, self._queue)

    # -- the agenda -----------------------------------------------------------------------------

    def next(self) -> Outgoing | None:
        """Return the next mail of the queue."""
        return self._mail.next()

    def turns(self) -> bool:
        """Return whether to change roles again: no."""
        return False

    def settled(self, outgoing: Outgoing) -> None:
        """Give the played host what the person has taken, before the queue settles it."""
        paths = outgoing.forward_paths
        taken = [path for number, path in enumerate(paths) if outgoing.taken(number)]
        answer = outgoing.answer
        if taken and answer is not None and 200 <= answer[0] < 300 and not outgoing.failed_at:
            transaction = Transaction(outgoing.verb, outgoing.reverse_path)
            transaction.forward_paths += taken
            transaction.mail_data = outgoing.mail_data
            self._receiving.accept(transaction)
        self._mail.settled(outgoing)

    def refused(self, answer: Answer) -> None:
        """Take the reply that ended the session: the mail waits, or is returned after a 5yz."""
        self._mail.refused(answer)
