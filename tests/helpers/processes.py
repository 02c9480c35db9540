"""How far a process has come that a test has started, as Linux tells it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

_PYTHON_HAS_STARTED = 0.2
"""Seconds of a processor. Python itself takes less; the imports of the command line take more."""


def cpu_seconds(process: subprocess.Popen[Any]) -> float:
    """The seconds of a processor that a process has had; on a busy machine a clock says little."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def catches_ctrl_c(process: subprocess.Popen[Any]) -> bool:
    """Whether a command of ``lab`` has come so far that it answers Ctrl-C with a sentence.

    Before, the interpreter itself is starting.
    """
    if cpu_seconds(process) < _PYTHON_HAS_STARTED:
        return False
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGINT - 1) & 1)
