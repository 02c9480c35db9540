"""Folders of the suite's own for what the lab and others keep about a user, in processes too.

Nothing that a killed run or another session has left there can be in the way of a test, and no test
leaves anything in the user's home.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator

import pytest
from helpers import longest_first, turns
from hypothesis import settings

# jsonschema would compile forty grammars of it when it is imported, which takes two seconds
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

# a shell's background jobs begin with Ctrl-C ignored, and so would all processes that they start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# how long an example takes says how busy the machine is; others are drawn each time
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.register_profile("any machine", deadline=None, max_examples=50)
settings.load_profile("any machine")

FOLDERS = {
    "XDG_STATE_HOME": "state",  # of the lab: what live runs keep while they go on
    "IPYTHONDIR": "ipython",  # a history, which two kernels at a time would have to lock
    "JUPYTER_CONFIG_DIR": "jupyter/config",
    "JUPYTER_DATA_DIR": "jupyter/data",
    "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
}


def pytest_configure(config: pytest.Config) -> None:
    """Make the folders, for this process and those that it starts; remove them at the end."""
    folder = tempfile.TemporaryDirectory(prefix="smtp-lab-tests-", ignore_cleanup_errors=True)
    patch = pytest.MonkeyPatch()
    for variable, name in FOLDERS.items():
        patch.setenv(variable, os.path.join(folder.name, name))
    config.add_cleanup(folder.cleanup)
    config.add_cleanup(patch.undo)
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False  # it would put first what has most tests


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests whose turn is another day; for pytest-xdist, put the longest files first."""
    turns.skip_others(items)
    if hasattr(config, "workerinput"):
        longest_first.sort(items)


@pytest.fixture(autouse=True)
def figures_are_closed() -> Iterator[None]:
    """Close what a test has drawn: matplotlib keeps figures, and warns from the 21st on."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
