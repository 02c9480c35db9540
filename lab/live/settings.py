"""How a live run is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.live.budgets import DEFAULTS, Budgets

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a live run is made.

    ``speed``: seconds of the run in a second of the wall clock. ``ports``: where a host is to
    listen (0: any port that is free). ``address``: where all listen. ``storage``: a directory for
    the hosts' files. ``durable``: whether they wait for the disk before 250. ``idle``: seconds for
    which a caller from outside may say nothing. ``serve``: whether the run goes on when nothing is
    left to do. ``journal``: the file for the trace so far, by default one beside the hosts' files
    that is removed when the run ends; ``level`` says what of the trace goes there.
    ``is_temporary``: whether the hosts' files are removed after the run. ``page``: the address and
    port (0: any that is free) of the page that shows the mail; None for no page.
    ``budgets``: what callers from outside may take of a host. ``trusts_external``: mail may be sent
    on past an external host, which is not asked to send it out of the topology.
    """

    storage: Path | None = None
    speed: float = 1.0
    ports: dict[str, int] | None = None
    address: str = LOOPBACK
    durable: bool = True
    idle: float = 300.0
    serve: bool = False
    journal: Path | None = None
    level: str = "wire"
    is_temporary: bool = False
    page: tuple[str, int] | None = None
    budgets: Budgets = DEFAULTS
    trusts_external: bool = False

    @property
    def reach(self) -> str:
        """The address by which processes of this machine reach the hosts."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)
