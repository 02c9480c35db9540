"""What a trace says of the topology that its run was made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lab.topology.declarations import settings_of
from lab.topology.specs import TopologyData

_IN_SHORT: Final[dict[str, Callable[[Any], Any]]] = {
    "users": len,
    "answers": sorted,
    "names": dict,
    "holds": list,
    "position": lambda position: list(position) if position else None,
}
"""How settings are described whose whole value would be too much, or not plain JSON."""


def describe(topology: TopologyData, seed: int) -> dict[str, Any]:
    """Return what a trace says of the topology that its run was made from, as plain JSON.

    Of hosts and links it has the settings that are declared with ``trace``; of users their number.
    It is part of the digest, and so is the same for the same topology in every version.
    """
    return {
        "title": topology.title,
        "seed": seed,
        "start": topology.start.isoformat(),
        "environments": [
            {"name": environment.name, "transport": environment.transport}
            for environment in topology.environments.values()
        ],
        "hosts": [_described(host) for host in topology.hosts.values()],
        "links": [{"a": link.a, "b": link.b, **_described(link)} for link in topology.links],
    }


def _described(spec: Any) -> dict[str, Any]:
    described = {}
    for setting in settings_of(type(spec)):
        if setting.trace:
            value = getattr(spec, setting.field)
            if setting.trace == "always" or value != setting.default:
                in_short = _IN_SHORT.get(setting.key)
                described[setting.key] = in_short(value) if in_short else value
    return described
