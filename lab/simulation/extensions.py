"""What a run calls besides its hosts: faults and probes of users."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from lab.hosts.policies import Network
from lab.runtime.plugins import Plugin
from lab.trace.rows import Event


class NetworkControl(Network):
    """A network in which something can go wrong."""

    def happen(
        self,
        kind: str,
        *,
        host: str | None = None,
        link: tuple[str, str] | None = None,
        groups: Sequence[Sequence[str]] = (),
        value: float | str | None = None,
        duration: float | str | None = None,
        after: str | None = None,
        name: str | None = None,
        direction: str = "both",
    ) -> None:
        """Have a fault begin now, and end after ``duration`` seconds, if that is given.

        Kinds and values are those of a ``[[fault]]`` in a topology file. The trace records it, as
        it does all faults. Raises :class:`lab.TopologyError` for what such a table must not say.
        """
        self._begin_fault(
            kind,
            {
                "host": host, "link": link, "groups": tuple(groups), "value": value,
                "duration": duration, "after": after, "name": name, "direction": direction,
            },
        )  # fmt: skip

    @abstractmethod
    def _begin_fault(self, kind: str, keys: Mapping[str, Any]) -> None:
        """Have a fault begin now whose table has these keys, as :meth:`happen` says."""


class Fault(Plugin, ABC):
    """Something that goes wrong in a run, as your code decides."""

    kind = "fault"

    @abstractmethod
    def run(self, network: NetworkControl) -> Iterator[float]:
        """Do something with the network at the start; yield the seconds until you go on.

        It is not called again when all mail is settled.
        """


class Probe(Plugin):
    """Looks at a run while it goes on, and cannot change it.

    ``kinds`` are the kinds of event that :meth:`event` is called with; None: all of them.
    :meth:`sample` is called at the start and after ``every`` seconds of simulated time, as long as
    there is mail; None: never. ``network`` is set before :meth:`begin` is called.
    """

    kind = "probe"
    kinds: Collection[str] | None = None
    every: float | None = None
    network: Network

    def begin(self) -> None:
        """Prepare for a run. By default do nothing."""

    def event(self, event: Event) -> None:
        """Take an event, right after it has been recorded. By default do nothing."""

    def sample(self) -> None:
        """Look at the network, all events of this instant having happened. By default do nothing.

        Those that happen at the very start have happened too.
        """

    def add(self, **columns: object) -> None:
        """Add a row to the result: the time, as ``t``, and these columns."""
        self.rows.append({"t": self.network.now, **columns})

    @property
    def rows(self) -> list[dict[str, object]]:
        """The rows so far."""
        rows: list[dict[str, object]] = vars(self).setdefault("gathered", [])
        return rows

    def result(self) -> object:
        """Return what is found at ``run.probes[name]``: by default the rows, as a table."""
        return self.rows
