"""What the measurement of coverage leaves out is in the suite: nothing is left out of all."""

from __future__ import annotations

import ast

import pytest
from helpers.places import ROOT

from tests.helpers.coverage_by_room import UNMEASURED, WANTED


@pytest.mark.parametrize("test", UNMEASURED)
def test_what_is_left_out_is_a_test_that_there_is(test: str) -> None:
    """A file of a room that is measured, or one of its functions: pytest takes any word."""
    file, _, function = test.partition("::")
    assert file.split("/")[1] in WANTED
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert not function or function in names
    # pytest leaves out whatever begins so
    assert not function or [name for name in names if name.startswith(function)] == [function]
