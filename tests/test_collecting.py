"""What a run leaves for Python to look for, and how often it looks."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from lab.collecting import rarely_collecting
from lab.network.topology import load
from lab.simulation import simulate

ARPANET_1972 = Path(__file__).resolve().parents[1] / "topologies" / "arpanet-1972.toml"


def test_a_trace_that_nobody_holds_is_gone_before_python_looks_for_cycles() -> None:
    gc.disable()
    try:
        trace = simulate(load(ARPANET_1972, sets=["traffic.0.count=1000"]))
        rows, blocks = len(trace), sys.getallocatedblocks()
        assert rows > 15_000
        del trace
        # a block a row, and what is in it; Python keeps a few thousand at hand for the next
        assert blocks - sys.getallocatedblocks() > rows
    finally:
        gc.enable()


def test_of_two_that_overlap_the_last_sets_things_back() -> None:
    """As two threads of one process do, neither of which knows when the other ends."""
    before = gc.get_threshold()
    one, other = rarely_collecting(), rarely_collecting()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert gc.get_threshold()[0] >= 1_000_000
    other.__exit__(None, None, None)
    assert gc.get_threshold() == before
