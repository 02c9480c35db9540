"""Why a channel was closed has one module that writes the reasons and reads them."""

from __future__ import annotations

import re

import pytest
from helpers.places import ROOT

from lab.trace.closes import (
    CLOSED,
    END_OF_INPUT,
    QUIT,
    cut,
    cut_cause,
    hung_up_after,
    is_cut,
    is_hang_up,
)


@pytest.mark.parametrize("reason", [QUIT, CLOSED, END_OF_INPUT])
def test_a_channel_that_is_closed_in_order_was_not_lost(reason: str) -> None:
    assert not is_cut(reason)
    assert cut_cause(reason) == ""


@pytest.mark.parametrize("why", ["B.ARPA crashed", "no reply to RCPT came within 300 s", "cut: x"])
def test_what_is_written_is_read_again(why: str) -> None:
    assert is_cut(cut(why))
    assert cut_cause(cut(why)) == why
    assert not is_hang_up(cut_cause(cut(why)))


def test_a_hang_up_says_after_what() -> None:
    cause = cut_cause(cut(hung_up_after("DATA")))
    assert is_hang_up(cause)
    assert cause == "after DATA"


def test_nobody_else_writes_or_reads_the_text_of_a_reason() -> None:
    """Other modules ask :mod:`lab.trace.closes`."""
    text = re.compile(r"""f?["']cut: |(?:startswith|removeprefix)\(["']cut""")
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "lab").rglob("*.py")
        if path.name != "closes.py" and text.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
