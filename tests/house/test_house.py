"""The floors of the house: imports only point down, and the protocol knows no driver."""

from __future__ import annotations

import ast
import doctest
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.places import ROOT

LAB = ROOT / "lab"
MODULES = sorted(LAB.rglob("*.py"))

FLOORS = [  # from the ground up; a room is a module or a package of lab/
    {"quantities", "runtime", "trace"},
    {"protocol"},
    {"analysis", "hosts", "rfc"},
    {"topology", "network"},
    {"simulation", "live"},
    {"views"},
    {"api"},
    {"experiments", "stepping", "lessons", "benchmarks"},
    {"cli", "__init__", "__main__"},
]
UPWARD = {  # imports that point up, each with its reason
    ("trace/trace", "lab.analysis"): "users ask a trace for its tables; imported when they do",
}
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
DRIVERS = {"simpy", "asyncio", "time", "random", "socket"}


def room_of(module: str) -> str:
    """The room of a module that is named in full; "lab" alone is its own face, at the top."""
    return module.split(".")[1] if "." in module else "__init__"


def imports(path: Path) -> Iterator[str]:
    """What a file imports, anywhere in it, named in full; imports for type checkers left out."""
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports name their module in full"
            lab = node.module == "lab"
            yield from (f"lab.{a.name}" for a in node.names) if lab else [node.module or ""]
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            nodes.extend(ast.iter_child_nodes(node))


def name_of(path: Path) -> str:
    return path.relative_to(LAB).with_suffix("").as_posix()


def upward(path: Path) -> set[str]:
    """Return what a file imports from a higher floor than its own."""
    room = name_of(path).split("/")[0]
    assert room in FLOOR_OF, f"{room} has no floor yet"
    return {
        module
        for module in imports(path)
        if module.startswith("lab.") and FLOOR_OF[room_of(module)] > FLOOR_OF[room]
    }


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_only_point_down(path: Path) -> None:
    """A room imports from its own floor and from those below."""
    assert {module for module in upward(path) if (name_of(path), module) not in UPWARD} == set()


def test_each_import_that_may_point_up_is_still_there() -> None:
    assert set(UPWARD) == {(name_of(path), module) for path in MODULES for module in upward(path)}


@pytest.mark.parametrize("path", sorted((LAB / "protocol").glob("*.py")), ids=name_of)
@pytest.mark.rule("1-2")
def test_the_protocol_knows_no_clock_no_chance_and_no_socket(path: Path) -> None:
    assert not DRIVERS & {module.split(".")[0] for module in imports(path)}


def test_simpy_begins_with_the_network() -> None:
    """No host asks for the time, and no view, no account holds a clock."""
    rooms = {name_of(path).split("/")[0] for path in MODULES if "simpy" in set(imports(path))}
    assert {FLOOR_OF[room] for room in rooms - {"benchmarks"}} <= {3, 4}


@pytest.mark.parametrize("path", [path for path in MODULES if path.stem != "__main__"], ids=name_of)
def test_an_example_in_a_docstring_does_what_it_shows(path: Path) -> None:
    name = ".".join(["lab", *path.relative_to(LAB).with_suffix("").parts])
    module = importlib.import_module(name.removesuffix(".__init__"))
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
    assert loaded(program, "matplotlib", "pandas", "networkx", "simpy") == {"simpy"}
