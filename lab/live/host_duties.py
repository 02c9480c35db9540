"""What a host's process does that what leaves it depends on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from lab.live.commits import Acceptance


class HostDuties(ABC):
    """A host's process, as its output asks it."""

    @abstractmethod
    def state(self) -> tuple[Any, ...]:
        """Return what the network has to know of the host's state."""

    @property
    @abstractmethod
    def has_work(self) -> bool:
        """Whether the host will do something by itself."""

    @property
    @abstractmethod
    def now(self) -> float:
        """The time of the run, in seconds."""

    @abstractmethod
    def failed(self, error: Exception) -> None:
        """Record that something other than a session has failed; the host goes on."""

    @abstractmethod
    def give_up(self, error: Exception) -> None:
        """End the process, as it cannot go on: the network starts it again."""

    @abstractmethod
    def finish(self, acceptance: Acceptance) -> None:
        """Do what remains to be done with mail that is stored, or cannot be."""

    @abstractmethod
    def finish_again(self, acceptance: Acceptance) -> None:
        """Do what :meth:`finish` has left undone, as it has failed half way."""
