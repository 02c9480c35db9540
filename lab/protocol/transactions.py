"""What engines and the programs that use them hand each other: transactions and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mypy_extensions import mypyc_attr

from lab.protocol.syntax import NULL_PATH, Path

Answer = tuple[int, str]
"""A reply as a program keeps it: code and text."""


class Misuse(Exception):
    """A call that the state of an engine does not allow: a mistake of the program that uses it."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Transaction:
    """The three buffers of section 4.1.1, and the command that began the transaction."""

    __slots__ = ("forward_paths", "mail_data", "reverse_path", "verb")

    def __init__(self, verb: str = "MAIL", reverse_path: Path | None = None) -> None:
        self.verb = verb
        self.reverse_path = NULL_PATH if reverse_path is None else reverse_path
        self.forward_paths: list[Path] = []
        self.mail_data = b""

    @property
    def is_begun(self) -> bool:
        """Whether anything is in the buffers."""
        return bool(self.forward_paths) or self.reverse_path is not NULL_PATH

    def __repr__(self) -> str:
        to = " ".join(map(str, self.forward_paths))
        return f"<{self.verb} {self.reverse_path} to {to}: {len(self.mail_data)} bytes>"


@mypyc_attr(allow_interpreted_subclasses=True)
class Outgoing:
    """A transaction that the sender-SMTP is to make: one copy of the data for its recipients.

    ``answers`` has the reply to each RCPT, in the order of ``forward_paths``. ``answer`` is the
    reply that settled the transaction as a whole: to the mail data, or to MAIL or DATA if these
    failed; None until there is one. ``failed_at`` is the command, or "data", that failed.
    ``channel_lost``: it failed because the session ended, by 421 or without an orderly end, so that
    the same would happen to other mail.
    ``redirects``: a 251 does not count as accepted, because the sender will send to the given path
    itself. ``tag`` is for the agenda's own use.
    """

    __slots__ = (
        "answer", "answers", "channel_lost", "failed_at", "forward_paths", "mail_data",
        "redirects", "reverse_path", "tag", "verb",
    )  # fmt: skip

    def __init__(
        self,
        reverse_path: Path,
        forward_paths: Sequence[Path],
        mail_data: bytes,
        verb: str = "MAIL",
        *,
        redirects: bool = False,
        tag: Any = None,
    ) -> None:
        if not forward_paths:
            raise Misuse("a transaction needs at least one forward-path")
        self.reverse_path = reverse_path
        self.forward_paths = forward_paths
        self.mail_data = mail_data
        self.verb = verb
        self.redirects = redirects
        self.tag = tag
        self.answers: list[Answer] = []
        self.answer: Answer | None = None
        self.failed_at = ""
        self.channel_lost = False

    def taken(self, index: int) -> bool:
        """Return whether the receiver-SMTP accepted a recipient: by 250, or 251 if that counts."""
        code = self.answers[index][0] if index < len(self.answers) else 0
        return 200 <= code < 300 and not (code == 251 and self.redirects)

    def answer_to(self, index: int) -> Answer:
        """Return the reply that decided about a recipient: the one to its RCPT if that refused it,
        otherwise the one that settled the transaction.

        Raises :class:`Misuse` before the transaction is settled.
        """
        if index < len(self.answers) and not self.taken(index):
            return self.answers[index]
        if self.answer is not None:
            return self.answer
        if len(self.answers) == len(self.forward_paths) and self.redirects and self.any_251:
            return 450, "nothing was sent: the mail goes to the path in another recipient's 251"
        raise Misuse("the transaction is not settled: its outcome is known in Agenda.settled()")

    @property
    def any_251(self) -> bool:
        """Whether the receiver-SMTP would forward the mail of some recipient itself."""
        return any(code == 251 for code, _ in self.answers)

    @property
    def any_taken(self) -> bool:
        """Whether at least one recipient was accepted."""
        for code, _ in self.answers:
            if 200 <= code < 300 and not (code == 251 and self.redirects):
                return True
        return False
