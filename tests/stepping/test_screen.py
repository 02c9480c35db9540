"""``lab step``: line by line from a pipe, on the full screen by Textual's pilot, and in tmux."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.places import TOPOLOGIES
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Input, Static

import lab
from lab.analysis.short_names import short_names
from lab.stepping.char_map import chart, make_grid
from lab.stepping.screen import StepApp, TextScreen

RELAYED = TOPOLOGIES / "rfc821" / "scenario-03.toml"
LAB = [sys.executable, "-m", "lab"]

needs_tmux = pytest.mark.skipif(
    shutil.which("tmux") is None, reason="tmux is not installed (Debian: apt-get install tmux)"
)


# -- line by line


def typed(orders: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LAB, "step", *words],
        input=orders,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_orders_from_a_pipe() -> None:
    done = typed("# a remark\nuntil reply 354\n\ndigest\nquit\nstep\n", str(RELAYED))
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert done.stderr == ""
    assert [line[:14] for line in lines[:3]] == [
        "event 1 of 42 ",
        "event 14 of 42",
        "event 15 of 42",
    ]
    assert lines[3].startswith("sha256:")
    assert len(lines) == 4


def test_an_order_that_is_none_does_not_end_it_and_is_exit_status_2() -> None:
    done = typed("frob\nstep 3\n", str(RELAYED))
    assert done.returncode == 2
    assert done.stderr == "lab: 'frob' is not a command; type help for a list\n"
    assert done.stdout.splitlines()[1].startswith("event 4 of 42")


@pytest.mark.parametrize(
    ("words", "begins"),
    [(["--at", "1.2 s"], "event 14 of 42"), (["--event", "20"], "event 20 of 42"),
     (["--until", "1 s"], "event 1 of 13"), (["--set", "link.0.latency=1 s"], "event 1 of 42")],
)  # fmt: skip
def test_where_it_begins(words: list[str], begins: str) -> None:
    assert typed("", str(RELAYED), *words).stdout.startswith(begins)


def test_a_file_that_is_none_is_exit_status_2() -> None:
    done = typed("", "nowhere.toml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


# -- the full screen

Act = Callable[[StepApp, Pilot[Any]], Awaitable[None]]


def on_screen(act: Act, path: Path = RELAYED, size: tuple[int, int] = (140, 42)) -> StepApp:
    """Do something on the screen of a stepper."""
    app = StepApp(lab.step(path))

    async def play() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await act(app, pilot)

    asyncio.run(play())
    return app


def text(app: StepApp, name: str) -> str:
    """What a part of the screen says."""
    return str(app.query_one(f"#{name}", Static).content)


def typing(text: str) -> list[str]:
    """The keys that type a text."""
    return ["space" if char == " " else char for char in text]


async def settled(app: StepApp, pilot: Pilot[Any]) -> None:
    """Wait until an order that makes the run again is done."""
    await app.workers.wait_for_complete()
    await pilot.pause()


def test_keys_go_forward_and_back() -> None:
    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        await pilot.press("right", "right", "pagedown", "left")
        assert app.stepper.n == 12
        assert "event 12 of 42" in text(app, "heading")
        assert text(app, "sentence") == app.stepper.moment.sentence
        assert text(app, "dialogue-lines").splitlines()[-1] == "R: 250 OK"
        assert "forward-path  <@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>" in text(app, "buffers")
        marked = [line for line in text(app, "events").splitlines() if line.startswith(">")]
        assert len(marked) == 1
        assert app.stepper.moment.sentence in marked[0]
        await pilot.press("end")
        assert app.stepper.n == 42
        await pilot.press("home")
        assert app.stepper.n == 0
        assert text(app, "sentence") == "Nothing has happened yet."

    on_screen(act)


def test_the_map_has_each_host_and_what_is_on_its_way() -> None:
    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        await pilot.press("u", *typing("command DATA"), "enter")
        drawn = text(app, "map")
        assert all(name in drawn for name in ("MIT-AI", "USC-ISIE", "BBN-VAX"))
        assert "354" in drawn  # the reply to DATA is on its way back

    on_screen(act)


def test_an_intervention_is_typed_and_the_run_is_made_again() -> None:
    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        await pilot.press("u", *typing("command DATA"), "enter")
        before = app.stepper.moment.digest
        await pilot.press("r", *typing("451 Not now"), "enter")
        await settled(app, pilot)
        assert app.stepper.is_altered
        assert "altered 1" in text(app, "heading")
        assert app.stepper.moment.digest == before
        await pilot.press("right", "right")
        assert "451 Not now" in text(app, "dialogue-lines")
        await pilot.press("z")
        await settled(app, pilot)
        assert not app.stepper.is_altered
        assert "altered" not in text(app, "heading")

    on_screen(act)


def test_while_a_run_is_made_again_nothing_else_changes_it() -> None:
    """Two orders one upon the other: the second waits for its turn to be typed again."""

    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        await pilot.press("right", "right")
        app.action_do("crash USC-ISIE for 30 s")
        app.action_do("crash BBN-VAX for 30 s")
        app.action_step(5)
        assert app.is_simulating
        await settled(app, pilot)
        assert not app.is_simulating
        assert len(app.stepper.interventions) == 1
        assert app.stepper.n == 3
        app.action_step(1)
        assert app.stepper.n == 4

    on_screen(act)


def test_what_is_wrong_with_an_order_is_told_and_nothing_ends() -> None:
    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        await pilot.press("colon", *typing("frob"), "enter")
        await pilot.pause()
        told = [notification.message for notification in app._notifications]
        assert told == ["'frob' is not a command; type help for a list"]
        await pilot.press("x", *typing("A B"), "enter")
        await settled(app, pilot)
        assert (
            "there is no host A"
            in [notification.message for notification in app._notifications][-1]
        )
        assert app.is_running

    on_screen(act)


def test_it_plays_and_pauses_and_stops_at_the_end() -> None:
    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        await pilot.press("space")
        while app.stepper.n < 3:
            await asyncio.sleep(0.05)
        await pilot.press("space")
        stopped = app.stepper.n
        await asyncio.sleep(0.5)
        assert app.stepper.n == stopped
        app.stepper.seek(41)
        await pilot.press("space")
        while app.playing:
            await asyncio.sleep(0.05)
        assert app.stepper.n == 42

    on_screen(act)


def test_along_a_mail_a_host_and_a_session_and_to_breakpoints() -> None:
    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        stepper = app.stepper
        await pilot.press("h")  # the run begins: at no host
        assert stepper.n == 1
        await pilot.press("right", "m")
        assert stepper.event is not None
        assert stepper.event.message == 1
        host = stepper.event.host
        await pilot.press("h")
        assert stepper.event.host == host
        await pilot.press("b", *typing("delivers"), "enter", "g")
        assert stepper.event.kind == "deliver"
        await pilot.press("question_mark")
        assert isinstance(app.screen, TextScreen)
        await pilot.press("escape")
        assert not isinstance(app.screen, TextScreen)

    on_screen(act)


def test_the_line_for_orders_opens_with_a_word_and_closes() -> None:
    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        line = app.query_one("#prompt", Input)
        assert not line.display
        await pilot.press("c")
        assert line.display
        assert line.value == "crash "
        await pilot.press("escape")
        assert not line.display
        await pilot.press("right")
        assert app.stepper.n == 2

    on_screen(act)


def shown_keys() -> list[Binding]:
    return [
        binding for binding in StepApp.BINDINGS if isinstance(binding, Binding) and binding.show
    ]


@pytest.mark.parametrize("name", ["internet.toml", "campus.toml", "faults/partition.toml"])
@pytest.mark.parametrize("size", [(80, 24), (140, 42), (220, 60)])
def test_no_text_leaves_its_panel(name: str, size: tuple[int, int]) -> None:
    """The map is as large as its panel, and each panel lies within the screen."""

    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        app.stepper.seek(app.stepper.index.count // 2)
        app.show()
        await pilot.pause()
        await pilot.pause()  # the keys at the foot take another line, and the rest makes room
        board = app.query_one("#map", Static)
        lines = text(app, "map").split("\n")
        assert len(lines) == board.content_size.height
        assert {len(line) for line in lines} == {board.content_size.width}
        for panel in app.query(".panel"):
            assert panel.region.width > 20
            assert panel.region.height > 4
            assert panel.region in app.screen.region
        keys = text(app, "keys").split("\n")
        assert max(map(len, keys)) <= size[0]
        assert all(f" {shown_key.description}" in " ".join(keys) for shown_key in shown_keys())
        assert app.query_one("#keys").region.height == len(keys)
        assert len(text(app, "events").splitlines()) <= app.query_one("#events").content_size.height

    on_screen(act, TOPOLOGIES / name, size)


def test_hosts_of_a_chart_have_cells_of_their_own_and_names_do_not_overlap() -> None:
    stepper = lab.step(TOPOLOGIES / "internet.toml")
    moment = stepper.seek(5000)
    cells = make_grid(stepper.run.trace.meta, 120, 40).cells
    assert len(set(cells.values())) == len(cells)
    drawn = chart(moment, 120, 40).plain
    names = short_names(stepper.run.topology.hosts).values()
    assert sum(name in drawn for name in names) > 0.7 * len(names)


def test_signs_of_what_is_on_its_way_do_not_lie_on_one_another() -> None:
    """Of forty hosts that all speak: each sign whole, for a reader who knows what they may be."""
    stepper = lab.step(TOPOLOGIES / "internet.toml")
    for event in range(1000, 9000, 400):
        moment = stepper.seek(event)
        marked = [
            span for span in chart(moment, 58, 18).spans if "yellow" in str(span.style) and span
        ]
        drawn = chart(moment, 58, 18).plain
        runs: list[list[int]] = []
        for span in marked:
            if " on " not in str(span.style):
                continue
            if runs and runs[-1][1] == span.start:
                runs[-1][1] = span.end
            else:
                runs.append([span.start, span.end])
        signs = [drawn[a:b] for a, b in runs]
        assert len(signs) >= min(len(moment.links), 4)
        assert all(re.fullmatch(r"mail|[A-Z]{4}|\d{3}", sign) for sign in signs), signs


# -- in a terminal


@needs_tmux
def test_in_a_real_terminal(tmp_path: Path) -> None:
    """It fills the screen, follows the keys, and gives the terminal back."""
    socket = str(tmp_path / "tmux")

    def tmux(*words: str) -> str:
        command = ["tmux", "-S", socket, "-f", "/dev/null", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def until(*words: str) -> str:
        for _ in range(200):
            drawn = tmux("capture-pane", "-t", "lab", "-p")
            if all(word in drawn for word in words):
                return drawn
            time.sleep(0.1)
        raise AssertionError(f"{words} never came:\n{drawn}")

    # the size is the terminal's: pytest's own may be in the environment
    step = " ".join(["env", "-u", "COLUMNS", "-u", "LINES", *LAB, "step", str(RELAYED)])
    tmux("new-session", "-d", "-s", "lab", "-x", "130", "-y", "40", f"{step}; echo over; sleep 30")
    try:
        until("event 1 of 42", "map", "dialogue", "buffers", "events", "→ step", "← back")
        tmux("send-keys", "-t", "lab", "Right", "Right")
        until("event 3 of 42")
        tmux("send-keys", "-t", "lab", "u")
        until("until")
        tmux("send-keys", "-t", "lab", "command DATA", "Enter")
        until("event 13 of 42", "S: DATA")
        tmux("send-keys", "-t", "lab", "q")
        until("over")
    finally:
        tmux("kill-server")


# -- a small terminal


def test_at_80_by_24_the_sentence_and_all_buffers_are_whole() -> None:
    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        app.stepper.until("reply 354")
        app.show()
        await pilot.pause()
        await pilot.pause()
        sentence = app.query_one("#sentence", Static)
        assert len(app.stepper.moment.sentence) <= 78 * sentence.region.height
        buffers = app.query_one("#buffers", Static)
        shown = app.query_one("#sides").content_size.height
        for words in ("sender-SMTP", "receiver-SMTP", "reverse-path", "forward-path", "mail data"):
            assert words in text(app, "buffers")
        before = text(app, "buffers").split("\nlinks:")[0].splitlines()
        width = buffers.content_size.width
        assert sum(-(-max(len(line), 1) // width) for line in before) <= shown + 1

    on_screen(act, RELAYED, (80, 24))


def test_a_prompt_shows_how_its_command_is_written() -> None:
    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        await pilot.press("x")
        title = str(app.query_one("#prompt", Input).border_title).replace("\\", "")
        assert title == "cut A B [for TIME]: intervene: take a link down, for a time or for good"
        await pilot.press("escape", "colon")
        assert "help lists them" in str(app.query_one("#prompt", Input).border_title)

    on_screen(act, RELAYED, (80, 24))


def test_a_message_is_followed_by_its_number() -> None:
    async def act(app: StepApp, pilot: Pilot[Any]) -> None:
        app.action_do("follow 3")
        await pilot.pause()
        assert app.stepper.event is not None
        assert app.stepper.event.message == 3
        assert "message 3" in text(app, "heading")
        first = app.stepper.n
        await pilot.press("m")
        assert app.stepper.event.message == 3
        assert app.stepper.n > first

    on_screen(act, TOPOLOGIES / "campus.toml", (80, 24))


def test_orders_follow_a_message_and_say_which_there_are() -> None:
    campus = str(TOPOLOGIES / "campus.toml")
    done = typed("follow 2\nfollow\nfollow -\nfollow\nfollow 99\n", campus)
    assert done.stdout.splitlines()[-1] == "no message is followed"
    assert "message 2" in done.stdout.splitlines()[1]
    assert "no message is followed; write its number, as in follow 2" in done.stderr
    assert "there is no message 99 in this run; they are 1 to 8" in done.stderr
