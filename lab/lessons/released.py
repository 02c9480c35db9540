"""A notebook as students get it: without solutions, hidden checks, outputs, and right answers.

In a cell with a check, the check becomes ``lessons.hand_in(NAME, answer)``, which says whether
there is an answer and that the teacher judges it. Of the other statements in that cell, those stay
that later cells need.
"""

from __future__ import annotations

import ast
from typing import Any

from lab.lessons.clean import clean
from lab.lessons.tasks import (
    bound,
    calls,
    check_name,
    exercises_made,
    has_tag,
    is_exercise,
    parsed,
    text_of,
)

PUBLIC = ("hints", "points", "text", "network", "observed")
"""The arguments of ``lessons.exercise`` that students may see."""


def released(notebook: dict[str, Any], replaced: dict[str, dict[str, Any]] | None = None) -> Any:
    """Return a notebook as students get it.

    ``replaced`` has, for the exercises of ``lessons.exercise``, arguments in place of the
    teacher's: the files with a student's own network.
    """
    whole = clean(notebook)
    kept = [cell for cell in whole["cells"] if not has_tag(cell, "solution")]
    kept = [cell for cell in kept if not has_tag(cell, "hidden")]
    made: dict[str, str] = {}
    for cell in kept:
        tree = parsed(text_of(cell)) if cell["cell_type"] == "code" else None
        made |= exercises_made(tree) if tree is not None else {}
    needed: set[str] = set()
    cells = []
    for cell in reversed(kept):
        if cell["cell_type"] == "code":
            source = _released_code(text_of(cell), made, needed, replaced or {})
            cell = {**cell, "source": source.splitlines(keepends=True)}
            tree = parsed(source)
            needed |= loaded(tree) if tree is not None else set()
        cells.append(cell)
    return {**whole, "cells": cells[::-1]}


def _released_code(
    source: str, made: dict[str, str], needed: set[str], replaced: dict[str, dict[str, Any]]
) -> str:
    tree = parsed(source)
    if tree is None:
        return source
    has_check = any(check_name(call, made) is not None for call in calls(tree))
    has_exercise = any(is_exercise(call) for call in calls(tree))
    if not has_check and not has_exercise:
        return source
    if has_exercise:
        _Exercises(replaced).visit(tree)
    if has_check:
        tree = _Handing(made).visit(tree)
        tree.body = _live(tree.body, needed)
    return ast.unparse(ast.fix_missing_locations(tree))


class _Handing(ast.NodeTransformer):
    """Puts ``lessons.hand_in`` in the place of checks."""

    def __init__(self, made: dict[str, str]) -> None:
        self.made = made

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = check_name(node, self.made)
        if name is None:
            return self.generic_visit(node)
        is_lessons = not (isinstance(node.func, ast.Attribute)
                          and isinstance(node.func.value, ast.Name)
                          and node.func.value.id in self.made)  # fmt: skip
        answers = node.args[1:2] if is_lessons else node.args[:1]
        answers = answers or [k.value for k in node.keywords if k.arg == "answer"]
        function = ast.Attribute(ast.Name("lessons", ast.Load()), "hand_in", ast.Load())
        return ast.Call(function, [ast.Constant(name), *answers], [])


class _Exercises(ast.NodeTransformer):
    """Leaves the public arguments of ``lessons.exercise`` alone."""

    def __init__(self, replaced: dict[str, dict[str, Any]]) -> None:
        self.replaced = replaced

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not is_exercise(node) or not node.args or not isinstance(node.args[0], ast.Constant):
            return self.generic_visit(node)
        new = self.replaced.get(str(node.args[0].value), {})
        kept = [k for k in node.keywords if k.arg in PUBLIC and k.arg not in new]
        kept += [ast.keyword(name, ast.Constant(value)) for name, value in new.items()]
        return ast.Call(node.func, node.args[:1], kept)


def _live(body: list[ast.stmt], needed: set[str]) -> list[ast.stmt]:
    """Return the statements of a cell with a check that hand in, or that later cells need."""
    own = {name for node in body for name in bound(node)}
    wanted = set(needed)
    for node in body:
        wanted |= _answers(node)
    while True:
        kept = [node for node in body if _is_wanted(node, own, wanted)]
        loaded_names = {name for node in kept if bound(node) for name in loaded(node)} & own
        if loaded_names <= wanted:
            return kept
        wanted |= loaded_names


def _answers(node: ast.stmt) -> set[str]:
    """Return the names in the answers that a statement hands in."""
    handing = [call for call in calls(node) if _hands_in(call)]
    return {name for call in handing for each in call.args[1:] for name in loaded(each)}


def _hands_in(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "hand_in"


def _is_wanted(node: ast.stmt, own: set[str], wanted: set[str]) -> bool:
    if any(_hands_in(call) for call in calls(node)):
        return True
    if isinstance(node, (ast.Import, ast.ImportFrom)):  # an answer may use what it imports
        return True
    names = bound(node)
    if names:
        return bool(names & wanted)
    return loaded(node) & own <= wanted


def loaded(tree: ast.AST) -> set[str]:
    """Return the names that are read somewhere in a tree."""
    return {each.id for each in ast.walk(tree)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}  # fmt: skip
