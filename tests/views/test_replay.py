"""The replay page: what it holds, and what it does in a real browser."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from helpers.browser import browser, drawn, listening, needs_chromium
from helpers.places import TOPOLOGIES
from helpers.synthetic_traces import many, troubled

import lab
from lab.analysis.narrative import sentence
from lab.topology.model import from_dict
from lab.trace.rows import KIND, MESSAGE, Event
from lab.trace.trace import Trace
from lab.views.replay import data, messages, replay_data, replay_page, wording, write_replay
from lab.views.replay.data import pack
from lab.views.replay.texts import Texts


def test_the_page_is_whole_in_itself() -> None:
    """No address of anything else is in it, and a policy in it lets nothing else be loaded."""
    page = replay_page(lab.simulate(TOPOLOGIES / "campus.toml").trace)
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_names_and_mail_are_no_markup() -> None:
    """What a title or a mail holds comes out as text."""
    topology = lab.Topology.from_graph(
        lab.load(TOPOLOGIES / "rfc821/scenario-03.toml").graph, title="</script><b>&"
    )
    page = replay_page(lab.simulate(topology).trace)
    assert "</script><b>" not in page
    assert "<title>&lt;/script&gt;&lt;b&gt;&amp;</title>" in page


def test_a_piece_is_shown_as_a_piece_though_a_reply_has_the_same_octets() -> None:
    texts = Texts(())
    octets = b"250 OK\r\n"
    numbers = [*texts.of_wire("reply", [octets]), *texts.of_wire("piece", [octets])]
    assert [texts.strings[number] for number in numbers] == ["250 OK", r"250 OK\x0d\x0a"]


@pytest.mark.parametrize("trace", [Trace(), troubled(), many(40)], ids=range(3))
def test_any_trace_becomes_a_page(trace: Trace, tmp_path: Path) -> None:
    """Of nothing, of trouble, of many; and nothing is left beside the page."""
    write_replay(trace, tmp_path / "run.html")
    assert [path.name for path in tmp_path.iterdir()] == ["run.html"]
    assert len(replay_data(trace)["t"]) == len(trace)
    json.dumps(replay_data(trace))


def test_two_hundred_thousand_events_take_less_than_ten_megabytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Columns of numbers, each text once, deflated; few sentences are written in full."""
    written = []

    def counted(event: Event, **options: Any) -> str:
        written.append(event.kind)
        return sentence(event, **options)

    monkeypatch.setattr(wording, "sentence", counted)
    files = {
        "generate": {"kind": "barabasi_albert_graph", "n": 100, "m": 2},
        "traffic": [{"count": 5000, "rate": "50 /s", "size": "700 B"}],
    }
    from lab.topology.model import from_dict

    trace = lab.simulate(from_dict(files)).trace
    assert len(trace) > 200_000
    trace.rows[200_000:] = []
    assert len(pack(replay_data(trace))) < 9_500_000
    assert len(written) < 10_000


def test_of_a_long_run_the_page_plays_the_beginning_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(data, "LONGEST_REPLAY", 60)
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    found: Any = replay_data(trace)
    assert len(found["t"]) == 60
    assert found["title"] == "A campus hub (the first 60 events)"
    assert found["verdict"]["shows"].startswith(
        f"This page plays the first 60 of {len(trace)} events, to 0:00:0"
    )


@pytest.mark.parametrize("name", ["campus.toml", "faults/crash.toml", "faults/careless.toml"])
def test_the_verdict_of_a_page_that_is_cut_is_of_the_whole_run(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts, words and broken rules; and what became of the recipients that it lists."""
    trace = lab.simulate(TOPOLOGIES / name).trace
    whole: Any = replay_data(trace)
    assert whole["verdict"]["shows"] == ""
    monkeypatch.setattr(data, "LONGEST_REPLAY", 60)
    cut: Any = replay_data(trace)
    for key in ("who", "ends", "words", "breaches"):
        assert cut["verdict"][key] == whole["verdict"][key]
    listed = [listed_of(page) for page in (cut, whole)]
    submitted = {row[MESSAGE] for row in trace.rows[:60] if row[KIND] == "submit"}
    assert listed[0] == [one for one in listed[1] if one[0] in submitted]
    assert listed[0]


def test_the_phases_of_a_very_long_run_are_known_as_far_as_the_page_plays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The counts are of all of it; there is no sentence about the time."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    whole: Any = replay_data(trace)
    monkeypatch.setattr(data, "LONGEST_REPLAY", 60)
    monkeypatch.setattr(messages, "MOST_PHASED", 300)
    cut: Any = replay_data(trace)
    assert cut["verdict"]["ends"] == whole["verdict"]["ends"]
    assert cut["verdict"]["words"] == "" != whole["verdict"]["words"]
    ends = [
        at + sum(spent[4::5])
        for at, spent in zip(cut["recipients"]["at"], cut["recipients"]["spent"], strict=True)
    ]
    assert max(ends) == sum(cut["t"])


def listed_of(page: Any) -> list[tuple[Any, ...]]:
    """Return the recipients that a page lists: message, outcome, from when on, and how long."""
    columns = page["recipients"]
    outcomes = [columns["outcomes"][number] for number in columns["outcome"]]
    return list(zip(columns["message"], outcomes, columns["at"], columns["took"], strict=True))


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    """`lab replay TRACE -o FILE`; what is wrong is a sentence."""
    run = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml")
    with open(tmp_path / "trace.jsonl", "w", encoding="utf-8") as file:
        run.trace.write_jsonl(file)

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lab", "replay", *words],
            capture_output=True, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip

    assert command("trace.jsonl", "-o", "run.html").stdout == "wrote run.html\n"
    assert (tmp_path / "run.html").read_text(encoding="utf-8") == replay_page(run.trace)
    wrong = command("trace.jsonl", "-o", "none/run.html")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert command("nothing.jsonl").returncode == 2


# -- in a browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> tuple[lab.Run, str]:
    run = lab.simulate(TOPOLOGIES / "campus.toml")
    path = tmp_path_factory.mktemp("replay") / "run.html"
    run.replay().save(path)
    return run, path.as_uri()


def opened(chromium: Any, address: str, **options: Any) -> tuple[Any, list[str]]:
    page = chromium.new_page(**{"viewport": {"width": 1280, "height": 800}, **options})
    heard = listening(page)
    page.goto(address)
    page.wait_for_function("globalThis.replay && replay.run !== undefined")
    return page, heard


def until(page: Any, said: str) -> None:
    """Wait until something holds; the page's own policy forbids it to be asked from within."""
    for _ in range(500):
        if page.evaluate(said):
            return
        page.wait_for_timeout(10)
    raise AssertionError(f"it never came to {said}")


@needs_chromium
def test_the_player_steps_goes_back_slides_and_plays(
    chromium: Any, campus: tuple[lab.Run, str]
) -> None:
    """By its buttons; and no error is on the console, no request on the network."""
    run, address = campus
    page, heard = opened(chromium, address)
    assert page.evaluate("replay.n") == 0
    for _ in range(3):
        page.click("button.step")
    assert page.evaluate("replay.n") == 3
    page.click("button.back")
    assert page.evaluate("replay.n") == 2
    page.click("button.last")
    assert page.evaluate("replay.n") == len(run.trace)
    until(page, "document.querySelector('.tally').textContent.startsWith('12 of 13 recipients')")
    page.evaluate(
        "(s => { s.value = 500000; s.dispatchEvent(new Event('input')); })"
        "(document.querySelector('.slider'))"
    )
    assert 0 < page.evaluate("replay.n") < len(run.trace)
    page.click("button.first")
    page.select_option(".speed", "2")  # at its end, after 50 s, the button would begin anew
    page.click("button.play")
    until(page, "replay.n > 20")
    page.click("button.play")
    stopped = page.evaluate("replay.n")
    page.wait_for_timeout(100)
    assert page.evaluate("replay.n") == stopped
    assert heard == []
    page.close()


@needs_chromium
def test_what_is_shown_at_an_event_is_the_same_however_one_came_there(
    chromium: Any, campus: tuple[lab.Run, str]
) -> None:
    """Forward, back, or at once."""
    _, address = campus
    page, _ = opened(chromium, address)
    states = page.evaluate(
        """() => {
          const at = (n) => { replay.seek(n); return JSON.stringify(replay.state()); };
          const forward = []; const back = [];
          for (let n = 0; n <= replay.run.count; n += 1) forward.push(at(n));
          for (let n = replay.run.count; n >= 0; n -= 1) back.unshift(at(n));
          return [forward, back];
        }"""
    )
    assert states[0] == states[1]
    page.close()


@needs_chromium
def test_a_link_leads_to_its_moment(chromium: Any, campus: tuple[lab.Run, str]) -> None:
    """#t=20.2: everything until then has happened, and nothing after."""
    run, address = campus
    page, _ = opened(chromium, address + "#t=20.2")
    assert page.evaluate("replay.n") == sum(event.t <= 20.2 for event in run.trace)
    page.evaluate("location.hash = '#t=1.5'")
    until(page, "replay.t === 1.5")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("location.hash").startswith("#t=1.")
    page.close()


@needs_chromium
def test_the_keyboard_does_what_the_buttons_do(chromium: Any, campus: tuple[lab.Run, str]) -> None:
    """Arrows step, Home and End go to the ends, space plays, d changes the colours."""
    run, address = campus
    page, heard = opened(chromium, address)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageDown")
    assert page.evaluate("replay.n") == 11
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("replay.n") == 10
    page.keyboard.press("End")
    assert page.evaluate("replay.n") == len(run.trace)
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    assert page.evaluate("replay.playing") is True
    page.keyboard.press("Space")
    page.keyboard.press("d")
    page.keyboard.press("d")
    assert page.get_attribute(".lab-replay", "data-theme") == "dark"
    assert heard == []
    page.close()


@needs_chromium
def test_a_host_tells_its_spool_drops_dialogue_and_states(
    chromium: Any, campus: tuple[lab.Run, str]
) -> None:
    """A click on the map chooses it; the buffers are those that the trace gives."""
    _, address = campus
    page, heard = opened(chromium, address + "#t=64")
    page.click("[data-tab=host]")
    page.select_option(".pick-host", label="DORM.CAMPUS")
    drawn(page)
    panel = page.inner_text("[data-panel=host]")
    assert "Mail drops: 2 messages" in panel
    assert "R: 220 HUB.CAMPUS" in panel
    page.click("[data-tab=states]")
    drawn(page)
    shown = page.inner_text("[data-panel=states]")
    assert "receiver-SMTP DORM.CAMPUS" in shown
    assert "MAIL <@HUB.CAMPUS:hypatia@LIBRARY.CAMPUS>" in shown
    box = page.locator(".map canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.click("[data-tab=host]")
    drawn(page)
    assert page.locator(".pick-host").evaluate("s => s.selectedOptions[0].text") == "HUB.CAMPUS"
    assert heard == []
    page.close()


@needs_chromium
@pytest.mark.parametrize(("width", "height"), [(1400, 900), (800, 600), (390, 800)])
def test_nothing_sticks_out_of_the_page(
    chromium: Any, campus: tuple[lab.Run, str], width: int, height: int
) -> None:
    """On a desk and on a phone: no sideways scrolling, every control within reach."""
    _, address = campus
    page, heard = opened(chromium, address + "#t=64", viewport={"width": width, "height": height})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("button.play", "button.step", "button.back", ".slider", ".speed"):
        box = page.locator(name).bounding_box()
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= width, name
    assert heard == []
    page.close()


@needs_chromium
@pytest.mark.parametrize(
    "name", ["polling", "two-environments", "internet", "faults/partition", "rfc821/scenario-06"]
)
def test_every_kind_of_run_plays_to_its_end(chromium: Any, name: str, tmp_path: Path) -> None:
    """TURN, environments, forty hosts, faults, terminals: each frame drawn without an error."""
    run = lab.simulate(TOPOLOGIES / f"{name}.toml")
    run.replay().save(tmp_path / "run.html")
    page, heard = opened(chromium, (tmp_path / "run.html").as_uri())
    for share in (0.1, 0.5, 0.9, 1.0):
        page.evaluate(f"replay.seek(Math.floor(replay.run.count * {share}))")
        page.click("[data-tab=states]")
        page.wait_for_timeout(40)
        page.click("[data-tab=events]")
        page.wait_for_timeout(40)
    assert heard == []
    page.close()


@needs_chromium
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_hosts_and_names_of_one_place_do_not_hide_one_another(
    chromium: Any, tmp_path: Path, width: int, height: int
) -> None:
    """A map on which several hosts stand in each of three towns, with a long title."""
    towns = [[0, 0], [0.2, 0.1], [9, 5]]
    tables = {
        "title": "A title that goes on and on, " * 6,
        "host": [
            {"name": f"HOST-{n}.ARPA", "relay": True, "users": ["u"], "position": towns[n % 3]}
            for n in range(14)
        ],
        "link": [{"between": [f"HOST-{n}.ARPA", f"HOST-{n + 1}.ARPA"]} for n in range(13)],
        "mail": [{"from": "u@HOST-0.ARPA", "to": ["u@HOST-13.ARPA"]}],
    }
    lab.simulate(from_dict(tables)).replay().save(tmp_path / "run.html")
    address = (tmp_path / "run.html").as_uri()
    page, heard = opened(chromium, address, viewport={"width": width, "height": height})
    drawn(page)
    places, size = page.evaluate("[replay.map.spots, replay.map.size]")
    for (x, y), (to, down) in combinations(places, 2):
        assert math.hypot(x - to, y - down) >= 2 * size
    boxes = page.evaluate("[...replay.map.labels.values()].map(one => one.box)")
    assert len(boxes) > 7
    for a, b in combinations(boxes, 2):
        assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("header").bounding_box()["height"] < 80
    assert heard == []
    page.close()
