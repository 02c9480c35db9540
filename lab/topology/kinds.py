"""The kinds of value that a setting may have, and how a file writes them.

A kind gives a setting its validation, its part of the JSON Schema, and its name on the reference
page. Quantities are read by :mod:`lab.quantities`.

The validation is a schema of pydantic-core. It is written here as such, not as types from which
pydantic makes one: importing pydantic for that took a third of the time of a short run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from math import inf, isfinite
from typing import Any, Final

from pydantic_core import CoreSchema, core_schema

from lab.hosts.checked import LARGEST_MAIL, LONGEST
from lab.hosts.directory import Member
from lab.hosts.reply_script import STAGES
from lab.hosts.scripted import ANSWERED, OPTIONAL
from lab.protocol import Path, SyntaxFault, parse_path, stamp_options, zone_of
from lab.protocol.replies import TEXTS
from lab.quantities import (
    BANDWIDTHS,
    DURATIONS,
    LENGTHS,
    RATES,
    SIZES,
    SPEEDS,
    as_toml,
    parse_bandwidth,
    parse_duration,
    parse_length,
    parse_rate,
    parse_size,
    parse_speed,
)
from lab.topology.demands import UNITS
from lab.topology.demands import unit as unit_of_matrix
from lab.topology.distributions import PURE, SHAPES, BurstLoss, Distribution, read_table
from lab.topology.suggestions import did_you_mean, join_some
from lab.topology.traffic_specs import time_of_day


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


def not_negative(value: float, written: object = None) -> float:
    """Return a number; raises ValueError, in a sentence with what was written, below 0."""
    if value < 0:
        shown = as_toml(value if written is None else written)
        raise ValueError(f"{shown} is negative; use 0 or more")
    return value


def not_too_long(seconds: float) -> float:
    """Return a length of time; raises ValueError, in a sentence, for more than a hundred years."""
    if abs(seconds) > LONGEST:
        text = f"{as_toml(seconds)} seconds are more than a hundred years"
        raise ValueError(f'{text}; use "{LONGEST // 86400} d" or less')
    return seconds


def _not_too_rare(rate: float) -> float:
    if 0 < rate < 1 / LONGEST:
        raise ValueError(f"{as_toml(rate)} per second is less than once in a hundred years")
    return rate


def positive(value: float, written: object = None) -> float:
    """Return a number; raises ValueError, in a sentence with what was written, at 0 and below."""
    if value <= 0:
        shown = as_toml(value if written is None else written)
        raise ValueError(f"{shown} is too small; use more than 0")
    return value


def chance(value: object) -> float:
    """Return a chance; raises ValueError, in a sentence, for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{as_toml(value)} is not a chance; use a number from 0 to 1")
    return float(value)


def _latency(value: object) -> object:
    """Return seconds, or the word "distance", which is replaced once the hosts are known."""
    if value == "distance":
        return value
    if isinstance(value, str) and value.strip()[:1].isalpha():
        raise ValueError(f'{as_toml(value)} is not a latency; write "40 ms" or "distance"')
    return not_negative(not_too_long(parse_duration(value)))


def _real(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(f"{as_toml(value)} is not a number; write one such as 1.2")
    return float(value)


def _parameter(parse: Callable[[object], float]) -> Callable[[str, Any], Any]:
    """Return what reads a parameter of a distribution, whose numbers are read by ``parse``."""

    def read(name: str, value: Any) -> Any:
        if name == "file":
            if not isinstance(value, str) or not value:
                raise ValueError(f'{as_toml(value)} is not a path; write one such as "delays.csv"')
            return value
        if name == "values":
            if not isinstance(value, list) or not value:
                raise ValueError(f"{as_toml(value)} is not a list of numbers; write [1, 4]")
            return [parse(each) for each in value]
        return _real(value) if name in PURE else parse(value)

    return read


def _jitter(value: object) -> object:
    """Return seconds, or the distribution that a table gives."""
    if isinstance(value, dict):
        return read_table(Distribution, value, _parameter(parse_duration), "distribution")
    return not_negative(not_too_long(parse_duration(value)))


def _loss(value: object) -> object:
    """Return a chance, or the model of losses that a table gives."""
    if isinstance(value, dict):
        return read_table(BurstLoss, value, lambda _, each: chance(each), "model")
    return chance(value)


def _size_or_distribution(value: object) -> object:
    """Return bytes, or the distribution that a table gives."""
    if isinstance(value, dict):
        return read_table(Distribution, value, _parameter(parse_size), "distribution")
    return _mail_sized(parse_size(value))


_USUAL: Final[dict[str, dict[str, float]]] = {
    "fixed": {"value": 1.0}, "uniform": {"max": 2.0}, "exponential": {"mean": 1.0},
    "lognormal": {"median": 1.0}, "weibull": {"scale": 1.0}, "pareto": {"scale": 1.0},
}  # fmt: skip
"""The scale of gaps whose distribution does not say it: any, as the rate gives their mean."""


def _arrivals(value: object) -> object:
    """Return a word, or the distribution that a table gives; only its shape matters."""
    if isinstance(value, dict):
        usual = _USUAL.get(str(value.get("distribution")), {})
        if not {"mean", "scale"} & value.keys():
            value = usual | value
        read = read_table(Distribution, value, _parameter(parse_duration), "distribution")
        if not read.file and not 0 < read.average < inf:
            raise ValueError("the gaps have no mean; write a pareto shape of more than 1")
        return read
    if value not in ("poisson", "fixed"):
        known = ["poisson", "fixed", *(f'{{ distribution = "{each}" }}' for each in SHAPES)]
        meant = did_you_mean(str(value), known[:2]) if isinstance(value, str) else ""
        raise ValueError(f"{as_toml(value)} is not one of {join_some(known)}{meant}")
    return value


def _profile(value: object) -> object:
    """Return the factors by time of day; raises ValueError in a sentence."""
    if not isinstance(value, dict) or not value:
        raise ValueError(f'{as_toml(value)} is not a table; write {{ "09:00" = 3, "18:00" = 1 }}')
    factors: dict[str, float] = {}
    times = set()
    for key, factor in value.items():
        times.add(time_of_day(str(key)))
        factors[str(key)] = not_negative(_real(factor))
    if len(times) < len(factors):
        raise ValueError("two of the times of day are the same; write each once")
    if not any(factors.values()):
        raise ValueError("it is 0 at all times; write more than 0 for one")
    return factors


def _demands(value: object) -> object:
    """Return demands, each of two texts and an amount; raises ValueError in a sentence."""
    if not isinstance(value, list) or not value:
        raise ValueError(f'{as_toml(value)} is not a list; write [["A", "B", 3]]')
    for each in value:
        is_one = isinstance(each, (list, tuple)) and len(each) == 3
        if not is_one or not isinstance(each[0], str) or not isinstance(each[1], str):
            raise ValueError(f'{as_toml(each)} is not a demand; write ["A", "B", 3]')
        if not_negative(_real(each[2])) == 0:
            raise ValueError(f"{as_toml(each[2])} is too small; use more than 0, or leave it out")
    return tuple((a, b, float(amount)) for a, b, amount in value)


def _mail_sized(value: int) -> int:
    if value > LARGEST_MAIL:
        raise ValueError(f"{value} bytes are too many; use 1 GB or less")
    return value


def _codes(value: object) -> object:
    if value == []:
        raise ValueError("the list of reply codes is empty; write one such as 451, or leave it out")
    for code in value if isinstance(value, list) else [value]:
        if not isinstance(code, int) or isinstance(code, bool) or code not in TEXTS:
            raise ValueError(
                f"{as_toml(code)} is not a reply code of RFC 821; write one of {min(TEXTS)} to "
                f"{max(TEXTS)} as section 4.2.2 lists them, or a list of such"
            )
    return tuple(value) if isinstance(value, list) else value


def _octets(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{as_toml(value[error.start])} is not a byte; write each byte as the character of its "
            "number, from \\u0000 to \\u00FF"
        ) from None


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


def user_table(value: object) -> object:
    """Return the table of a user, who may be given by name only."""
    if not isinstance(value, (str, dict)):
        raise ValueError(f'{as_toml(value)} is not a user; write a name such as "JQP", or a table')
    return {"name": value} if isinstance(value, str) else value


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if value and not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f'{as_toml(value)} is not an address and port; write "127.0.0.1:2600"')
    return value


def _path(text: str) -> Path:
    bare = text.strip()
    try:
        path: Path = parse_path(bare if bare.startswith("<") else f"<{bare}>")
    except SyntaxFault as why:
        raise ValueError(f"{as_toml(text)} is not an address such as user@domain: {why}") from None
    return path


_MEMBER: Final = re.compile(r"([^<>]*?)\s*(<[^<>]*>)")


def _member(text: str) -> Member:
    match = _MEMBER.fullmatch(text.strip())
    full_name, address = match.groups() if match else ("", text)
    if "\r" in full_name or "\n" in full_name:
        raise ValueError("a full name is one line; leave out its line breaks")
    return Member(_path(address), full_name)


def _word(text: str) -> str:
    try:
        stamp_options(id=text)
    except SyntaxFault:
        problem = "is not one word of printable ASCII without a semicolon"
        raise ValueError(f'{as_toml(text)} {problem}; write one such as "TELENET"') from None
    return text


def _zone(text: str) -> str:
    try:
        if text:
            zone_of(text)
    except SyntaxFault as why:
        raise ValueError(str(why)) from None
    return text


def _date(value: object) -> object:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_WHICH_DATE.format(as_toml(value))) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(_WHICH_DATE.format(as_toml(value)))
    # a trace of many years must not leave the calendar's range
    if not 1900 <= value.year <= 2999:
        raise ValueError(f"{value} is too far away; write a date of the years 1900 to 2999")
    return value


_WHICH_DATE: Final = "{} is not a date with a time and an offset; write 1982-08-01T00:00:00Z"


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
_DURATION: Final = _after(not_too_long, before(parse_duration, core_schema.float_schema()))
_INTEGER: Final = before(parse_size, core_schema.int_schema())
_TEXTS: Final = before(_one_or_many, _tuple(_STR))

KINDS: Final[dict[str, Kind]] = {
    "text": Kind(_STR, _TEXT, "text", is_text=True),
    "name": Kind(core_schema.str_schema(min_length=1), _NAME, "text", is_text=True),
    "word": Kind(
        _after(_word, _STR), {"type": "string", "pattern": "^[!-:<-~]*$"},
        "word", is_text=True,
    ),
    "zone": Kind(
        _after(_zone, _STR), _TEXT, "time zone", example='"PDT"', is_text=True
    ),
    "host": Kind(_STR, _TEXT, "host", example='"MIT-AI.ARPA"', is_text=True),
    "flag": Kind(
        core_schema.bool_schema(), {"type": "boolean"}, "`true` or `false`", example="true"
    ),
    "choice": Kind(_STR, _TEXT, "choice", is_text=True),
    "duration": Kind(
        _after(not_negative, _DURATION),
        _quantity(DURATIONS, _ZERO), "duration", "s", '"2 s"', DURATIONS,
    ),
    "latency": Kind(
        before(_latency, _ANY),
        {"anyOf": [_quantity(DURATIONS, _ZERO), {"const": "distance"}]},
        'duration, or `"distance"`', "s", '"40 ms"', DURATIONS,
    ),
    "jitter": Kind(
        before(_jitter, _ANY),
        _or_table(_quantity(DURATIONS, _ZERO), Distribution, ["distribution"]),
        "duration, or distribution", "s", '"5 ms"', DURATIONS,
    ),
    "loss": Kind(
        before(_loss, _ANY),
        _or_table({"type": "number", "minimum": 0, "maximum": 1}, BurstLoss, ["model", "p", "r"]),
        "number from 0 to 1, or model", example="0.01",
    ),
    "length": Kind(
        _after(not_negative, before(parse_length, core_schema.float_schema())),
        _quantity(LENGTHS, _ZERO), "length", "km", '"120 km"', LENGTHS,
    ),
    "speed": Kind(
        _after(positive, before(parse_speed, core_schema.float_schema())),
        _quantity(SPEEDS, _MORE), "speed, more than 0", "km/s", '"200000 km/s"', SPEEDS,
    ),
    "real": Kind(before(_real, _ANY), {"type": "number"}, "number", example="1.2"),
    "reals": Kind(
        _tuple(_NUMBER), _list({"type": "number"}), "list of numbers", example="[1, 4]"
    ),
    "size or distribution": Kind(
        before(_size_or_distribution, _ANY),
        _or_table(_quantity(SIZES, _ZERO), Distribution, ["distribution"]),
        "size, or distribution", "bytes", '"2 kB"', SIZES,
    ),
    "arrivals": Kind(
        before(_arrivals, _ANY),
        _or_table({"enum": ["poisson", "fixed"]}, Distribution, ["distribution"]),
        '`"poisson"`, `"fixed"` or distribution', example='"poisson"',
    ),
    "profile": Kind(
        before(_profile, _ANY),
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
        before(_demands, _ANY),
        _list({"type": "array", "minItems": 3, "maxItems": 3}, 1),
        "list of a host, a host and a number", example='[["MIT-AI.ARPA", "USC-ISIE.ARPA", 3]]',
    ),
    "span": Kind(
        _after(positive, _DURATION),
        _quantity(DURATIONS, _MORE), "duration, more than 0", "s", '"2 s"', DURATIONS,
    ),
    "size": Kind(
        _after(_mail_sized, _INTEGER),
        _quantity(SIZES, _ZERO), "size", "bytes", '"2 kB"', SIZES,
    ),
    "limit": Kind(
        _after(positive, _INTEGER),
        _quantity(SIZES, _MORE), "number", "", "100",
    ),
    "bandwidth": Kind(
        _after(positive, before(parse_bandwidth, core_schema.float_schema())),
        _quantity(BANDWIDTHS, _MORE), "bandwidth", "bit/s", '"50 kbit/s"', BANDWIDTHS,
    ),
    "rate": Kind(
        _after(positive, _after(_not_too_rare, before(parse_rate, core_schema.float_schema()))),
        _quantity(RATES, _MORE), "rate", "/s", '"2 /min"',
    ),
    "chance": Kind(
        before(chance, core_schema.float_schema()),
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
        _after(not_negative, _NUMBER),
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
        _after(_path, _STR), _TEXT, "address", example='"Jones@BBN-VAX.ARPA"',
        is_text=True,
    ),
    "paths": Kind(
        before(_one_or_many, _tuple(_after(_path, _STR), 1)),
        {"anyOf": [_TEXT, _list(_TEXT, 1)]}, "address, or a list of them",
        example='"Jones@BBN-VAX.ARPA"',
    ),
    "members": Kind(
        _tuple(_after(_member, _STR), 1),
        _list(_TEXT, 1), "list of addresses", example='["ABC@MIT-MC.ARPA"]',
    ),
    "aliases": Kind(
        core_schema.dict_schema(_STR, _STR), {"type": "object", "additionalProperties": _TEXT},
        "table of names", example='{ csnet = "ISIE-GATEWAY" }',
    ),
    "codes": Kind(
        core_schema.dict_schema(_STR, before(_codes, _ANY)),
        {
            "type": "object",
            "propertyNames": {"enum": list(ANSWERED)},
            "additionalProperties": {"anyOf": [_CODE, _list(_CODE, 1)]},
        },
        "table of reply codes", example="{ RCPT = 451 }",
    ),
    "stage": Kind(_STR, {"enum": list(STAGES)}, "stage of a session", example='"RCPT"'),
    "octets": Kind(
        _after(_octets, _STR),
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
        _after(_address, _STR),
        {"type": "string", "pattern": r"^(.+:\d+)?$"}, "address and port",
        example='"127.0.0.1:2600"', is_text=True,
    ),
    "date": Kind(
        before(_date, core_schema.datetime_schema(tz_constraint="aware")),
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
