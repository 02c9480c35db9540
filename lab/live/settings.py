"""How a live run is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a live run is made.

    ``speed``: seconds of the run in a second of the wall clock. ``ports``: where a host is to
    listen (0: any port that is free). ``address``: where all listen. ``storage``: a directory for
    the hosts' files. ``durable``: whether they wait for the disk before 250. ``idle``: seconds for
    which a caller from outside may say nothing. ``serve``: whether the run goes on when nothing is
    left to do. ``is_kept``: whether the hosts' files outlive the run.
    """

    storage: Path | None = None
    speed: float = 1.0
    ports: dict[str, int] | None = None
    address: str = LOOPBACK
    durable: bool = True
    idle: float = 300.0
    serve: bool = False
    is_kept: bool = True

    @property
    def reach(self) -> str:
        """The address by which processes of this machine reach the hosts."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)
