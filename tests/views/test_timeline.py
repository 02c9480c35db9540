"""The timeline: structure of the picture, whatever the mail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.drawings import apart, drawn, gids, inside
from helpers.places import TOPOLOGIES
from helpers.synthetic_traces import CHAIN, Scribe, forked, many, relayed, troubled
from matplotlib.axes import Axes
from matplotlib.text import Text

import lab
from lab import views
from lab.analysis.itineraries import itineraries
from lab.trace.trace import Trace
from lab.views.pictures.lanes import layout_lanes
from lab.views.pictures.plot_style import shorten
from lab.views.pictures.timescale import timescale


def title_of(ax: Axes) -> Text:
    (title,) = (text for text in ax.findobj(Text) if text.get_text() == ax.get_title(loc="left"))
    return title


PICTURES = [relayed, troubled, forked, lambda: many(12), lambda: many(30), lambda: many(40)]


@pytest.mark.parametrize("trace", [make() for make in PICTURES])
def test_a_bar_for_each_hop(trace: Trace) -> None:
    hops = [hop for story in itineraries(trace) for hop in story.hops if hop.ended is not None]
    assert len(gids(drawn(trace), "hop ")) == len(hops)


@pytest.mark.parametrize("trace", [make() for make in PICTURES])
def test_labels_lie_within_the_figure_and_clear_of_one_another(trace: Trace) -> None:
    ax = drawn(trace)
    first, last = sorted(ax.get_xlim())
    ticks = [label for label in ax.get_xticklabels() if first <= label.get_position()[0] <= last]
    words = [*ax.get_yticklabels(), *ticks, title_of(ax), ax.xaxis.label]
    inside(ax, [*words, *ax.get_legend().get_texts()])
    apart(words)
    apart([text for text in ax.texts if text.get_gid() == "host"])
    apart(ax.get_legend().get_texts())


@pytest.mark.parametrize("trace", [make() for make in PICTURES])
def test_the_legend_is_outside_the_data(trace: Trace) -> None:
    ax = drawn(trace)
    assert ax.get_legend().get_window_extent().y1 <= ax.get_window_extent().y0


def test_the_ends_are_marked() -> None:
    ax = drawn(troubled())
    ends = sorted(line.get_gid() for line in ax.lines if (line.get_gid() or "").startswith("end"))
    assert ends == [
        *["end defer"] * 2,
        *["end deliver"] * 3,
        "end refuse",
        "end return",
    ]


def test_copies_fork_into_lanes_where_their_routes_part() -> None:
    made = layout_lanes(itineraries(forked()))
    assert [lane.kind for lane in made.lanes] == ["message", "fork", "fork", "message"]


def test_a_notification_lies_beneath_the_message_that_it_is_about() -> None:
    made = layout_lanes(itineraries(troubled()))
    assert [lane.kind for lane in made.lanes] == ["message", "message", "message", "return"]
    assert made.lanes[3].itinerary.about is made.lanes[2].itinerary


def test_a_notification_that_leaves_no_host_has_no_lane() -> None:
    scribe = Scribe("", CHAIN)
    number = scribe.submit(0, f"JQP@{CHAIN[0]}", f"Nobody@{CHAIN[1]}")
    t = scribe.refuse(0, number, CHAIN[0], CHAIN[1])
    notice = scribe.notify(t, CHAIN[0], number, f"<JQP@{CHAIN[0]}>")
    scribe.deliver(t, notice, CHAIN[0], "JQP")
    trace = scribe.end(t + 1)
    assert len(layout_lanes(itineraries(trace)).lanes) == 1
    ax = drawn(trace)
    assert len([line for line in ax.lines if line.get_gid() == "end return"]) == 1


def test_a_channel_that_is_shared_makes_later_messages_wait_in_the_spool() -> None:
    scribe = Scribe("", CHAIN)
    a, b, _ = CHAIN
    one, two = (scribe.submit(0, f"JQP@{a}", f"X@{b}") for _ in range(2))
    scribe.queue(0, one, a, b)
    scribe.queue(0, two, a, b)
    scribe.open(1, a, b, 0.5)
    scribe.send(2, one, a, b, last=1)
    scribe.send(3.5, two, a, b, last=1)
    first, second = (story.hops[0] for story in itineraries(scribe.end(6)))
    assert (first.opening, first.opened, first.sending, first.ended) == (1, 2, 2, 3)
    assert (second.opening, second.opened, second.sending, second.ended) == (1, 1.5, 3.5, 4.5)


def test_recipients_who_are_put_off_go_on_by_themselves() -> None:
    scribe = Scribe("", CHAIN)
    a, b, _ = CHAIN
    one = scribe.submit(0, f"JQP@{a}", f"X@{b}", f"Y@{b}")
    scribe.queue(0, one, a, b, "1", "2")
    session = scribe.open(1, a, b, 0.5)
    scribe.trace.record((2.5, "defer", a, b, session, one, ("2",), "450 busy", 9.0))
    scribe.send(2, one, a, b, "1", last=1)
    scribe.trace.record((9.0, "attempt", a, b, None, None, "arpanet", 2))
    scribe.trace.record((10.0, "unreachable", a, b, None, None, "no answer"))
    scribe.trace.record((10.0, "refuse", a, b, None, one, ("2",), "no more tries are made"))
    (story,) = itineraries(scribe.end(11))
    told = {hop.recipients: (hop.outcome, len(hop.attempts), hop.ended) for hop in story.hops}
    assert told == {("1",): ("transfer", 0, 3), ("2",): ("expired", 2, 10)}


def test_waits_that_dwarf_all_else_are_folded_and_sessions_stay_visible() -> None:
    ax = drawn(troubled())
    assert "not to scale" in ax.get_xlabel()
    widths = [patch.get_window_extent().width for patch in ax.patches if patch.get_gid()]
    assert min(widths) >= 3.9


def test_the_scale_has_an_inverse_and_rises() -> None:
    scale = timescale([(0, 1), (1800, 1801), (5400, 5402)], 0, 5402)
    assert len(scale.folds) == 2
    times = [n * 54.02 for n in range(101)]
    places = [float(scale.place(t)) for t in times]
    assert places == sorted(places)
    assert [float(scale.time(p)) for p in places] == pytest.approx(times)


def test_nothing_is_folded_where_something_goes_on() -> None:
    assert timescale([(n, n + 0.6) for n in range(30)], 0, 30).folds == ()


@pytest.mark.parametrize("count", [300, 1000, 3000])
def test_many_messages_are_drawn_in_one_picture(count: int) -> None:
    ax = drawn(many(count))
    inside(
        ax,
        [
            *(axes.yaxis.label for axes in ax.figure.axes),
            *ax.get_legend().get_texts(),
            ax.xaxis.label,
        ],
    )
    apart(ax.get_legend().get_texts())
    width, height = ax.figure.canvas.get_width_height()
    assert width == 1200
    assert 700 <= height <= 810  # with what is wrong with such a trace


def test_a_trace_with_nothing_in_it_is_drawn() -> None:
    drawn(Trace())
    drawn(Scribe("Nothing", CHAIN).end(0))


def test_names_that_are_formulas_to_matplotlib_are_names() -> None:
    scribe = Scribe("$\\frac$ for $5", ("A$B.ARPA", "C_D$.ARPA"))
    number = scribe.submit(0, "$x^$@A$B.ARPA", "y$@C_D$.ARPA")
    scribe.hop(0, number, "A$B.ARPA", "C_D$.ARPA")
    drawn(scribe.end(3))


def test_it_draws_on_axes_that_are_given() -> None:
    from matplotlib.figure import Figure

    ax = Figure(figsize=(9, 5)).add_subplot()
    assert views.timeline(troubled(), ax=ax) is ax
    assert views.timeline(many(2500), ax=Figure().add_subplot()).figure is not None


@pytest.mark.parametrize("kind", sorted(views.PICTURES))
def test_pictures_are_saved_without_a_display_and_the_same_each_time(
    kind: str, tmp_path: Path
) -> None:
    for name in ("a.png", "b.png"):
        views.save(troubled(), kind, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with pytest.raises(ValueError, match="map, queues, states, timeline"):
        views.plot(troubled(), "pie")


SNIPPETS = [
    "import lab.views; assert not {'matplotlib', 'numpy', 'rich'} & set(sys.modules)",
    "import lab.views.pictures.timeline, lab.views; assert callable(lab.views.timeline)",
    "import lab.views; f = lab.views.timeline; import lab.views.pictures.timeline; "
    "assert lab.views.timeline is f",
    "from lab.views.text.transcript import transcript; from lab import views; "
    "assert views.transcript is transcript and 'matplotlib' not in sys.modules",
    "import lab.views.pictures.timeline; assert 'matplotlib' not in sys.modules",
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_views_are_functions_and_import_nothing_before_use(snippet: str) -> None:
    subprocess.run([sys.executable, "-c", f"import sys; {snippet}"], check=True)


def test_long_names_are_cut_in_the_middle() -> None:
    assert shorten("ABCDEFGHIJ", 5) == "AB…IJ"
    assert shorten("ABC", 5) == "ABC"


DIAMOND = """
[[host]]
name = "ONE.ARPA"
users = ["ann"]
[[host]]
name = "UP.ARPA"
relay = true
[[host]]
name = "DOWN.ARPA"
relay = true
[[host]]
name = "TWO.ARPA"
users = ["bob"]
[[link]]
between = ["ONE.ARPA", "UP.ARPA"]
[[link]]
between = ["UP.ARPA", "TWO.ARPA"]
[[link]]
between = ["ONE.ARPA", "DOWN.ARPA"]
latency = "1 s"
[[link]]
between = ["DOWN.ARPA", "TWO.ARPA"]
[[mail]]
from = "ann@ONE.ARPA"
to = ["bob@TWO.ARPA"]
[[fault]]
kind = "link-down"
link = ["ONE.ARPA", "UP.ARPA"]
at = "0 s"
for = "1 h"
"""


def test_mail_that_goes_another_way_leaves_the_first_queue_and_keeps_its_lane(
    tmp_path: Path,
) -> None:
    """The host that could not be reached is given up for this mail: it waits there no longer."""
    path = tmp_path / "diamond.toml"
    path.write_text(DIAMOND)
    trace = lab.simulate(path).trace
    (story,) = itineraries(trace)
    ways = [(hop.peer, hop.ordinal, hop.outcome) for hop in story.hops]
    assert ways == [
        ("UP.ARPA", 1, "round"),
        ("DOWN.ARPA", 1, "transfer"),
        ("TWO.ARPA", 2, "transfer"),
    ]
    assert len(layout_lanes([story]).lanes) == 1


def test_a_timeline_of_no_mail_says_so() -> None:
    """A session in which nothing was handed over (appendix F, scenario 2)."""
    path = TOPOLOGIES
    trace = lab.simulate(path / "rfc821/scenario-02.toml").trace
    assert "no mail was handed over" in [text.get_text() for text in drawn(trace).texts]
