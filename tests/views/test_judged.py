"""Every picture of a run shows a broken rule and an unmet ``[expect]``, and has a text for ears."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from helpers.drawings import drawn, inside
from helpers.places import TOPOLOGIES
from matplotlib import pyplot

import lab
from lab import views
from lab.views import PICTURES
from lab.views.pictures.judged import problem_lines

mpl.use("Agg")

CARELESS = lab.simulate(TOPOLOGIES / "faults/careless.toml")
CRASH = lab.simulate(TOPOLOGIES / "faults/crash.toml")
UNMET = lab.simulate(CRASH.topology.change({"expect": {"delivered": 99}}))


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    pyplot.close("all")


def problems(ax: Any) -> str:
    texts = [*ax.figure.texts, *ax.texts]
    return " ".join(
        " ".join(text.get_text() for text in texts if text.get_gid() == "problem").split()
    )


@pytest.mark.parametrize("kind", PICTURES)
def test_every_picture_of_a_careless_run_says_which_rule_was_broken(kind: str) -> None:
    ax = CARELESS.plot(kind)
    assert "⚠ rule broken at 11.805 s: no accepted mail is lost: nobody has message 2" in problems(
        ax
    )
    ax.figure.canvas.draw()
    inside(ax, [text for text in ax.figure.texts if text.get_gid() == "problem"])


@pytest.mark.parametrize("kind", PICTURES)
def test_every_picture_says_that_an_expectation_was_not_met(kind: str) -> None:
    assert "[expect] delivered = 99, but the run had delivered = 6" in problems(UNMET.plot(kind))


def test_a_picture_of_a_run_that_went_as_it_should_mentions_nothing() -> None:
    assert problems(CRASH.plot("map")) == ""


def test_on_axes_that_are_given_the_first_problem_stands_within_them() -> None:
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4))
    CARELESS.plot("queues", left)
    CARELESS.plot("latency", right)
    assert "rule broken" in problems(left)
    assert figure.get_size_inches().tolist() == [12, 4]


def test_of_many_problems_the_first_are_written_out() -> None:
    expected = dict.fromkeys(("delivered", "returned", "rejected", "queued", "sessions"), 77)
    run = lab.simulate(CRASH.topology.change({"expect": expected}))
    assert problem_lines(run.trace)[-1] == "and 2 more problems: lab run reports all"


def test_the_timeline_marks_lost_and_doubled_mail_where_it_happened() -> None:
    gids = [line.get_gid() for line in drawn(CARELESS.trace).lines]
    assert "end lost" in gids
    assert "end queued" not in gids
    assert [line.get_gid() for line in drawn(CRASH.trace).lines].count("end twice") == 2
    words = [text.get_text() for text in drawn(CRASH.trace).texts if text.get_gid() == "end words"]
    assert words == ["TWICE", "TWICE"]


def test_a_png_and_an_svg_have_the_text_alternative(tmp_path: Path) -> None:
    views.save(CARELESS.trace, "map", tmp_path / "map.png")
    assert b"Description\x00Map: hosts, links and the ways" in (tmp_path / "map.png").read_bytes()
    views.save(CARELESS.trace, "queues", tmp_path / "queues.svg")
    root = ElementTree.parse(tmp_path / "queues.svg").getroot()
    assert root.get("role") == "img"
    assert root.get("aria-label", "").startswith("Queues: how many messages lay in each spool")
    first, second = (
        root.find(f"{{http://www.w3.org/2000/svg}}{name}") for name in ("title", "desc")
    )
    assert first is not None
    assert second is not None
    assert "no accepted mail is lost" in str(second.text)
    views.save(CARELESS.trace, "queues", tmp_path / "queues.pdf")
    assert (tmp_path / "queues.pdf").read_bytes().startswith(b"%PDF")


def test_a_notebook_gets_the_text_alternative_with_the_picture() -> None:
    figure: Any = CARELESS.plot("latency").figure
    data, about = figure._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    words = about["image/png"]["alt"]
    assert words.startswith("Latency: how long recipients waited")
    assert data["text/html"].endswith(f' alt="{words}">')  # what a page made of a notebook shows


def test_a_film_has_its_text_alternative() -> None:
    film = CARELESS.animate()
    assert 'role="img" aria-label="Film: mail, commands and replies' in film.svg
    assert "no accepted mail is lost" in film._repr_html_()
