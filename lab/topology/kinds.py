"""The kinds of value that a setting may have, and how a file writes them.

A kind gives a setting its validation, its part of the JSON Schema, and its name on the reference
page. Quantities are read by :mod:`lab.quantities`, other values by :mod:`lab.topology.values`.

The validation is a schema of pydantic-core. It is written here as such, not as types from which
pydantic makes one: importing pydantic for that took a third of the time of a short run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from pydantic_core import CoreSchema, core_schema

from lab.hosts.reply_script import STAGES
from lab.hosts.scripted import ANSWERED, OPTIONAL
from lab.protocol.replies import TEXTS
from lab.quantities import (
    BANDWIDTHS,
    DURATIONS,
    LENGTHS,
    RATES,
    SIZES,
    SPEEDS,
    parse_duration,
    parse_length,
    parse_rate,
    parse_size,
    parse_speed,
)
from lab.topology import values
from lab.topology.demands import UNITS
from lab.topology.demands import unit as unit_of_matrix
from lab.topology.distributions import BurstLoss, Distribution
from lab.topology.link_specs import NO_LIMIT


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: its validation, its JSON Schema, its name, its unit and an example.

    ``units`` are those of a quantity. ``is_text``: a text from a graph or ``--set`` is the value
    itself, and is not read as TOML.
    """

    validation: CoreSchema
    schema: Mapping[str, Any]
    name: str
    unit: str = ""
    example: str = '"..."'
    units: Mapping[str, float] | None = None
    is_text: bool = False


def _quantity(units: Mapping[str, float], least: Mapping[str, float]) -> dict[str, Any]:
    """Return the JSON Schema of a number with or without a unit."""
    pattern = "|".join(sorted(map(re.escape, units), key=len, reverse=True))
    text = rf"^\s*\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*({pattern})?\s*$"
    return {"anyOf": [{"type": "number", **least}, {"type": "string", "pattern": text}]}


def _or_table(number: Mapping[str, Any], cls: type[Any], required: list[str]) -> Mapping[str, Any]:
    """Return the JSON Schema of a number, or of the table of a dataclass in its place."""
    properties = {
        each.name: {
            "description": each.metadata["help"],
            **({"enum": list(each.metadata["words"])} if "words" in each.metadata else {}),
        }
        for each in fields(cls)
    }
    table = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": required,
    }
    return {"anyOf": [number, table]}


_ZERO: Final = {"minimum": 0}
_MORE: Final = {"exclusiveMinimum": 0}
_TEXT: Final = {"type": "string"}
_NAME: Final = {"type": "string", "minLength": 1}
_CODE: Final = {"enum": sorted(TEXTS)}


def _list(items: Mapping[str, Any], least: int = 0, most: int | None = None) -> dict[str, Any]:
    """Return the JSON Schema of a list."""
    bounds = {"minItems": least} if least else {}
    return {"type": "array", "items": items, **bounds, **({"maxItems": most} if most else {})}


def before(function: Callable[[Any], Any], validation: CoreSchema) -> CoreSchema:
    """Return the validation of what a function makes of a value."""
    return core_schema.no_info_before_validator_function(function, validation)


def _after(function: Callable[[Any], Any], validation: CoreSchema) -> CoreSchema:
    """Return a validation whose result is that of a function."""
    return core_schema.no_info_after_validator_function(function, validation)


def _tuple(item: CoreSchema, least: int = 0, most: int | None = None) -> CoreSchema:
    """Return the validation of a list, which becomes a tuple."""
    return _after(tuple, core_schema.list_schema(item, min_length=least or None, max_length=most))


_STR: Final = core_schema.str_schema()
_ANY: Final = core_schema.any_schema()
_NUMBER: Final = core_schema.float_schema(allow_inf_nan=False)
_DURATION: Final = _after(values.not_too_long, before(parse_duration, core_schema.float_schema()))
_RATE: Final = _after(values.not_too_rare, before(parse_rate, core_schema.float_schema()))
_INTEGER: Final = before(parse_size, core_schema.int_schema())
_TEXTS: Final = before(values.one_or_many, _tuple(_STR))

KINDS: Final[dict[str, Kind]] = {
    "text": Kind(_STR, _TEXT, "text", is_text=True),
    "name": Kind(core_schema.str_schema(min_length=1), _NAME, "text", is_text=True),
    "word": Kind(
        _after(values.word, _STR), {"type": "string", "pattern": "^[!-:<-~]*$"},
        "word", is_text=True,
    ),
    "zone": Kind(
        _after(values.zone, _STR), _TEXT, "time zone", example='"PDT"', is_text=True
    ),
    "host": Kind(_STR, _TEXT, "host", example='"MIT-AI.ARPA"', is_text=True),
    "flag": Kind(
        core_schema.bool_schema(), {"type": "boolean"}, "`true` or `false`", example="true"
    ),
    "choice": Kind(_STR, _TEXT, "choice", is_text=True),
    "duration": Kind(
        _after(values.not_negative, _DURATION),
        _quantity(DURATIONS, _ZERO), "duration", "s", '"2 s"', DURATIONS,
    ),
    "latency": Kind(
        before(values.latency, _ANY),
        {"anyOf": [_quantity(DURATIONS, _ZERO), {"const": "distance"}]},
        'duration, or `"distance"`', "s", '"40 ms"', DURATIONS,
    ),
    "jitter": Kind(
        before(values.jitter, _ANY),
        _or_table(_quantity(DURATIONS, _ZERO), Distribution, ["distribution"]),
        "duration, or distribution", "s", '"5 ms"', DURATIONS,
    ),
    "loss": Kind(
        before(values.loss, _ANY),
        _or_table({"type": "number", "minimum": 0, "maximum": 1}, BurstLoss, ["model", "p", "r"]),
        "number from 0 to 1, or model", example="0.01",
    ),
    "length": Kind(
        _after(values.not_negative, before(parse_length, core_schema.float_schema())),
        _quantity(LENGTHS, _ZERO), "length", "km", '"120 km"', LENGTHS,
    ),
    "speed": Kind(
        _after(values.positive, before(parse_speed, core_schema.float_schema())),
        _quantity(SPEEDS, _MORE), "speed, more than 0", "km/s", '"200000 km/s"', SPEEDS,
    ),
    "real": Kind(before(values.real, _ANY), {"type": "number"}, "number", example="1.2"),
    "reals": Kind(
        _tuple(_NUMBER), _list({"type": "number"}), "list of numbers", example="[1, 4]"
    ),
    "size or distribution": Kind(
        before(values.size_or_distribution, _ANY),
        _or_table(_quantity(SIZES, _ZERO), Distribution, ["distribution"]),
        "size, or distribution", "bytes", '"2 kB"', SIZES,
    ),
    "arrivals": Kind(
        before(values.arrivals, _ANY),
        _or_table({"enum": ["poisson", "fixed"]}, Distribution, ["distribution"]),
        '`"poisson"`, `"fixed"` or distribution', example='"poisson"',
    ),
    "profile": Kind(
        before(values.profile, _ANY),
        {
            "type": "object",
            "propertyNames": {"pattern": r"^\d?\d:\d\d(:\d\d)?$"},
            "additionalProperties": {"type": "number", "minimum": 0},
        },
        "table of times of day", example='{ "09:00" = 3, "18:00" = 1 }',
    ),
    "unit": Kind(
        _after(unit_of_matrix, _STR), {"enum": list(UNITS)}, "unit",
        example='"kbit/s"', is_text=True,
    ),
    "demands": Kind(
        before(values.demands, _ANY),
        _list({"type": "array", "minItems": 3, "maxItems": 3}, 1),
        "list of a host, a host and a number", example='[["MIT-AI.ARPA", "USC-ISIE.ARPA", 3]]',
    ),
    "span": Kind(
        _after(values.positive, _DURATION),
        _quantity(DURATIONS, _MORE), "duration, more than 0", "s", '"2 s"', DURATIONS,
    ),
    "size": Kind(
        _after(values.mail_sized, _INTEGER),
        _quantity(SIZES, _ZERO), "size", "bytes", '"2 kB"', SIZES,
    ),
    "limit": Kind(
        _after(values.positive, _INTEGER),
        _quantity(SIZES, _MORE), "number", "", "100",
    ),
    "bandwidth": Kind(
        before(values.bandwidth, core_schema.float_schema()),
        {"anyOf": [_quantity(BANDWIDTHS, _MORE), {"const": NO_LIMIT}]},
        "bandwidth", "bit/s", '"50 kbit/s"', BANDWIDTHS,
    ),
    "rate": Kind(
        _after(values.positive, _RATE),
        _quantity(RATES, _MORE), "rate", "/s", '"2 /min"',
    ),
    "chance": Kind(
        before(values.chance, core_schema.float_schema()),
        {"type": "number", "minimum": 0, "maximum": 1}, "number from 0 to 1", example="0.2",
    ),
    "count": Kind(
        core_schema.int_schema(ge=0),
        {"type": "integer", **_ZERO}, "whole number", example="1",
    ),
    "ordinal": Kind(
        core_schema.int_schema(ge=1),
        {"type": "integer", "minimum": 1}, "whole number, 1 or more", example="1",
    ),
    "number": Kind(
        _after(values.not_negative, _NUMBER),
        {"type": "number", **_ZERO}, "number, 0 or more", example="1",
    ),
    "factor": Kind(
        core_schema.float_schema(ge=1, allow_inf_nan=False),
        {"type": "number", "minimum": 1}, "number, 1 or more", example="2",
    ),
    "names": Kind(
        _TEXTS, {"anyOf": [_TEXT, _list(_TEXT)]}, "list of texts",
        example='["..."]',
    ),
    "commands": Kind(
        _TEXTS,
        {"anyOf": [{"enum": list(OPTIONAL)}, _list({"enum": list(OPTIONAL)})]},
        "list of commands", example='["VRFY"]',
    ),
    "hosts": Kind(
        _tuple(_STR), _list(_TEXT), "list of hosts",
        example='["MIT-AI.ARPA"]',
    ),
    "callers": Kind(
        _tuple(_STR), _list(_TEXT), "list of hosts and networks",
        example='["*", "10.0.0.0/8"]',
    ),
    "lines": Kind(
        _tuple(_STR, 1), _list(_TEXT, 1),
        "list of texts", example='["QUIT"]',
    ),
    "path": Kind(
        _after(values.path, _STR), _TEXT, "address", example='"Jones@BBN-VAX.ARPA"',
        is_text=True,
    ),
    "paths": Kind(
        before(values.one_or_many, _tuple(_after(values.path, _STR), 1)),
        {"anyOf": [_TEXT, _list(_TEXT, 1)]}, "address, or a list of them",
        example='"Jones@BBN-VAX.ARPA"',
    ),
    "members": Kind(
        _tuple(_after(values.member, _STR), 1),
        _list(_TEXT, 1), "list of addresses", example='["ABC@MIT-MC.ARPA"]',
    ),
    "aliases": Kind(
        core_schema.dict_schema(_STR, _STR), {"type": "object", "additionalProperties": _TEXT},
        "table of names", example='{ csnet = "ISIE-GATEWAY" }',
    ),
    "codes": Kind(
        core_schema.dict_schema(_STR, before(values.codes, _ANY)),
        {
            "type": "object",
            "propertyNames": {"enum": list(ANSWERED)},
            "additionalProperties": {"anyOf": [_CODE, _list(_CODE, 1)]},
        },
        "table of reply codes", example="{ RCPT = 451 }",
    ),
    "stage": Kind(_STR, {"enum": list(STAGES)}, "stage of a session", example='"RCPT"'),
    "octets": Kind(
        _after(values.octets, _STR),
        {"type": "string", "pattern": r"^[\u0000-\u00ff]*$"}, "bytes",
        example='"250 OK\\r\\n"', is_text=True,
    ),
    "sizes": Kind(
        _tuple(core_schema.int_schema(ge=1), 1),
        _list({"type": "integer", "minimum": 1}, 1), "list of whole numbers, 1 or more",
        example="[1, 3]",
    ),
    "pair": Kind(
        _tuple(_STR, 2, 2),
        _list(_TEXT, 2, 2), "two hosts", example='["MIT-AI.ARPA", "USC-ISIE.ARPA"]',
    ),
    "position": Kind(
        _tuple(_NUMBER, 2, 2),
        _list({"type": "number"}, 2, 2), "two numbers", example="[2, 1.5]",
    ),
    "groups": Kind(
        core_schema.list_schema(core_schema.list_schema(_STR), min_length=2),
        _list(_list(_TEXT), 2), "lists of hosts", example='[["MIT-AI.ARPA"], ["USC-ISIE.ARPA"]]',
    ),
    "address": Kind(
        _after(values.address, _STR),
        {"type": "string", "pattern": r"^(.+:\d+)?$"}, "address and port",
        example='"127.0.0.1:2600"', is_text=True,
    ),
    "date": Kind(
        before(values.date_and_time, core_schema.datetime_schema(tz_constraint="aware")),
        {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}"}, "date",
        example="1982-08-01T00:00:00Z", is_text=True,
    ),
    "condition": Kind(
        core_schema.dict_schema(_STR, _ANY), {"type": "object"}, "table",
        example='{ host = "MIT-AI.ARPA", event = "reply", code = 354 }',
    ),
    "value": Kind(_ANY, {"type": ["number", "string"]}, "number or quantity", example="0.2"),
    "users": Kind(_ANY, {}, "list of names or tables", example='["JQP"]'),
    "tables": Kind(_ANY, {}, "tables"),
    "table": Kind(_ANY, {}, "table"),
    "open table": Kind(_ANY, {}, "table"),
    "shared table": Kind(_ANY, {}, "table"),
}  # fmt: skip
"""The kinds of value, by the names that declarations use."""


def quantity(value: float, units: Mapping[str, float]) -> str:
    """Return a quantity as a file writes it, in the largest unit that leaves a whole number."""
    for unit, factor in sorted(units.items(), key=lambda pair: -pair[1]):
        number = value / factor
        if number >= 1 and abs(number - round(number)) < 1e-9 * number:
            return f'"{round(number)} {unit}"'
    base = next(unit for unit, factor in units.items() if factor == 1)
    return f'"{value:g} {base}"'
