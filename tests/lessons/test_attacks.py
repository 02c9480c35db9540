"""Submissions that mean harm, or have had an accident, leave honest marks honest.

Each is a first lesson in which "Predict" and "Exercise 1" are answered rightly and something else
is done in between: the two are passed all the same, and nobody else's marks change. All are graded
together, once; each test looks at one of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.places import ROOT

from lab.lessons import course, grading
from lab.lessons.sandbox import box, confine

FIRST = ROOT / "notebooks/01-first-mail.ipynb"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="boxes are made on Linux and macOS")

PREDICT, EXERCISE = "prediction = 2", "go_on = 354"
FAKE = '{"kind": "judged", "results": {"Exercise 2": {"state": "passed", "credit": 1}}}'

OWN_CELLS: dict[str, str] = {
    "honest": "x = 1",
    "names": "prediction = code = 1\nrun = lessons = lab = None\nrange = print = len = None",
    "library": (
        "import lab\nfrom lab import lessons\nlab.simulate = lab.load = lambda *a, **k: 1 / 0\n"
        "lessons.check = lambda name, *a, **k: lessons.Result(name, 'passed', 'Right.')\n"
        "lessons.Result = lessons.results = lessons.topology = None"
    ),
    "prints": (
        "import builtins, os\nprint('LAB-RESULTS', '[true, {}]')\n"
        "builtins.print = lambda *a, **k: os.write(1, b'passed' * 9)\n"
        "print('judged passed Right.' * 100_000)"
    ),
    "threads": (
        "import threading, time\n"
        "def meddle():\n"
        "    while True:\n        globals()['code'] = 450\n        time.sleep(0.001)\n"
        "for _ in range(20):\n    threading.Thread(target=meddle, daemon=True).start()"
    ),
    "exit": "import os\nos._exit(3)",
    "sys exit": "import sys\nsys.exit(3)",
    "kills parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
    "kills all": (
        "import os, signal\n"
        "for pid in [p for p in map(int, filter(str.isdecimal, os.listdir('/proc'))) if p != 1]:\n"
        "    if pid != os.getpid():\n"
        "        try:\n            os.kill(pid, signal.SIGKILL)\n"
        "        except OSError:\n            pass\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    ),
    "memory": "data = bytearray(10_000_000_000)",
    "many small": "data = []\nwhile True:\n    data.append(bytearray(50_000_000))",
    "forks": (
        "import os, time\n"
        "while True:\n"
        "    try:\n        pid = os.fork()\n    except OSError:\n        break\n"
        "    if pid == 0:\n        time.sleep(1000)"
    ),
    "forked answer": "import os\nos.fork()\ncode = 250",
    "writes": (
        "from pathlib import Path\n"
        "for path in (WRITE_TO, '../topologies/rfc821/scenario-03.toml', '/etc/passwd',\n"
        "             LAB_FILE, '/usr/lib/own'):\n"
        "    try:\n        Path(path).write_text('spoiled')\n"
        "    except OSError:\n        pass"
    ),
    "large file": "with open('large', 'wb') as file:\n    for _ in range(200):\n"
    "        file.write(bytes(1_000_000))",
    "channel": (
        "import os, socket\n"
        f"for number in range(3, 64):\n    try:\n        os.write(number, b'{FAKE}\\n')\n"
        "    except OSError:\n        pass"
    ),
    "closes all": "import os\nos.closerange(3, 999)",
    "endless": "while True:\n    pass",
    "stubborn": "while True:\n    try:\n        while True:\n            pass\n"
    "    except BaseException:\n        pass",
}  # fmt: skip
"""What stands in the cell of "Break it", or in one that is added after it."""

TOGETHER = (
    ("prints", "library", "names"),
    ("exit", "sys exit", "kills parent"),
    ("forked answer", "writes", "large file", "channel", "closes all"),
)
"""Attacks that one submission makes, a cell each: to run a submission takes seconds."""


def paper(**answers: str) -> dict[str, Any]:
    """The first lesson with answers in some of its cells (``_`` for ``-`` in their ids)."""
    notebook = course.read(FIRST)
    answers = {"predict": PREDICT, "exercise_1_answer": EXERCISE, **answers}
    for cell in notebook["cells"]:
        if (new := answers.get(cell["id"].replace("-", "_"))) is not None:
            cell["source"] = [new]
    return notebook


def attacking(names: tuple[str, ...], replaced: dict[str, str]) -> dict[str, Any]:
    """The first lesson with attacks; ``replaced`` has places for the words in them."""
    sources = []
    for source in map(OWN_CELLS.__getitem__, names):
        for word, place in replaced.items():
            source = source.replace(word, repr(place))
        sources.append(source)
    notebook = paper(break_it=sources[0])
    place = [cell["id"] for cell in notebook["cells"]].index("break-it")
    own = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook["cells"][place + 1 : place + 1] = [
        {**own, "id": f"own-{number}", "source": [source]}
        for number, source in enumerate(sources[1:])
    ]
    return notebook


def ids(notebook: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {cell["id"]: cell for cell in notebook["cells"]}


def without_answers_checks() -> dict[str, Any]:
    """The checks are deleted, and so is half of the lesson."""
    notebook = paper()
    kept = ("title", "predict", "exercise-1-answer", "exercise-4-answer")
    return {**notebook, "cells": [cell for cell in notebook["cells"] if cell["id"] in kept]}


def backwards() -> dict[str, Any]:
    notebook = paper()
    return {**notebook, "cells": notebook["cells"][::-1]}


def without_ids() -> dict[str, Any]:
    notebook = paper()
    cells = [{k: v for k, v in cell.items() if k != "id"} for cell in notebook["cells"]]
    return {**notebook, "cells": [{**cell, "metadata": {}} for cell in cells]}


def with_doubled_cells() -> dict[str, Any]:
    """A cell was split or copied, as JupyterLab does it: two have one id."""
    notebook = paper()
    cells = []
    for cell in notebook["cells"]:
        if cell["id"] == "predict":
            cells.append({**cell, "source": ["# my answer"]})
        cells.append(cell)
    return {**notebook, "cells": cells}


def own_check() -> dict[str, Any]:
    """Every check says "passed"."""
    notebook = paper()
    for name, cell in ids(notebook).items():
        if name.endswith("check"):
            made = "lessons.Result('Break it', 'passed', '')"
            cell["source"] = [f"lessons.results['Break it'] = {made}"]
    return notebook


def equals_all() -> dict[str, Any]:
    any_ = "from unittest.mock import ANY\n{} = ANY"
    return paper(
        break_it=any_.format("code"),
        exercise_2_answer="class Same(list):\n    __eq__ = lambda *_: True\ncommands = Same()",
        exercise_3_answer=any_.format("to"),
        exercise_4_answer=any_.format("network"),
    )


CHANGED: dict[str, Callable[[], dict[str, Any]]] = {
    "deleted": without_answers_checks,
    "reordered": backwards,
    "lost ids": without_ids,
    "doubled": with_doubled_cells,
    "own checks": own_check,
    "equals all": equals_all,
}

BROKEN = {
    "not json": b"\xff\xfe{",
    "not a notebook": b"[1, 2, 3]",
    "deep": b'{"nbformat": 4, "cells": ' + b"[" * 100_000,
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, grading.Grade]:
    folder = tmp_path_factory.mktemp("class")
    outside = folder / "outside.txt"
    outside.write_text("as it was")
    papers = []

    def hand_in(name: str, content: bytes) -> None:
        papers.append(folder / f"01-first-mail {name}.ipynb")
        papers[-1].write_bytes(content)

    replaced = {"WRITE_TO": str(outside), "LAB_FILE": str(ROOT / "lab/__init__.py")}
    alone = [(name,) for name in OWN_CELLS if not any(name in names for names in TOGETHER)]
    for names in (*TOGETHER, *alone):
        hand_in(names[0], json.dumps(attacking(names, replaced)).encode())
    for name, made in CHANGED.items():
        hand_in(name, json.dumps(made()).encode())
    for name, content in BROKEN.items():
        hand_in(name, content)
    grades = grading.grade_all(papers, timeout=300, processes=3, cell_timeout=2)
    found = {Path(grade.name).stem.removeprefix("01-first-mail "): grade for grade in grades}
    found |= {name: found[names[0]] for names in TOGETHER for name in names}
    found["honest"].messages["outside"] = outside.read_text()
    return found


@pytest.mark.parametrize("name", [*OWN_CELLS, *CHANGED])
def test_honest_marks_stay_honest(name: str, graded: dict[str, grading.Grade]) -> None:
    """What was answered rightly before and after is passed; what was not is not."""
    states = graded[name].states
    assert states["Predict"] == "passed", graded[name]
    assert states["Exercise 1"] == "passed", graded[name]
    others = {check for check, state in states.items() if state == "passed"}
    assert others - {"Break it"} == {"Predict", "Exercise 1"}, graded[name]
    assert states["Break it"] != "passed", graded[name]


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_a_notebook_is_a_row_of_its_own(
    name: str, graded: dict[str, grading.Grade]
) -> None:
    assert "not a notebook" in graded[name].problem
    assert graded[name].passed == 0


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("exit", "its process died, or was killed, in the cell 'break-it'"),
        ("endless", "stopped after 2 s in the cell 'break-it'"),
        ("stubborn", "its process died, or was killed, in the cell 'break-it'"),
        ("memory", "the cell 'break-it' raised MemoryError"),
    ],
)
def test_the_teacher_reads_what_happened(
    name: str, problem: str, graded: dict[str, grading.Grade]
) -> None:
    assert problem in graded[name].problem


def test_nothing_outside_the_box_changes(graded: dict[str, grading.Grade]) -> None:
    """Where the system has boxes that keep files apart."""
    if box.kind() not in ("bubblewrap", "namespaces"):
        pytest.skip(f"here there are only {box.kind()}")
    assert graded["honest"].messages["outside"] == "as it was"
    assert "spoiled" not in (ROOT / "topologies/rfc821/scenario-03.toml").read_text()


def test_every_kind_of_box_is_described() -> None:
    assert set(box.IN_WORDS) == set(box.KINDS)
    assert box.kind() in box.KINDS


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
def test_bubblewrap_keeps_apart_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root is given namespaces instead, and others what their system allows."""
    monkeypatch.setattr(box, "kind", lambda: "bubblewrap")
    outside = tmp_path / "outside.txt"
    outside.write_text("as it was")
    papers = []
    replaced = {"WRITE_TO": str(outside), "LAB_FILE": "/etc/own"}
    for name in ("kills all", "writes"):
        papers.append(tmp_path / f"01-first-mail {name}.ipynb")
        papers[-1].write_text(json.dumps(attacking((name,), replaced)))
    for grade in grading.grade_all(papers, timeout=300, cell_timeout=10):
        passed = {name for name, state in grade.states.items() if state == "passed"}
        assert passed == {"Predict", "Exercise 1"}, grade
    assert outside.read_text() == "as it was"


LANDLOCK = """
import os, sys
from lab.lessons.sandbox.confine import NO_NEW_PRIVILEGES, keep_within, libc, must
must(libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")
try:
    keep_within([sys.argv[1]], ["/usr", sys.argv[2]], [f"{sys.argv[2]}/hidden"], [])
except OSError as error:
    sys.exit(f"none: {error}")


def refused(act):
    try:
        act()
    except PermissionError:
        return True
    return False


open(f"{sys.argv[1]}/own", "w").close()
open(f"{sys.argv[2]}/lesson").close()
os.kill(os.getpid(), 0)
acts = [
    lambda: os.kill(os.getppid(), 0),
    lambda: open(f"{sys.argv[2]}/lesson", "w"),
    lambda: open(f"{sys.argv[2]}/new", "w"),
    lambda: open(f"{sys.argv[2]}/hidden/solution"),
    lambda: open(sys.argv[3]),
    lambda: os.remove(sys.argv[3]),
    lambda: os.truncate(sys.argv[3], 0),
]
print([refused(act) for act in acts])
"""


def test_without_namespaces_and_root_landlock_keeps_files_and_processes(tmp_path: Path) -> None:
    """What a program of the same user may not do: signals, other files, hidden lessons."""
    for folder in ("own", "readable/hidden"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("readable/lesson", "readable/hidden/solution", "outside"):
        (tmp_path / file).write_text("as it was")
    done = subprocess.run(
        [sys.executable, "-c", LANDLOCK, *(tmp_path / n for n in ("own", "readable", "outside"))],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    if done.stderr.startswith("none: "):
        pytest.skip(done.stderr)
    assert done.stdout.strip() == str([True] * 7), done.stderr
    assert (tmp_path / "outside").read_text() == "as it was"


def test_the_limit_of_processes_is_above_those_that_a_user_has() -> None:
    """The system counts all of a user's: a desktop may have more than a box is allowed."""
    assert confine.room_for(5) > 5
