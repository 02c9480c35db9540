"""The guide on safety: each sentence of a promise names a test that exists and is run."""

from __future__ import annotations

import ast
import re

import pytest
from helpers.documents import HELP
from helpers.places import ROOT

GUIDE = (HELP / "safety.md").read_text(encoding="utf-8")
PROMISES = GUIDE.partition("## What is promised")[2].partition("## What is not promised")[0]
LEFT_OUT = re.compile(r"mark\.(skip|xfail)\b")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PROMISES)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_the_guide_names_exists(file: str, name: str) -> None:
    """And is run: pytest finds it by its name, and no mark has it left out."""
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    [test] = [one for one in body if isinstance(one, ast.FunctionDef) and one.name == name]
    assert name.startswith("test_")
    assert (ROOT / file).name.startswith("test_")
    assert not [mark for mark in map(ast.unparse, test.decorator_list) if LEFT_OUT.search(mark)]


def sentences(promises: str) -> list[str]:
    """The sentences of all items of the lists; a heading is none."""
    texts = re.split(r"^- ", re.sub(r"^#.*$", "", promises, flags=re.MULTILINE), flags=re.MULTILINE)
    return [one for text in texts for one in re.split(r"(?<=\.)\s+(?=[A-Z`])", text.strip()) if one]


def test_each_sentence_names_the_test_that_holds_it() -> None:
    """Every sentence under "What is promised"; one that does not is seen."""
    found = sentences(PROMISES)
    assert len(found) > 18
    assert [one for one in found if "`tests/" not in one] == []
    assert sentences("- A holds: `tests/a.py::test_a`. B\n  holds.\n- C") == [
        "A holds: `tests/a.py::test_a`.", "B\n  holds.", "C",
    ]  # fmt: skip


def test_the_guide_on_live_runs_points_to_it() -> None:
    """Where people look first."""
    assert "lab help safety" in (HELP / "live.md").read_text(encoding="utf-8")
