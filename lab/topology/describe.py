"""The description of a topology in the trace of its run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any, Final

from lab.topology.declarations import settings_of
from lab.topology.link_specs import NO_LIMIT
from lab.topology.specs import TopologyData
from lab.topology.write import table_of

_IN_SHORT: Final[dict[str, Callable[[Any], Any]]] = {
    "users": len,
    "answers": sorted,
    "reply": lambda replies: sorted({spec.to for spec in replies}),
    "names": dict,
    "holds": list,
    "position": lambda position: list(position) if position else None,
}
"""Functions that shorten values which are too long, or which are not plain JSON."""


def describe(topology: TopologyData, seed: int) -> dict[str, Any]:
    """Return the description of a topology for the trace of its run, as plain JSON.

    It has the settings of hosts and links that are declared with ``trace``, and the number of
    users. It is part of the digest, so it must not change between versions; ``expect``, the
    ``[expect]`` of the file, is not.
    """
    described = {
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
    return {**described, "expect": dict(topology.expect)} if topology.expect else described


def describe_live(topology: TopologyData, seed: int) -> dict[str, Any]:
    """Return the same for a live run; it also says which hosts are external."""
    described = describe(topology, seed)
    for host in described["hosts"]:
        if external := topology.hosts[host["name"]].external:
            host["external"] = external
    return {**described, "live": True}


def _described(spec: Any) -> dict[str, Any]:
    described = {}
    for field, key, always, default, in_short in _in_the_trace(type(spec)):
        value = getattr(spec, field)
        if always or (value is not default and value != default):
            if in_short is not None:
                value = in_short(value)
            described[key] = _table(value) if is_dataclass(value) else value
    return described


def _in_the_trace(cls: type[Any]) -> list[_Traced]:
    """Return the settings of a class that the trace has: the field, the key, whether always, or
    else the default that it leaves out, and what shortens the value.
    """
    if cls not in _IN_THE_TRACE:
        _IN_THE_TRACE[cls] = [
            (setting.field, setting.key, setting.trace == "always", setting.default,
             _IN_SHORT.get(setting.key))
            for setting in settings_of(cls) if setting.trace
        ]  # fmt: skip
    return _IN_THE_TRACE[cls]


_Traced = tuple[str, str, bool, Any, Callable[[Any], Any] | None]

_IN_THE_TRACE: Final[dict[type[Any], list[_Traced]]] = {}


def _table(spec: Any) -> dict[str, Any]:
    """Return a part of a host or link as a table; None for a bandwidth without a limit."""
    return {key: None if value == NO_LIMIT else value for key, value in table_of(spec).items()}
