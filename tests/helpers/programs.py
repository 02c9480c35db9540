"""Programs that nobody here wrote, and where they listen."""

from __future__ import annotations

import os
import shutil
import socket


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
