"""The diagrams of section 4.4, held against the figures in the RFC edge by edge."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from helpers.places import SHARED
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from lab import views
from lab.protocol.replies import COMMAND_REPLIES
from lab.protocol.states import DIAGRAMS
from lab.trace.trace import Trace
from lab.views.pictures.plot_style import off_screen

RFC = SHARED / "rfc821.txt"

FIGURE_OF_COMMANDS = """
                            1,3    +---+
                       ----------->| E |
                      |            +---+
                      |
   +---+    cmd    +---+    2      +---+
   | B |---------->| W |---------->| S |
   +---+           +---+           +---+
                      |
                      |     4,5    +---+
                       ----------->| F |
                                   +---+
"""
FIGURE_OF_DATA = """
   +---+   DATA    +---+ 1,2                 +---+
   | B |---------->| W |-------------------->| E |
   +---+           +---+        ------------>+---+
                   3| |4,5     |
                    | |        |
      --------------   -----   |
     |                      |  |             +---+
     |               ----------     -------->| S |
     |              |       |      |         +---+
     |              |  ------------
     |              | |     |
     V           1,3| |2    |
   +---+   data    +---+     --------------->+---+
   |   |---------->| W |                     | F |
   +---+           +---+-------------------->+---+
                        4,5
"""
EDGES = {
    "each command but DATA": [
        ("B", "cmd", "W"),
        ("W", "1,3", "E"),
        ("W", "2", "S"),
        ("W", "4,5", "F"),
    ],
    "DATA and the mail data": [
        ("B", "DATA", "W"),
        ("W", "1,2", "E"),
        ("W", "3", ""),
        ("W", "4,5", "F"),
        ("", "data", "W below"),
        ("W below", "1,3", "E"),
        ("W below", "2", "S"),
        ("W below", "4,5", "F"),
    ],
}
"""The edges of the two figures, read by eye; the second W of DATA is the one below."""


def drawn(command: str | None = None) -> Axes:
    with off_screen():
        return views.plot(Trace(), "states", command=command)


def _edges(ax: Axes) -> dict[str, list[tuple[str, str, str]]]:
    """The arrows of the two diagrams as they are drawn: by where they begin and end."""
    titles = {
        each.get_text().removeprefix("4.4: "): each.get_position()[0]
        for each in ax.texts
        if each.get_text().startswith("4.4: ")
    }
    middle = max(titles.values())
    nodes = {item.get_position(): item.get_text() for item in ax.texts if item.get_gid() == "node"}
    (first, second) = [place for place, name in nodes.items() if name == "W" and place[0] > middle]
    nodes[min(first, second, key=lambda place: place[1])] += " below"
    edges: dict[str, list[tuple[str, str, str]]] = {title: [] for title in titles}
    for text in ax.texts:
        if isinstance(text, Annotation) and (text.get_gid() or "").startswith("arrow "):
            title = max((x, title) for title, x in titles.items() if x < text.xyann[0])[1]
            label = str(text.get_gid()).removeprefix("arrow ")
            edges[title].append((nodes[text.xyann], label, nodes[text.xy]))
    return edges


@pytest.mark.rule("4.4-3")
def test_the_diagrams_have_every_edge_of_the_figures_of_4_4() -> None:
    """Each arrow from its node to its node under its label, and no other arrow."""
    ax = drawn()
    assert {title: sorted(edges) for title, edges in _edges(ax).items()} == {
        title: sorted(edges) for title, edges in EDGES.items()
    }
    labels = Counter(label for edges in EDGES.values() for _, label, _ in edges)
    written = Counter(text.get_text() for text in ax.texts if text.get_gid() == "arrow words")
    assert all(written[label] >= count for label, count in labels.items() if label != "DATA")


@pytest.mark.skipif(not RFC.is_file(), reason="RFC 821 does not lie beside the repository")
def test_the_figures_of_4_4_are_those_of_the_print() -> None:
    """4.4: the figures and the commands that they model, spaces at the sides apart."""
    lines = [line.strip() for line in RFC.read_text(encoding="latin-1").splitlines()]
    for figure in (FIGURE_OF_COMMANDS, FIGURE_OF_DATA):
        wanted = [line.strip() for line in figure.strip().splitlines()]
        assert any(lines[n : n + len(wanted)] == wanted for n in range(len(lines)))
    models = "HELO, MAIL, RCPT, RSET, SEND, SOML, SAML, VRFY, EXPN, HELP, NOOP, QUIT, TURN."
    assert models in " ".join(lines)
    assert set(DIAGRAMS[0].commands) == set(models.rstrip(".").split(", "))
    assert DIAGRAMS[1].commands == ("DATA",)


@pytest.mark.parametrize("row", COMMAND_REPLIES)
def test_a_code_stands_where_its_first_digit_leads(row: str) -> None:
    """4.4: no code of 4.3 leads to an end that its first digit does not lead to."""
    ax = drawn(row)
    ends = Counter(
        (text.get_text().split(":")[0].split("\n")[0], code)
        for text in ax.texts
        if text.get_gid() == "end words"
        for code in re.findall(r"\b\d{3}\b", text.get_text())
    )
    names = {"2": "success", "4": "failure", "5": "failure"}
    shown = [code for code in map(str, COMMAND_REPLIES[row]) if code != "354"]
    assert ends == Counter((names[code[0]], code) for code in shown)
