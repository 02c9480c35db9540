"""A behaviour as users write one: greylisting."""

from __future__ import annotations

from lab import extend
from lab.protocol import Path, Reply, Transaction, reply


class Greylist(extend.Behaviour):
    """Refuses each pair of sender and recipient at first, and takes it later."""

    def __init__(self, wait: float = 60.0) -> None:
        self.wait = wait
        self.first: dict[tuple[str, str], float] = {}

    def recipient(
        self, session: extend.Session, transaction: Transaction, forward_path: Path
    ) -> Reply | None:
        pair = str(transaction.reverse_path), str(forward_path)
        if session.now - self.first.setdefault(pair, session.now) < self.wait:
            return reply(450, "Greylisted, try again later")
        return None
