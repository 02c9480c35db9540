"""A run that is watched while it goes on: what viewers get, and what they may change."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from helpers.browser import browser, listening, needs_chromium
from helpers.places import ROOT, TOPOLOGIES

import lab
from lab.simulation.simulation import Simulation
from lab.watching.changes import Changes, NoChange
from lab.watching.feed import MOST_AT_ONCE, Feed
from lab.watching.page import WatchPage
from lab.watching.simulated import PacedRun

CAMPUS = TOPOLOGIES / "campus.toml"
CUT = {"do": "cut", "link": ["HUB.CAMPUS", "MATH.CAMPUS"], "for": "60 s"}
CRASH = {"do": "crash", "host": "HUB.CAMPUS", "for": "10 s"}
SLOW = {"do": "slow", "link": ["HUB.CAMPUS", "DORM.CAMPUS"], "value": "2 s", "for": "5 min"}
SEND = {"do": "send", "from": "operator@HUB.CAMPUS", "to": "abel@DORM.CAMPUS", "subject": "Late"}


def names_of(run_meta: Any) -> list[str]:
    return [str(host["name"]) for host in run_meta["hosts"]]


def paced(path: Path = CAMPUS, file: Path | None = None, speed: float = 5000.0) -> PacedRun:
    topology = lab.load(path)
    simulation = Simulation(topology, 0, may_go_on=True)
    names = names_of(simulation.trace.meta)
    feed = Feed(simulation.trace.meta, {name: n for n, name in enumerate(names)})
    return PacedRun(Changes(topology, 0, file), simulation, feed, speed)


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    for _ in range(12_000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("it has not come true in two minutes")


def items(run: PacedRun) -> list[Any]:
    """All items that a viewer gets."""
    found: list[str] = []
    while batch := run.feed.since(len(found), 0):
        found += batch
    return [json.loads(item) for item in found]


def events(run: PacedRun) -> list[list[Any]]:
    return [item for item in items(run) if isinstance(item, list)]


# -- a simulation ------------------------------------------------------------------------------


def test_a_run_that_is_only_watched_is_the_run() -> None:
    """The pace changes nothing: the digest is that of the file."""
    run = paced()
    run.start()
    assert run.join(60)
    assert run.trace().digest() == lab.simulate(CAMPUS).digest
    assert [event[0] for event in events(run)] == list(range(len(run.trace().rows)))


def test_the_file_of_the_changes_makes_the_same_run_again(tmp_path: Path) -> None:
    """Cut, crash, slow and send, at whatever moments: each is in the file, exactly."""
    run = paced(file=tmp_path / "changed.toml", speed=200.0)
    run.start()
    for place, wanted in enumerate((CUT, CRASH, SEND, SLOW), 1):
        until(lambda at=place: len(run.feed) > 40 * at)  # type: ignore[misc]
        run.set_speed(0.0)  # or it may be over before a busy machine comes to this
        run.change(wanted)
        run.set_speed(200.0)
    run.set_speed(20_000.0)
    assert run.join(60)
    again = lab.simulate(tmp_path / "changed.toml")
    assert again.digest == run.trace().digest()
    assert again.digest != lab.simulate(CAMPUS).digest
    kinds = [fault.kind for fault in again.topology.faults]
    assert kinds == ["link-down", "crash", "latency"]
    assert again.topology.mail[-1].subject == "Late"
    assert sum("change" in item for item in items(run) if isinstance(item, dict)) == 4


def test_a_change_that_cannot_be_made_changes_nothing(tmp_path: Path) -> None:
    """It is refused in a sentence; the file is not written."""
    run = paced(file=tmp_path / "changed.toml", speed=0.0)
    run.start()
    for wanted, why in [
        ({"do": "crash", "host": "NOWHERE"}, "NOWHERE"),
        ({"do": "cut", "link": ["MATH.CAMPUS", "DORM.CAMPUS"]}, "link"),
        ({"do": "slow", **{key: SLOW[key] for key in ("link", "for")}}, "value"),
        ({"do": "send", "from": "nobody@NOWHERE", "to": "x@y"}, "NOWHERE"),
        ({"do": "dance"}, "there is no change 'dance'"),
        ({"do": "fault", "kind": "dance"}, "dance"),
        ([], "a change is an object"),
    ]:
        with pytest.raises(NoChange, match=why):
            run.change(wanted)  # type: ignore[arg-type]
    run.stop()
    assert not (tmp_path / "changed.toml").exists()
    assert run.changes.made == []
    with pytest.raises(NoChange, match="the run is over"):
        run.change(CRASH)


def test_any_fault_of_a_file_can_be_asked_for() -> None:
    run = paced(speed=0.0)
    run.start()
    change = run.change({"do": "fault", "kind": "busy", "host": "DORM.CAMPUS", "for": "1 min"})
    assert change.words == "0.000 s: busy DORM.CAMPUS for 1 min"
    run.stop()


def test_a_change_is_made_where_its_file_cannot_be_written(tmp_path: Path) -> None:
    run = paced(file=tmp_path / "missing" / "changed.toml", speed=0.0)
    run.start()
    with pytest.raises(OSError, match="changed"):
        run.change(CRASH)
    assert len(run.changes.made) == 1
    assert any("change" in item for item in items(run))
    run.stop()


def test_a_run_can_be_paused_and_stopped() -> None:
    run = paced(speed=0.0)
    run.start()
    time.sleep(0.05)
    assert events(run) == []
    run.set_speed(100.0)
    until(lambda: len(events(run)) > 5)
    assert run.trace().rows[-1][1] == "end"  # so far
    run.stop()
    assert items(run)[-1]["ended"] == "interrupted"


def test_a_run_ends_when_its_time_is_up() -> None:
    topology = lab.load(CAMPUS)
    simulation = Simulation(topology, 0, may_go_on=True)
    names = names_of(simulation.trace.meta)
    feed = Feed(simulation.trace.meta, {name: n for n, name in enumerate(names)})
    run = PacedRun(Changes(topology, 0, None), simulation, feed, 1000.0, 30.0)
    run.start()
    assert run.join(60)
    assert run.trace().digest() == lab.simulate(CAMPUS, until=30.0).digest


def test_viewers_get_everything_in_pieces_of_bounded_size() -> None:
    """Nothing is dropped, whenever somebody comes."""
    run = paced(TOPOLOGIES / "internet.toml", speed=1e6)
    run.start()
    assert run.join(60)
    number, found = 0, []
    while batch := run.feed.since(number, 0):
        assert len(batch) <= MOST_AT_ONCE
        number += len(batch)
        found += [item for item in map(json.loads, batch) if isinstance(item, list)]
    assert [event[0] for event in found] == list(range(len(run.trace().rows)))
    tally = [item["tally"] for item in items(run) if isinstance(item, dict) and "tally" in item][-1]
    summary = lab.simulate(TOPOLOGIES / "internet.toml").summary
    assert tally["delivered"] == summary["delivered"]


# -- the page -----------------------------------------------------------------------------------


@pytest.fixture
def page() -> Iterator[tuple[WatchPage, PacedRun]]:
    run = paced(speed=0.0)
    trace = run.trace()
    server = WatchPage(run, trace, names_of(trace.meta), "127.0.0.1", 0)
    server.start()
    run.start()
    yield server, run
    run.stop()
    server.close()


def ask(
    server: WatchPage, name: str, content: object = None, **fields: str
) -> tuple[int, str, dict[str, str]]:
    """Ask the page for something, as its own script does unless ``fields`` say otherwise."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    own = {"Origin": f"http://{parts.netloc}"}
    headers = own | {key.replace("_", "-"): value for key, value in fields.items()}
    headers = {key: value for key, value in headers.items() if value}
    path = name if name.startswith("/") else parts.path + name
    if content is None:
        connection.request("GET", path, headers=headers)
    else:
        headers = {"Content-Type": "application/json", **headers}
        connection.request("POST", path, json.dumps(content), headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, dict(answer.headers)


def test_the_page_shows_the_network_and_takes_changes(page: tuple[WatchPage, PacedRun]) -> None:
    server, run = page
    status, text, headers = ask(server, "map")
    nonce = headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0]
    assert (status, "http" in text.replace("http-equiv", "")) == (200, False)
    assert f'nonce="{nonce}"' in text
    about = json.loads(ask(server, "about")[1])
    assert [host["id"] for host in about["hosts"]] == list(run.changes.topology.hosts)
    assert about["links"][0]["a"] == 0
    assert "operator@HUB.CAMPUS" in about["users"]
    assert json.loads(ask(server, "change", CRASH)[1])["change"].endswith(
        "crash HUB.CAMPUS for 10 s"
    )
    assert 'kind = "crash"' in ask(server, "file")[1]
    assert json.loads(ask(server, "about")[1])["changes"] == [run.changes.made[0].words]
    assert ask(server, "speed", {"speed": 7})[0] == 200
    assert run.speed == 7
    assert ask(server, "speed", {"speed": -1})[0] == 409
    assert ask(server, "change", {"do": "dance"})[:2] == (
        409, "there is no change 'dance'; use send, fault, cut, crash, slow\n",
    )  # fmt: skip
    assert ask(server, "nothing")[0] == 404
    assert ask(server, "nothing", {})[0] == 404


def test_the_workbench_is_the_page(page: tuple[WatchPage, PacedRun]) -> None:
    """Its own script runs, and no other; it asks nobody but this server."""
    status, text, headers = ask(page[0], "")
    assert (status, "A campus hub" in text) == (200, True)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.endswith("; connect-src 'self'")
    assert json.loads(ask(page[0], "hindsight")[1])["verdict"]["who"] == "0 recipients"


def test_workbenches_get_every_event_once(page: tuple[WatchPage, PacedRun]) -> None:
    """In order, several at a time; who comes back goes on after the last piece they had."""
    server, run = page
    run.set_speed(1e6)
    assert run.join(60)
    whole = _told(ask(server, "events?of=workbench")[1])
    numbers = [first + k for first, count in whole for k in range(count)]
    assert numbers == list(range(1, len(run.trace().rows)))
    again = ask(server, "events?of=workbench", Last_Event_ID="3.0")[1]
    assert _told(again) == whole[1:]


def _told(text: str) -> list[tuple[int, int]]:
    """The pieces of a stream: the first event of each, and how many it has."""
    lines = [line for line in text.splitlines() if line.startswith('data: {"pieces"')]
    said = [json.loads(line.removeprefix("data: ")) for line in lines]
    return [(piece["first"], len(piece["k"])) for one in said for piece in one["pieces"]]


@needs_chromium
def test_a_workbench_follows_the_run_and_changes_it(page: tuple[WatchPage, PacedRun]) -> None:
    """It keeps up; it stays where the reader goes back to, with what was selected; it acts."""
    server, run = page
    with browser() as chromium:
        bench = chromium.new_page()
        said = listening(bench)
        bench.goto(server.url)
        until(lambda: bench.evaluate("Boolean(globalThis.replay?.live)"))
        run.set_speed(20.0)
        until(lambda: bench.evaluate("replay.n > 60"))
        run.set_speed(0.0)
        until(lambda: bench.evaluate(f"replay.n === {len(run.feed.rows)}"))
        bench.evaluate("replay.selectThing('message:1'); replay.map.zoomBy(2); replay.step()")
        bench.keyboard.press("PageUp")
        at = bench.evaluate("[replay.n, replay.t, replay.select, replay.map.transform.k]")
        assert not bench.is_checked(".live input[type=checkbox]")
        count = len(run.feed.rows)
        run.set_speed(20.0)
        until(lambda: bench.evaluate(f"replay.run.count > {count} + 20"))
        run.set_speed(0.0)
        assert bench.evaluate("[replay.n, replay.t, replay.select, replay.map.transform.k]") == at
        bench.check(".live input[type=checkbox]")
        until(lambda: bench.evaluate("replay.n === replay.run.count"))
        assert bench.evaluate("[replay.select, replay.map.transform.k]") == at[2:]
        bench.evaluate("replay.choose(4)")
        bench.click(".acts button >> nth=0")
        until(lambda: bench.evaluate("replay.find('.live .changes').children.length === 1"))
        assert run.changes.made[0].words.endswith("crash DORM.CAMPUS for 60 s")
        run.set_speed(50_000.0)
        until(
            lambda: bench.evaluate(
                "replay.live.over && replay.live.looked.count === replay.run.count"
            )
        )
        rows = run.trace().rows
        assert bench.evaluate("[replay.run.count, replay.live.digest]") == [
            len(rows), run.trace().digest(),
        ]  # fmt: skip
        assert bench.evaluate("replay.run.data.verdict.who") == "13 recipients"
        assert [one for one in said if not one.startswith(server.url)] == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:80"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Length": "9999999"}, 413),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_nobody_else_changes_a_run(
    page: tuple[WatchPage, PacedRun], fields: dict[str, str], status: int
) -> None:
    """Another site, a form, a name that was pointed here, somebody without the secret."""
    server, run = page
    assert ask(server, "change", CRASH, **fields)[0] == status
    assert ask(server, "/wrong/change", CRASH)[0] == 404
    assert ask(server, "/change", CRASH)[0] == 404
    assert run.changes.made == []


def test_viewers_follow_the_run(page: tuple[WatchPage, PacedRun]) -> None:
    """Several at a time; who comes back goes on where they were."""
    server, run = page
    found: list[list[Any]] = [[], [], []]

    def follow(viewer: int, **fields: str) -> None:
        text = ask(server, "events", **fields)[1]
        for line in text.splitlines():
            if line.startswith("data: ["):
                found[viewer] += json.loads(line.removeprefix("data: "))

    viewers = [
        threading.Thread(target=follow, args=(viewer,), kwargs=fields)
        for viewer, fields in enumerate([{}, {}, {"Last_Event_ID": "4"}])
    ]
    for viewer in viewers:
        viewer.start()
    run.set_speed(20_000.0)
    for viewer in viewers:
        viewer.join(60)
    assert found[0] == found[1] == items(run)
    assert found[2] == found[0][5:]
    assert found[0][-1]["digest"] == run.trace().digest()


# -- the command --------------------------------------------------------------------------------


def watching(tmp_path: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lab", "watch", str(CAMPUS), *options, "-o", "changed.toml"]
    return subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


class _Server:
    """What :func:`ask` asks: a page of another process."""

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.mark.parametrize(
    "options", [("--speed", "50"), ("--live", "--speed", "20")], ids=["", "live"]
)
def test_a_command_serves_the_page_until_it_is_interrupted(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Simulated and live: a click is a fault in a file, and happens."""
    process = watching(tmp_path, *options)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("watch it at http://127.0.0.1:")
        server: Any = _Server(line.split()[-1])
        assert ask(server, "change", {"do": "crash", "host": "DORM.CAMPUS", "for": "1 s"})[0] == 200
        assert ask(server, "change", SEND)[0] == 200
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "the changes are in changed.toml" in err
    assert "A campus hub" in out
    changed = lab.load(tmp_path / "changed.toml")
    assert [fault.kind for fault in changed.faults] == ["crash"]
    assert changed.mail[-1].subject == "Late"


@pytest.mark.parametrize(
    ("options", "why"),
    [(("--speed", "-1"), "--speed -1"), (("--page", "x"), "--page x"),
     (("-o", str(CAMPUS)), "is the topology itself"), (("--live", "--speed", "0"), "--speed 0")],
    ids=lambda value: " ".join(value)[:20] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_bad_options_are_refused(options: tuple[str, ...], why: str) -> None:
    from click.testing import CliRunner

    from lab.cli import cli

    done = CliRunner().invoke(cli, ["watch", str(CAMPUS), *options], prog_name="lab")
    assert done.exit_code == 2
    assert why in done.stderr
