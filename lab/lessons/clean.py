"""Clean notebooks for publication: ``python -m lab.lessons.clean notebooks/*.ipynb``.

Outputs, execution counts and the metadata of editors are removed. Each cell gets a name as its id;
by these ids, grading recognises the cells of a lesson that was handed in.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from lab.lessons.course import read

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def clean(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook as it is published."""
    metadata = {"kernelspec": _KERNEL, "language_info": {"name": "python"}}
    if "lab" in notebook["metadata"]:
        metadata["lab"] = notebook["metadata"]["lab"]
    cells = [_cell(cell, number) for number, cell in enumerate(notebook["cells"])]
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(cell: dict[str, Any], number: int) -> dict[str, Any]:
    tags = cell["metadata"].get("tags")
    name = cell.get("id", "")
    # JupyterLab gives a new cell eight hexadecimal digits, which are not a name
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or re.fullmatch(r"[0-9a-f-]{8,}", name):
        name = f"cell-{number}"
    source = "".join(cell["source"]).rstrip("\n")
    cleaned: dict[str, Any] = {"cell_type": cell["cell_type"]}
    if cell["cell_type"] == "code":
        cleaned["execution_count"] = None
    cleaned |= {"id": name, "metadata": {"tags": tags} if tags else {}}
    if cell["cell_type"] == "code":
        cleaned["outputs"] = []
    return cleaned | {"source": source.splitlines(keepends=True)}


def written(notebook: dict[str, Any]) -> str:
    """Return the text of a notebook's file."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main(paths: list[str]) -> None:
    """Clean files in place, and print the names of those that changed."""
    for path in map(Path, paths):
        text = written(clean(read(path)))
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            print(f"cleaned: {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
