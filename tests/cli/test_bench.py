"""Benchmarks: they measure what they say. How fast anything is, is not tested here."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import lab
from lab.benchmarks import versions, whole_run
from lab.benchmarks.simulation import bench_topology
from lab.benchmarks.whole_run import in_turn, measure_whole
from lab.trace.levels import LEVELS
from lab.trace.rows import CROSSING, KIND

ROOT = Path(__file__).parent.parent.parent


def test_whole_runs_come_first_and_at_each_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """The headline is the whole run at wire, beside the real mail software of the same rounds."""
    levels: list[str] = []

    def rate(sessions: int, level: str) -> float:
        levels.append(level)
        return 100.0 * sessions

    monkeypatch.setattr(whole_run, "whole_rate", rate)
    monkeypatch.setattr(whole_run, "loopback_rate", lambda real: 50.0 * real)
    figures = measure_whole(20)
    assert levels == [*LEVELS] * whole_run.ROUNDS
    assert next(iter(figures)) == "whole_run_sessions_per_cpu_second"
    assert figures["whole_run_sessions_per_cpu_second"] == 2000
    assert figures["whole_run_over_smtplib_aiosmtpd"] == 20.0
    assert figures["whole_run_at_none_sessions_per_cpu_second"] == 2000


def test_a_whole_run_is_judged_and_summed_up() -> None:
    """A rate is that of a run whose mail arrived and which broke no rule."""
    assert whole_run.whole_rate(3, "none") > 0


def test_the_guide_says_how_many_events_a_session_has() -> None:
    """Figures of sessions say little without it."""
    run = lab.simulate(bench_topology(10))
    crossed = [row for row in run.trace.rows if row[KIND] in CROSSING]
    of_each = (len(run.trace) - 2) // 10, len(crossed) // 10  # without the first and the last
    guide = (ROOT / "lab" / "help" / "performance.md").read_text(encoding="utf-8")
    said = re.search(r": (\d+) events, of which (\d+) crossed the wire", guide)
    assert said is not None
    assert tuple(map(int, said.groups())) == of_each


def test_commands_take_turns(tmp_path: Path) -> None:
    """Each runs as often as the other, one after the other, in the folder that is given."""
    command = "open('log', 'a').write({!r})"
    commands = {name: [sys.executable, "-c", command.format(name)] for name in "ab"}
    seconds = in_turn(commands, 2, str(tmp_path))
    assert (tmp_path / "log").read_text() == "abab"
    assert {name: len(found) for name, found in seconds.items()} == {"a": 2, "b": 2}


def test_a_command_that_fails_is_no_figure(tmp_path: Path) -> None:
    """What it took until then says nothing."""
    with pytest.raises(RuntimeError, match="ended with status 3"):
        in_turn({"a": [sys.executable, "-c", "raise SystemExit(3)"]}, 1, str(tmp_path))


def test_two_versions_make_the_same_runs_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ratio is of one pair: the seconds of the new version over those of the old one."""
    asked: list[list[str]] = []

    def taken(
        commands: dict[str, list[str]], rounds: int, folder: str, _: object
    ) -> dict[str, list[float]]:
        asked.extend(commands.values())
        return {"old": [2.0] * rounds, "new": [1.0] * rounds}

    monkeypatch.setattr(versions, "in_turn", taken)
    figures = versions.compare_versions(ROOT, 10)
    assert figures["whole_run_new_over_old"] == 0.5
    assert figures["help_new_over_old_spread"] == "0.500 to 0.500"
    assert asked[0][1:] == asked[1][1:] == ["-m", "lab", "--help"]


def test_only_a_checkout_can_be_compared(tmp_path: Path) -> None:
    """Any other folder is refused in a sentence, before minutes are spent."""
    assert "not a checkout of the lab" in versions.why_not_a_checkout(tmp_path)
    assert versions.why_not_a_checkout(ROOT) == ""
