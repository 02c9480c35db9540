"""A session that a student types in a notebook, as the sender-SMTP until a TURN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.analysis.narrative import lines_of
from lab.runtime.escaping import visible

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.topology.model import Topology


class TypedSession:
    """A session with a host's receiver-SMTP. Each line is printed as it crosses, with S: or R:.

    ``replies`` are the replies so far, from the greeting on, each a list of its lines; ``codes``
    are their codes. :meth:`settle` ends the session and lets the network carry the accepted mail.
    """

    def __init__(
        self, topology: Topology, host: str, *, lf_ends_lines: bool = False, quiet: bool = False
    ) -> None:
        from lab.api.conversation import Conversation  # which takes the simulation with it

        self.replies: list[list[str]] = []
        self._lf_ends_lines = lf_ends_lines
        self._print = (lambda *_: None) if quiet else print
        self._conversation = Conversation(topology, host)
        self._open = True
        self._receive(self._conversation.open())

    def say(self, *lines: str) -> None:
        """Send lines, each with CRLF at its end, and print the replies."""
        for line in lines:
            self.send(line.encode("latin-1", "replace") + b"\r\n")

    def send(self, octets: bytes) -> None:
        """Send bytes exactly as they are, and print what comes back.

        After TURN the host sends commands, and what you send are replies.
        """
        turns = self._conversation.host.settings.turn
        for part in octets.splitlines(keepends=True) if turns else [octets]:
            self._send(part)

    def _send(self, octets: bytes) -> None:
        has_turned = self._conversation.has_turned
        for line in octets.splitlines(keepends=True):
            self._print("R:" if has_turned else "S:", _escaped(line))
        if not self._open:
            self._print("   (nobody receives this: the channel is closed)")
            return
        if self._lf_ends_lines:
            octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        came = self._conversation.receive(octets)
        if has_turned:
            for line in came.splitlines():
                self._print("S:", _escaped(line))
        else:
            self._receive(came)
        if self._conversation.is_over:
            self._close()

    def _receive(self, octets: bytes) -> None:
        is_continued = False
        for line in lines_of(octets) if octets else ():
            self._print("R:", line)
            if not is_continued:
                self.replies.append([])
            self.replies[-1].append(line)
            is_continued = line[3:4] == "-"

    @property
    def codes(self) -> list[int]:
        """The codes of the replies so far."""
        return [int(lines[0][:3]) for lines in self.replies]

    def _close(self) -> None:
        if self._open:
            self._conversation.close()
            self._open = False

    @property
    def state(self) -> str:
        """The state of the session: opened, ready, mail, rcpt, data or closed."""
        return "closed" if not self._open else str(self._conversation.receiver.state)

    @property
    def buffers(self) -> dict[str, object]:
        """The buffers of the receiver-SMTP: the reverse-path and the forward-paths."""
        transaction = self._conversation.receiver.transaction
        begun = transaction is not None and transaction.is_begun
        return {
            "reverse-path": str(transaction.reverse_path) if begun else None,
            "forward-paths": [str(path) for path in transaction.forward_paths] if begun else [],
        }

    def settle(self) -> Run:
        """End the session, unless QUIT has, let the network carry the mail, and return the run."""
        self._close()
        return self._conversation.finish().run


def _escaped(line: bytes) -> str:
    """Return a line without its CRLF, and with characters that cannot be printed escaped."""
    return visible(line.removesuffix(b"\r\n").decode("latin-1"))
