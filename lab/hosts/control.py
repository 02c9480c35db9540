"""What drivers and faults ask of a host, whether it runs in this process or in one of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from mypy_extensions import mypyc_attr

from lab.hosts.settings import HostFaults, HostSettings
from lab.protocol import Path
from lab.trace.rows import Row


@mypyc_attr(allow_interpreted_subclasses=True)
class HostControl(ABC):
    """A host as its driver and the faults see it.

    :class:`~lab.hosts.host.Host` is one. In a live run, where each host is a process, a handle of
    the process is one. ``faults`` are those that the host has at present. ``unstored`` is the mail
    that a careless host has replied 250 to and not stored yet, by message: the number of the mail,
    and the ids of its recipients.
    """

    def __init__(self, settings: HostSettings, record: Callable[[Row], None]) -> None:
        self.settings = settings
        self.name = settings.name
        self.record = record
        self.faults = HostFaults()
        self.unstored: dict[int, tuple[int, tuple[str, ...]]] = {}

    # -- mail -----------------------------------------------------------------------------------

    @abstractmethod
    def submit(
        self,
        now: float,
        message: int,
        sender: Path,
        to: Sequence[Path],
        mail_data: bytes,
        verb: str = "MAIL",
    ) -> None:
        """Take mail that a user hands in."""

    @property
    @abstractmethod
    def has_work(self) -> bool:
        """Whether the host has something to do of its own accord, unlike mail that others fetch."""

    @property
    @abstractmethod
    def has_queued_mail(self) -> bool:
        """Whether there is mail in its spool."""

    # -- faults ---------------------------------------------------------------------------------

    def change_fault(self, name: str, by: int) -> None:
        """Count one fault more, or one less, in ``faults``: busy, full or refusing."""
        setattr(self.faults, name, getattr(self.faults, name) + by)

    def shift_clock(self, seconds: float) -> None:
        """Put the host's clock forward, or back if ``seconds`` are negative."""
        self.faults.skew += seconds

    def shut_down(self) -> None:  # noqa: B027  in a simulation nobody calls from outside
        """Say 421 to callers from outside, if there are any: the host is to go down in order."""

    def go_down(self) -> None:
        """Run nothing from now on: a fault more has the host down."""
        self.faults.down += 1

    def come_up(self) -> bool:
        """Count a fault less that has the host down; return whether none is left."""
        self.faults.down = max(0, self.faults.down - 1)
        return not self.faults.down

    def lose_memory(self, now: float) -> None:
        """Lose what was in memory only, in a crash: mail that was not stored yet."""
        self.faults.lives += 1
        for message, ids in self.unstored.values():
            self.record((now, "forget", self.name, None, None, message, ids))
        self.unstored.clear()

    @abstractmethod
    def resume(self, now: float) -> None:
        """Go on with what is in the spool: the host runs again."""
