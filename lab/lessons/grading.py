"""Marking lessons that were handed in: each in a kernel of its own, with the published checks.

A student may have changed any cell. What is run is the handed-in notebook with every cell that is
not an answer put back to how it was published (they are known by their ids), so that the checks are
the course's own; cells that the student added are run too, for an answer may need them. A cell that
raises stops nothing but itself. It is a help for a class, no examination: the code of a notebook
that was handed in is run, and nothing hinders it from writing into the checks' results.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lab.lessons.course import Lesson, lessons, read

_CHECK: Final = re.compile(r"lessons\.check\(\s*\"([^\"]+)\"")
_REPORT: Final = (
    "import json\nfrom lab import lessons\n"
    "found = {n: [r.state, r.message] for n, r in lessons.results.items()}\n"
    "print('LAB-RESULTS', json.dumps(found))"
)


@dataclass
class Mark:
    """What the checks of one handed-in notebook found; ``problem`` says what hindered them."""

    name: str
    lesson: str = ""
    states: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""

    @property
    def passed(self) -> int:
        """Checks that passed."""
        return sum(state == "passed" for state in self.states.values())


def checks_of(notebook: dict[str, Any]) -> list[str]:
    """The names of the checks of a notebook, in their order."""
    sources = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    return list(dict.fromkeys(name for source in sources for name in _CHECK.findall(source)))


def published(notebook: dict[str, Any], path: Path) -> Lesson | None:
    """The lesson of which a notebook is somebody's copy: by its metadata, or by its name."""
    said = notebook["metadata"].get("lab", {}).get("lesson", "")
    known = {one.path.stem: one for one in lessons()}
    named = next((one for stem, one in known.items() if path.stem.startswith(stem)), None)
    return known.get(said, named)


def restored(handed_in: dict[str, Any], original: dict[str, Any]) -> dict[str, Any]:
    """A handed-in notebook with all but its answers as published, ready to be run.

    A published cell that was taken out comes back where it was.
    """
    answers = {cell.get("id"): cell for cell in handed_in["cells"]}
    added: dict[str | None, list[dict[str, Any]]] = {}
    names = {cell["id"] for cell in original["cells"]}
    before: str | None = None
    for cell in handed_in["cells"]:
        if cell.get("id") in names:
            before = cell["id"]
        elif cell["cell_type"] == "code":
            added.setdefault(before, []).append(cell)
    cells = list(added.pop(None, []))
    for cell in original["cells"]:
        own = answers.get(cell["id"]) if _is_answer(cell) else None
        cells += [{**cell, "source": own["source"]} if own else cell, *added.pop(cell["id"], [])]
    return {**original, "cells": cells}


def _is_answer(cell: dict[str, Any]) -> bool:
    return "exercise" in cell["metadata"].get("tags", ())


def mark(path: Path, timeout: float = 120.0) -> Mark:
    """Run a handed-in notebook in a kernel of its own and keep what its checks found.

    ``timeout`` is in seconds for the whole notebook; what it does not reach is "not reached".
    """
    found = Mark(str(path))
    try:
        handed_in = read(path)
    except (ValueError, OSError) as error:
        found.problem = getattr(error, "strerror", None) or str(error)
        return found
    original = published(handed_in, path)
    if original is None:
        found.problem = "this is a copy of no lesson of the course, as far as its name tells"
        return found
    found.lesson = original.path.stem
    clean = read(original.path)
    found.states = dict.fromkeys(checks_of(clean), "not reached")
    begun = time.monotonic()
    try:
        ready = restored(handed_in, clean)
        results, found.problem = asyncio.run(_run(ready, original.path.parent, timeout))
    except Exception as error:  # whatever a kernel may come to, the class goes on
        results, found.problem = {}, f"{type(error).__name__}: {error}".splitlines()[0]
    found.seconds = round(time.monotonic() - begun, 1)
    for name in found.states.keys() & results.keys():
        found.states[name], found.messages[name] = results[name]
    return found


async def _run(
    notebook: dict[str, Any], folder: Path, timeout: float
) -> tuple[dict[str, Any], str]:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    node = _node(notebook)
    client = NotebookClient(
        node, timeout=timeout, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    root = Path(__file__).resolve().parents[2]
    deadline = time.monotonic() + timeout
    problem = ""
    async with client.async_setup_kernel(
        env={**os.environ, "PYTHONPATH": str(root), "MPLBACKEND": "agg"},
        stderr=subprocess.DEVNULL,
    ):
        for index, cell in enumerate(node.cells):
            client.timeout = max(1, round(deadline - time.monotonic()))
            try:
                await client.async_execute_cell(cell, index)
            except CellTimeoutError:
                problem = f"stopped after {timeout:g} s in the cell {cell.get('id', index)!r}"
                kernel: Any = client.km
                await kernel.interrupt_kernel()
                # what is asked of a kernel just interrupted, it passes over
                await asyncio.sleep(1)
                break
            except DeadKernelError:
                return {}, f"its kernel died in the cell {cell.get('id', index)!r}"
        return await _report(client, node), problem


def _node(of: dict[str, Any]) -> Any:
    """As nbformat holds it, with its texts in one piece."""
    from nbformat.notebooknode import from_dict

    as_node: Callable[[dict[str, Any]], Any] = from_dict
    for cell in of.get("cells", [of]):
        cell["source"] = "".join(cell["source"])
    return as_node(of)


async def _report(client: Any, node: Any) -> dict[str, Any]:
    """What the checks found, as the kernel tells it last."""
    told: dict[str, Any] = {"metadata": {}, "outputs": [], "execution_count": None}
    cell = _node({"cell_type": "code", "id": "report", "source": _REPORT, **told})
    node.cells.append(cell)
    client.timeout = 20
    await client.async_execute_cell(cell, len(node.cells) - 1)
    text = "".join(output.get("text", "") for output in cell.outputs)
    found = re.search(r"LAB-RESULTS (.*)", text)
    results: dict[str, Any] = json.loads(found[1]) if found else {}
    return results


def mark_all(
    paths: Iterable[Path],
    timeout: float = 120.0,
    processes: int = 2,
    progress: Callable[[int], None] | None = None,
) -> list[Mark]:
    """The marks of several notebooks, in their order; some kernels run side by side."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(processes) as pool:
        waiting = [pool.submit(mark, path, timeout) for path in paths]
        marks = []
        for number, one in enumerate(waiting, 1):
            marks.append(one.result())
            if progress is not None:
                progress(number)
    return marks


def columns(marks: Iterable[Mark]) -> list[str]:
    """The names of all checks that marks have, in the order of the lessons."""
    return list(dict.fromkeys(name for one in marks for name in one.states))


def as_csv(marks: list[Mark]) -> str:
    """A row a notebook: file, lesson, checks passed and their number, score from 0 to 100, checks.

    Where a lesson has no check of that name, its column is empty.
    """
    out = io.StringIO()
    names = columns(marks)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["notebook", "lesson", "passed", "checks", "score", "seconds", "problem", *names]
    )
    for one in marks:
        row = [
            one.name,
            one.lesson,
            one.passed,
            len(one.states),
            score(one),
            one.seconds,
            one.problem,
        ]
        writer.writerow([*row, *(one.states.get(name, "") for name in names)])
    return out.getvalue()


def score(one: Mark) -> int:
    """The share of the checks that passed, from 0 to 100."""
    return round(100 * one.passed / len(one.states)) if one.states else 0
