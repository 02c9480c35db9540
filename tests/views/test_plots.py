"""Ladder, queues, latency and states: what they show, and that every word of them can be read."""

from __future__ import annotations

import functools
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from helpers.places import TOPOLOGIES
from helpers.synthetic_traces import many, relayed, troubled
from matplotlib.axes import Axes
from matplotlib.text import Text

import lab
from lab import views
from lab.analysis.ladder_rows import NothingToShow, first_ladder_rows, ladder_rows
from lab.analysis.session_states import session_histories
from lab.analysis.spools import queue_lengths
from lab.protocol import TRANSITIONS, State
from lab.protocol.replies import MAIL_DATA
from lab.topology.model import from_dict
from lab.topology.specs import FAULT_KINDS
from lab.trace.trace import Trace
from lab.views.pictures.plot_style import off_screen
from lab.views.pictures.states import _taken as taken
from lab.views.visual_language import CUT

_RUNS: dict[str, lab.Run] = {}


def run(name: str) -> lab.Run:
    if name not in _RUNS:
        _RUNS[name] = lab.simulate(TOPOLOGIES / f"{name}.toml")
    return _RUNS[name]


def drawn(trace: Trace, kind: str, **options: Any) -> Axes:
    with off_screen():
        ax = views.plot(trace, kind, **options)
    ax.figure.canvas.draw()
    return ax


def readable(texts: list[Text]) -> None:
    """Within the figure, and clear of one another."""
    shown = [text for text in texts if text.get_text() and text.get_visible()]
    width, height = shown[0].figure.canvas.get_width_height()
    for text in shown:
        box = text.get_window_extent()
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= width + 1, text
        assert box.y1 <= height + 1, text
    boxes = [(text, text.get_window_extent().padded(-1.5)) for text in shown]
    for (one, box), (other, its) in combinations(boxes, 2):
        assert not box.overlaps(its), (one, other)


def words(ax: Axes) -> list[Text]:
    x, y = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    ticks = [label for label in ax.get_xticklabels() if x[0] <= label.get_position()[0] <= x[1]]
    ticks += [each for each in ax.get_yticklabels() if y[0] <= each.get_position()[1] <= y[1]]
    ticks = ticks if ax.axison else []
    legend = ax.get_legend()
    title = [text for text in ax.findobj(Text) if text.get_text() == ax.get_title(loc="left")][:1]
    labels = [ax.xaxis.label, ax.yaxis.label]
    return [*ax.texts, *ticks, *title, *labels, *(legend.get_texts() if legend else [])]


# -- the ladder

LADDERS: list[tuple[str, dict[str, Any]]] = [
    ("rfc821/scenario-03", {}), ("rfc821/scenario-10", {}), ("campus", {}),
    ("campus", {"message": 7}), ("campus", {"session": 2}), ("polling", {"session": 1}),
    ("campus", {"between": ("hub.campus", "MATH.CAMPUS")}), ("internet", {}),
    ("faults/duplicate-window", {}), ("faults/partition", {"message": 1}),
    ("faults/link-down", {}), ("faults/loss", {}), ("two-environments", {}),
    ("rfc821/scenario-03", {"to_scale": True}), ("campus", {"message": 2, "to_scale": True}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), LADDERS, ids=str)
def test_every_word_of_a_ladder_can_be_read(name: str, options: dict[str, Any]) -> None:
    """No label leaves the figure or lies on another."""
    readable(words(drawn(run(name).trace, "ladder", **options)))


@pytest.mark.parametrize("name", ["faults/one-way", "faults/doubled-reply", "faults/refuse"])
def test_what_crosses_is_written_between_the_lines_of_its_hosts(name: str) -> None:
    """Also a reply that refuses, in bold letters, and a lost channel, between its two crosses."""
    ax = drawn(run(name).trace, "ladder")
    of = {row.seq: row for row in ladder_rows(run(name).trace)}
    lines = {
        text.get_text(): ax.transData.transform((text.get_position()[0], 0))[0]
        for text in ax.texts if (text.get_gid() or "").startswith("host")
    }  # fmt: skip
    crosses = [line.get_window_extent() for line in ax.lines if line.get_marker() == "x"]
    for text in [text for text in ax.texts if (text.get_gid() or "").startswith("label")]:
        row = of[int(str(text.get_gid()).split()[1])]
        box = text.get_window_extent()
        if row.crosses or row.kind == "cut":
            left, right = sorted((lines[row.host], lines[str(row.peer)]))
            assert left <= box.x0 <= box.x1 <= right, text
        assert not any(box.overlaps(cross) for cross in crosses), text


def test_a_ladder_has_an_arrow_for_each_command_reply_and_mail_data() -> None:
    """Each as it was said, from the host that said it to the one that heard it."""
    trace = run("rfc821/scenario-03").trace
    ax = drawn(trace, "ladder")
    wire = [event for event in trace if event.kind in ("command", "reply", "data")]
    arrows = [text.get_gid() for text in ax.texts if (text.get_gid() or "").startswith("arrow")]
    assert arrows == [f"arrow {event.seq}" for event in wire]
    said = [each.get_text() for each in ax.texts if (each.get_gid() or "").startswith("label")]
    assert "HELO MIT-AI.ARPA" in said
    assert "250 OK" in said
    assert "mail data: 10 lines, 259 bytes" in said
    assert "delivered: Jones" in said
    hosts = [item.get_text() for item in ax.texts if (item.get_gid() or "").startswith("host")]
    assert hosts == ["MIT-AI.ARPA", "USC-ISIE.ARPA", "BBN-VAX.ARPA"]
    bands = [patch.get_gid() for patch in ax.patches if patch.get_gid()]
    assert bands == ["session 1", "session 2"]


def test_a_ladder_of_a_message_has_its_notification_and_no_other_message() -> None:
    """Returned mail is part of its story; other mail in the same sessions is not."""
    trace = run("campus").trace
    kept = {event.seq for event in ladder_rows(trace, message=7)}
    about = {e.message for e in trace if e.kind == "notify" and e["about"] == 7} | {7}
    assert {trace[seq].message for seq in kept} == {None, *about}


def test_the_first_rows_are_those_of_all_and_the_others_are_counted() -> None:
    """So that a ladder of a long run costs what it shows."""
    for name in ("campus", "faults/duplicate-window", "polling"):
        trace = run(name).trace
        for options in ({}, {"message": 1}, {"session": 1}):
            whole = [event for event in ladder_rows(trace, **options) if event.kind != "wait"]
            found, more = first_ladder_rows(trace, 9, **options)
            shown = [each for each in found if each.kind != "wait"]
            assert shown == whole[:9]
            assert more == sum(item.kind != "close" for item in whole[9:])


def test_mail_data_takes_its_arrow_whatever_the_reply() -> None:
    """From data back to ready: as often as DATA led there, and the mail data came whole."""
    for name in ("campus", "faults/storage-full", "faults/duplicate-window"):
        arrows = taken(run(name).trace, None, None)[0]
        whole = [e for e in run(name).trace if e.kind == "data" and e["octets"].endswith(b".\r\n")]
        assert 0 < arrows[State.DATA, MAIL_DATA] <= len(whole)
        assert arrows[State.DATA, MAIL_DATA] >= len(whole) - 3  # cut off before it was stored


def test_arrows_of_all_sessions_are_counted_as_in_each() -> None:
    """Sessions that went alike are read once: the sum is that of the single films."""
    for name in ("campus", "faults/refuse", "polling", "rfc821/scenario-07"):
        trace = run(name).trace
        singly = Counter[Any]()
        for number in session_histories(trace):
            singly += taken(trace, number, None)[0]
        assert taken(trace, None, None)[0] == singly
        assert singly


def test_what_is_cut_and_lost_is_marked() -> None:
    """Each at its place, in words."""
    kinds = {event.kind for event in ladder_rows(run("faults/duplicate-window").trace)}
    assert {"cut", "fault", "wait", "defer", "deliver"} <= kinds
    assert "loss" in {each.kind for each in ladder_rows(run("faults/loss").trace)}


def test_bytes_that_were_cut_off_have_a_cross_at_tail_and_head() -> None:
    """As far as they had come; the legend says so, within the figure."""
    trace = lab.simulate(from_dict({
        "host": [{"name": "A", "users": ["ann"]}, {"name": "B", "users": ["bob"]}],
        "link": [{"between": ["A", "B"], "latency": "2 s", "bandwidth": "1200 bit/s"}],
        "mail": [{"from": "ann@A", "to": ["bob@B"], "size": "3000 B"}],
        "fault": [{"kind": "link-down", "link": ["A", "B"], "for": "1 min", "at": "28.773 s"}],
    })).trace  # fmt: skip
    ax = drawn(trace, "ladder")
    readable(words(ax))
    (stopped,) = [line for line in ax.lines if (line.get_gid() or "").startswith("stopped")]
    tail, head = stopped.get_xdata()
    assert (tail, head) == (0, pytest.approx(0.25, abs=0.01))
    crosses = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "x"]
    assert {tail, head} <= set(crosses)
    assert CUT.words in [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_ladder_of_what_is_not_there_is_refused_in_a_sentence() -> None:
    """The sentence says what there is."""
    trace = run("campus").trace
    with pytest.raises(NothingToShow, match="there is no message 99; they are 1 to"):
        ladder_rows(trace, message=99)
    with pytest.raises(NothingToShow, match="there is no session 99; they are 1 to 16"):
        ladder_rows(trace, session=99)
    with pytest.raises(NothingToShow, match="there is no host 'X'; there are HUB"):
        ladder_rows(trace, between=("X", "HUB.CAMPUS"))


# -- every picture


def test_the_function_of_each_picture_is_one_of_the_package() -> None:
    """Type checkers know it too."""
    source = Path(views.__file__).read_text(encoding="utf-8")
    for picture in views.PICTURES.values():
        assert callable(getattr(views, picture.function))
        assert f"import {picture.function} as {picture.function}\n" in source


# -- queues and latency

TRACES = [
    *("rfc821/scenario-03", "campus", "internet", "polling", "faults/partition"),
    *("faults/link-down", "rfc821/scenario-01", "two-environments"),
]


@pytest.mark.parametrize("kind", views.PICTURES)
@pytest.mark.parametrize("trace", [Trace(), relayed(), troubled(), many(300)], ids=range(4))
def test_a_picture_of_any_trace_can_be_read(kind: str, trace: Trace) -> None:
    """Of none, of one message, of trouble, and of many."""
    readable(words(drawn(trace, kind)))


@pytest.mark.parametrize("kind", sorted(views.PICTURES.keys() - {"ladder"}))
@pytest.mark.parametrize("name", TRACES)
def test_a_picture_of_a_run_can_be_read(kind: str, name: str) -> None:
    """Of every kind of run that the topologies show; a ladder is of one message (below)."""
    readable(words(drawn(run(name).trace, kind)))


@pytest.mark.parametrize("name", ["campus", "internet"])
def test_latency_by_route_can_be_read(name: str) -> None:
    """The names of the routes stand at the left."""
    readable(words(drawn(run(name).trace, "latency", by="route")))


def test_the_spools_are_those_that_a_count_of_the_trace_gives() -> None:
    """At the campus three reports wait at the hub for the slow line at once."""
    lines = queue_lengths(run("campus").trace)
    assert max(length for _, length in lines["HUB.CAMPUS"]) >= 3
    assert all(line[-1][1] == 0 for line in lines.values())


@pytest.mark.parametrize("name", TRACES)
def test_all_spools_are_empty_when_all_is_settled(name: str) -> None:
    """What is counted in is counted out, whichever way it left."""
    if run(name).summary["queued"] == 0:
        assert all(line[-1][1] == 0 for line in queue_lengths(run(name).trace).values())


# -- states


def test_the_states_are_those_of_the_table() -> None:
    """A node a state, and each command of the table somewhere on an arrow or under a node."""
    ax = drawn(Trace(), "states")
    nodes = {text.get_text() for text in ax.texts if text.get_gid() == "node"}
    assert {state.value for state in State} <= nodes
    told = " ".join(each.get_text() for each in ax.texts)
    for row in TRANSITIONS.values():
        for verb in row:
            assert ("the mail data" if verb == "data" else verb) in told


def test_the_current_state_is_marked_after_each_event() -> None:
    """The receiver-SMTP's, as the commands that it took have made it."""
    trace = run("rfc821/scenario-03").trace
    (film, _) = session_histories(trace).values()
    seen = []
    for seq in film.seqs:
        ax = drawn(trace, "states", session=1, seq=seq)
        (now,) = [
            patch.get_gid().split()[1]
            for patch in ax.patches
            if (patch.get_gid() or "").endswith(" now")
        ]
        if not seen or seen[-1] != now:
            seen.append(now)
    assert seen == ["opened", "ready", "mail", "rcpt", "data", "ready", "closed"]


def test_a_film_has_the_three_buffers_of_both_sides() -> None:
    """4.1.1: reverse-path, forward-path and mail data, filled and cleared as commands succeed."""
    trace = run("rfc821/scenario-03").trace
    film = session_histories(trace)[1]
    by_verb = {e["verb"]: film.at(e.seq) for e in trace if e.kind == "command" and e.session == 1}
    at_rcpt = by_verb["RCPT"]
    assert at_rcpt is not None
    assert at_rcpt.receiver.reverse_path == "<JQP@MIT-AI.ARPA>"
    assert at_rcpt.receiver.forward_paths == ("<@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>",)
    assert at_rcpt.sender.forward_paths == ()
    assert at_rcpt.sender.awaiting == "RCPT"
    at_quit = by_verb["QUIT"]
    assert at_quit is not None
    assert at_quit.receiver.reverse_path is None
    assert at_quit.receiver.state is State.CLOSED


def test_a_film_changes_roles_with_turn() -> None:
    """3.8: the host that called is the receiver-SMTP from then on, and both as after opening."""
    trace = run("polling").trace
    turned = [
        film
        for film in session_histories(trace).values()
        if len({s.sender_host for s in film.snapshots}) > 1
    ]
    assert turned
    for film in turned:
        first, last = film.snapshots[0], film.snapshots[-1]
        assert (first.sender_host, first.receiver_host) == (last.receiver_host, last.sender_host)


@functools.cache
def long_names() -> lab.Run:
    """Names of hosts and users about as long as section 4.5.3 lets them be, and a long title."""
    names = [f"{word}-NAME-OF-A-HOST-AS-LONG-AS-ANYBODY-LIKES.DEPARTMENT.ARPA" for word in "ABC"]
    return lab.simulate(
        from_dict(
            {
                "title": "A title that goes on and on, " * 7,
                "host": [
                    {"name": name, "relay": True, "users": ["SOMEBODY-WITH-A-LONG-NAME"]}
                    for name in names
                ],
                "link": [{"between": pair} for pair in (names[:2], names[1:])],
                "mail": [
                    {
                        "from": f"SOMEBODY-WITH-A-LONG-NAME@{names[0]}",
                        "to": [f"SOMEBODY-WITH-A-LONG-NAME@{names[2]}", f"NOBODY@{names[2]}"],
                    }
                ],
            }
        )
    )


@pytest.mark.parametrize("kind", views.PICTURES)
def test_long_names_and_titles_end_within_the_figure(kind: str) -> None:
    """They are cut in the middle; nothing leaves the figure or lies on another."""
    readable(words(drawn(long_names().trace, kind)))


@functools.cache
def everything() -> lab.Run:
    """A ring of hosts with long names, mail by many hops, and a fault of each kind."""
    names = [f"HOST-{n}-OF-A-RING-OF-MANY.SOMEWHERE.ARPA" for n in range(12)]
    on_links = {
        "link-down": None, "loss": 0.3, "latency": "2 s", "hang-up": None, "jitter": "1 s",
        "bandwidth": "1200 bit/s",
    }  # fmt: skip
    on_hosts = ["host-down", "crash", "busy", "storage-full", "refuse", "clock-skew"]
    faults: list[dict[str, Any]] = [
        {"kind": kind, "link": names[n : n + 2], "at": f"{2 + n} s", "for": "20 s"}
        | ({"value": value} if value is not None else {})
        | ({"after": "DATA"} if kind == "hang-up" else {})
        for n, (kind, value) in enumerate(on_links.items())
    ]
    faults += [
        {"kind": kind, "host": names[n + 6], "at": f"{8 + n} s", "for": "20 s"}
        | ({"value": "-5 min"} if kind == "clock-skew" else {})
        for n, kind in enumerate(on_hosts)
    ]
    faults.append({
        "kind": "partition", "groups": [names[:6], names[6:]], "at": "30 s", "for": "5 s"
    })  # fmt: skip
    faults[3].pop("for")
    tables = {
        "title": "Étude naïve, Ω: $every$ <kind> of & fault",
        "host": [{"name": name, "relay": True, "users": ["somebody"]} for name in names],
        "link": [{"between": [names[n], names[(n + 1) % 12]]} for n in range(12)],
        "traffic": [{"count": 25, "rate": "40 /min", "size": "2 kB"}],
        "fault": faults,
    }
    return lab.simulate(from_dict(tables))


def test_everything_has_each_kind_of_fault() -> None:
    """Those that change one reply or command are not drawn: they have no time; one is for NCP."""
    faults = {fault.kind for fault in everything().topology.faults}
    assert faults == FAULT_KINDS.keys() - {"change-reply", "change-command", "one-way"}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *((kind, {}) for kind in sorted(views.PICTURES.keys() - {"ladder"})),
        ("latency", {"by": "route"}), ("ladder", {"message": 1, "to_scale": True}),
    ],
    ids=str,
)  # fmt: skip
def test_a_run_in_which_everything_happens_can_be_read(kind: str, options: dict[str, Any]) -> None:
    """No word leaves the figure or lies on another, and the legend names nothing twice."""
    ax = drawn(everything().trace, kind, **options)
    readable([each for each in words(ax) if not str(each.get_gid()).startswith("arrow")])
    names = [text.get_text() for text in (ax.get_legend().get_texts() if ax.get_legend() else [])]
    hops = [name.split(",")[0] for name in names if " hop" in name]
    assert len(set(hops)) == len(hops)


def test_a_wait_to_scale_is_told_where_it_is() -> None:
    """In the middle of the time in which nothing happens; short waits are not told."""
    ax = drawn(run("faults/link-down").trace, "ladder", message=2, to_scale=True)
    low, high = sorted(ax.get_ylim())
    waits = [text for text in ax.texts if str(text.get_gid()).startswith("wait")]
    happened = [event.t for event in ladder_rows(run("faults/link-down").trace, message=2)]
    assert waits
    for wait in waits:
        assert min(abs(wait.get_position()[1] - t) for t in happened) > 0.02 * (high - low)


def test_letters_that_no_font_has_are_no_cause_for_warnings(tmp_path: Path) -> None:
    """A title in Japanese: signs or boxes, and nothing on stderr (warnings are errors here)."""
    first, *rows = run("rfc821/scenario-03").trace.rows
    trace = Trace([(*first[:6], {**first[6], "title": "日本語の題"}), *rows])
    for kind in ("timeline", "map"):
        views.save(trace, kind, tmp_path / f"{kind}.png")
