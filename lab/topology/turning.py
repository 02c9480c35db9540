"""The tables of links with their ends in the other order, as somebody may name them.

What ``back`` says holds from the second end to the first, so who names B and A of a link that is
written from A to B means the other direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lab.quantities import UnitFault, parse_duration
from lab.topology.declarations import settings_of
from lab.topology.link_specs import NO_LIMIT, LinkBack, LinkSpec

_OF_BACK: Final = frozenset(setting.key for setting in settings_of(LinkBack))
_DEFAULTS: Final[Mapping[str, Any]] = {
    setting.key: setting.default
    for setting in settings_of(LinkSpec)
    if setting.key in _OF_BACK and setting.default is not None
} | {"bandwidth": NO_LIMIT}


def turned(table: dict[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of a link with its ends, and its directions, in the other order.

    ``raw`` are the tables of the file, which need not be valid: ``[defaults.link]`` has what a
    direction is like of which the link says nothing.
    """
    between, back = table.get("between"), table.get("back")
    if not isinstance(between, list):
        return table
    made = {**table, "between": between[::-1]}
    if not isinstance(back, dict):
        return made
    defaults: Any = raw
    for key in ("defaults", "link"):
        defaults = defaults.get(key) if isinstance(defaults, dict) else None
    usual = {**_DEFAULTS, **(defaults if isinstance(defaults, dict) else {}), **table}
    if "cost" not in usual:
        usual |= _cost_of(usual["latency"])
    made |= back
    made["back"] = {key: usual[key] for key in back if key in usual}
    return made


def _cost_of(latency: Any) -> dict[str, float]:
    """Return the cost of a direction that has none of its own: its latency, in seconds."""
    try:
        return {"cost": parse_duration(latency)}
    except UnitFault:
        return {}
