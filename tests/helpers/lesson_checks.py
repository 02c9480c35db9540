"""The checks of a lesson without a kernel: its cells are run here, as far as its checks need them.

Of a lesson with its solutions, only the cells are run that define what a check or an answer uses.
Each check is kept with what it asks for, and then tried with any answer at once.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import linecache
import re
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

from lab import lessons

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
GAP = re.compile(r"^(\w[\w, ]*) = .*\.\.\..*$", re.MULTILINE)


@dataclass
class Checks:
    """The checks of a lesson, by name, ready to be tried."""

    names: dict[str, Any] = field(default_factory=dict)
    rights: dict[str, tuple[object, str]] = field(default_factory=dict)
    answers: dict[str, CodeType] = field(default_factory=dict)
    gaps: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)

    def tried(self, check: str, source: str) -> lessons.Result:
        """The result of a check for an answer, which is a piece of Python."""
        names = dict(self.names)
        file = f"<{check}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        right, hint = self.rights[check]
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, file, "exec"), names)
            answer = eval(self.answers[check], names)
            return lessons.check(check, answer, right, hint=hint)


def checks_of(path: Path) -> Checks:
    """Run a lesson with its solutions as far as its checks need it."""
    cells = solved(json.loads(path.read_text(encoding="utf-8"))["cells"])
    made = Checks()
    genuine = lessons.check

    def noted(name: str, answer: object, right: object, *, hint: str = "") -> lessons.Result:
        made.rights[name] = (right, hint)
        result = genuine(name, answer, right, hint=hint)
        made.states[name] = result.state if result.state == "passed" else repr(result)
        return result

    gap = ""
    lessons.check = noted
    try:
        for source, own_gap in needed(cells):
            gap = own_gap or gap
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(source, f"{path.name}", "exec"), made.names)
            for node in ast.walk(ast.parse(source)):
                if is_check(node):
                    name = ast.literal_eval(node.args[0])
                    made.gaps[name] = gap
                    expression = ast.fix_missing_locations(ast.Expression(node.args[1]))
                    made.answers[name] = compile(expression, "answer", "eval")
    finally:
        lessons.check = genuine
    return made


def is_check(node: ast.AST) -> Any:
    """Whether a node is a call of ``lessons.check``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "check"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "lessons"
    )


def solved(cells: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The code cells with the solutions in them, each with its gap's name, or ""."""
    solutions = iter(
        match[1]
        for cell in cells
        if "solution" in cell["metadata"].get("tags", ())
        for match in [BLOCK.search("".join(cell["source"]))]
        if match
    )
    found = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and "exercise" in cell["metadata"].get("tags", ()):
            gap = GAP.search(source)
            assert gap is not None
            found.append((next(solutions), gap[1]))
        elif cell["cell_type"] == "code":
            found.append((source, ""))
    return found


def needed(cells: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The cells with checks and answers, and those that define what they use."""
    wanted: set[str] = set()
    kept = []
    for source, gap in reversed(cells):
        table = symtable.symtable(source, "cell", "exec")
        defines = {name.get_name() for name in table.get_symbols() if name.is_assigned()}
        defines |= {name.get_name() for name in table.get_symbols() if name.is_imported()}
        if gap or any(map(is_check, ast.walk(ast.parse(source)))) or defines & wanted:
            kept.append((source, gap))
            wanted |= {
                name.get_name()
                for scope in scopes(table)
                for name in scope.get_symbols()
                if name.is_referenced() and (scope is table or name.is_global())
            }
    return kept[::-1]


def scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    """The scope of a cell, and those of the functions in it."""
    yield table
    for inner in table.get_children():
        yield from scopes(inner)
