"""A session typed in a notebook: the student is the sender-SMTP, line by line."""

from __future__ import annotations

from lab.api.conversation import Conversation
from lab.api.run import Run
from lab.topology.model import Topology


class TypedSession:
    """One session with a host's receiver-SMTP; what crosses is printed as it does, S: and R:.

    ``replies`` are those so far, from the greeting on, each a list of its lines; ``codes`` are
    their codes. :meth:`settle` ends the session
    and lets the network carry on what was accepted.
    """

    def __init__(
        self, topology: Topology, host: str, *, lf_ends_lines: bool = False, quiet: bool = False
    ) -> None:
        self.replies: list[list[str]] = []
        self._lf_ends_lines = lf_ends_lines
        self._print = (lambda *_: None) if quiet else print
        self._conversation = Conversation(topology, host)
        self._open = True
        self._hear(self._conversation.open())

    def say(self, *lines: str) -> None:
        """Send lines, each ended with CRLF, and print what is answered to each."""
        for line in lines:
            self.send(line.encode("latin-1", "replace") + b"\r\n")

    def send(self, octets: bytes) -> None:
        """Send bytes exactly as they are, and print what is answered to them."""
        for line in octets.splitlines(keepends=True):
            self._print("S:", _shown(line))
        if not self._open:
            self._print("   (nobody hears you: the channel is closed)")
            return
        if self._lf_ends_lines:
            octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self._hear(self._conversation.receive(octets))
        if self._conversation.receiver.closing:
            self._close()

    def _hear(self, octets: bytes) -> None:
        more = False
        for line in octets.decode("latin-1").splitlines():
            self._print("R:", line)
            if not more:
                self.replies.append([])
            self.replies[-1].append(line)
            more = line[3:4] == "-"

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
        """Where the session stands: opened, ready, mail, rcpt, data or closed."""
        return "closed" if not self._open else str(self._conversation.receiver.state)

    @property
    def buffers(self) -> dict[str, object]:
        """What the receiver-SMTP has of the transaction: the reverse-path and the forward-paths."""
        transaction = self._conversation.receiver.transaction
        begun = transaction is not None and transaction.is_begun
        return {
            "reverse-path": str(transaction.reverse_path) if begun else None,
            "forward-paths": [str(path) for path in transaction.forward_paths] if begun else [],
        }

    def settle(self) -> Run:
        """End the session, if QUIT has not, and let the network do the rest: the run of it all."""
        self._close()
        return self._conversation.settle().run


def _shown(line: bytes) -> str:
    """A line as it crossed, its CRLF not shown and anything else that is no letter escaped."""
    text = line.removesuffix(b"\r\n").decode("latin-1")
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )
