"""Which attributes of nodes and edges are used, and how.

An attribute with the name of a key of ``[[host]]`` or ``[[link]]`` is that key, in upper or lower
case. :data:`OF_EDGES` and :data:`OF_NODES` have the names that networkx, the Topology Zoo, SNDlib,
topohub, fnss and Mininet use for the same; of several, the first in the table counts.

Nodes or edges of a file have much the same attributes, so what to do with a set of names is
decided once.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final, NamedTuple

from lab.quantities import (
    UnitFault,
    as_toml,
    parse_bandwidth,
    parse_duration,
    parse_length,
)
from lab.topology.declarations import Setting, settings_of
from lab.topology.kinds import KINDS
from lab.topology.maps import units
from lab.topology.overrides import read
from lab.topology.specs import LinkSpec
from lab.topology.suggestions import likeliest

_LISTS: Final = (
    "users", "names", "commands", "hosts", "callers", "lines", "paths", "members", "pair",
)  # fmt: skip
"""Kinds of value for which a text may have commas or spaces between the items."""

_TRUTHS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@lru_cache(maxsize=10_000)
def folded(name: str) -> str:
    """Return the name of an attribute without what spellings of it differ in."""
    return re.sub(r"[\s_.-]+", "", name).lower()


class Use(NamedTuple):
    """The key that an attribute gives, how it is read, and which attribute has its unit.

    ``read`` gets the value, the unit and the other attributes; it returns None for a value that
    cannot be used.
    """

    key: str
    read: Callable[[Any, str, Mapping[str, Any]], Any]
    unit_in: tuple[str, ...] = ()
    unit: str = ""


_MININET: Final = ("bw", "maxqueuesize", "delay", "usehtb")
"""Attributes beside which ``loss`` is Mininet's, in percent."""


def _chance(value: Any, unit: str, attributes: Mapping[str, Any]) -> float | None:
    return units.share(value)


def _percent(value: Any, unit: str, attributes: Mapping[str, Any]) -> float | None:
    return units.share(value, percent=True)


def _time(value: Any, unit: str, attributes: Mapping[str, Any]) -> float | None:
    return units.seconds(value, unit)


def _rate(value: Any, unit: str, attributes: Mapping[str, Any]) -> float | None:
    return units.bits_per_second(value, unit)


def _named_rate(value: Any, unit: str, attributes: Mapping[str, Any]) -> float | None:
    return units.bandwidth_in(value)


def _cost(value: Any, unit: str, attributes: Mapping[str, Any]) -> float | None:
    return units.cost(value)


def _length(value: Any, unit: str, attributes: Mapping[str, Any]) -> str | None:
    length = units.kilometres(value, unit)
    return None if length is None else f"{length!r} km"


_SPEED_UNITS: Final = ("linkspeedunits", "linkspeedunit", "speedunits", "speedunit")
_RATE_UNITS: Final = ("capacityunit", "capacityunits", "bandwidthunit", "bwunit")
_TIME_UNITS: Final = ("delayunit", "delayunits", "latencyunit")
_LENGTH_UNITS: Final = ("distanceunit", "lengthunit", "distunit")

OF_EDGES: Final[Mapping[str, Use]] = {
    "delay": Use("latency", _time, _TIME_UNITS, "s"),
    "propagationdelay": Use("latency", _time, _TIME_UNITS, "s"),
    "latencyms": Use("latency", _time, (), "ms"),
    "delayms": Use("latency", _time, (), "ms"),
    "rtt": Use("latency", lambda value, unit, _: _half(units.seconds(value, unit)), (), "s"),
    "linkspeedraw": Use("bandwidth", _rate, (), "bit/s"),
    "linkspeed": Use("bandwidth", _rate, _SPEED_UNITS, "bit/s"),
    "bw": Use("bandwidth", _rate, _RATE_UNITS, "Mbit/s"),
    "capacity": Use("bandwidth", _rate, _RATE_UNITS, "Mbit/s"),
    "preinstalledcapacity": Use("bandwidth", _rate, _RATE_UNITS, "Mbit/s"),
    "datarate": Use("bandwidth", _rate, _RATE_UNITS, "bit/s"),
    "bitrate": Use("bandwidth", _rate, _RATE_UNITS, "bit/s"),
    "speed": Use("bandwidth", _rate, _SPEED_UNITS, "bit/s"),
    "rate": Use("bandwidth", _rate, _RATE_UNITS, "bit/s"),
    "linklabel": Use("bandwidth", _named_rate),
    "linktype": Use("bandwidth", _named_rate),
    "label": Use("bandwidth", _named_rate),
    "loss": Use("loss", _percent),
    "packetloss": Use("loss", _chance),
    "lossrate": Use("loss", _chance),
    "lossprobability": Use("loss", _chance),
    "plr": Use("loss", _chance),
    "per": Use("loss", _chance),
    "losspercent": Use("loss", _percent),
    "packetlosspercent": Use("loss", _percent),
    "delayjitter": Use("jitter", _time, _TIME_UNITS, "s"),
    "jitterms": Use("jitter", _time, (), "ms"),
    "weight": Use("cost", _cost),
    "metric": Use("cost", _cost),
    "igpmetric": Use("cost", _cost),
    "ospfcost": Use("cost", _cost),
    "routingcost": Use("cost", lambda value, unit, _: units.cost(value) or None),
    "value": Use("cost", _cost),
    "dist": Use("dist", _length, _LENGTH_UNITS, "km"),
    "distance": Use("dist", _length, _LENGTH_UNITS, "km"),
    "length": Use("dist", _length, _LENGTH_UNITS, "km"),
    "lengthkm": Use("dist", _length, (), "km"),
    "distancekm": Use("dist", _length, (), "km"),
}
"""Other names of what a link has, without regard to case, ``_`` and ``-``."""

_UNITS: Final = frozenset((*_SPEED_UNITS, *_RATE_UNITS, *_TIME_UNITS, *_LENGTH_UNITS))

_MAY_FAIL: Final = frozenset(("linklabel", "linktype", "label"))
"""Attributes that have other things in them as well."""


def _half(value: float | None) -> float | None:
    return None if value is None else value / 2


_PLACES: Final = (
    ("position",), ("pos",), ("coordinates",), ("coords",), ("longitude", "latitude"),
    ("lon", "lat"), ("lng", "lat"), ("long", "lat"), ("x", "y"), ("xcoord", "ycoord"),
    ("drawnat",), ("viz",),
)  # fmt: skip
"""Where a node may say where it is; of several, the first counts."""

_OF_PLACES: Final = frozenset(name for names in _PLACES for name in names)

_LABELS: Final = frozenset(("label", "name"))

_SILENT_NODES: Final = frozenset(("spec", "host", "id", "key"))
_SILENT_EDGES: Final = frozenset(("spec", "key", "id", "source", "target", "between"))
"""Attributes that are of the graph's own making, and are not worth a note."""


@dataclass
class Tally:
    """What became of the attributes of all nodes, or of all edges.

    ``used`` has the key that each attribute gave, ``unused`` the names of the others, ``refused``
    an example of each attribute with values that could not be used, and how many.
    """

    used: dict[str, str] = field(default_factory=dict)
    unused: dict[str, None] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def refuse(self, name: str, value: Any) -> None:
        """Count a value that cannot be used."""
        self.refused[name] += 1
        self.examples.setdefault(name, as_toml(_plain(value)))

    def suggestions(self, known: Iterable[str], most: int = 3) -> list[str]:
        """Return "latncy, did you mean latency?" for names that are nearly known."""
        names = {folded(name): name for name in known}
        hints = []
        for name in [name for name in self.unused if name not in self.used][:50]:
            close = get_close_matches(folded(name)[:60], names, 3, 0.8)
            if close and close[0] != folded(name) and folded(name) not in IGNORED:
                best = likeliest(folded(name), close)
                hints.append(f"{name[:60]} is not known; did you mean {names[best]}?")
        return hints[:most]


IGNORED: Final = frozenset((
    "country", "internal", "type", "hyperedge", "doubted", "geocodename", "geocodecountry",
    "geocodeid", "geocodeappend", "geocodeextent", "url", "description", "linknote", "linkstatus",
    "linklabel", "linktype", "note", "network", "asn", "ecmpfwd", "ecmpbwd", "stats", "buffer",
    "bufferunit", "maxqueuesize", "usehtb", "stack", "application", "tier", "setupcost", "demands",
    "size", "color", "shape",
))  # fmt: skip
"""Attributes that other programs know and a mail network has no use for."""


def known_names(cls: type[Any]) -> list[str]:
    """Return the names of attributes that are used, of nodes or of edges."""
    own = [setting.key for setting in settings_of(cls) if not setting.is_required]
    return [*own, *(OF_EDGES if cls is LinkSpec else (*_OF_PLACES, *_LABELS))]


class Attributes:
    """Makes tables of a topology file of the attributes of nodes, or of edges, one after another.

    ``of_graph`` are the attributes of the whole graph, which may have the units.
    """

    def __init__(self, cls: type[Any], of_graph: Mapping[str, Any]) -> None:
        self.tally = Tally()
        self._cls = cls
        self._is_edge = cls is LinkSpec
        self._silent = _SILENT_EDGES | _UNITS if cls is LinkSpec else _SILENT_NODES
        self._own = _settings_by_name(cls)
        self._keys = {setting.key for setting in settings_of(cls)}
        self._of_graph = {folded(str(name)): value for name, value in of_graph.items()}
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def table(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that the attributes of a node or an edge give."""
        names = tuple(attributes)
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plans[names] = self._plan(names)
        table: dict[str, Any] = {}
        for name, key, setting in plan.own:
            value = attributes[name]
            if key == "speed" and isinstance(value, str) and units.bits_per_second(value, ""):
                key, value = "bandwidth", units.bits_per_second(value, "")
            if value is not None:
                table[key] = _value(value, setting)
        for name, use in plan.of_other_programs:
            if use.key in table:
                self.tally.unused.setdefault(name)
            elif attributes[name] is not None:
                self._take(table, name, use, attributes)
        if plan.place:
            self._take_place(table, plan.place, attributes)
        return table

    def _plan(self, names: tuple[str, ...]) -> _Plan:
        """Decide what to do with attributes of these names, and note what is done."""
        by_name = {folded(name): name for name in reversed(names)}
        plan = _Plan(self._own_keys(names, by_name))
        known = {name for name, *_ in plan.own}
        known |= (
            self._of_other_programs(plan, by_name, known)
            if self._is_edge
            else self._of_nodes(plan, by_name)
        )
        for name in names:
            if name not in known and folded(name) not in self._silent:
                self.tally.unused[name] = None
        return plan

    def _own_keys(
        self, names: Iterable[str], by_name: Mapping[str, str]
    ) -> list[tuple[str, str, Setting]]:
        """Return the attributes that have the name of a key, the key, and its setting."""
        declared: dict[str, tuple[str, str, Setting]] = {}
        is_mininet = self._is_edge and any(name in by_name for name in _MININET)
        # a name that is spelled as the key is goes before one that is nearly so
        for name in sorted(names, key=lambda name: name not in self._own):
            setting = self._own.get(name) or self._own.get(folded(name))
            if setting is not None and not (setting.key == "loss" and is_mininet):
                key = name if name in (*setting.keys, setting.old) else setting.key
                if key not in declared:
                    declared[key] = name, key, setting
                    self.tally.used.setdefault(name, key)
        return list(declared.values())

    def _of_other_programs(
        self, plan: _Plan, by_name: Mapping[str, str], known: set[str]
    ) -> set[str]:
        """Find the attributes of an edge that other programs have; return their names."""
        for attribute, use in OF_EDGES.items():
            name = by_name.get(attribute, "")
            if name and name not in known and use.key in self._keys:
                plan.of_other_programs.append((name, use))
        return {name for name, _ in plan.of_other_programs}

    def _of_nodes(self, plan: _Plan, by_name: Mapping[str, str]) -> set[str]:
        """Find where a node says that it is, and what it is called; return the names."""
        places = (place for place in _PLACES if all(name in by_name for name in place))
        plan.place = tuple(by_name[name] for name in next(places, ()))
        labels = [by_name[name] for name in _LABELS if name in by_name]
        for name in labels:
            self.tally.used.setdefault(name, "label")
        return {*plan.place, *labels}

    def _take(
        self, table: dict[str, Any], name: str, use: Use, attributes: Mapping[str, Any]
    ) -> None:
        value = _plain(attributes[name])
        unit = self._unit(use, attributes) if use.unit_in else use.unit
        setting_value = use.read(value, unit, attributes)
        if setting_value is not None:
            table[use.key] = setting_value
            self.tally.used.setdefault(name, use.key)
        elif folded(name) in _MAY_FAIL:
            if name not in self.tally.used:
                self.tally.unused[name] = None
        elif value not in (0, "", "0"):
            self.tally.refuse(name, value)

    def _unit(self, use: Use, attributes: Mapping[str, Any]) -> str:
        by_name = {folded(name): value for name, value in attributes.items()}
        for values in (by_name, self._of_graph):
            for name in use.unit_in:
                if isinstance(values.get(name), str) and values[name].strip():
                    return str(values[name])
        return use.unit

    def _take_place(
        self, table: dict[str, Any], names: tuple[str, ...], attributes: Mapping[str, Any]
    ) -> None:
        values: Any = [_plain(attributes[name]) for name in names]
        place = _place(values[0] if len(values) == 1 else values)
        if place is not None:
            table["position"] = place
            self.tally.used.setdefault(" and ".join(names), "position")
        elif any(value not in (None, "") for value in values):
            self.tally.refuse(" and ".join(names), values[0])


@dataclass
class _Plan:
    """What is done with attributes of certain names."""

    own: list[tuple[str, str, Setting]]
    of_other_programs: list[tuple[str, Use]] = field(default_factory=list)
    place: tuple[str, ...] = ()


def _settings_by_name(cls: type[Any]) -> dict[str, Setting]:
    """Return the settings that attributes may give, by their names, folded or not."""
    settings: dict[str, Setting] = {}
    for setting in settings_of(cls):
        if not setting.is_required and setting.kind != "position":
            for key in (*setting.keys, setting.old):
                if key:
                    settings[key] = setting
                    settings.setdefault(folded(key), setting)
    return settings


def _is_name(setting: Setting) -> bool:
    """Return whether a setting is the name of a link, which a graph may give as a number."""
    return setting.key == "name"


def _value(attribute: Any, setting: Setting) -> Any:
    """Return an attribute as a value of a file; a text is read as ``--set`` reads it."""
    value = _plain(attribute)
    if _is_name(setting):
        return str(value)
    if setting.kind == "flag":
        return _TRUTHS.get(str(value).lower(), value)
    if setting.key == "loss" and isinstance(value, (int, float)) and 1 < value <= 100:
        return value / 100  # nobody means more than always
    if not isinstance(value, str) or KINDS[setting.kind].is_text:
        return value
    if setting.kind in _READ_ALSO and not value.startswith("{"):
        return _quantity(value, setting.kind)
    value = read(value)
    if isinstance(value, str) and setting.kind in _LISTS:
        return [item for item in re.split(r"[,\s]+", value) if item]
    return value


_READ_ALSO: Final[Mapping[str, tuple[Callable[[object], float], Callable[[Any], Any]]]] = {
    "duration": (parse_duration, units.seconds),
    "latency": (parse_duration, units.seconds),
    "jitter": (parse_duration, units.seconds),
    "length": (parse_length, units.kilometres),
    "bandwidth": (parse_bandwidth, units.bits_per_second),
}
"""Kinds of value of which other programs write the units otherwise, as in "10Mbps"."""


def _quantity(text: str, kind: str) -> Any:
    """Return a quantity in the units of a topology file or in those of others."""
    parse, parse_also = _READ_ALSO[kind]
    try:
        return parse(text if not _is_number(text) else float(text))
    except UnitFault:
        quantity = parse_also(text)
        return text if quantity is None else quantity


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _plain(value: Any) -> Any:
    """Return a numpy number as a Python number, and a tuple, set or array as a list."""
    if isinstance(value, (str, int, float, list, dict)):
        return value
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "item"):
        return value.item()
    return list(value) if isinstance(value, (tuple, set, frozenset)) else value


def _place(position: Any) -> list[float] | None:
    if isinstance(position, dict):
        position = position.get("position", position)
        if isinstance(position, dict):
            position = [position.get("x"), position.get("y")]
    if isinstance(position, str):
        position = re.split(r"[,;\s]+", position.strip("[]()! "))
    try:
        x, y, *_ = map(float, position)
    except (TypeError, ValueError):
        return None
    return [x, y] if abs(x) < 1e300 and abs(y) < 1e300 else None
