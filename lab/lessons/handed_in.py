"""Handed-in notebooks: their cells found again, and the order in which they are run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.lessons.tasks import Task, assigned, code_cells, gaps, has_tag, tasks, text_of


def valid_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the valid cells of a notebook, each with its text as one string."""
    cells = []
    for cell in notebook["cells"]:
        source = cell.get("source") if isinstance(cell, dict) else None
        lines = [source] if isinstance(source, str) else source
        if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            defaults: dict[str, Any] = {"metadata": {}, "outputs": [], "execution_count": None}
            kind = cell.get("cell_type", "raw")
            name = cell.get("id")
            own = {"id": name} if isinstance(name, str) else {"id": None}
            cells.append({**defaults, **cell, **own, "source": "".join(lines), "cell_type": kind})
    return cells


def recognised(cells: list[dict[str, Any]], original: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the handed-in cells, and give published cells that lost their ids these ids again.

    A published cell is recognised by its text, and an answer by the names to which it assigns.
    """
    ids = {cell.get("id") for cell in cells}
    lost = [cell for cell in original["cells"] if cell["id"] not in ids]
    published_ids = {cell["id"] for cell in original["cells"]}
    cells = list(cells)
    for cell in lost:
        for number, candidate in enumerate(cells):
            if candidate.get("id") not in published_ids and _is_copy(candidate, cell):
                cells[number] = {**candidate, "id": cell["id"]}
                break
    return cells


def _is_copy(candidate: dict[str, Any], published: dict[str, Any]) -> bool:
    if has_tag(published, "exercise"):
        names = set(gaps(text_of(published)))
        return candidate["cell_type"] == "code" and bool(names & assigned(text_of(candidate)))
    return text_of(published).split() == text_of(candidate).split()


def restored(handed_in: dict[str, Any], original: dict[str, Any]) -> dict[str, Any]:
    """Return a handed-in notebook with everything but its answers as published.

    A published cell that was removed is put back where it was. Cells that were added stay after the
    published cell that they followed; so does a second cell with the same id, if it differs.
    """
    answers, added = _sorted_out(handed_in, original)
    cells = list(added.pop(None, []))
    for cell in original["cells"]:
        own = answers.get(cell["id"]) if has_tag(cell, "exercise") else None
        cells += [{**cell, "source": own["source"]} if own else cell, *added.pop(cell["id"], [])]
    return {**original, "cells": cells}


def _sorted_out(
    handed_in: dict[str, Any], original: dict[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str | None, list[dict[str, Any]]]]:
    """Return the cells with ids of published ones, and the cells that were added after each."""
    cell_of: dict[str, dict[str, Any]] = {}
    added: dict[str | None, list[dict[str, Any]]] = {}
    published = {cell["id"]: cell for cell in original["cells"]}
    before: str | None = None
    for cell in recognised(valid_cells(handed_in), original):
        name = str(cell.get("id"))
        if name in published and name not in cell_of:
            before = name
            cell_of[name] = cell
        elif cell["cell_type"] == "code" and not _repeats(cell, published.get(name)):
            added.setdefault(before, []).append(cell)
    return cell_of, added


def _repeats(cell: dict[str, Any], published: dict[str, Any] | None) -> bool:
    """Return whether a second cell with an id is the published one, or a check of its own."""
    return published is not None and (
        not has_tag(published, "exercise")
        or text_of(cell).split() == text_of(published).split()
    )  # fmt: skip


@dataclass(frozen=True)
class Step:
    """A step of a submission: a cell to run, or an answer to take out.

    ``own`` says that the cell is the student's.
    """

    name: str
    source: str = ""
    own: bool = False
    task: Task | None = None


def steps(
    handed_in: dict[str, Any], source: dict[str, Any], released: dict[str, Any]
) -> list[Step]:
    """Return the steps of a handed-in notebook.

    ``source`` is the teacher's notebook, ``released`` what students got; the cells between the
    answers are run as released.
    """
    answers, added = _sorted_out(handed_in, source)
    as_released = {cell["id"]: cell for cell in released["cells"]}
    by_check: dict[int, list[Task]] = {}
    for task in tasks(source):
        by_check.setdefault(task.check, []).append(task)
    numbers = {cell["id"]: number for number, cell in enumerate(code_cells(source))}
    elsewhere = {name for own in added.values() for cell in own for name in assigned(text_of(cell))}
    made = _own_steps(added.pop(None, []))
    for cell in source["cells"]:
        name = cell["id"]
        if has_tag(cell, "exercise"):
            gap = set(gaps(text_of(cell)))
            own = answers.get(name)
            text = text_of(own) if own else ""
            if text.split() and text.split() != text_of(cell).split():
                made.append(Step(name, text, own=True))
            elif not gap & elsewhere:
                made.append(Step(name, text_of(cell)))
        elif cell["cell_type"] == "code" and name in as_released:
            made.append(Step(name, text_of(as_released[name])))
        # once the cell with the check has run, since an answer may use what it imports
        for task in by_check.get(numbers.get(name, -1), [])[:1]:
            made.append(Step(name, task=task))
        made += _own_steps(added.pop(name, []))
    return made


def _own_steps(cells: list[dict[str, Any]]) -> list[Step]:
    return [Step(str(cell.get("id") or "added"), text_of(cell), own=True) for cell in cells]
