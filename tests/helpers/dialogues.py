"""Former names of what is in lab.testing now."""

from __future__ import annotations

from lab.protocol import Outgoing
from lab.testing import FakeAgenda, FakeInstallation, Pieces, by, bytewise, mail_to, outline, whole

Post = FakeInstallation
Chop = Pieces
letter = mail_to

__all__ = ["Bag", "Chop", "Post", "by", "bytewise", "letter", "outline", "whole"]


class Bag(FakeAgenda):
    """A :class:`FakeAgenda` with the former name of its ``finished``."""

    @property
    def over(self) -> list[Outgoing]:
        """The transactions that are settled."""
        return self.finished
