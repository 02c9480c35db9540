"""The last answer about a trace is kept, and given for no other one."""

from __future__ import annotations

from helpers.places import TOPOLOGIES

import lab
from lab.analysis.alternatives import alternative
from lab.analysis.kept import Kept
from lab.analysis.link_use import link_intervals, link_use
from lab.analysis.measures import outcome_counts
from lab.analysis.wrongs import wrongs
from lab.trace.rows import KIND
from lab.trace.trace import Trace


def test_an_answer_is_made_once_for_a_trace_and_anew_for_another() -> None:
    """Two runs of one file are two traces, and so is the beginning of a run."""
    runs = [lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").trace for _ in range(2)]
    asked: list[Trace] = []
    kept: Kept[int] = Kept()

    def answer(trace: Trace) -> int:
        asked.append(trace)
        return len(trace)

    part = Trace(runs[1].rows[:5], runs[1].level)
    for trace in (runs[0], runs[0], runs[1], part, part, runs[0]):
        assert kept.of(trace, answer) == len(trace)
    assert asked == [runs[0], runs[1], part, runs[0]]


def test_an_answer_is_never_that_of_a_trace_which_is_gone() -> None:
    """Traces of equal length are made and forgotten: each may have the address of the one before,
    and shares its first and last row with it.
    """
    rows = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").trace.rows
    kept: Kept[str] = Kept()
    for n in range(1, len(rows) - 1):
        part = Trace([rows[0], rows[n], rows[-1]])
        kind = rows[n][KIND]
        assert kept.of(part, lambda trace: str(trace.rows[1][KIND])) == kind
        del part


def test_an_answer_about_a_run_that_goes_on_is_made_anew() -> None:
    rows = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").trace.rows
    kept: Kept[int] = Kept()
    growing = Trace(rows[:3])
    assert kept.of(growing, len) == 3
    growing.record(rows[3])
    assert kept.of(growing, len) == 4


def test_figures_of_links_are_the_same_before_and_after_their_intervals() -> None:
    """A caller that changes what was returned changes nothing for the next one."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    first = link_use(trace)
    list(link_intervals(lab.simulate(TOPOLOGIES / "campus.toml").trace, 10.0))
    first[0]["bytes"] = -1
    again = link_use(trace)
    list(link_intervals(trace, 10.0))
    assert link_use(trace) == again
    assert again[1:] == first[1:]
    assert again[0]["bytes"] > 0


def test_the_alternative_counts_the_outcomes_that_the_account_has() -> None:
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    assert dict(wrongs(trace).outcomes) == outcome_counts(trace)
    assert "13 recipients in 0:01:39" in alternative(trace, "utilisation")
