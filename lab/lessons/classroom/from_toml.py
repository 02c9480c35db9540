"""A teacher's exercises in a TOML file, as a notebook: a title, and for each its text and cells."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from lab.lessons.exercises import slug
from lab.topology.suggestions import did_you_mean

KEYS: Final = frozenset(
    {"name", "text", "network", "asks", "wanted", "hidden", "fault", "hints", "points", "within",
     "free"}
)  # fmt: skip
EXAMPLE: Final = """\
title = "Week 1"
text = "Everybody has a network of their own, in the files beside this notebook."

[[exercise]]
name = "Longest delivery"
text = "How many seconds does the slowest message of your network take?"
network = { hosts = 6, links = 7, messages = 8 }
asks = "delivery_seconds.max"
within = 0.02
hints = ["lab.simulate(task_1.network).summary has it."]
points = 2

[[exercise]]
name = "Fewer links"
text = "Write a network, as text, with 5 links that still delivers all 8 messages."
network = { hosts = 6, links = 7, messages = 8 }
wanted = { delivered = 8, links = "<= 5" }
hidden = [{ seed = 5, hint = "What does each link carry?" }]
points = 3

[[exercise]]
name = "Find the fault"
text = "A host was down for half an hour: which? task_3.observed is what was seen."
network = { hosts = 6, links = 6, messages = 12 }
fault = "host-down"
hints = ["Which host is attempted and never reached?"]
"""
"""A file to begin with, which has an exercise of each kind."""

TOP: Final = frozenset({"title", "text", "exercise"})


def notebook_of(path: Path) -> dict[str, Any]:
    """Return the notebook; raises ValueError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    _only(path, content, TOP, "at the top")
    tables = content.get("exercise")
    if not isinstance(tables, list) or not tables:
        raise ValueError(f"{path}: there is no [[exercise]]")
    title = str(content.get("title", path.stem))
    cells = [_cell("markdown", "title", f"# {title}\n\n{content.get('text', '')}".strip()),
             _cell("code", "setup", "import lab\nfrom lab import lessons")]  # fmt: skip
    for number, table in enumerate(tables, 1):
        cells += _cells(path, number, table)
    metadata = {"lab": {"lesson": slug(path.stem)}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _only(path: Path, table: Any, known: frozenset[str], where: str) -> None:
    for key in table if isinstance(table, dict) else ():
        if key not in known:
            raise ValueError(f"{path}: there is no key {key} {where}{did_you_mean(key, known)}")


def _cells(path: Path, number: int, table: Any) -> list[dict[str, Any]]:
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        raise ValueError(f"{path}: exercise {number} has no name")
    _only(path, table, KEYS, f"in exercise {number}")
    if "network" not in table:
        raise ValueError(f'{path}: exercise {number} has no network, such as "campus.toml"')
    name, stem = table["name"], f"{slug(table['name'])}-{number}"
    options = "".join(f"    {key}={value!r},\n" for key, value in table.items()
                    if key not in ("name", "text"))  # fmt: skip
    task, answer = f"task_{number}", f"answer_{number}"
    return [
        _cell("markdown", f"{stem}-text", f"## {name}\n\n{table.get('text', '')}".strip()),
        _cell(
            "code",
            f"{stem}-task",
            f"{task} = lessons.exercise(\n    {json.dumps(name)},\n{options})",
        ),
        _cell("code", f"{stem}-answer", f"{answer} = ...", ["exercise"]),
        _cell("code", f"{stem}-check", f"{task}.check({answer})"),
    ]


def _cell(kind: str, name: str, source: str, tags: list[str] | None = None) -> dict[str, Any]:
    code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    lines = source.splitlines(keepends=True)
    metadata: dict[str, Any] = {"tags": tags} if tags else {}
    return {"cell_type": kind, **code, "id": name, "metadata": metadata, "source": lines}
