"""The exercises of a notebook as grading knows them: which answers, which check, how many points.

An exercise is one or more cells with the tag "exercise", each with a gap (``name = ...``), and the
next cell with a check: ``lessons.check(NAME, answer, right)``, or the ``check`` of an exercise that
``lessons.exercise(NAME, ...)`` makes. NAME is what it is called everywhere. A check is given plain
data only: numbers, texts, lists, dictionaries, topologies, and functions, which run elsewhere and
whose arguments and results are data too. A cell with the tag "hidden" has checks that students do
not get.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

_CHECK: Final = re.compile(r"lessons\.check\(\s*\"([^\"]+)\"")


@dataclass
class Task:
    """An exercise: the numbers of the cells where it starts and ends, and the names it asks for."""

    name: str
    start: int
    check: int
    names: list[str] = field(default_factory=list)
    points: float = 1.0
    is_hidden: bool = False
    hints: list[str] = field(default_factory=list)


def text_of(cell: dict[str, Any]) -> str:
    """Return the text of a cell."""
    return "".join(cell["source"])


def has_tag(cell: dict[str, Any], tag: str) -> bool:
    """Return whether a cell has a tag."""
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return isinstance(tags, list) and tag in tags


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cells of code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def tasks(notebook: dict[str, Any]) -> list[Task]:
    """Return the exercises of a notebook in order; their numbers are those of the code cells."""
    cells = code_cells(notebook)
    points = notebook["metadata"].get("lab", {}).get("points", {})
    made: dict[str, str] = {}
    worth: dict[str, float] = {}
    hints: dict[str, list[str]] = {}
    task_of: dict[str, Task] = {}
    start, names = -1, list[str]()
    for number, cell in enumerate(cells):
        tree = parsed(text_of(cell))
        made |= {} if tree is None else exercises_made(tree)
        worth |= {} if tree is None else _points_of(tree)
        hints |= {} if tree is None else _hints_of(tree)
        if has_tag(cell, "exercise"):
            start = number if start < 0 else start
            names += [name for name in gaps(text_of(cell)) if name not in names]
            continue
        checks = checks_in(text_of(cell), made)
        for name in checks:
            worth_of = float(points.get(name, worth.get(name, 1.0)))
            task_of.setdefault(name, Task(
                name, start if start >= 0 else number, number, list(names), worth_of,
                has_tag(cell, "hidden"), [*_hints(tree, name), *hints.get(name, [])],
            ))  # fmt: skip
        if checks:
            start, names = -1, []
    return list(task_of.values())


def parsed(source: str) -> ast.Module | None:
    """Return the syntax tree of a cell; None if it is not plain Python."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def checks_in(source: str, made: dict[str, str]) -> list[str]:
    """Return the names of the checks in a cell. ``made`` are exercises by their variables."""
    tree = parsed(source)
    if tree is None:
        return _CHECK.findall(source)
    return [name for call in calls(tree) if (name := check_name(call, made)) is not None]


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls in a tree, in the order of the text."""
    in_tree = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    yield from sorted(in_tree, key=lambda call: getattr(call, "lineno", 0))


def check_name(call: ast.Call, made: dict[str, str]) -> str | None:
    """Return the name of the check that a call makes; None if it makes none."""
    function = call.func
    if not (isinstance(function, ast.Attribute) and function.attr == "check"):
        return None
    if isinstance(function.value, ast.Name) and function.value.id in made:
        return made[function.value.id]
    return _first_text(call) if ast.unparse(function.value).endswith("lessons") else None


def _first_text(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return first.value if is_text else None  # type: ignore[union-attr]


def is_exercise(call: ast.Call) -> bool:
    """Return whether a call is that of ``lessons.exercise``."""
    function = call.func
    return isinstance(function, ast.Attribute) and function.attr == "exercise" and (
        ast.unparse(function.value).endswith("lessons")
    )  # fmt: skip


def exercises_made(tree: ast.Module) -> dict[str, str]:
    """Return the names of the exercises that a cell makes, by the variables that hold them."""
    made = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            name = _first_text(node.value) if is_exercise(node.value) else None
            for target in node.targets:
                if isinstance(target, ast.Name) and name is not None:
                    made[target.id] = name
    return made


def _points_of(tree: ast.Module) -> dict[str, float]:
    points = {}
    for call in calls(tree):
        name = _first_text(call) if is_exercise(call) else None
        for keyword in call.keywords if name is not None else ():
            if keyword.arg == "points" and isinstance(keyword.value, ast.Constant):
                points[str(name)] = float(keyword.value.value)  # type: ignore[arg-type]
    return points


def _hints_of(tree: ast.Module) -> dict[str, list[str]]:
    hints = {}
    for call in calls(tree):
        name = _first_text(call) if is_exercise(call) else None
        for keyword in call.keywords if name is not None else ():
            if keyword.arg == "hints" and isinstance(keyword.value, (ast.List, ast.Tuple)):
                texts = [
                    each.value for each in keyword.value.elts if isinstance(each, ast.Constant)
                ]
                hints[str(name)] = [text for text in texts if isinstance(text, str)]
    return hints


def _hints(tree: ast.Module | None, name: str) -> list[str]:
    """Return the constant hint of a check."""
    for call in calls(tree) if tree is not None else ():
        if check_name(call, {}) == name:
            options = {keyword.arg: keyword.value for keyword in call.keywords}
            hint = options.get("hint")
            return [str(hint.value)] if isinstance(hint, ast.Constant) else []
    return []


def gaps(source: str) -> list[str]:
    """Return the names to which a cell with a gap assigns ``...``, or a value with it in it."""
    tree = parsed(source)
    names = []
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.Assign) and _has_dots(node.value):
            for target in node.targets:
                names += [each.id for each in ast.walk(target) if isinstance(each, ast.Name)]
    return names


def _has_dots(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Constant) and each.value is ... for each in ast.walk(node))


def assigned(source: str) -> set[str]:
    """Return the names that a cell assigns to or defines at its top."""
    tree = parsed(source)
    if tree is None:
        return set(re.findall(r"^(\w+) *=[^=]", source, re.MULTILINE))
    return {name for node in tree.body for name in bound(node)}


def bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement binds."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(each.asname or each.name).partition(".")[0] for each in node.names}
    return {each.id for each in ast.walk(node)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}  # fmt: skip
