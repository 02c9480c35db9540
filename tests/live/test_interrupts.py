"""Ctrl-C at any moment of ``lab live``: no traceback, whole artefacts, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest
from helpers.live_hosts import eventually
from helpers.places import TOPOLOGIES

from lab.runtime import startup
from lab.runtime.signals import blocked, held_back

RELAYED = str(TOPOLOGIES / "rfc821" / "scenario-03.toml")
PARTS = 8
"""Of the time that a run takes; Ctrl-C comes at a random moment of each."""


def in_session(number: int) -> list[str]:
    """The processes of a session: what a run has started, and what that has started."""
    found = subprocess.run(["pgrep", "-s", str(number)], capture_output=True, text=True)
    return found.stdout.split()


@pytest.mark.parametrize("part", range(PARTS))
def test_ctrl_c_at_any_moment(part: int, tmp_path: Path) -> None:
    """All processes of the run get it, as from a terminal, at any time after Python's own start."""
    state, out = tmp_path / "state", tmp_path / "out"
    environ = os.environ | {"XDG_STATE_HOME": str(state), "TMPDIR": str(tmp_path)}
    python = [sys.executable, "-X", "importtime"]  # tells on stderr when lab begins
    command = [*python, "-m", "lab", "live", RELAYED, "--speed", "20", "--out", str(out)]
    with (
        (tmp_path / "said").open("w") as file,
        subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=file, env=environ, start_new_session=True
        ) as process,
    ):
        assert eventually(lambda: "lab.runtime.startup" in (tmp_path / "said").read_text())
        time.sleep(part and 0.4 * (part + Random(part).random()))
        os.killpg(process.pid, signal.SIGINT)
        process.wait(120)
    said = (tmp_path / "said").read_text()
    assert "Traceback" not in said
    assert process.returncode in (0, 130, -signal.SIGINT), said
    assert eventually(lambda: not in_session(process.pid))
    assert not list(state.rglob("*.sqlite")), (process.returncode, said[-500:])
    assert not [path for path in tmp_path.iterdir() if path.name not in ("state", "out", "said")]
    left = {path.name for path in out.iterdir()} if out.exists() else set()
    assert not [name for name in left if name.endswith(".part")]
    if process.returncode == 130 and "wrote to" in said:
        assert {"summary.json", "trace.jsonl"} <= left


def test_only_the_command_line_changes_what_ctrl_c_does() -> None:
    """A program that imports lab keeps its KeyboardInterrupt."""
    program = "import signal, lab; print(signal.getsignal(signal.SIGINT).__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "default_int_handler\n"
    assert not startup.is_command()


def test_what_is_held_back_comes_after_or_never() -> None:
    """``forget`` drops it; also where another thread gets the signal, as those of libraries may."""
    waiting = threading.Event()
    threading.Thread(target=waiting.wait, daemon=True).start()
    with pytest.raises(KeyboardInterrupt), held_back():
        os.kill(os.getpid(), signal.SIGINT)
    with held_back(forget=True):
        os.kill(os.getpid(), signal.SIGINT)
    with held_back(forget=True), blocked():  # here it is the other thread
        os.kill(os.getpid(), signal.SIGINT)
    waiting.set()
