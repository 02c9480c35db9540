"""What people read, as data: the documents of the repository, and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from helpers.places import ROOT

HELP: Final = ROOT / "lab" / "help"
GUIDES: Final = sorted(HELP.glob("*.md"))
DOCUMENTS: Final = [
    ROOT / "README.md",
    *GUIDES,
    *(ROOT / room / "README.md" for room in ("lab", "tests", "topologies", "notebooks")),
    *sorted((ROOT / ".github").glob("*.md")),
]


@dataclass(frozen=True)
class Block:
    """A code block: the document it stands in, its language, its text and its first line there."""

    document: Path
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(document: Path, language: str = "") -> list[Block]:
    """Return the code blocks of a document in order: all of them, or those of one language."""
    text = document.read_text(encoding="utf-8")
    fences = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return [
        Block(document, fence[1], fence[2], text.count("\n", 0, fence.start(2)) + 1)
        for fence in fences
        if not language or fence[1] == language
    ]


def all_blocks(language: str) -> list[Block]:
    """Return every block of a language in every document."""
    return [block for document in DOCUMENTS for block in blocks(document, language)]


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Return the commands of a console block, each with the lines that it is said to print."""
    pairs: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            pairs.append((line[2:], []))
        else:
            pairs[-1][1].append(line)
    return pairs


def matches(expected: list[str], printed: list[str]) -> bool:
    """Whether lines are those that were expected; ``...`` stands for any number of lines."""
    if not expected:
        return not printed
    if expected[0] == "...":
        return any(matches(expected[1:], printed[n:]) for n in range(len(printed) + 1))
    return bool(printed) and printed[0] == expected[0] and matches(expected[1:], printed[1:])


def links(document: Path) -> list[Path]:
    """Return the files of the repository that a document links to or names as code."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    linked = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^":]+)"', text)
    named = re.findall(r"`((?:[\w-]+/)+[\w-]+\.(?:py|js|toml|md|ipynb))(?=[`:])", text)
    named += re.findall(r"`((?:topologies|notebooks|lab|tests)/[\w./-]*)`", text)
    return [document.parent / path for path in linked] + [
        resolve(path, document) for path in named if "NAME" not in path
    ]


def resolve(path: str, document: Path) -> Path:
    """Return the file that a document names, relative to the repository, the document or lab."""
    candidates = [folder / path for folder in (ROOT, document.parent, ROOT / "lab")]
    return next((file for file in candidates if file.exists()), candidates[0])
