"""Random networks with faults that must come out the same simulated and live.

``python -m tests.helpers.same_live`` runs the fifty of :data:`NUMBERS` and says what differs; it
takes two minutes. ``--draw SEED`` looks for fifty others, of another seed. The suite runs a few,
others each day.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import count, islice
from typing import Any, Final

import lab
from lab.analysis.likeness import likeness, sentence
from lab.experiments.storm.random_networks import random_network
from lab.hosts.retry import Retry
from lab.live.running import run_live
from lab.live.settings import Settings
from lab.topology.model import FaultSpec, Topology
from lab.trace.rows import KIND

SEED: Final = 2217

NUMBERS: Final = (
    7, 19, 58, 60, 65, 82, 127, 143, 185, 207, 215, 218, 235, 236, 260, 267, 317, 318, 383, 390,
    399, 408, 413, 429, 437, 459, 486, 488, 502, 508, 521, 526, 529, 534, 537, 550, 553, 566, 616,
    629, 651, 667, 668, 710, 719, 729, 732, 757, 818, 907,
)  # fmt: skip
"""The first fifty networks of the seed that :func:`suits`; to look for them takes a minute."""

SPEED: Final = 40.0

RETRY: Final = Retry(first=35.0, factor=1.0, max=35.0, give_up=150.0)

DELAYS: Final = (0.02, 0.07, 0.2, 0.6, 2.0, 6.0)
"""Seconds of the run that every link may take, or all mail be late, and nothing else change.

A live run takes longer than a simulated one, by what the machine needs. If the outcome hangs on
who is first by so little, a wall clock is no judge.
"""


def eligible(number: int, seed: int = SEED) -> Topology:
    """A network of the storm's, with its faults, but none that a race decides by its nature.

    A fault upon an event comes a little later live, when bytes have gone on. What is drawn for
    each segment depends on how many there are. Times are shortened, so that a run takes a while and
    not an hour.
    """
    made = random_network(seed, number)
    links = tuple(replace(link, latency=0.02, jitter=0.0, loss=0.0) for link in made.links)
    mail = tuple(replace(letter, at=round(letter.at / 3, 3)) for letter in made.mail)
    faults = tuple(map(shortened, filter(is_timed, made.faults)))
    return replace(made, links=links, mail=mail, faults=faults, retry=RETRY)


def is_timed(fault: FaultSpec) -> bool:
    return not fault.when and not fault.rate and fault.kind not in ("loss", "latency")


def shortened(fault: FaultSpec) -> FaultSpec:
    lasts = min(fault.duration or 60.0, 60.0)
    return replace(fault, at=round((fault.at or 0.0) / 3, 3), duration=lasts)


def slower(topology: Topology, seconds: float) -> Topology:
    """The network with slower links."""
    links = tuple(replace(link, latency=seconds) for link in topology.links)
    return replace(topology, links=links)


def later(topology: Topology, seconds: float) -> Topology:
    """The network with all mail handed in later, and the faults when they were."""
    mail = tuple(replace(one, at=one.at + seconds) for one in topology.mail)
    return replace(topology, mail=mail)


def is_judged_by_races(topology: Topology) -> bool:
    """Whether anything differs if the links are slower or the mail later."""
    simulated = lab.simulate(topology).trace
    others = [slower(topology, delay) for delay in DELAYS[1:]]
    others += [later(topology, delay) for delay in DELAYS[1:]]
    return not all(likeness(simulated, lab.simulate(other).trace)["same"] for other in others)


def has_effect(topology: Topology) -> bool:
    """Whether mail crosses, and the faults make something happen that would not without them."""
    run, calm = (
        Counter(row[KIND] for row in lab.simulate(variant).trace.rows if row[KIND] != "fault")
        for variant in (topology, replace(topology, faults=()))
    )
    return bool(run["data"]) and run != calm


def suits(topology: Topology) -> bool:
    """Whether the faults have an effect, and no race decides what comes of them."""
    return bool(topology.faults) and has_effect(topology) and not is_judged_by_races(topology)


def drawn(seed: int, most: int) -> list[int]:
    """The numbers of the first networks of a seed that suit."""
    return list(islice((n for n in count(1) if suits(eligible(n, seed))), most))


def compare(topology: Topology, speed: float = SPEED) -> dict[str, Any]:
    """A topology run both ways, and how alike they are; why the live one ended is ``ended``."""
    simulated = lab.simulate(topology).trace
    trace, reason = run_live(topology, 0, Settings(speed=speed))
    run = lab.Run(topology, trace)
    found = likeness(simulated, trace)
    return found | {
        "ended": reason,
        "breaches": [str(breach) for breach in run.breaches],
        "seconds": trace.last,
    }


def compare_all(topologies: Sequence[Topology], at_once: int = 5) -> Iterator[dict[str, Any]]:
    """Several runs at a time: most of each is waiting."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, mp_context=context) as pool:
        yield from pool.map(compare, topologies)


def is_well(found: dict[str, Any]) -> bool:
    return bool(found["same"] and found["ended"] == "settled" and not found["breaches"])


def report(found: dict[str, Any]) -> list[str]:
    """What differs, in sentences."""
    return [found["ended"], *map(sentence, found["differences"]), *found["breaches"]]


def main(arguments: Sequence[str]) -> int:
    seed = int(arguments[1]) if arguments else SEED
    numbers = drawn(seed, 50) if arguments else NUMBERS
    topologies = [eligible(number, seed) for number in numbers]
    unlike = 0
    for number, topology, found in zip(numbers, topologies, compare_all(topologies), strict=True):
        unlike += not is_well(found)
        kinds = " ".join(sorted(fault.kind for fault in topology.faults))
        print(
            f"{number:5}  {found['submitted']} {found['octets']} {found['seconds']:.0f} s  {kinds}"
        )
        if not is_well(found):
            print("       DIFFERS:", *report(found), sep="\n         ", flush=True)
    print(f"seed {seed}: {len(numbers)} networks, {unlike} differ")
    return 1 if unlike else 0


if __name__ == "__main__":
    if sys.argv[1:] and (len(sys.argv) != 3 or sys.argv[1] != "--draw"):
        sys.exit("usage: python -m tests.helpers.same_live [--draw SEED]")
    sys.exit(main(sys.argv[1:]))
