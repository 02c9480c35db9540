"""What every driver does where a host begins to send in a session, and with mail from outside."""

from __future__ import annotations

from lab.hosts.host import Host
from lab.hosts.sending import QueueSender
from lab.hosts.spool import Queue
from lab.protocol import SenderSMTP, Transaction
from lab.trace.rows import Row


def sender_smtp(host: Host, queue: Queue, *, turn: bool = False) -> tuple[SenderSMTP, QueueSender]:
    """Return a sender-SMTP for the mail of a queue, and its agenda; ``turn``: it asks by TURN."""
    return _sender(host, queue, queue.environment, turn=turn)


def take_over(host: Host, peer: str, environment: str) -> tuple[SenderSMTP, QueueSender]:
    """Return the same for a host that has granted TURN: it may send to the peer at once (3.8)."""
    queue = host.spool.queue(peer, environment)
    queue.not_before = 0.0
    return _sender(host, queue, environment, turn=False)


def _sender(
    host: Host, queue: Queue, environment: str, *, turn: bool
) -> tuple[SenderSMTP, QueueSender]:
    queue.sessions += 1
    queue_sender = QueueSender(host, queue, turn=turn)
    return SenderSMTP(host.settings.name_in(environment), queue_sender), queue_sender


def enter(now: float, host: str, number: int, transaction: Transaction) -> tuple[Row, list[str]]:
    """Return the row that records mail from outside as submitted at a host, and the ids of its
    recipients; ``number`` is the message's.
    """
    texts = tuple([path.bare for path in transaction.forward_paths])
    path, size = transaction.reverse_path.bare, len(transaction.mail_data)
    row = (now, "submit", host, None, None, number, path, texts, transaction.verb, size)
    return row, [str(n) for n in range(1, len(texts) + 1)]
