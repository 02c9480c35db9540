"""The replay page as a workbench: verdict, messages and their query, selection, map, keys."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from helpers.axe import axe_violations, needs_axe
from helpers.browser import browser, drawn, listening, needs_chromium
from helpers.places import TOPOLOGIES
from helpers.synthetic_traces import many, troubled

import lab
from lab.analysis.conditions import NoCondition, matching
from lab.analysis.phases import Phases
from lab.topology.model import from_dict
from lab.trace.rows import KIND, LINES, SENT
from lab.trace.trace import Trace
from lab.views.replay import replay_data
from tests.helpers.page_in_node import computed, needs_node

RUNS = ["campus.toml", "internet.toml", "faults/crash.toml", "faults/careless.toml", "polling.toml"]


@pytest.mark.parametrize("name", RUNS)
def test_the_verdict_and_the_rows_are_those_of_the_summary(name: str) -> None:
    """Each recipient is a row; the ends add up, and a broken rule is named."""
    run = lab.simulate(TOPOLOGIES / name)
    data: Any = replay_data(run.trace)
    ends = {end: count for end, count, _ in data["verdict"]["ends"]}
    counts: Any = run.summary
    assert sum(ends.values()) - ends["twice"] == counts["submitted"] == len(counts["recipients"])
    for end, count in ends.items():
        assert end == "twice" or count == counts[end]
    assert bool(ends["twice"]) == bool(counts["duplicates"])
    assert data["verdict"]["words"] == run.verdict
    named = [words for _, _, words in data["verdict"]["breaches"]]
    assert named == list(map(str, run.breaches))[:20]


@needs_node
@pytest.mark.parametrize("name", RUNS)
def test_the_phases_of_the_page_are_those_of_analysis(name: str, tmp_path: Path) -> None:
    """To the microsecond, with their causes, from submission to the end."""
    trace = lab.simulate(TOPOLOGIES / name).trace
    body = """
        const run = new Run(given);
        const { message } = run.recipients;
        return message.map((number, row) => [number, run.phasesOf(row).map((one) => [
          one.name, run.hostName(one.host), run.hostName(one.peer), one.why,
          Math.round(one.from * 1e6), Math.round(one.to * 1e6)])]);
    """
    page = computed(tmp_path, body, replay_data(trace))
    wanted = [
        [one.message, [
            [phase.phase, phase.host, phase.peer, phase.because,
             round(phase.begin * 1e6), round(phase.end * 1e6)]
            for phase in one.phases
        ]]
        for one in Phases(trace).everyone()
    ]  # fmt: skip
    assert page == wanted


QUERIES = {
    "to:gALOIS": lambda one: "galois" in one["recipient"],
    "outcome:returned": lambda one: one["outcome"] == "returned",
    ">50s": lambda one: _took(one) > 50,
    "<1min >30s": lambda one: 30 < _took(one) < 60,
    "-outcome:delivered": lambda one: one["outcome"] != "delivered",
    "message:3": lambda one: one["message"] == 3,
    "via:dorm": lambda one: one["message"] in (1, 2, 3, 4, 6, 7),
    "nobody@nowhere": lambda one: False,
}


def _took(one: Any) -> float:
    return float(one["settled_at"] - one["submitted_at"])


@needs_node
@pytest.mark.parametrize("query", QUERIES)
def test_a_query_finds_what_it_says(query: str, tmp_path: Path) -> None:
    run = lab.simulate(TOPOLOGIES / "campus.toml")
    body = """
        const run = new Run(given.data);
        const { tests, wrong } = parseQuery(run, given.query);
        return [run.recipients.message.map((_, row) => tests.every((test) => test(row))), wrong];
    """
    page = computed(tmp_path, body, {"data": replay_data(run.trace), "query": query})
    assert page == [[bool(QUERIES[query](one)) for one in run.summary["recipients"]], []]


@needs_node
def test_a_query_is_completed_and_a_wrong_word_is_named(tmp_path: Path) -> None:
    body = """
        const run = new Run(given);
        return [...[">1s via:hu", "out", "-outcome:"].map((text) => completions(run, text)),
          parseQuery(run, "to:a colour:red >3s").wrong];
    """
    page = computed(tmp_path, body, replay_data(lab.simulate(TOPOLOGIES / "campus.toml").trace))
    assert page == [
        [">1s via:HUB.CAMPUS"], ["outcome:"], ["-outcome:delivered", "-outcome:returned"],
        ["colour:red"],
    ]  # fmt: skip


@needs_node
def test_paths_of_each_hop_come_in_their_parts(tmp_path: Path) -> None:
    """The host that relayed moves from the forward-path to the reverse-path."""
    data = replay_data(lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").trace)
    body = """
        const run = new Run(given);
        return run.hopsOf(1).map((hop) => [hop.reverse, hop.forward]);
    """
    (reverse, (forward,)), (reversed_more, (forward_less,)) = computed(tmp_path, body, data)
    assert reversed_more == [forward[0], *reverse]
    assert forward_less == forward[1:]


# -- in a browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


def opened(chromium: Any, trace: Trace, folder: Path, mark: str = "", **options: Any) -> Any:
    lab.views.Replay(trace).save(folder / "run.html")
    page = chromium.new_page(**{"viewport": {"width": 1366, "height": 768}, **options})
    heard = listening(page)
    page.goto((folder / "run.html").as_uri() + mark)
    page.wait_for_timeout(20)
    while not page.evaluate("document.querySelector('.lab-replay') && replay.run !== undefined"):
        page.wait_for_timeout(20)
    drawn(page)
    page.heard = heard
    return page


@needs_chromium
def test_a_message_is_selected_in_every_panel_and_in_the_address(
    chromium: Any, tmp_path: Path
) -> None:
    """By its row; the address leads to the same; Escape selects nothing."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    page = opened(chromium, trace, tmp_path, "#t=64&q=outcome:returned")
    assert page.locator("table.messages tbody tr").count() == 1
    page.click("table.messages .pick")
    drawn(page)
    assert page.evaluate("location.hash") == "#t=64&select=message:7&q=outcome%3Areturned"
    assert page.evaluate("replay.ladder.scoped") == "message:7"
    assert "Message 7" in page.inner_text(".follow .paths")
    page.click("[data-tab=why]")
    drawn(page)
    assert "HUB.CAMPUS" in page.inner_text("[data-panel=why]")
    page.keyboard.press("Escape")
    drawn(page)
    assert "select" not in page.evaluate("location.hash")
    page.evaluate("location.hash = '#t=64&select=link:HUB.CAMPUS~DORM.CAMPUS&span=10~20'")
    page.wait_for_function("replay.select === 'link:3'")
    assert page.evaluate("replay.timeline.span") == [10, 20]
    assert page.heard == []
    page.close()


@needs_chromium
def test_the_dialogue_and_the_buffers_are_seen_at_1366_by_768(
    chromium: Any, tmp_path: Path
) -> None:
    """And on a phone, in a tab: whole, within the window."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    for width, height in ((1366, 768), (390, 844)):
        size = {"width": width, "height": height}
        page = opened(chromium, trace, tmp_path, "#t=8", viewport=size)
        if width < 1000:
            page.click("[data-tab=follow]")
            drawn(page)
        for name in ("table.buffers", "svg.diagram", ".dialogue-lines"):
            box = page.locator(f".follow {name}").bounding_box()
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width, name
            assert box["height"] > 40, name
        top = page.locator("table.buffers").bounding_box()
        assert top["y"] + top["height"] < height
        assert "HUB.CAMPUS" in page.inner_text(".dialogue-lines")
        page.close()


@needs_chromium
def test_at_1280_by_720_the_map_is_high_and_nothing_is_empty_at_first(
    chromium: Any, tmp_path: Path
) -> None:
    """Before the first event: the dialogue to come, pale; names keep off the buttons on the map."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    page = opened(chromium, trace, tmp_path, viewport={"width": 1280, "height": 720})
    canvas = page.locator(".map canvas").bounding_box()
    assert canvas["height"] > 200
    assert page.locator("table.messages tbody tr").nth(2).bounding_box()["y"] < 530
    assert page.inner_text(".follow h2") == "Session 1, to come: MATH.CAMPUS → HUB.CAMPUS"
    assert "HELO MATH.CAMPUS" in page.inner_text(".dialogue-lines.to-come")
    inked = "(c) => c.getContext('2d').getImageData(60, 40, c.width - 60, c.height - 50).data"
    pixels = f"new Set(({inked})(replay.ladder.canvas).filter((_, k) => k % 4 === 3)).size"
    assert page.evaluate(pixels) > 20
    zooms = page.locator(".zooms").bounding_box()
    left, top = zooms["x"] - canvas["x"], zooms["y"] - canvas["y"]
    for _, _, right, bottom in page.evaluate(
        "[...replay.map.labels.values()].map((one) => one.box)"
    ):
        assert right <= left or bottom <= top
    page.evaluate("replay.seek(replay.run.sessions.get(1).open + 1)")
    drawn(page)
    assert "to come" not in page.inner_text(".follow")
    page.close()


@needs_chromium
def test_names_stand_at_their_own_hosts_at_every_zoom_and_clusters_open(
    chromium: Any, tmp_path: Path
) -> None:
    """No name over another or over a host; a click on a cluster opens it."""
    files = {"generate": {"kind": "barabasi_albert_graph", "n": 400, "m": 2},
             "traffic": [{"count": 5, "rate": "50 /s", "size": "700 B"}]}  # fmt: skip
    page = opened(chromium, lab.simulate(from_dict(files)).trace, tmp_path)
    before = page.evaluate("replay.map.level.nodes.length")
    assert before < 400
    for _ in range(6):
        found = page.evaluate(
            "[[...replay.map.labels].map(([node, one]) => [node, one.box]), replay.map.spots]"
        )
        for (_, a), (_, b) in combinations(found[0], 2):
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
        for node, box in found[0]:
            for other, (x, y) in enumerate(found[1]):
                inside = box[0] < x < box[2] and box[1] < y < box[3]
                assert other == node or not inside
        page.click(".zoom-in")
        drawn(page)
    page.click(".zoom-all")
    first = "replay.map.level.nodes.findIndex((node) => node.hosts.length > 3)"
    place = page.evaluate(f"replay.map.spots[{first}]")
    box = page.locator(".map canvas").bounding_box()
    page.mouse.click(box["x"] + place[0], box["y"] + place[1])
    drawn(page)
    assert page.evaluate("replay.map.transform.k") > 1.2
    page.fill(".find", "H399")
    page.press(".find", "Enter")
    assert page.evaluate("replay.run.hosts[replay.host].name") == "H399"
    level = page.evaluate("replay.map.level.nodes[replay.map.level.of[replay.host]]")
    assert len(level["hosts"]) == 1
    assert page.heard == []
    page.close()


@needs_chromium
def test_failures_and_messages_are_stepped_through_by_key(chromium: Any, tmp_path: Path) -> None:
    run = lab.simulate(TOPOLOGIES / "faults/crash.toml")
    page = opened(chromium, run.trace, tmp_path)
    failed = page.evaluate("replay.run.failed")
    assert failed
    page.keyboard.press("n")
    page.keyboard.press("n")
    assert page.evaluate("replay.n") == failed[1] + 1
    page.keyboard.press("N")
    assert page.evaluate("replay.n") == failed[0] + 1
    page.keyboard.press("m")
    page.keyboard.press("m")
    assert page.evaluate("replay.message") == 2
    page.keyboard.press("z")
    assert page.evaluate("replay.timeline.window !== null")
    assert page.heard == []
    page.close()


@needs_chromium
@pytest.mark.parametrize("trace", [Trace(), troubled(), many(200)], ids=range(3))
def test_nothing_trouble_and_many_are_shown(chromium: Any, trace: Trace, tmp_path: Path) -> None:
    """Sorted and grouped by everything, without an error."""
    page = opened(chromium, trace, tmp_path)
    for head in page.locator("table.messages thead button").all():
        if head.is_visible():
            head.click()
    for group in ("outcome", "phase", "route"):
        page.select_option(".group", group)
        drawn(page)
    assert page.heard == []
    page.close()


CONDITIONS = [
    "reply 550", "reply code 5yz", "command RCPT", "data", "host HUB.CAMPUS stores",
    "peer hub.campus", "message 3", "session 2", "kind deliver", "delivers", "at 20 s",
    "after 1 min", "returns",
    '"reply 354"', "message 3 and reply 250", "after 0.5min host DORM.CAMPUS", "defers", "crashes",
]  # fmt: skip


@needs_node
@pytest.mark.parametrize("name", ["campus.toml", "faults/crash.toml"])
def test_conditions_of_the_page_are_those_of_the_stepper(name: str, tmp_path: Path) -> None:
    """The same events, and a sentence about each that is wrong."""
    trace = lab.simulate(TOPOLOGIES / name).trace
    wrong = ["reply 999", "nonsense", "message x", "host", "kind of", "after soon", ""]
    body = """
        const run = new Run(given.data);
        return given.conditions.map((text) => {
          try {
            const holds = parseCondition(run, text);
            return Array.from({ length: run.count }, (_, i) => i).filter(holds);
          } catch (error) { return error.message; }
        });
    """
    asked = {"data": replay_data(trace), "conditions": [*CONDITIONS, *wrong]}
    page = computed(tmp_path, body, asked)
    for text, found in zip(CONDITIONS, page, strict=False):
        assert found == matching(trace, text), text
    for text, found in zip(wrong, page[len(CONDITIONS) :], strict=True):
        assert isinstance(found, str), text
        with pytest.raises(NoCondition):
            matching(trace, text)


NUMBERED = """
[[host]]
name = "A"
users = ["ann"]
[[host]]
name = "#0123"
users = ["bob"]
[[link]]
between = ["A", "#0123"]
[[mail]]
from = "ann@A"
to = ["bob@#123"]
"""


@needs_node
def test_a_condition_of_the_page_knows_every_spelling_of_a_host(tmp_path: Path) -> None:
    """Case and leading zeros do not matter: the same events as for the stepper, and some."""
    path = tmp_path / "numbered.toml"
    path.write_text(NUMBERED)
    trace = lab.simulate(path).trace
    texts = ["host #123", "host #00123", "peer #00123", "host a"]
    body = """
        const run = new Run(given.data);
        return given.texts.map((text) => {
          const holds = parseCondition(run, text);
          return Array.from({ length: run.count }, (_, i) => i).filter(holds);
        });
    """
    page = computed(tmp_path, body, {"data": replay_data(trace), "texts": texts})
    assert page == [matching(trace, text) for text in texts]
    assert all(page)


@needs_chromium
def test_playing_stops_at_a_breakpoint_that_was_typed(chromium: Any, tmp_path: Path) -> None:
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    page = opened(chromium, trace, tmp_path)
    page.click("[data-tab=events]")
    page.fill(".stop", "reply 354")
    page.press(".stop", "Enter")
    page.select_option(".speed", "50")
    page.click("button.play")
    first = matching(trace, "reply 354")[0]
    page.wait_for_timeout(50)
    for _ in range(400):
        if page.evaluate("!replay.playing"):
            break
        page.wait_for_timeout(20)
    assert page.evaluate("replay.n") == first + 1
    page.fill(".stop", "nonsense")
    page.press(".stop", "Enter")
    assert "is not a word of a condition" in page.inner_text("[data-panel=events]")
    assert page.heard == []
    page.close()


@needs_chromium
@needs_axe
@pytest.mark.parametrize("width", [1366, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page(
    chromium: Any, tmp_path: Path, scheme: str, width: int
) -> None:
    """In each tab, with a message selected."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    page = opened(
        chromium, trace, tmp_path, "#t=64&select=message:7",
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True,
    )  # fmt: skip
    for tab in page.locator("[data-tab]").all():
        if tab.is_visible():
            tab.click()
            drawn(page)
            assert axe_violations(page) == [], tab.inner_text()
    page.close()


@needs_chromium
def test_pointing_at_a_row_of_the_ladder_says_the_whole_line(chromium: Any, tmp_path: Path) -> None:
    """And pointing at the timeline, the map and a name at the top says what is there."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    page = opened(chromium, trace, tmp_path, "#t=8")
    ladder = page.locator(".ladder canvas").bounding_box()
    row, at, head = page.evaluate(
        "(r => [r.events[r.rowsDone - 2], r.y(r.rowsDone - 2), r.x(r.columns[0])])(replay.ladder)"
    )
    page.mouse.move(ladder["x"] + 200, ladder["y"] + at)
    assert page.evaluate(f"replay.run.sentence({row})") in page.inner_text(".tip")
    page.mouse.move(ladder["x"] + head, ladder["y"] + 8)
    assert page.inner_text(".tip") == "MATH.CAMPUS"
    timeline = page.locator(".timeline").bounding_box()
    page.mouse.move(timeline["x"] + 300, timeline["y"] + 16)
    assert "message 1" in page.inner_text(".tip")
    page.mouse.move(1, 1)
    assert page.locator(".tip").is_hidden()
    assert page.heard == []
    page.close()


@needs_chromium
def test_the_map_and_the_table_are_used_by_keyboard_alone(chromium: Any, tmp_path: Path) -> None:
    """Zoomed, moved and reset where the map has the focus; rows chosen by arrows."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    page = opened(chromium, trace, tmp_path)
    page.locator(".map canvas").focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    zoom, left = page.evaluate("[replay.map.transform.k, replay.map.transform.x]")
    assert zoom > 2
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("replay.map.transform.x") > left
    assert page.evaluate("replay.n") == 0  # the arrow was the map's
    page.keyboard.press("0")
    assert page.evaluate("replay.map.transform.k") == 1
    page.keyboard.press("/")
    page.keyboard.type("outcome:returned")
    assert page.locator("table.messages tbody tr").count() == 1
    page.locator(".box").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("replay.message") == 7
    page.keyboard.press("Escape")
    assert page.evaluate("replay.message") is None
    assert page.heard == []
    page.close()


@needs_chromium
@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_an_exported_notebook(
    chromium: Any, tmp_path: Path, scheme: str
) -> None:
    """The still picture of the widget has words, and the frame of a page has a title."""
    run = lab.simulate(TOPOLOGIES / "campus.toml")
    cells = f"<main><h1>A notebook</h1>{run.replay()._repr_html_()}</main>"
    (tmp_path / "book.html").write_text(
        f"<!DOCTYPE html><html lang=en><title>A notebook</title>{cells}", encoding="utf-8"
    )
    page = chromium.new_page(color_scheme=scheme, bypass_csp=True)
    page.goto((tmp_path / "book.html").as_uri())
    page.wait_for_timeout(300)
    assert axe_violations(page) == []
    page.close()


def test_what_waits_and_is_sent_on_lines_has_its_moments() -> None:
    """Of mail on a slow line: when it came to it, began to go onto it, and had gone."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    data: Any = replay_data(trace)
    found = 0
    for n, row in enumerate(trace.rows):
        if row[KIND] not in ("command", "reply", "piece", "data") or len(row) <= LINES:
            assert n not in data["pace"]
            continue
        moments = [t - row[SENT] for line in row[LINES] for t in line[2:5]]
        if n in data["pace"]:
            found += 1
            assert data["pace"][n] == [round(t * 1e6) for t in moments]
        else:
            assert max(line[4] - line[2] for line in row[LINES]) < 0.02
    assert found > 50


@needs_chromium
def test_mail_that_is_sent_takes_up_its_line(chromium: Any, tmp_path: Path) -> None:
    """From its tail, at the mouth until the last byte has left, to its head."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    longest = max(
        (row for row in trace.of(("data",)) if len(row) > LINES),
        key=lambda row: row[LINES][0][4] - row[LINES][0][3],
    )
    begin, end = longest[LINES][0][3:5]
    page = opened(chromium, trace, tmp_path, f"#t={(begin + end) / 2}")
    n = next(n for n, row in enumerate(trace.rows) if row is longest)
    tail, head = page.evaluate(f"replay.map._where({n}, replay.t).part.slice(1)")
    assert (tail, head) == (0, 1)
    assert page.evaluate(f"replay.map._where({n}, {begin} - 1e-6).part") is None
    assert page.heard == []
    page.close()


@needs_chromium
def test_on_a_phone_dialogue_and_buffers_are_seen_without_scrolling(
    chromium: Any, tmp_path: Path
) -> None:
    """The session takes the place of the map, which is there again on the other tabs."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    page = opened(chromium, trace, tmp_path, viewport={"width": 390, "height": 844})
    page.evaluate("replay.seek(195); replay.selectThing('message:1'); replay.tab('follow')")
    drawn(page)
    for part in ("table.buffers", ".dialogue-lines", ".controls .play"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 844, part
    assert page.evaluate("document.documentElement.scrollHeight") <= 844
    follow = "document.querySelector('.follow')"
    assert page.evaluate(f"{follow}.scrollHeight <= {follow}.clientHeight")
    assert not page.locator(".map").is_visible()
    page.evaluate("replay.tab('messages')")
    drawn(page)
    assert page.locator(".map canvas").bounding_box()["height"] > 100
    page.evaluate("replay.selectThing('message:3')")  # its row is bold
    drawn(page)
    cut = "cell => cell.scrollWidth > cell.clientWidth && cell.textContent"
    for name in ("outcome", "took"):
        cells = page.locator(f"table.messages td.{name}")
        assert not any(cells.evaluate_all(f"cells => cells.map({cut})")), name
    assert page.evaluate("replay.map.hit(...replay.map.spots[0])") == 0
    assert page.heard == []
    page.close()


@needs_chromium
def test_zooming_the_map_draws_the_map_alone(chromium: Any, tmp_path: Path) -> None:
    """The ladder, the timeline and the texts stay; the next step of the run draws all of them."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    page = opened(chromium, trace, tmp_path)
    page.evaluate("replay.seek(150)")
    drawn(page)
    page.evaluate("""() => {
      globalThis.calls = [];
      const drawing = [[replay.map, "draw"], [replay.ladder, "draw"], [replay, "_texts"]];
      for (const [one, name] of drawing) {
        const own = one[name];
        one[name] = (...all) => { calls.push(one.constructor.name); return own.apply(one, all); };
      }
      replay.map.zoomBy(1.5);
    }""")
    drawn(page)
    assert page.evaluate("calls") == ["MapView"]
    page.evaluate("replay.map.zoomBy(1.5); replay.step(); replay.map.zoomBy(1.5)")
    drawn(page)
    assert page.evaluate("calls.slice(1)") == ["MapView", "LadderView", "Player"]
    measured = page.evaluate("""() => {
      let measured = 0;
      const { context } = replay.map;
      const own = context.measureText.bind(context);
      context.measureText = (text) => { measured += 1; return own(text); };
      replay.map.zoomBy(1.5);
      replay.map.zoomBy(1.5);
      return measured;
    }""")
    assert measured == 0  # the width of each name is known
