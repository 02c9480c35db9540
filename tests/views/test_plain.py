"""Pictures where matplotlib is not installed."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from helpers.places import TOPOLOGIES
from PIL import Image

import lab
from lab import views
from lab.runtime import extras
from lab.runtime.extras import MissingPackage
from lab.views import plain
from lab.views.plain.drawing import Drawing, fitted
from lab.views.visual_language import ENDS

RELAYED = "rfc821/scenario-03.toml"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views believe that it is not there."""
    monkeypatch.setattr(extras, "is_installed", lambda package: package != "matplotlib")


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("kind", plain.PICTURES)
@pytest.mark.parametrize(
    "name", [RELAYED, "campus.toml", "internet.toml", "faults/crash.toml", "polling.toml"]
)
def test_a_picture_is_svg_or_png(name: str, kind: str, tmp_path: Path) -> None:
    run = lab.simulate(TOPOLOGIES / name)
    for ending in ("svg", "png"):
        views.save(run.trace, kind, tmp_path / f"x.{ending}")
    svg = (tmp_path / "x.svg").read_text()
    root = ElementTree.fromstring(svg)
    size = round(float(root.get("width", 0))), round(float(root.get("height", 0)))
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == size
        assert len(image.getcolors(1 << 24) or ()) > 3
    assert run.topology.title in texts(svg)
    assert root.findtext(f"{SVG}title") == run.topology.title


def test_an_arrow_of_a_ladder_goes_from_who_speaks() -> None:
    """The greeting comes from the receiver, on the right, and HELO from the sender."""
    svg = plain.ladder(lab.simulate(TOPOLOGIES / RELAYED).trace).svg()
    lines = [line for line in svg.splitlines() if 'stroke="none"' not in line]
    for said, rightward in (("220 USC", False), ("HELO MIT-AI", True), ("mail data", True)):
        place = next(n for n, line in enumerate(lines) if f">{said}" in line)
        begin, end = (float(x) for x in re.findall(r"[ML]([\d.]+) ", lines[place - 1]))
        assert (end > begin) is rightward


def test_a_ladder_may_be_of_one_message_or_session() -> None:
    trace = lab.simulate(TOPOLOGIES / RELAYED).trace
    whole = texts(plain.ladder(trace).svg())
    one = texts(plain.ladder(trace, session=2).svg())
    assert any("HELO USC-ISIE" in text for text in one)
    assert not any("HELO MIT-AI" in text for text in one)
    assert len(one) < len(whole)


def test_long_runs_are_cut_and_say_so() -> None:
    trace = lab.simulate(TOPOLOGIES / "internet.toml").trace
    assert any("more rows" in text for text in texts(plain.ladder(trace).svg()))
    assert any("more messages" in text for text in texts(plain.timeline(trace).svg()))


def test_a_map_names_hosts_and_says_what_they_are() -> None:
    shown = texts(plain.network_map(lab.simulate(TOPOLOGIES / "campus.toml").trace).svg())
    assert {"HUB", "MATH", "host", "host that relays", "5 hosts, 4 links"} <= set(shown)


def test_a_map_is_drawn_of_a_run_that_has_none_yet() -> None:
    trace = views.map_trace(lab.load(TOPOLOGIES / "campus.toml"))
    assert "5 hosts, 4 links" in texts(plain.network_map(trace).svg())


@pytest.mark.parametrize(("kind", "file"), [("queues", "x.png"), ("map", "x.pdf")])
def test_other_pictures_ask_for_matplotlib(kind: str, file: str, tmp_path: Path) -> None:
    trace = lab.simulate(TOPOLOGIES / RELAYED).trace
    with pytest.raises(MissingPackage, match=r"matplotlib, .*'smtp-lab\[pictures\]'"):
        views.save(trace, kind, tmp_path / file)


def test_hostile_names_are_texts() -> None:
    """Nothing of a title or name becomes an element, and control characters are shown."""
    drawing = Drawing(100, 100, "<script>\x1b")
    drawing.text(1, 1, "a<b>&\x00", is_bold=True)
    drawing.sign(ENDS["lost"], 5, 5)
    drawing.line((0, 0), (0, 0), (50, 50), dashes=(3, 2))
    assert "script" in drawing.svg()
    root = ElementTree.fromstring(drawing.svg())
    assert {element.tag for element in root.iter()} == {
        f"{SVG}{name}" for name in ("svg", "title", "rect", "text", "path")
    }


def test_a_text_is_cut_in_its_middle() -> None:
    assert fitted("short", 500, 10) == "short"
    cut = fitted("somebody@a-very-long-name.arpa", 80, 10)
    assert cut.startswith("somebo")
    assert cut.endswith(".arpa")
    assert "…" in cut


def test_a_png_is_drawn_with_dashes_and_large(tmp_path: Path) -> None:
    drawing = Drawing(3000, 2500, "large")
    drawing.line((0, 10), (0, 10), (90, 10), ink="#000000", width=2, dashes=(5, 5))
    drawing.write_png(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        row = [image.getpixel((x, 10)) == (0, 0, 0) for x in range(90)]
    assert 30 < sum(row) < 60
