"""Ctrl-C from the time that a command has begun."""

from __future__ import annotations

import subprocess
import sys

from helpers.places import ROOT

PROGRAM = """
import signal, sys, time
sys.argv = [{main!r}]
import lab
from lab.runtime import startup
startup.begin()

class Deaf:
    def __del__(self):  # what is raised here goes no further
        {raises}

try:
    Deaf()
    time.sleep({seconds})
except KeyboardInterrupt:
    print("caught")
"""


def said(raises: str, seconds: int) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(main=str(ROOT / "lab" / "__main__.py"), raises=raises, seconds=seconds)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_ctrl_c_where_python_drops_it_is_raised_again() -> None:
    done = said("signal.raise_signal(signal.SIGINT)", 20)
    assert (done.stdout, done.stderr) == ("caught\n", "")


def test_another_exception_there_is_shown_as_ever() -> None:
    done = said("1 / 0", 0)
    assert "ZeroDivisionError" in done.stderr
