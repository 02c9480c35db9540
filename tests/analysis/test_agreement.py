"""Readers of the same fact agree, over every event and every fault of every topology that ships.

A long run is cut, so that each has some thousands of events at most.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from functools import lru_cache
from itertools import pairwise, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lab
from lab.analysis import tables
from lab.analysis.channels import LEAVES, shares, way_of
from lab.analysis.faults import fault_intervals, fault_spans, value_in_words
from lab.analysis.index import TraceIndex
from lab.analysis.itineraries import Itinerary, itineraries
from lab.analysis.ladder_rows import row_of
from lab.analysis.measures import delivery_times, grouped_delivery_times, longest_queue
from lab.analysis.narrative import lines_of, narrate, summary_line
from lab.analysis.quantiles import quantiles
from lab.analysis.session_states import session_histories
from lab.analysis.shown_names import ShownNames
from lab.analysis.side_words import side_words
from lab.analysis.spools import queue_lengths
from lab.analysis.stages import CROSSING, stages
from lab.analysis.waits import happening
from lab.protocol import ReplyParser
from lab.protocol.replies import CONNECTION, code_of, is_refusal
from lab.protocol.syntax import verb_of
from lab.quantities import count_noun
from lab.stepping import panels
from lab.stepping.moments import Moment
from lab.topology.model import TopologyError
from lab.trace.rows import event_of
from lab.trace.rows import lines_of as lines_crossed
from lab.views.pictures.fault_rows import fault_rows
from lab.views.pictures.film import _Film, animation
from lab.views.pictures.map import Map
from lab.views.pictures.plot_style import off_screen
from lab.views.replay.data import replay_data
from tests.helpers.places import TOPOLOGIES

MOST = 4000
"""Events of a run that are looked at."""

OF_STORIES_ALONE = ("times in all", "more ...")

NAMES = sorted(str(path.relative_to(TOPOLOGIES)) for path in TOPOLOGIES.rglob("*.toml"))


@lru_cache(maxsize=64)
def run(name: str) -> Any:
    """The run of a topology, from its beginning to an event near the 4000th."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            topology = lab.load(TOPOLOGIES / name)
        except TopologyError:
            pytest.skip("an experiment, which makes its topologies")
    whole = lab.simulate(topology)
    if len(whole.trace) <= MOST:
        return whole
    return lab.simulate(topology, until=whole.trace[MOST].t)


@lru_cache(maxsize=64)
def index(name: str) -> TraceIndex:
    return TraceIndex(run(name).trace)


@lru_cache(maxsize=64)
def page(name: str) -> dict[str, Any]:
    return replay_data(run(name).trace)


@pytest.mark.parametrize("name", NAMES)
def test_sentences(name: str) -> None:
    """The stepper, its list of events and the stories of messages."""
    trace = run(name).trace
    for event in trace:
        text = index(name).sentence(event)
        moment = Moment(index(name), event.seq + 1, session=0)
        assert moment.sentence == text
        assert panels.events(moment, before=1, after=0)[0].endswith(f"  {text}")
    texts = {index(name).sentence(event) for event in trace}
    messages = {event.message for event in trace if event.kind == "submit"}
    for message in sorted(messages)[:50]:
        story = run(name).story(message)
        assert story == narrate(trace, message)
        for line in story:
            is_told = line.partition(": ")[2] in texts
            assert is_told or any(words in line for words in OF_STORIES_ALONE)


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_replies(name: str) -> None:
    """The event itself, the engines' own reading, the ladder and the sentence."""
    for event in run(name).trace:
        if event.kind in ("command", "reply"):
            octets = event["octets"]
            row = row_of(event)
            assert row is not None
            assert row.text == summary_line(event.kind, octets)
            if event.kind == "command":
                assert event["verb"] == verb_of(octets).strip() == row.tag
            else:
                assert event["code"] == code_of(octets) == int(row.tag)
                assert (row.kind == "error") is is_refusal(octets)


@given(st.binary(max_size=8))
def test_an_event_and_the_engines_read_the_same_command(octets: bytes) -> None:
    event = event_of((0.0, "command", "A", "B", 1, None, 0.0, octets))
    assert event["verb"] == verb_of(octets).strip()


@given(st.integers(100, 599), st.lists(st.text(st.characters(max_codepoint=255), max_size=9)))
def test_an_event_and_the_engines_read_the_same_reply(code: int, texts: list[str]) -> None:
    """Only CRLF ends a line, whatever else Python takes for the end of one."""
    texts = [text.replace("\r", "").replace("\n", "") for text in [*texts, "end"]]
    signs = [*("-" * (len(texts) - 1)), " "]
    lines = [f"{code}{sign}{text}\r\n" for sign, text in zip(signs, texts, strict=True)]
    octets = "".join(lines).encode("latin-1")
    event = event_of((0.0, "reply", "A", "B", 1, None, 0.0, octets))
    ((read_code, read_lines, whole),) = ReplyParser().feed(octets)
    assert (event["code"], event["text"].split("\n")) == (read_code, list(read_lines))
    assert whole == octets
    assert code_of(octets) == code
    assert len(lines_of(octets)) == len(texts)


@pytest.mark.parametrize("name", NAMES)
def test_fault_intervals(name: str) -> None:
    """The timeline's rows, the map, every moment of the stepper, and the replay page."""
    trace = run(name).trace
    intervals = fault_intervals(trace)
    drawn = [interval for row in fault_rows(trace, ShownNames()).values() for interval in row]
    assert Counter(drawn) == Counter(intervals)
    with off_screen():
        assert Map(trace, None).faults == intervals
    spans = fault_spans(trace.rows)
    assert [span.interval for span in spans] == intervals
    for span in spans:
        assert trace[span.first].t == span.interval.begin
        assert span.last is None or trace[span.last].t == span.interval.end
        assert span.interval.lasts is (span.last != span.first)
    for moment in range(len(trace) + 1):
        begun = [span for span in spans if span.first < moment]
        lasting = [span.interval for span in begun if span.last is None or span.last >= moment]
        assert index(name).faults(moment) == lasting
    data = page(name)
    hosts = [host["name"] for host in data["hosts"]]
    shown = [
        (fault["name"], fault["what"], fault["enter"], fault["leave"]) for fault in data["faults"]
    ]
    last = len(trace)
    assert shown == [(span.interval.kind, value_in_words(span.interval), span.first,
                      last if span.last is None else span.last) for span in spans]  # fmt: skip
    for each, interval in zip(data["faults"], intervals, strict=True):
        assert each["down"] is interval.is_down
        places = [(hosts[a], hosts[b] if b >= 0 else None) for a, b in each["places"]]
        assert places == interval.places(trace.meta["links"])


@pytest.mark.parametrize("name", NAMES)
def test_session_states(name: str) -> None:
    """The stepper's moments and the tables of the replay page."""
    histories = session_histories(run(name).trace)
    data = page(name)
    hosts = [host["name"] for host in data["hosts"]]
    sides, sessions = data["states"]["sides"], data["states"]["sessions"]
    assert sessions.keys() == histories.keys()
    for number, history in histories.items():
        assert session_histories(run(name).trace, number) == {number: history}
        for row, seq, snapshot in zip(
            sessions[number], history.seqs, history.snapshots, strict=True
        ):
            assert Moment(index(name), seq + 1, number).snapshot == snapshot
            at, sender, receiver, *its_hosts = row
            assert at == seq
            assert [hosts[host] for host in its_hosts] == [
                snapshot.sender_host, snapshot.receiver_host,
            ]  # fmt: skip
            for shown, side in ((sender, snapshot.sender), (receiver, snapshot.receiver)):
                state, reverse_path, paths, mail_data, row, plain, buffers = sides[shown]
                words = side_words(side)
                assert (plain, buffers) == (side.state.value, words.buffers)
                assert state == words.state
                assert state.startswith(side.state.value)
                assert (", waits for the reply to " in state) is bool(side.awaiting)
                path = "empty" if side.reverse_path is None else f"{side.verb} {side.reverse_path}"
                assert reverse_path == words.reverse_path == path
                assert paths == (" ".join(words.forward_paths) or "empty")
                size = count_noun(len(side.mail_data), "byte") if side.mail_data else "empty"
                assert mail_data == words.mail_data == size
                assert row == words.row
                assert (f": {side.code}" in row) is bool(side.code and side.command != CONNECTION)


@pytest.mark.parametrize("name", NAMES)
def test_queue_lengths(name: str) -> None:
    """The picture's lines, every moment of the stepper, and the measure of a sweep."""
    trace = run(name).trace
    lines = queue_lengths(trace)
    longest = 0
    at: dict[str, int] = dict.fromkeys(lines, 0)
    for moment in range(1, len(trace) + 1):
        if moment < len(trace) and trace[moment].t == trace[moment - 1].t:
            continue  # a line has the length after all events of a time
        there = {(mail.host, mail.message) for mail in index(name).spool(moment)}
        lengths = Counter(host for host, _ in there)
        t = trace[moment - 1].t
        for host, line in lines.items():
            while at[host] + 1 < len(line) and line[at[host] + 1][0] <= t:
                at[host] += 1
            assert line[at[host]][1] == lengths[host]
        longest = max([longest, *lengths.values()])
    assert longest_queue(trace) == longest


@pytest.mark.parametrize("name", NAMES)
def test_delivery_times(name: str) -> None:
    """The summary, the table, the picture by hops and by route, and the itineraries."""
    done = run(name)
    times = delivery_times(done.account)
    assert done.summary["delivery_seconds"] == quantiles(sorted(times.values()))
    table = tables.deliveries(done.trace)
    delivered = table[table["outcome"] == "delivered"]
    assert {(row.message, row.id): row.seconds for row in delivered.itertuples()} == times
    for by in ("hops", "route"):
        groups = grouped_delivery_times(done.trace, by)
        assert sorted(t for group in groups.values() for t in group) == sorted(times.values())


@pytest.mark.parametrize("name", NAMES)
def test_itineraries(name: str) -> None:
    """The hosts that mail went by: the hops of itineraries, the table, and the account.

    Duplicates, which go by several ways at once, and mail of a script, which no host handed over,
    have no one way.
    """
    done = run(name)
    by_number = {itinerary.number: itinerary for itinerary in itineraries(done.trace)}
    for row in tables.deliveries(done.trace).itertuples():
        itinerary, hosts = by_number[row.message], row.way.split()
        if row.outcome == "delivered":
            ends = [end for end in itinerary.ends if end.kind in ("deliver", "terminal")]
            assert (row.settled_at, hosts[-1]) in [(end.t, end.host) for end in ends]
        if row.copies <= 1 and hosts[:1] != hosts[1:2]:
            assert hosts == hosts_of(itinerary, row.id)
            assert row.hops == len(hosts) - 1


def hosts_of(itinerary: Itinerary, recipient: str) -> list[str]:
    """The hosts that accepted mail for a recipient, in order, after the one it was handed to."""
    ids = {recipient, recipient.partition(".")[0]}
    hops = [
        hop
        for hop in itinerary.hops
        if hop.ended is not None
        and ids & set(hop.recipients)
        and hop.outcome in ("transfer", "queued")
    ]
    return [itinerary.host, *(hop.peer for hop in sorted(hops, key=lambda hop: hop.ended or 0.0))]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("faults/")])
def test_the_film_strikes_out_what_was_down(name: str) -> None:
    """Each host and link once for each time it was down."""
    trace = run(name).trace
    svg = animation(trace).svg
    down = [interval for interval in fault_intervals(trace) if interval.is_down]
    places = [place for interval in down for place in interval.places(trace.meta["links"])]
    shapes = re.findall(r'<g visibility="hidden">(<path [^>]*>)<set attributeName="vis', svg)
    assert sum("M-12 -12L12 12" in shape for shape in shapes) == [b for _, b in places].count(None)
    assert sum('stroke-width="4"' in shape for shape in shapes) == len(places)


@pytest.mark.parametrize("name", NAMES)
def test_ways_over_the_links(name: str) -> None:
    """Of all that crosses and of each channel: the page, the film and the index have one way."""
    trace, data = run(name).trace, page(name)
    paths, names = index(name).paths, [host["name"] for host in data["hosts"]]
    on_page: dict[str, Any] = {kind: iter(_ways(data, kind)) for kind in LEAVES}
    for row in trace.rows:
        if row[1] in LEAVES:
            way = way_of(row, paths)
            assert [names[number] for number in next(on_page[row[1]])] == list(way)
            ends = row[2:4] if row[1] == "open" else row[3:1:-1]
            assert (way[0], way[-1]) == tuple(ends)
    with off_screen():
        film = _Film(trace, 20.0)
    for row in [row for row in trace.rows if row[1] == "reply"][:50]:
        way = way_of(row, paths)
        motion = film._motion(row)
        assert motion is not None
        assert motion.count("L") == len(way) - 1
        if len(way) > 2 and not lines_crossed(row):  # else it waits at hosts for lines
            times = ";".join(f"{share:.4f}" for share in shares(way, index(name).latencies))
            assert f'keyTimes="{times}"' in motion


def _ways(data: dict[str, Any], kind: str) -> Any:
    """The way of each event of a kind, as numbers of hosts, as a page has them."""
    numbers = data["extra"].get(kind, {"way": {"values": []}})["way"]["values"]
    return [
        data["ways"][n][0]
        for n in (numbers if isinstance(numbers, list) else repeat(numbers, len(data["t"])))
    ]


@pytest.mark.parametrize("name", NAMES)
def test_stages_of_hops(name: str) -> None:
    """The lanes of the page cross when the bars of the timeline do, one stage after another."""
    trace, data = run(name).trace, page(name)
    if not data["lanes"]:
        pytest.skip("too many messages for lanes")
    lanes = {lane["message"]: lane for lane in data["lanes"]}
    for itinerary in itineraries(trace):
        bars = []
        for hop in itinerary.hops:
            its = list(stages(hop, trace.last))
            assert all(before.end <= after.begin + 1e-9 for before, after in pairwise(its))
            bars += [(stage.begin, stage.end) for stage in its if stage.kind == CROSSING]
        shown = lanes[itinerary.number]["hops"]
        assert shown == [[round(begin * 1e6), round(end * 1e6)] for begin, end in sorted(bars)]


@pytest.mark.parametrize("name", NAMES)
def test_waits_that_playing_skips(name: str) -> None:
    """Nothing happens in them, and nothing is on its way."""
    trace, data = run(name).trace, page(name)
    busy = sorted(happening(trace.rows))
    for begin, end in data["waits"]["skipped"]:
        middle = (begin + end) / 2e6
        assert end - begin > data["waits"]["lasting"] * 1e6 - 2
        assert not any(first < middle < last for first, last in busy)
        assert not any(begin / 1e6 + 1e-6 < last < end / 1e6 - 1e-6 for _, last in busy)
