"""Work for other processes, which import nothing of the lab for it."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def doubled(number: int) -> int:
    return 2 * number


def dies_once(folder: str, number: int) -> int:
    """Kill the process at 3, the first time."""
    mark = Path(folder) / "died"
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def dies(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def raises(number: int) -> int:
    raise ValueError(f"not {number}")


def lacks_a_module(number: int) -> int:
    raise ModuleNotFoundError("No module named 'lab'")
