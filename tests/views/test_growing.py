"""The page of a run that goes on: told piece by piece, it is the page that is made at the end."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.trace.trace import Trace
from lab.views.replay import GrowingPage, replay_data
from tests.helpers.page_in_node import computed, needs_node
from tests.helpers.places import TOPOLOGIES

RUNS: list[tuple[str, float | None]] = [
    ("campus.toml", None), ("campus.toml", 40.0), ("rfc821/scenario-07.toml", None),
    ("faults/careless.toml", None), ("faults/partition.toml", None),
    ("faults/link-down.toml", None), ("faults/hang-up.toml", None), ("internet.toml", 100.0),
]  # fmt: skip

BOTH = """
const whole = new Run(given.whole);
const grown = new Run(given.beginning);
for (const piece of given.pieces) grow(grown, piece);
lookBack(grown, given.hindsight);
const eventOf = (run, i) => [run.t[i], run.start[i], run.host[i], run.peer[i], run.session[i],
  run.message[i], run.sentence(i), run.rowKind(i), run.rowKind(i) ? run.rowText(i) : "",
  run.tag(i), run.lines(i), run.data.pace[i] ?? null,
  run.leaves[run.kind[i]] ? [run.wayOf(i), run.get(i, "after")] : null];
const sessionOf = (run, one) => [one.number, one.a, one.b, one.events,
  Math.min(one.close, run.count), one.ending];
const momentOf = (run, n, t) => ({ ...run.stateAt(n, t),
  sessions: run.sessionsAt(n).map((one) => sessionOf(run, one)),
  retries: run.spoolOf(n).map((entry) => run.retryAt(n, entry)),
  faults: run.faultsAt(n).map((one) => ({ ...one, leave: Math.min(one.leave, run.count) })) });
const statesOf = (run, its) => its.map(([n, sender, receiver, ...hosts]) =>
  [n, run.data.states.sides[sender], run.data.states.sides[receiver], hosts]);
const told = (run) => ({
  events: Array.from({ length: run.count }, (_, i) => eventOf(run, i)),
  moments: given.moments.map(([n, t]) => momentOf(run, n, t)),
  messages: [...run.rowsOfMessage.keys()].slice(0, 25).map((number) =>
    [run.hopsOf(number), run.rowsOf(`message:${number}`)]),
  rows: run.recipients.at.map((_, row) => [run.phasesOf(row), run.worstOf(row)]),
  states: Object.entries(run.data.states.sessions)
    .map(([number, its]) => [number, statesOf(run, its)]),
  failed: run.failed, recipients: run.recipients, verdict: run.data.verdict, links: run.links,
  waits: run.waits, ladder: run.rowsOf("all"),
});
return [told(whole), told(grown)];
"""


def pieces_of(page: GrowingPage, trace: Trace, most: int) -> list[dict[str, Any]]:
    """What a page gets of a trace, in pieces of random sizes up to ``most`` events."""
    draw = random.Random(most)
    found, at = [], 1
    while at < len(trace.rows):
        size = draw.randint(1, most)
        found.append(page.additions(list(trace.rows[at : at + size])))
        at += size
    return found


@needs_node
@pytest.mark.parametrize("run", RUNS, ids=lambda run: "-".join(map(str, run)))
def test_a_page_that_grew_is_the_page_that_is_made_at_the_end(
    run: tuple[str, float | None], tmp_path: Path
) -> None:
    """Events, words, spools, sessions, states, faults, what is on its way: nothing is dropped."""
    name, until = run
    trace = lab.simulate(TOPOLOGIES / name, until=until).trace
    page = GrowingPage(Trace(trace.rows[:1]))
    draw = random.Random(name)
    last = len(trace.rows)
    numbers = sorted({last, *(draw.randint(0, last) for _ in range(60))})
    times = [trace.rows[max(n - 1, 0)][0] for n in numbers]
    values = {
        "whole": replay_data(trace),
        "beginning": page.beginning(),
        "pieces": pieces_of(page, trace, 40 if last < 5000 else 1000),
        "hindsight": page.hindsight(trace),
        "moments": list(zip(numbers, times, strict=True)),
    }
    whole, grown = computed(tmp_path, BOTH, values)
    assert whole.keys() == grown.keys()
    for part in whole:
        assert grown[part] == whole[part], part
