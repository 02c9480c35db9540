"""Programs that nobody here wrote, and where they listen."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def folder_for_others() -> Iterator[Path]:
    """Yield a new folder that programs of other users can enter.

    It is not one of pytest's: each session of pytest that starts closes the folder of them all.
    """
    with tempfile.TemporaryDirectory(prefix="smtp-lab-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        place.chmod(0o755)
        yield place
