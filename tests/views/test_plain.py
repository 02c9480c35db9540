"""Pictures where matplotlib is not installed."""

from __future__ import annotations

import base64
import html
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from helpers.places import TOPOLOGIES
from PIL import Image

import lab
from lab import lessons, views
from lab.analysis.alternatives import alternative
from lab.analysis.spools import queue_lengths
from lab.lessons import course, design
from lab.runtime import extras
from lab.runtime.extras import MissingPackage
from lab.views import plain
from lab.views.plain.drawing import Drawing, fitted
from lab.views.visual_language import BROKEN, COLOURS, CUT, ENDS

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


def test_a_ladder_shows_bytes_that_were_cut_off() -> None:
    """A line as far as they had come, and a cross at either end of it."""
    svg = plain.ladder(lab.simulate(TOPOLOGIES / "faults/crash.toml").trace).svg()
    lines = svg.splitlines()
    place = next(n for n, line in enumerate(lines) if "cut off on its way" in line)
    line, *crosses = lines[place - 3 : place]
    begin, end = (float(x) for x in re.findall(r"[ML]([\d.]+) ", line))
    for cross, x in zip(crosses, (begin, end), strict=True):
        places = [float(each) for each in re.findall(r"[ML]([\d.]+) ", cross)]
        assert len(places) == len(CUT.points)
        assert min(places) < x < max(places)
        assert COLOURS[CUT.colour].light in cross


@pytest.mark.parametrize("kind", plain.PICTURES)
def test_what_went_wrong_stands_above_every_picture(kind: str) -> None:
    """The broken rule in words, over all that is drawn; nothing of it if all went as it should."""
    trace = lab.simulate(TOPOLOGIES / "faults/careless.toml").trace
    one = texts(plain.drawn(trace, kind).svg())
    rule = "no accepted mail is lost"
    assert any(BROKEN.glyph in text and rule in text for text in one)
    svg = ElementTree.fromstring(plain.drawn(trace, kind).svg())
    heights = {element.text or "": float(element.get("y", 0)) for element in svg.iter(f"{SVG}text")}
    problem = next(y for text, y in heights.items() if rule in text)
    assert problem < min(
        y for text, y in heights.items() if text and not text.startswith(BROKEN.glyph)
    )
    well = lab.simulate(TOPOLOGIES / RELAYED).trace
    assert not any(BROKEN.glyph in text for text in texts(plain.drawn(well, kind).svg()))
    assert plain.drawn(well, kind).svg() == plain.PICTURES[kind](well).svg()


@pytest.mark.parametrize(("name", "end"), [("careless", "lost"), ("crash", "twice")])
def test_mail_that_is_lost_or_came_twice_has_its_sign_in_its_lane(name: str, end: str) -> None:
    """As in the other pictures, and the legend explains it."""
    svg = plain.timeline(lab.simulate(TOPOLOGIES / f"faults/{name}.toml").trace).svg()
    fill = COLOURS[ENDS[end].colour].light
    corners = len(ENDS[end].points)
    signs = [line for line in svg.splitlines() if f'fill="{fill}"' in line]
    assert len([line for line in signs if line.count("L") == corners - 1]) >= 2
    assert end.upper() in texts(svg)


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


@pytest.mark.parametrize(("kind", "file"), [("utilisation", "x.png"), ("map", "x.pdf")])
def test_other_pictures_ask_for_matplotlib(kind: str, file: str, tmp_path: Path) -> None:
    trace = lab.simulate(TOPOLOGIES / RELAYED).trace
    with pytest.raises(MissingPackage, match=r"matplotlib, .*'smtp-lab\[pictures\]'"):
        views.save(trace, kind, tmp_path / file)


def test_queues_and_delivery_times_say_what_the_run_says() -> None:
    run = lab.simulate(TOPOLOGIES / "internet.toml")
    most = max(number for line in queue_lengths(run.trace).values() for _, number in line)
    assert any(f", at most {most}" in text for text in texts(plain.queues(run.trace).svg()))
    shown = texts(plain.latency(run.trace).svg())
    delivered = run.summary["delivered"]
    assert any(text.startswith(f"delivered ({delivered}; median ") for text in shown)
    assert f"share of {run.summary['submitted']} recipients" in shown
    assert any(text.startswith("not delivered: ") for text in shown)


def test_a_run_without_mail_has_pictures_that_say_so() -> None:
    trace = lab.simulate(lab.load(TOPOLOGIES / RELAYED).change(["mail=[]"])).trace
    assert "no mail ever waited" in texts(plain.queues(trace).svg())
    assert "nothing was delivered" in texts(plain.latency(trace).svg())


def test_states_have_the_number_of_times_that_each_arrow_was_taken() -> None:
    trace = lab.simulate(TOPOLOGIES / RELAYED).trace
    assert "RCPT ×2  → rcpt" in texts(plain.states(trace).svg())
    assert "RCPT ×1  → rcpt" in texts(plain.states(trace, session=1).svg())
    assert "SEND  → mail" in texts(plain.states(trace).svg())
    with pytest.raises(ValueError, match="there is no session 9"):
        plain.states(trace, session=9)


def test_a_notebook_shows_a_picture_and_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once: what the call returns is a short text."""
    run = lab.simulate(TOPOLOGIES / RELAYED)
    monkeypatch.setattr("IPython.get_ipython", lambda: True)
    shown: list[dict[str, str]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    for kind in plain.PICTURES:
        drawn: object = run.plot(kind)
        assert repr(drawn).startswith(f"<{kind.capitalize()}: ")
        assert alternative(run.trace, kind) in html.unescape(shown[-1]["text/html"])
        coded = shown[-1]["text/html"].partition("base64,")[2].partition('"')[0]
        assert run.topology.title in texts(base64.b64decode(coded).decode())
    assert len(shown) == len(plain.PICTURES)
    assert "image/svg+xml" in run._repr_html_()


def test_a_lesson_draws_without_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The map of a network, of the course, and of a design."""
    for module in ("lab.lessons.course", "lab.lessons.design.sketch"):
        import_module(module)
        monkeypatch.setattr(sys.modules[module], "is_installed", extras.is_installed)
    network: Any = lessons.draw(lab.load(TOPOLOGIES / "campus.toml"))
    assert "5 hosts, 4 links" in texts(network.svg)
    whole: Any = course.course_map()
    assert {str(lesson.number) for lesson in course.lessons()} <= set(texts(whole.svg))
    sketched: Any = design.sketch(design.network([], design.SITES, "Sites"), failures=True)
    assert "BURG (4 users)" in texts(sketched.svg)
    sketched.save(tmp_path / "design.svg")
    assert (tmp_path / "design.svg").read_text(encoding="utf-8") == sketched.svg


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
