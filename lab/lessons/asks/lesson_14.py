"""What lesson 14 asks for: real maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.lessons import maps
from lab.lessons.answers import (
    Estimate,
    Host,
    Judged,
    Number,
    Pair,
    Verdict,
    each,
    form_of,
    hinted,
)

if TYPE_CHECKING:
    import networkx

    from lab.api.run import Run


def alone(graph: networkx.Graph) -> list[str]:
    """Return the sites each of which cuts off another when it fails alone."""
    return [site for site in graph if maps.cut_off(graph, [site])]


@hinted("Look for a site that depends on a single other one.")
def predict(sites: list[str]) -> Number:
    """Return how many sites there are in this list."""
    return Number(len(sites), units=["site"])


def came_back(run: Run, site: str) -> list[int]:
    """Return the messages that were returned although they were not for the dead site."""
    rows = [
        recipient for recipient in run.summary["recipients"] if recipient["outcome"] == "returned"
    ]
    return [
        recipient["message"]
        for recipient in rows
        if not recipient["recipient"].endswith(f"@{site}")
    ]


@hinted("Where is a message when its host finds out that the next one is dead?")
def break_it(run: Run) -> Estimate:
    """Return about how many messages came back that were not for UCLA."""
    return Estimate(len(came_back(run, "UCLA")), 0.35, units=["message"])


@hinted("CASE is at the end of one of the three lines across. Where do the others end?")
def exercise_1(rises: dict[str, float], graph: networkx.Graph) -> Host:
    """Return the site whose load rises most."""
    return Host(next(iter(rises)), graph)


@hinted("Follow the middle of the country, north to south.")
def exercise_2(graph: networkx.Graph, fewest: int) -> Judged:
    """Return the exercise for cuts between UCLA and MIT, as few as can be."""
    lines = each(Pair(Host(known=graph)), any_order=True)
    return Judged(lambda cuts: _parts(cuts, graph, fewest), lines)


def _parts(cuts: list[tuple[str, ...]], graph: networkx.Graph, fewest: int) -> Verdict:
    import networkx as nx

    graph_left = graph.copy()
    graph_left.remove_edges_from(cuts)  # in either direction
    if graph_left.number_of_edges() != graph.number_of_edges() - len(cuts):
        return "Not all of these are lines of the map."
    if not (graph_left["UCLA"] and graph_left["MIT"]):
        return "One of the two has lost its last line."
    if nx.has_path(graph_left, "UCLA", "MIT"):
        return (
            f"A route is left, over {len(nx.shortest_path(graph_left, 'UCLA', 'MIT')) - 2} sites."
        )
    return len(cuts) == fewest or "It can be done with fewer."


@hinted("`max` can take the count as its key.")
def exercise_3(big: networkx.Graph, busy: list[str]) -> Judged:
    """Return the exercise for the host, but for the first of ``busy``, that cuts off most."""

    def is_second(host: str) -> Verdict:
        if host not in big:
            return f"There is no host {host}."
        if host == busy[0]:
            return f"{busy[0]} is the first."
        own = maps.cut_off(big, [host])
        most = max(maps.cut_off(big, [rival]) for rival in busy[1:])
        return own >= most or f"It cuts off {own}."

    return Judged(is_second, form_of(Host(known=big)))


@hinted("Two of them may cut off the same hosts. Which third one adds the most?")
def exercise_4(big: networkx.Graph, reference: int) -> Judged:
    """Return the exercise for three hosts that cut off more others than ``reference``."""

    def beats(three: list[str]) -> Verdict:
        if len(set(three) & set(big)) != 3:
            return "They should be three different hosts of the map."
        sites = maps.cut_off(big, three)
        return sites > reference or f"{sites} are cut off, and {reference} is the number to beat."

    return Judged(beats, each(Host(known=big), 3, any_order=True))
