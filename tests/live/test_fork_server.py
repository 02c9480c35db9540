"""The processes of Python's own that start ours may be killed too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from helpers.small_topologies import ANN_TO_BOB, TWO_HOSTS

from lab.runtime.spawn import start

CRASHING = (
    TWO_HOSTS
    + ANN_TO_BOB
    + ANN_TO_BOB
    + """
at = "3 s"
[[fault]]
kind = "crash"
host = "TWO.ARPA"
at = "1 s"
for = "1 s"
[retry]
first = "1 s"
"""
)


def children_of(pid: int, name: str) -> Iterator[int]:
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and name in (place / "cmdline").read_text():
                yield int(place.name)
        except OSError:
            continue


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_fork_server_and_resource_tracker_may_be_killed(tmp_path: Path) -> None:
    """As soon as they begin, and again when a host that crashed is to be started once more."""
    (tmp_path / "two.toml").write_text(CRASHING)
    command = [sys.executable, "-m", "lab", "live", str(tmp_path / "two.toml"), "--json"]
    killed = {"forkserver": 0, "resource_tracker": 0}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        last = dict.fromkeys(killed, 0.0)
        until = time.monotonic() + 180
        while run.poll() is None and time.monotonic() < until:
            for name, count in killed.items():
                if count < 3 and time.monotonic() - last[name] > 0.5:
                    for pid in children_of(run.pid, name):
                        os.kill(pid, signal.SIGKILL)
                        killed[name], last[name] = count + 1, time.monotonic()
            time.sleep(0.01)
        run.kill()
        out, err = run.communicate()
    summary = json.loads(out)
    assert (summary["delivered"], summary["failures"]) == (2, [])
    assert killed["forkserver"] >= 1
    assert killed["resource_tracker"] >= 1
    assert "resource" not in err


class Refused(BaseProcess):
    """A process that can be started the third time."""

    tries = 0

    def start(self) -> None:
        Refused.tries += 1
        if Refused.tries < 3:
            raise EOFError


def test_a_process_that_cannot_be_started_is_tried_again_but_not_for_ever() -> None:
    Refused.tries = 0
    assert isinstance(start(Refused), Refused)
    assert Refused.tries == 3
    Refused.tries = -10
    with pytest.raises(OSError, match=r"^Python's fork server ends again and again$"):
        start(Refused)


A_CHILD_WITH_ONE = """
import multiprocessing, os, time
from multiprocessing import util
from lab.runtime.spawn import start

def start_one():
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["lab.runtime.fork_server"])
    start(lambda: processes.Process(target=os.getpid)).join()

if __name__ == "__main__":
    folder = util.get_temp_dir()
    child = multiprocessing.get_context("spawn").Process(target=start_one)
    child.start()
    child.join()
    for _ in range(25):  # its fork server ends
        time.sleep(0.1 * os.path.isdir(folder))
    start_one()
    print(os.path.isdir(folder))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork server")
def test_the_fork_server_of_a_child_leaves_the_folder_of_its_parent(tmp_path: Path) -> None:
    """``multiprocessing`` gives both the same folder; the parent goes on starting processes."""
    script = tmp_path / "parent.py"
    script.write_text(A_CHILD_WITH_ONE)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "True\n", done.stderr
