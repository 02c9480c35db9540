"""What lesson 13 asks for: where a network is slow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from statistics import mean
from typing import TYPE_CHECKING, Any

from lab.lessons.answers import Estimate, Host, Judged, Number, Pair, Several, Verdict, each, hinted

if TYPE_CHECKING:
    import networkx

    from lab.api.run import Run
    from lab.topology.model import Topology

OverSeeds = Callable[[Any, Callable[["Run"], Any]], list[Any]]
"""A function of a graph and a measure that returns what is measured in five runs."""


def relayed(run: Run) -> Counter[str]:
    """Count the messages that each host sent on and that were not written there."""
    sent = Counter(e.host for e in run.trace if e.kind == "transfer")
    sent.subtract(e.host for e in run.trace if e.kind == "submit")
    return sent


@hinted("Through which host do most routes lead?")
def predict(counted: Counter[str], network: Topology) -> Host:
    """Return the host that relays most."""
    return Host(counted.most_common(1)[0][0], network.hosts)


@hinted("How long is the longest route?")
def break_it(measured: list[int], loads: dict[str, float]) -> Estimate:
    """Return about how many messages H4 relays, between what is measured and what is predicted.

    A fifth off is allowed: a ninth or an eighth of all messages would be too few.
    """
    return Estimate(mean([mean(measured), loads["H4"]]), 0.2, units=["message"])


@hinted("Of the 36 pairs, how many have the hub at one end?")
def exercise_1(loads: dict[str, float]) -> Estimate:
    """Return about how many messages the hub, H0, relays."""
    return Estimate(loads["H0"], 0.08, units=["message"])


@hinted("Which one could not be removed without cutting somebody off?")
def exercise_2(loads: dict[str, float]) -> Host:
    """Return the host that should relay most."""
    return Host(max(loads, key=lambda host: loads[host]), loads)


def seen(graph: networkx.Graph, over_seeds: OverSeeds) -> set[frozenset[str]]:
    """Return the hosts that messages from H1 to H5 passed, each set of them once."""
    ways: list[set[frozenset[str]]] = over_seeds(graph, lambda run: _passed(run, "H1", "H5"))
    return set().union(*ways)


@hinted("Who is a neighbour of both? And how many next hosts does a table have for H5?")
def exercise_3(kite: networkx.Graph, taken: set[frozenset[str]]) -> Several:
    """Return how many shortest routes there are from H1 to H5, and how many are taken."""
    import networkx

    there = len(list(networkx.all_shortest_paths(kite, 1, 5)))
    labels = ["the routes there are", "the routes that are taken"]
    counted = [Number(number, units=["route"]) for number in (there, len(taken))]
    return Several(counted, labels)


def _passed(run: Run, a: str, b: str) -> set[frozenset[str]]:
    """Return the hosts that messages from one host to another passed, each set of them once."""
    own = {e.message for e in run.trace if e.kind == "submit" and e.host == a}
    own &= {e.message for e in run.trace if e.kind == "deliver" and e.host == b}
    steps = [(e.message, e.host) for e in run.trace if e.kind == "accept" and e.message in own]
    return {frozenset(host for number, host in steps if number == message) for message in own}


@hinted("`expected(graph)` gives a good estimate without a run.")
def exercise_5(
    over_seeds: OverSeeds, interval: Callable[[list[int]], tuple[float, float]]
) -> Judged:
    """Return the exercise for two lines that take load off the busiest host."""
    lines = Pair(Host(known=[f"H{number}" for number in range(9)]))

    def spreads(extra: list[tuple[str, ...]]) -> Verdict:
        import networkx

        graph = networkx.path_graph(9)
        graph.add_edges_from((int(a[1:]), int(b[1:])) for a, b in extra)
        if graph.number_of_edges() != 10 or networkx.number_of_selfloops(graph):
            return "It should be two lines that the chain does not have."
        low, high = interval(over_seeds(graph, lambda run: relayed(run).most_common(1)[0][1]))
        print(f"The busiest host relays {low} to {high} messages.")
        return high <= 60 or f"The interval reaches up to {high}."

    return Judged(spreads, each(lines, 2, any_order=True))
