"""An interrupted run is returned in a notebook, and a loop of runs can be stopped all the same."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Callable, Iterator

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.api import progress as bars
from lab.api import simulate as simulating

CAMPUS = str(TOPOLOGIES / "campus.toml")
INTERNET = str(TOPOLOGIES / "internet.toml")


def interrupted(messages: int) -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def never_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(simulating._Interruption, "last", -1e9)
    monkeypatch.setattr(simulating, "AGAIN", 3600.0)  # however slow the machine is
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    yield
    signal.signal(signal.SIGINT, before)


def test_at_a_prompt_an_interrupted_run_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    with pytest.warns(UserWarning, match="^interrupted at .* Interrupt again within"):
        run = lab.simulate(INTERNET, progress=interrupted, max_events=1_000_000)
    assert run.interrupted
    assert len(run.trace) < 9_000
    assert run.summary["cut_off"] == "the run was interrupted"
    assert run.continue_().digest == lab.simulate(INTERNET).digest
    with pytest.raises(lab.Interrupted):
        lab.simulate(CAMPUS, progress=interrupted)


def test_in_a_script_an_interrupted_run_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "ps1", raising=False)
    monkeypatch.setitem(sys.modules, "ipykernel", sys)  # imported, as by what shows widgets
    with pytest.raises(lab.Interrupted) as stopped:
        lab.simulate(CAMPUS, progress=interrupted)
    assert stopped.value.run.interrupted


class Terminal(io.StringIO):
    """A stream that looks like a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "progress", "bar_after", "is_shown"),
    [
        (Terminal, None, 0.0, True),
        (Terminal, None, 1e9, False),
        (Terminal, True, 1e9, True),
        (Terminal, False, 0.0, False),
        (io.StringIO, None, 0.0, False),
    ],
)
def test_a_bar_appears_where_somebody_looks_at_it(
    stream: type[io.StringIO],
    progress: bool | None,
    bar_after: float,
    is_shown: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(bars, "is_notebook", lambda: False)
    monkeypatch.setattr(bars, "BAR_AFTER", bar_after)
    shown = stream()
    monkeypatch.setattr(sys, "stderr", shown)
    lab.simulate(CAMPUS, progress=progress)
    assert ("messages" in shown.getvalue()) is is_shown


LONG: list[tuple[str, Callable[[bool], object]]] = [
    ("points", lambda bar: lab.explore(CAMPUS, limit=1, progress=bar)),
    ("runs", lambda bar: lab.storm(1, progress=bar)),
    ("runs", lambda bar: lab.sweep(
        topology=CAMPUS, measures=["delivered"], workers=0, progress=bar)),
    ("messages", lambda bar: lab.step(CAMPUS, progress=bar)),
    ("messages", lambda bar: lab.simulate(CAMPUS, until=60).continue_(progress=bar)),
]  # fmt: skip


@pytest.mark.parametrize(("noun", "work"), LONG, ids=["explore", "storm", "sweep", "step", "go on"])
def test_all_long_work_has_a_bar(
    noun: str, work: Callable[[bool], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for progress in (True, False):
        shown = Terminal()
        monkeypatch.setattr(sys, "stderr", shown)
        work(progress)
        assert (f" {noun} " in shown.getvalue()) is progress
