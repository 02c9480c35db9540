"""What a network that is up for a ``with`` block has in common, wherever its hosts are."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from lab.topology.model import Topology

if TYPE_CHECKING:
    from lab.api.run import Run


class ServedNetwork:
    """A network that is up for a ``with`` block, and the run that it was.

    A class of it starts its hosts in ``__enter__``. ``_end`` ends them, and sets ``_run``.
    """

    def __init__(self, topology: Topology, address: str) -> None:
        self.topology = topology
        self.address: str = address
        self.ports: dict[str, int] = {}
        self.page = ""
        self._run: Run | None = None

    @property
    def run(self) -> Run:
        """What happened, as from ``lab.simulate``; RuntimeError while the network is up."""
        if self._run is None:
            raise RuntimeError("there is no run yet; read it after the with block")
        return self._run

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        raise NotImplementedError
