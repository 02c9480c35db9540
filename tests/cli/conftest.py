"""What the tests of the command line share."""

from __future__ import annotations

import pytest
from helpers.command_line import Command, command_in_this_process


@pytest.fixture
def lab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return a function that runs a command in this process."""
    return command_in_this_process(capsys, monkeypatch)
