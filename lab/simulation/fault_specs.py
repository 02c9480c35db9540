"""What follows from a fault as it is declared: its event, its aim, its words, its streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lab.runtime.streams import ordinals
from lab.simulation.world import World
from lab.topology.globs import is_glob, labels_of, matching_hosts, matching_links
from lab.topology.model import FaultSpec
from lab.trace.closes import hung_up_after
from lab.trace.rows import KIND, Row, value_of


def stream_names(specs: Sequence[FaultSpec]) -> list[tuple[str, ...]]:
    """Return the names that key the streams of each fault: its kind, what it affects, and its
    number among those of which that is the same.
    """
    keys = [
        (spec.kind, *(spec.link or ()), spec.host or "", *(" ".join(g) for g in spec.groups))
        for spec in specs
    ]
    return [(*key, number) for key, number in zip(keys, ordinals(keys), strict=True)]


def is_awaited(when: Any, row: Row) -> bool:
    """Return whether a row of the trace is what a ``when`` describes."""
    if row[KIND] != when.get("event", row[KIND]):
        return False
    for name, expected in when.items():
        if name in ("event", "nth"):
            continue
        try:
            if value_of(row, name) != expected:
                return False
        except KeyError:
            return False
    return True


def resolved(spec: FaultSpec, world: World, draw: Callable[[int], int]) -> FaultSpec:
    """Return a fault with one of the hosts or links that its globs match.

    ``draw`` returns a random number below the one it is given.
    """
    if not any(map(is_glob, filter(None, (spec.host, *(spec.link or ()))))):
        return spec
    labels = labels_of(world.topology.hosts.values())
    if spec.host and is_glob(spec.host):
        speakers = sorted(host.name for host in world.host_settings)
        hosts = matching_hosts(spec.host, speakers, labels)
        return replace(spec, host=hosts[draw(len(hosts))])
    if spec.link and any(map(is_glob, spec.link)):
        ends = {(min(link.a, link.b), max(link.a, link.b)) for link in world.links}
        links = matching_links(spec.link, sorted(ends), labels)
        return replace(spec, link=links[draw(len(links))])
    return spec


def detail_of(spec: FaultSpec) -> str:
    """Return what the trace says of a fault besides its kind and place."""
    detail = " | ".join(" ".join(group) for group in spec.groups)
    if spec.after:
        detail = hung_up_after(spec.after)
    elif spec.value is not None:
        detail = f"{spec.value:g}"
    if spec.name:
        detail = f"{detail} on {spec.name}".strip()
    if spec.direction != "both":
        detail = f"{detail}, {spec.direction}"
    return detail
