"""The guide on safety: each promise names a test that exists."""

from __future__ import annotations

import ast
import re

import pytest
from helpers.documents import HELP
from helpers.places import ROOT

GUIDE = (HELP / "safety.md").read_text(encoding="utf-8")
PROMISES = GUIDE.partition("## What is promised")[2].partition("## What is not promised")[0]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PROMISES)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_the_guide_names_exists(file: str, name: str) -> None:
    """A promise without a test is none."""
    functions = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    assert name in {one.name for one in functions if isinstance(one, ast.FunctionDef)}


def test_each_promise_names_a_test() -> None:
    """Every item of the lists under "What is promised"."""
    items = re.split(r"^- ", PROMISES, flags=re.MULTILINE)[1:]
    assert len(items) > 12
    assert [item for item in items if "`tests/" not in item] == []


def test_the_guide_on_live_runs_points_to_it() -> None:
    """Where people look first."""
    assert "lab help safety" in (HELP / "live.md").read_text(encoding="utf-8")
