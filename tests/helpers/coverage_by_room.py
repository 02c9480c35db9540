"""Branch coverage of the inner rooms: ``python -m tests.helpers.coverage_by_room [ROOM...]``.

Runs the tests of those rooms as plain Python, since compiled modules cannot be traced. Prints for
each room what share of its statements and branches ran, and which lines did not. The exit status
is 1 if a test fails or a room is below what it must reach.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from coverage import Coverage

ROOT: Final = Path(__file__).resolve().parents[2]

WANTED: Final = {
    "protocol": 100,
    "hosts": 100,
    "analysis": 95,
    "topology": 95,
    "network": 95,
    "simulation": 95,
}
"""The rooms, and how many percent of their statements and branches the tests must run."""

_PARTS: Final = "tests/simulation/test_partitioned.py"
UNMEASURED: Final = (
    # all that they run is in processes of their own, which are not seen
    "tests/topology/test_one_declaration.py",
    f"{_PARTS}::test_processes_make_the_run_that_one_would",
    # their map is not everywhere, and they take minutes while each line is traced
    f"{_PARTS}::test_the_uucp_map_of_1988_runs_the_same_in_parts",
    "tests/simulation/test_planning.py::test_on_the_uucp_map_parts_have_as_much_work_of_mail_that_was_"
    "not_looked_at",
    "tests/topology/test_graphs.py::test_mail_crosses_the_uucp_map_by_source_routes_of_least_cost",
)
"""Tests that are left out: they show nothing of the rooms that others do not."""


def run_tests(rooms: list[str], data: Path) -> int:
    """Run the tests of rooms, keep in a file what they ran, and return the status of pytest."""
    command = [
        sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile",
        *(f"tests/{room}" for room in rooms), *(f"--deselect={test}" for test in UNMEASURED),
        *(f"--cov=lab/{room}" for room in rooms), "--cov-branch", "--cov-report=",
    ]  # fmt: skip
    environ = os.environ | {"SMTP_LAB_PURE": "1", "COVERAGE_FILE": str(data)}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def report(rooms: list[str], data: Path) -> list[str]:
    """Print the figures of rooms, with the lines that did not run; return the rooms below."""
    coverage = Coverage(data_file=data, config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    below = []
    for room in rooms:
        lines = io.StringIO()
        percent = coverage.report(
            include=[f"*/lab/{room}/*"], file=lines, show_missing=True, skip_covered=True
        )
        print(f"{room:12} {percent:6.2f} %   (at least {WANTED[room]})")
        if percent < 100:
            print(*lines.getvalue().splitlines()[2:-4], sep="\n", end="\n\n")
        if percent < WANTED[room]:
            below.append(room)
    return below


def main(rooms: list[str]) -> int:
    """Measure rooms, all of them unless some are named, and return an exit status."""
    rooms = rooms or [*WANTED]
    if unknown := set(rooms) - set(WANTED):
        print(f"{', '.join(unknown)}: not measured; the rooms are {', '.join(WANTED)}")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "coverage"
        failed = run_tests(rooms, data)
        below = report(rooms, data)
    if below:
        print(f"too little of {', '.join(below)} is run by the tests of these rooms")
    return 1 if failed or below else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
