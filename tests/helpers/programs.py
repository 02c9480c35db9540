"""Programs that nobody here wrote, and where they listen."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path


def found(program: str) -> str | None:
    """Where a program is; Debian puts some where only root looks."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def open_to_others(folder: Path) -> None:
    """Let programs that run as somebody else enter a folder of pytest's; more is not changed."""
    for place in [folder, *folder.parents[:3]]:
        place.chmod(place.stat().st_mode | 0o055)
