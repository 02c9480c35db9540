"""The slope chart, the map and the page of two runs: what they show, and that nothing overlaps."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from helpers.browser import browser, drawn, listening, needs_chromium
from helpers.places import TOPOLOGIES
from helpers.small_topologies import host, mail

import lab
from lab.analysis.differences import differences
from lab.analysis.slopes import HIGHEST, LINES, NAMED, NO_OUTCOME, slopes, spread
from lab.topology.model import from_dict

mpl.use("Agg")

CAMPUS = lab.simulate(TOPOLOGIES / "campus.toml")
FASTER = lab.simulate(CAMPUS.topology.change({"link.*.bandwidth": "4800 bit/s"}))
CRASH = lab.simulate(TOPOLOGIES / "faults/crash.toml")
CARELESS = lab.simulate(TOPOLOGIES / "faults/careless.toml")
COMPARED = lab.diff(CAMPUS, FASTER, names=("before", "after"))


def many(count: int, latency: str) -> lab.Run:
    mails = [mail("ann@A", f"u{n}@B", at=f"{n} s") for n in range(count)]
    users = [f"u{n}" for n in range(count)]
    return lab.simulate(from_dict({
        "host": [host("A", "ann"), host("B", *users)],
        "link": [{"between": ["A", "B"], "latency": latency}],
        "mail": mails,
    }))  # fmt: skip


# -- slopes


def test_those_that_moved_most_have_names_and_others_have_not() -> None:
    found = differences(CAMPUS.trace, FASTER.trace)
    chart = slopes(found)
    named = [line for line in chart.lines if line.rank is not None]
    assert [line.pair for line in sorted(named, key=lambda line: line.rank or 0)] == (
        found.movers()[:NAMED]
    )
    assert chart.unnamed == len(found.pairs) - NAMED
    assert {label.text for label in chart.right} == {
        "55.4 s sooner", "50.8 s sooner", "47.7 s sooner", "40.7 s sooner", "36.6 s sooner",
        "30.2 s sooner", "17.8 s sooner",
    }  # fmt: skip
    assert chart.is_logarithmic


def test_labels_keep_their_distance_and_stay_below_the_names_of_the_runs() -> None:
    chart = slopes(differences(CRASH.trace, CARELESS.trace), gap=0.05)
    for labels in (chart.left, chart.right):
        heights = [label.height for label in labels]
        assert all(b - a >= 0.05 - 1e-9 for a, b in pairwise(heights))
        assert max(heights) <= HIGHEST


@pytest.mark.parametrize(
    ("heights", "placed"),
    [
        ([], []),
        ([0.2, 0.5], [0.2, 0.5]),
        ([0.5, 0.5], [0.45, 0.55]),
        ([0.0, 0.5, 0.5, 0.52], [0.0, 0.40666667, 0.50666667, 0.60666667]),
        ([1.0, 1.0, 1.0], [0.8, 0.9, 1.0]),
    ],
)
def test_labels_are_moved_no_further_than_they_must(
    heights: list[float], placed: list[float]
) -> None:
    assert spread(heights, 0.1, 1.0) == pytest.approx(placed)


def test_recipients_of_one_run_alone_are_counted_and_have_no_line() -> None:
    chart = slopes(differences(CRASH.trace, CARELESS.trace))
    assert chart.alone == (3, 0)
    assert len(chart.lines) == 3
    lost = next(line for line in chart.lines if line.end_b == "lost")
    assert (lost.b, lost.end_a) == (NO_OUTCOME, "twice")
    assert any(label.text == "lost, was delivered twice" for label in chart.right)


def test_of_very_many_lines_some_are_drawn_and_all_are_counted() -> None:
    a, b = many(LINES + 100, "10 ms"), many(LINES + 100, "20 ms")
    chart = slopes(differences(a.trace, b.trace))
    assert len(chart.lines) <= LINES + NAMED
    assert chart.unnamed == LINES + 100 - NAMED
    assert not chart.is_logarithmic
    assert chart.ticks[0] == (0.0, "0 s")


def texts(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_the_slope_chart_names_the_runs_and_the_movers() -> None:
    ax = COMPARED.plot()
    assert {"A: before", "B: after"} <= set(texts(ax))
    assert "4 galois@DORM.CAMPUS" in texts(ax)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "5 other recipients" in legend
    assert "time from submission to outcome, logarithmic" in legend
    mpl.pyplot.close(ax.figure)


def test_no_two_texts_of_the_slope_chart_overlap() -> None:
    for compared in (COMPARED, lab.diff(CRASH, CARELESS)):
        ax = compared.plot("slopes")
        ax.figure.canvas.draw()
        boxes = [text.get_window_extent() for text in ax.texts]
        for n, box in enumerate(boxes):
            for other in boxes[n + 1 :]:
                width = min(box.x1, other.x1) - max(box.x0, other.x0)
                height = min(box.y1, other.y1) - max(box.y0, other.y0)
                assert width < 1 or height < 3
        mpl.pyplot.close(ax.figure)


# -- the map


def test_links_that_carry_more_are_solid_and_those_that_carry_less_dashed() -> None:
    ax = COMPARED.plot("map")
    arrows = {patch.get_gid(): patch for patch in ax.patches if patch.get_gid()}
    change = COMPARED.links.set_index(["host", "peer"])["change"]
    for (a, b), value in change.items():
        style = arrows[f"route {a} {b}"].get_linestyle()
        assert (style in ("-", "solid")) is (value > 0), (a, b)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "less (most: busy 0:01:02.9 less)" in legend
    assert any(text.startswith("more (most: busy ") for text in legend)
    mpl.pyplot.close(ax.figure)


def test_a_map_without_a_change_or_without_links_says_so() -> None:
    ax = lab.diff(CAMPUS, CAMPUS).plot("map")
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "no link carried more or less" in legend
    mpl.pyplot.close(ax.figure)
    level = lab.simulate(TOPOLOGIES / "campus.toml", trace="delivery")
    compared = lab.diff(level, CAMPUS)
    ax = compared.plot("map")
    assert "links were not recorded" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert '<h2 id="s4">' not in compared.page()
    mpl.pyplot.close(ax.figure)


def test_another_kind_of_picture_is_refused() -> None:
    with pytest.raises(ValueError, match='kind must be "slopes" or "map", not \'pie\''):
        COMPARED.plot("pie")


# -- the page


class Outline(HTMLParser):
    """The headings, cells and text alternatives of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.cells: list[str] = []
        self.images: list[str] = []
        self.tags: list[str] = []
        self._in = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag
        self.tags.append(tag)
        if tag == "svg":
            self.images.append(dict(attrs)["aria-label"] or "")

    def handle_data(self, data: str) -> None:
        if self._in in ("h1", "h2"):
            self.headings.append(data)
        elif self._in == "td":
            self.cells.append(data)
        self._in = ""


def test_the_page_has_the_verdict_first_and_a_text_for_each_drawing() -> None:
    outline = Outline(COMPARED.page())
    assert outline.headings == [
        "The runs part at 1.032 s. 13 of 13 recipients fared otherwise: 5 later in B by 1.35 s to "
        "5.81 s; 8 sooner in B by 17.8 s to 55.4 s.",
        "Where they part, at MATH.CAMPUS", "How long each recipient took",
        "On one clock: those that fared otherwise", "Load of the links, in busy seconds",
    ]  # fmt: skip
    slope, lanes, links = outline.images
    assert "message 4 to galois@DORM.CAMPUS: delivered after 0:01:07.7 in A" in slope
    assert "message 4 to galois@DORM.CAMPUS" in lanes
    assert "HUB.CAMPUS → DORM.CAMPUS: 84.7067 busy seconds in A, 21.7867" in links
    assert "55.4 s sooner" in outline.cells
    assert "script" not in outline.tags


def test_the_page_of_the_same_runs_has_no_difference() -> None:
    outline = Outline(lab.diff(CAMPUS, CAMPUS).page())
    assert outline.headings[0] == "The runs are the same: 13 recipients."
    assert len(outline.headings) == 3
    assert lab.diff(lab.Trace(()), lab.Trace(())).page().count("<h2") == 0


def test_texts_of_others_cannot_break_the_page() -> None:
    topology = CAMPUS.topology.change({"title": '</style><script>alert("x")</script>'})
    page = lab.diff(CAMPUS, topology, names=("<b>&", "\x1b[31m")).page()
    assert "<script" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "\x1b" not in page


def test_long_tables_are_cut_and_say_so() -> None:
    page = lab.diff(many(230, "10 ms"), many(230, "20 ms")).page()
    assert "and 30 more; lab diff --json has all" in page
    assert page.count("<tr>") < 230


def test_the_file_replaces_an_old_one_when_it_is_complete(tmp_path: Path) -> None:
    COMPARED.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == COMPARED.page()
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_each_marker_and_heading_that_is_referred_to_is_there() -> None:
    page = COMPARED.page()
    used = set(re.findall(r'(?:url\(#|aria-labelledby=")([\w-]+)', page))
    assert used <= set(re.findall(r'\bid="([\w-]+)"', page))


@needs_chromium
def test_the_page_works_in_a_browser_light_and_dark_wide_and_narrow(tmp_path: Path) -> None:
    """Without a request or a message; what is wider than the window scrolls by keyboard."""
    COMPARED.save(tmp_path / "page.html")
    with browser() as chromium:
        for scheme, width in (("light", 1366), ("dark", 390)):
            context = chromium.new_context(
                color_scheme=scheme, viewport={"width": width, "height": 844}
            )
            page = context.new_page()
            messages = listening(page)
            page.goto((tmp_path / "page.html").as_uri())
            drawn(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.className") == "wide"
            assert messages == []
            context.close()
