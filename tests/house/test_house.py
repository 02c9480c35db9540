"""The rules of the house, held against the sources: rooms, circles, forbidden modules, privacy.

`helpers/rooms.py` has the rooms, `helpers/house_rules.py` the rules. What breaks a rule today
stands in a list below with its reason; a test fails when an entry is no longer needed.
`test_mutations.py` proves that each rule catches what it should.
"""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import rooms
from helpers.house_rules import (
    Edge,
    circles,
    computed_imports,
    edges,
    forbidden,
    module_of,
    not_allowed,
    overrides,
    read_house,
    room_of,
    touched,
)
from helpers.places import ROOT
from helpers.rooms import ROOMS, forbidden_to

LAB = ROOT / "lab"
HOUSE = read_house(ROOT)
MODULES = [path for path in sorted(LAB.rglob("*.py")) if path.stem != "__main__"]

# imports that no allow-list names, each with its reason: none at present
UPWARD: dict[Edge, str] = {}

# imports that close a circle of files within a room, each with its reason: none at present
CIRCULAR: dict[Edge, str] = {}

COMPUTED = {  # files that import what only the running program names, each with its reason
    "__init__": "the public names, imported when they are asked for; all stand in its tables",
    "cli/__init__": "the commands, imported when they are asked for; all stand in its table",
    "runtime/extras": "packages of others, by the name under which they are asked for",
    "views/__init__": "the views, imported when they are asked for; all stand in its table",
    "runtime/old_names": "old names, looked up when they are asked for; all stand in its tables",
    "runtime/compiled": "takes a compiled module in place of the source of the same name",
    "lessons/sandbox/as_data": "classes of the lab that only hold data, by their names",
    "rfc/__init__": "looks up the code that a rule of rules.toml names, for `lab rfc`",
}

SIMPY = "SimPy's queue of events, and its clock: the order of one instant is ours"
DOCUMENTED = "documented by Python, in spite of its name"

TOUCHED = {  # private names of others, each with its reason
    "api/continuing": ("os._exit", DOCUMENTED),
    "lessons/sandbox/confine": ("os._exit", DOCUMENTED),
    "lessons/sandbox/judge": ("os._exit", DOCUMENTED),
    "lessons/sandbox/shell": ("os._exit", DOCUMENTED),
    "lessons/sandbox/student": ("os._exit", DOCUMENTED),
    "live/host_main": ("os._exit", DOCUMENTED),
    "live/host_process": ("os._exit", DOCUMENTED),
    "runtime/startup": (
        "import _signal, import _thread, os._exit",
        "to import signal takes milliseconds; " + DOCUMENTED,
    ),
    "topology/old_keys": ("sys._getframe", DOCUMENTED),
    "network/clock": ("self._queue, vars(Clock)['_now']", SIMPY),
    "network/events": ("clock._queue, clock._now, event._ok, event._value", SIMPY),
    "simulation/partitioned/event_order": ("clock._queue, clock._now", SIMPY),
}  # fmt: skip

# by file: classes that define private names of another room's class anew, these names, the reason
OVERRIDDEN: dict[str, tuple[str, str, str]] = {}


def shown(found: dict[Edge, int]) -> set[str]:
    return {f"lab/{edge.file}.py:{line} imports {edge.target}" for edge, line in found.items()}


# -- rooms ----------------------------------------------------------------------------------------


def test_every_file_is_in_a_room_and_every_room_has_files() -> None:
    at_home = {room_of(path.removeprefix("lab/").removesuffix(".py")) for path in HOUSE}
    assert at_home == set(ROOMS)


def test_the_root_holds_only_what_belongs_to_no_room() -> None:
    assert {path.name for path in LAB.glob("*.py")} == {
        "__init__.py", "__main__.py", "quantities.py",
    }  # fmt: skip


@pytest.mark.parametrize("name", ROOMS)
def test_allow_lists_only_point_down(name: str) -> None:
    """To lower floors; and within a floor, to rooms further up in the table."""
    below = [*ROOMS][: [*ROOMS].index(name)]
    for other in ROOMS[name].may_import.split():
        assert other in below
        assert ROOMS[other].floor <= ROOMS[name].floor


def test_a_file_imports_only_from_rooms_that_its_room_may_import() -> None:
    """Anywhere in it, however it is spelled; for type checkers too."""
    found = not_allowed(HOUSE)
    assert shown({edge: line for edge, line in found.items() if edge not in UPWARD}) == set()


def test_each_import_that_may_point_up_is_still_there() -> None:
    assert set(UPWARD) - set(not_allowed(HOUSE)) == set(), "take these out of UPWARD"


def test_the_drawing_of_the_rooms_is_made_from_the_table() -> None:
    """`python -m tests.helpers.rooms` writes it again."""
    readme = rooms.README.read_text(encoding="utf-8")
    assert readme == rooms.completed(readme)
    assert "simulation/partitioned" in readme


# -- circles --------------------------------------------------------------------------------------


def test_no_files_import_each_other_in_a_circle() -> None:
    left = set(edges(HOUSE)) - set(UPWARD) - set(CIRCULAR)
    assert circles(left) == []


def test_each_import_that_may_close_a_circle_still_does() -> None:
    for edge in CIRCULAR:
        assert edge in edges(HOUSE), f"take {edge} out of CIRCULAR"
        kept = set(edges(HOUSE)) - set(UPWARD) - set(CIRCULAR) | {edge}
        assert circles(kept) != [], f"take {edge} out of CIRCULAR"


def test_only_a_few_files_import_what_the_running_program_names() -> None:
    assert {found.file for found in computed_imports(HOUSE)} == set(COMPUTED)


# -- what a room must not know --------------------------------------------------------------------


@pytest.mark.rule("1-2")
def test_no_file_imports_what_its_room_forbids() -> None:
    """No engine and no host asks for the time, a random number or a socket; no view a run."""
    assert forbidden(HOUSE) == []


def test_a_room_with_hosts_of_its_own_is_one_of_the_drivers() -> None:
    """It has a port for them: a class derived from HostPort."""
    found = {
        path.split("/")[1]
        for path, source in HOUSE.items()
        if re.search(r"^class \w+\(.*\bHostPort\b", source, re.M)
    }
    assert found == {room for room in ROOMS if ROOMS[room].drives}


def loads(room: str, root: Path) -> set[str]:
    """Return which modules that a room forbids are loaded once all of its own are.

    Without those that Python itself needs to start, and the clock that datetime's dates bring.
    """
    modules = [
        module_of(path)
        for path in read_house(root)
        if room_of(path.removeprefix("lab/").removesuffix(".py")) == room
    ]
    program = (
        "import datetime, importlib, sys\n"
        f"forbids = {forbidden_to(room)!r}\n"
        "for name in forbids: sys.modules.pop(name, None)\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(*[name for name in forbids if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env={"PYTHONPATH": str(root)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.parametrize("room", [name for name in ROOMS if ROOMS[name].forbids])
def test_a_room_loads_nothing_that_it_forbids(room: str) -> None:
    """Nor does any module of it, or of a library, on its behalf."""
    assert loads(room, ROOT) == set()


# -- private names --------------------------------------------------------------------------------


def test_no_file_touches_private_names_of_others() -> None:
    allowed = {(file, name) for file, (names, _) in TOUCHED.items() for name in names.split(", ")}
    found = touched(HOUSE)
    assert [each for each in found if (each.file, each.name) not in allowed] == []
    assert allowed - {(item.file, item.name) for item in found} == set(), (
        "take these out of TOUCHED"
    )


def test_no_class_overrides_private_names_of_another_room() -> None:
    allowed = {
        (file, name)
        for file, (classes, names, _) in OVERRIDDEN.items()
        for name in (*classes.split(), *names.split())
    }
    found = set()
    for each in overrides(HOUSE):
        owner, _, name = each.name.split(" over ")[0].partition(".")
        found |= {(each.file, owner), (each.file, name)}
    assert found - allowed == set()
    assert allowed - found == set(), "take these out of OVERRIDDEN"


# -- examples, and what is not loaded -------------------------------------------------------------


def name_of(path: Path) -> str:
    return path.relative_to(LAB).with_suffix("").as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_an_example_in_a_docstring_does_what_it_shows(path: Path) -> None:
    module = importlib.import_module(module_of(path.relative_to(ROOT).as_posix()))
    assert doctest.testmod(module).failed == 0


def loaded(program: str, *among: str) -> set[str]:
    """Those of some modules that a program has imported when it ends."""
    code = (
        f"import sys\ntry:\n    {program}\nexcept SystemExit:\n    pass\n"
        f"print(*[name for name in {among!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=LAB.parent, check=True
    )
    return set(done.stderr.split())


def as_command(*arguments: str) -> str:
    return f"sys.argv[1:] = {list(arguments)!r}; from lab.cli import main; main()"


def test_help_waits_for_nothing_heavy() -> None:
    heavy = ("networkx", "matplotlib", "pandas", "numpy", "pydantic", "simpy", "rich")
    assert loaded(as_command("--help"), *heavy) == set()


def test_importing_the_lab_waits_for_nothing_heavy() -> None:
    assert loaded("import lab", "networkx", "matplotlib", "pandas", "pydantic", "simpy") == set()


def test_a_run_that_draws_nothing_waits_for_no_drawing() -> None:
    program = as_command("run", "topologies/rfc821/scenario-03.toml", "--transcript")
    heavy = ("matplotlib", "pandas", "networkx", "pydantic", "multiprocessing", "simpy")
    heavy += ("lab.topology.maps.opening",)
    assert loaded(program, *heavy) == {"simpy"}
