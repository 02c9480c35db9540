"""What a notebook shows of a run at the end of a cell, and its line in a terminal."""

from __future__ import annotations

import re

from helpers.places import TOPOLOGIES

import lab
from lab.views import card

CARELESS = lab.simulate(TOPOLOGIES / "faults/careless.toml")


def test_a_run_in_a_terminal_is_one_line() -> None:
    assert repr(CARELESS) == (
        "<Run: A careless relay, seed 0: 3 recipients: 2 delivered ●, 1 LOST ✖>"
    )


def test_a_run_in_a_notebook_is_a_small_table_and_a_picture_with_words() -> None:
    html = CARELESS._repr_mimebundle_()["text/html"]
    assert html == CARELESS._repr_html_()
    shown = re.sub(r'src="[^"]*"', "", html)
    assert len(shown) < 3000
    assert html.count("<tr>") <= 8
    assert "no accepted mail is lost: nobody has message 2" in shown
    assert "median 35.1 s, at most 0:01:05.1" in shown
    assert re.search(r'<img src="data:image/png;base64,[\w+/=]+" alt="Timeline: ', html)


def test_a_long_run_and_one_with_too_little_recorded_have_no_picture() -> None:
    none = lab.simulate(TOPOLOGIES / "faults/careless.toml", trace="none")
    assert "<img" not in none._repr_html_()
    assert "1 LOST" in none._repr_html_()


def test_doubled_mail_is_counted_with_its_sign() -> None:
    assert "2 duplicates ◆" in repr(lab.simulate(TOPOLOGIES / "faults/crash.toml"))
    assert card.run_line({}) == "<Run: untitled, seed 0: 0 recipients: none>"
