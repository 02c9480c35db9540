"""A run leaves nothing behind that Python has to look for, and has it look seldom."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator

import pytest
from helpers.garbage import only_new_objects
from helpers.small_topologies import chain, host

import lab
from lab.runtime import gc_pause as pausing
from lab.runtime.gc_pause import gc_pause
from lab.topology.model import Topology, from_dict


@pytest.fixture
def topology() -> Topology:
    hosts = [host("A.ARPA", "ann"), host("B.ARPA", "joe")]
    traffic = [{"count": 50, "rate": "1 /s"}]
    return from_dict({"host": hosts, "link": chain(*hosts), "traffic": traffic})


@pytest.fixture
def looks() -> Iterator[list[int]]:
    """The generations that Python has looked at for cycles, as it does."""
    seen: list[int] = []

    def look(phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            seen.append(about["generation"])

    gc.collect()
    gc.callbacks.append(look)
    yield seen
    gc.callbacks.remove(look)


def of_the_lab() -> Counter[str]:
    """How many objects there are of each class of the lab."""
    kinds = (type(it) for it in gc.get_objects())
    return Counter(str(kind) for kind in kinds if str(kind.__module__).startswith("lab."))


@pytest.mark.parametrize("level", ["wire", "none"])
@pytest.mark.parametrize("until", [None, 20.0, 5.11])
def test_a_run_that_is_over_leaves_no_cycles(
    topology: Topology, level: str, until: float | None
) -> None:
    # what is remembered for the next run is no cycle
    lab.simulate(topology, until=until, trace=level)
    with only_new_objects():
        before = of_the_lab()
        kept = lab.simulate(topology, until=until, trace=level)
        assert of_the_lab() > before
        del kept
        assert of_the_lab() == before


def test_python_does_not_look_while_a_run_goes_on_nor_at_its_end(
    topology: Topology, looks: list[int]
) -> None:
    gc.collect()
    looks.clear()
    run = lab.simulate(topology)
    assert len(run.trace.rows) > 700, "else Python would not have looked"
    assert looks == []


def test_what_many_runs_leave_is_looked_at_in_the_end(
    looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pausing, "MOST", 5_000)
    kept = []
    for _ in range(6):
        with gc_pause():
            kept.append([[] for _ in range(2_000)])
    assert looks.count(2) == 2


def test_what_somebody_has_frozen_stays_so() -> None:
    gc.freeze()
    try:
        with gc_pause():
            pass
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()


def test_of_two_that_overlap_the_last_sets_things_back() -> None:
    """As two threads of one process do, neither of which knows when the other ends."""
    before = gc.get_threshold()
    one, other = gc_pause(), gc_pause()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert gc.get_threshold()[0] >= 1_000_000
    other.__exit__(None, None, None)
    assert gc.get_threshold() == before
