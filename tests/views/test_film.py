"""The map as a film: what its source holds, and that it moves in a real browser."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.browser import browser, listening, needs_chromium
from helpers.places import TOPOLOGIES
from matplotlib import pyplot

import lab
from lab.cli.plot import plot
from lab.trace.rows import KIND, SENT, T
from lab.views import animation
from lab.views.pictures.film import MOST
from lab.views.pictures.film_clock import film_clock
from lab.views.pictures.timescale import Timescale

SVG = "{http://www.w3.org/2000/svg}"


def film(name: str, seconds: float = 20) -> ElementTree.Element:
    """The part of a film that moves."""
    source = animation(lab.simulate(TOPOLOGIES / f"{name}.toml").trace, seconds).svg
    found = ElementTree.fromstring(source).find(f".//{SVG}g[@id='film']")
    assert found is not None
    return found


def test_each_crossing_is_in_the_film_and_ends_within_it() -> None:
    """A motion for each command, reply and mail data; none begins or ends outside the film."""
    run = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml")
    crossings = [row for row in run.trace.rows if row[1] in ("command", "reply", "data")]
    motions = list(film("rfc821/scenario-03", 12).iter(f"{SVG}animateMotion"))
    assert len(motions) == len(crossings)
    for motion in motions:
        begin = float(motion.attrib["begin"].removeprefix("t.begin+").removesuffix("s"))
        lasts = float(motion.attrib["dur"].removesuffix("s"))
        assert begin >= 0
        assert lasts > 0
        assert begin + lasts <= 12.001


def test_what_is_down_is_struck_out_while_it_is_down() -> None:
    """A relay that dies: a cross over it, for a time; no cross where nothing fails."""
    red = [
        fault
        for fault in film("faults/relay-dies").iter(f"{SVG}path")
        if "-12 -12" in fault.get("d")
    ]
    assert len(red) == 1
    assert not [
        element
        for element in film("campus").iter(f"{SVG}path")
        if "-12 -12" in element.get("d", "")
    ]


def test_a_film_of_a_large_run_is_no_larger_than_what_can_be_seen() -> None:
    """More crossings than anybody sees are thinned out, mail data last."""
    motions = list(film("internet").iter(f"{SVG}animateMotion"))
    assert MOST - 200 < len(motions) <= MOST


def test_the_same_run_gives_the_same_film() -> None:
    """No clock, no address, no order of a hash in its source."""
    one, other = (animation(lab.simulate(TOPOLOGIES / "campus.toml").trace).svg for _ in "12")
    assert one == other
    assert not re.search(r"https?://(?!www\.w3\.org|purl\.org|creativecommons)", one)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["map", "--animate", "0"], "--animate 0: use seconds greater than 0"),
        (["map", "--animate", "1e9"], "use seconds greater than 0 and at most 3600"),
        (["map", "--animate", "nan"], "--animate nan: use seconds greater than 0"),
        (["queues", "--animate", "20"], "--animate is for a map: lab plot"),
        (["map", "--animate", "20", "-o", "film.png"], "a film is an SVG file; use -o film.svg"),
    ],
)
def test_a_film_that_cannot_be_made_is_refused(arguments: list[str], said: str) -> None:
    """Each mistake in a sentence, with what would be right."""
    answer = CliRunner().invoke(plot, ["trace.jsonl", *arguments])
    assert answer.exit_code == 2
    assert said in answer.stderr


@needs_chromium
def test_the_film_plays_in_a_notebooks_output() -> None:
    """It moves, and asks nothing of a network."""
    shown = lab.simulate(TOPOLOGIES / "campus.toml").animate(10)._repr_html_()
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 1000, "height": 620})
        heard = listening(page)
        page.set_content(shown)
        page.wait_for_function("document.images[0].complete")
        pictures = set()
        for _ in range(40):
            page.wait_for_timeout(250)
            pictures.add(page.screenshot())
            if len(pictures) > 4:
                break
        assert len(pictures) > 4
        assert heard == []
        page.close()


def test_a_film_leaves_no_figure_behind() -> None:
    """A notebook would show it as a picture of its own."""
    before = pyplot.get_fignums()
    animation(lab.simulate(TOPOLOGIES / "campus.toml").trace)
    assert pyplot.get_fignums() == before


@pytest.mark.parametrize("name", ["campus", "internet", "rfc821/scenario-03", "two-environments"])
def test_the_signs_of_a_film_are_explained_within_it(name: str) -> None:
    """A line of signs and words below the map's own legend, above the bar."""
    source = animation(lab.simulate(TOPOLOGIES / f"{name}.toml").trace).svg
    root = ElementTree.fromstring(source)
    high = float(root.attrib["height"].removesuffix("pt"))
    wide = float(root.attrib["width"].removesuffix("pt"))
    keys = [element for element in root.iter(f"{SVG}g") if element.get("class") == "key"]
    words = [key.findtext(f"{SVG}text") for key in keys]
    assert words == [
        "mail data",
        "mail data on a line",
        "command",
        "reply",
        "reply that refuses",
        "mail in a spool",
        "down",
    ]
    places = [re.findall(r"[\d.]+", each.attrib["transform"]) for each in keys]
    assert all(float(y) < high - 20 for _, y in places)
    assert float(places[-1][0]) < wide - 60


def test_a_film_of_a_run_whose_wire_was_not_recorded_is_refused(tmp_path: Path) -> None:
    """It would stand still."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml", trace="session").trace
    with open(tmp_path / "trace.jsonl", "w", encoding="utf-8") as file:
        trace.write_jsonl(file)
    arguments = [
        str(tmp_path / "trace.jsonl"),
        "map",
        "--animate",
        "9",
        "-o",
        str(tmp_path / "x.svg"),
    ]
    answer = CliRunner().invoke(plot, arguments)
    assert answer.exit_code == 2
    assert "--trace wire is required for the film" in answer.stderr
    assert not (tmp_path / "x.svg").exists()


def spans(root: ElementTree.Element) -> list[tuple[float, float]]:
    """When each motion of a film begins and ends."""
    found = []
    for motion in root.iter(f"{SVG}animateMotion"):
        begin = float(motion.attrib["begin"].removeprefix("t.begin+").removesuffix("s"))
        found.append((begin, begin + float(motion.attrib["dur"].removesuffix("s"))))
    return found


@pytest.mark.parametrize("name", ["rfc821/scenario-03", "faults/busy", "campus"])
def test_what_was_one_after_the_other_is_never_seen_at_once(name: str) -> None:
    run = lab.simulate(TOPOLOGIES / f"{name}.toml")
    rows = [row for row in run.trace.rows if row[KIND] in ("command", "reply", "data")]
    rows.sort(key=lambda row: (row[SENT], row[KIND] != "data"))  # as the film has them
    shown = spans(film(name))
    for row, (begin, end) in zip(rows, shown, strict=True):
        assert end > begin
        later = next((n for n, other in enumerate(rows) if other[SENT] >= row[T] - 1e-9), None)
        if later is not None:
            assert shown[later][0] >= end - 0.003


def test_a_long_wait_takes_a_moment_of_the_film() -> None:
    clock = film_clock(Timescale((0, 1, 99, 100), (0, 0.4, 0.6, 1), ((1, 99),)), [(0, 0.5)], 10)
    assert (clock.place(99) - clock.place(1)) * 10 < 0.4
    assert clock.place(0.5) * 10 >= 0.25


def test_mail_data_lies_on_its_line_for_as_long_as_it_is_sent() -> None:
    bands = [path for path in film("campus").iter(f"{SVG}path") if path.get("class") == "sending"]
    data = [row for row in lab.simulate(TOPOLOGIES / "campus.toml").trace.rows if row[1] == "data"]
    assert len(bands) >= len(data)


def test_lost_and_doubled_mail_has_its_sign_and_a_broken_rule_its_words() -> None:
    lost = [
        group for group in film("faults/careless").iter(f"{SVG}g") if group.get("class") == "lost"
    ]
    assert ["".join(group.itertext()).strip() for group in lost] == ["LOST"]
    twice = [
        group for group in film("faults/crash").iter(f"{SVG}g") if group.get("class") == "twice"
    ]
    assert len(twice) == 2
    careless = lab.simulate(TOPOLOGIES / "faults/careless.toml").animate().svg
    assert 'id="problem"' in careless


@pytest.mark.parametrize("seconds", [0, -1, 3601, math.inf])
def test_a_film_is_neither_empty_nor_endless(seconds: float) -> None:
    with pytest.raises(ValueError, match="must be longer than 0 seconds and at most 3600, not"):
        lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").animate(seconds=seconds)
