"""What a host puts into its time stamp lines besides who, by whom and when (section 4.1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from lab.hosts.checked import checked
from lab.hosts.setting import setting
from lab.protocol import Path, stamp_options

NUMBER: Final = "{message}"
"""Stands for the number of the message in an id."""


@checked
@dataclass(frozen=True, slots=True)
class Stamp:
    """The ``<opt-info>`` of a host's time stamp lines: VIA, WITH, ID and FOR."""

    via: str = field(
        default="",
        metadata=setting(
            "word", "VIA: the link over which the mail came.", "4.1.2", example='"TELENET"'
        ),
    )
    protocol: str = field(
        default="",
        metadata=setting(
            "word", "WITH: the protocol by which it came.", "4.1.2", key="with", example='"X25"'
        ),
    )
    id: str = field(
        default="",
        metadata=setting(
            "word",
            f"ID: what identifies the message; `{NUMBER}` stands for its number in the run.",
            "4.1.2",
            example=f'"M{NUMBER}"',
        ),
    )
    recipient: str = field(
        default="none",
        metadata=setting(
            "choice",
            "FOR: the recipient. Left out if there are several, since the line has one path.",
            "4.1.2",
            key="for",
            words={
                "none": "not written",
                "path": "the forward-path in its brackets, as the grammar says",
                "mailbox": "user@domain without brackets, as in example 10",
            },
        ),
    )

    @property
    def has_number(self) -> bool:
        """Whether the line has the number of the message."""
        return NUMBER in self.id

    def options(self, message: int, forward_paths: Sequence[Path]) -> str:
        """Return the ``<opt-info>`` for a message and its recipients at this host."""
        recipient = ""
        if len(forward_paths) == 1 and self.recipient != "none":
            recipient = self._written(forward_paths[0])
        id_ = self.id.replace(NUMBER, str(message))
        return stamp_options(self.via, self.protocol, id_, recipient)

    def _written(self, path: Path) -> str:
        """Return a path as the line has it; "" for one that cannot be in a line."""
        mailbox = str(path.mailbox)
        is_bare = self.recipient == "mailbox" and " " not in mailbox
        return (mailbox if is_bare else path.text) if path.text.isprintable() else ""


PLAIN: Final = Stamp()
"""Time stamp lines with none of these."""
