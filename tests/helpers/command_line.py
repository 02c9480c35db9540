"""Commands of ``lab``, run in this process or in their own, as people and scripts meet them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from helpers.places import ROOT
from lab.cli import main


class Done(NamedTuple):
    """What a command printed, and its exit status."""

    status: Any
    out: str
    err: str


Command = Callable[..., Done]


def command_in_this_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Return a function that runs a command; an exception that gets out is a user's traceback."""

    def lab(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["lab", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Done(ended.value.code, out, err)

    return lab


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, in the repository's folder."""
    command = [sys.executable, "-m", "lab", *arguments]
    return subprocess.run(
        command, **{"capture_output": True, "text": True, "timeout": 60, "cwd": ROOT} | options
    )


def is_one_sentence(err: str) -> bool:
    """Return whether stderr is one line of the lab's, and no traceback."""
    return err.startswith("lab: ") and err.count("\n") == 1 and "Traceback" not in err
