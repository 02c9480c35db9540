"""The lab's own hosts in a judged network on real TCP: a live network, and what has come there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from lab.api.serve import LiveServer
from lab.hosts.retry import Retry
from lab.judging.networks.asked import BadNetwork
from lab.live.settings import Settings
from lab.live.spool_view import SpoolView
from lab.topology.model import Topology
from lab.trace.rows import DELIVER_OCTETS, DELIVER_USER, HOST, KIND

SPEED: Final = 20.0
"""Simulated seconds of our hosts in a second, unless the faults of the network take too long."""
AGAIN: Final = Retry(10.0, 1.5, 40.0, 1200.0)
"""When our hosts try again at that speed, in simulated seconds."""
_MOST: Final = 10_000

Mail = tuple[str, bytes]
"""Mail that was delivered: the user, and the text with its return path."""


class Ours:
    """The live network of the hosts of a topology that are not external.

    ``stack`` ends it; ``folder`` is for its spools. Raises :class:`BadNetwork` if it cannot start.
    """

    def __init__(
        self, topology: Topology, seed: int, speed: float, folder: Path, stack: ExitStack
    ) -> None:
        folder.mkdir(parents=True)
        settings = Settings(speed=speed, serve=True, trusts_external=True, storage=folder)
        by = speed / SPEED
        retry = Retry(AGAIN.first * by, AGAIN.factor, AGAIN.max * by, AGAIN.give_up * by)
        server = LiveServer(replace(topology, retry=retry), seed, settings)
        try:
            self._server = stack.enter_context(server)
        except OSError as error:
            raise BadNetwork(str(error)) from None
        self._view = SpoolView(folder, list(topology.hosts))
        stack.callback(self._close)
        self._is_over = False
        self._seen: dict[tuple[str, int], Mail] = {}

    def _close(self) -> None:
        self._view.close()
        self._is_over = True

    def port_of(self, name: str) -> int | None:
        """Return the port of a host, None if it is not of ours."""
        return self._server.ports.get(name)

    def delivered(self, host: str) -> Iterator[Mail]:
        """Yield the mail that has come to the users of a host; after the run, all of it."""
        if self._is_over:
            for row in self._server.run.trace.rows:
                if row[KIND] == "deliver" and row[HOST] == host:
                    yield row[DELIVER_USER], row[DELIVER_OCTETS]
            return
        for listed in self._view.in_mailboxes(host, most=_MOST):
            key = (host, listed.number)
            if key not in self._seen:
                whole = self._view.message(host, listed.number)
                if whole is None:
                    continue
                self._seen[key] = (whole.user, whole.octets)
            yield self._seen[key]
