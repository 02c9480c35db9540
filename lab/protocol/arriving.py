"""What arrives from a receiver-SMTP: replies, perhaps in pieces, and bytes that are not a reply."""

from __future__ import annotations

from lab.protocol.events import Crossing
from lab.protocol.replies import ReplyParser


class ArrivingReplies:
    """Tells whole replies from pieces, for a driver that records both.

    ``last`` is the last whole reply. After bytes that are not a reply, everything is a piece.
    """

    def __init__(self) -> None:
        self.last = b""
        self._parser: ReplyParser | None = ReplyParser()

    def take(self, octets: bytes) -> list[Crossing]:
        """Return what bytes are that arrive together: ``("reply", octets)`` alone if they are one
        reply; else ``("piece", octets)``, and each reply that they complete.
        """
        whole = self._completed(octets)
        if not whole:
            return [Crossing("piece", octets)]
        self.last = whole[-1]
        if len(whole) == 1 and self.last == octets:
            return [Crossing("reply", octets)]
        return [Crossing("piece", octets), *[Crossing("reply", reply) for reply in whole]]

    def _completed(self, octets: bytes) -> list[bytes]:
        if self._parser is None:
            return []
        try:
            replies = self._parser.feed(octets)
        except ValueError:
            self._parser = None
            return []
        if self._parser.is_broken:
            self._parser = None
        return [whole for _, _, whole in replies]
