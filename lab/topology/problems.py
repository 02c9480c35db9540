"""The problems of a topology file, each as a sentence that also says what would be right."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import ErrorDetails, ValidationError

from lab.quantities import as_toml, count_noun
from lab.topology.declarations import Setting, declared_tables, settings_of
from lab.topology.file import TopologyFile
from lab.topology.kinds import KINDS
from lab.topology.positions import Place as Place
from lab.topology.schema import TABLES, FileTable, Table
from lab.topology.suggestions import did_you_mean as did_you_mean
from lab.topology.suggestions import join_some as join_some

MOST_PROBLEMS: Final = 50
"""The most problems that are reported for one file."""

MANY: Final = frozenset(
    keys[-1]
    for keys, setting in declared_tables(TopologyFile)
    if setting.kind == "tables" or keys[-1] == setting.tables
)
"""Keys of tables that are written in double brackets."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem, and the place of the file that has it."""

    place: Place
    text: str


def exclude_each_other(keys: Sequence[str]) -> str:
    """Return the sentence about keys of which a table may have one only, and has several."""
    listed = f"{', '.join(keys[:-1])} and {keys[-1]}"
    return f"{listed} cannot be given together; write only one of them"


def dotted(place: Place) -> str:
    """Return a place as people write it: ``host[2].relay``."""
    text = ""
    for key in place:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else _short(key)
    return text


def _short(key: str) -> str:
    return key if len(key) <= 60 and key.isprintable() else as_toml(key)


@dataclass(slots=True)
class ValidTables:
    """The valid tables of a file, and the problems of the others.

    ``numbers`` has, for each list of tables, the numbers in the file of the tables that are left.
    ``damaged`` has the numbers in the file of hosts that lost users, lists or forwards.
    """

    tables: Any
    problems: list[Problem]
    numbers: dict[str, list[int]]
    damaged: frozenset[int]


def check(raw: Mapping[str, Any]) -> ValidTables:
    """Return the tables of a file, with all problems of their shape.

    Invalid values are left out of the tables, where the defaults replace them, so that everything
    else can be checked in the same pass.
    """
    problems: list[Problem] = []
    numbers = {key: list(range(len(raw[key]))) for key in MANY if isinstance(raw.get(key), list)}
    valid: Any = raw
    while True:
        try:
            tables = FileTable.read(valid)
        except ValidationError as error:
            details = error.errors(include_url=False)
        else:
            return ValidTables(tables, problems, numbers, _damaged(problems, raw))
        own = [detail for detail in details if valid is raw or _is_own(detail)]
        problems += [
            _problem(detail, numbers, valid, suggests=number < 2 * MOST_PROBLEMS)
            for number, detail in enumerate(own)
        ]
        if valid is raw:
            valid = copy.deepcopy(dict(raw))
        culprits = {_culprit(detail, valid) for detail in details}
        # from the end, so that the numbers of the other items do not change
        for place in sorted(culprits, key=_order, reverse=True):
            if not _remove(valid, place):
                return ValidTables(FileTable.read({}), problems, {}, frozenset())
            if len(place) == 2 and place[0] in numbers:
                del numbers[str(place[0])][int(place[1])]


def _damaged(problems: Iterable[Problem], raw: Mapping[str, Any]) -> frozenset[int]:
    """Return the hosts with invalid users, lists or forwards; all, if the defaults have some."""
    people = ("users", "user", "list", "forward")
    places = [problem.place for problem in problems]
    if any(place[:2] == ("defaults", "host") and place[2:3] != () for place in places):
        return frozenset(range(len(raw.get("host", ()))))
    return frozenset(
        place[1]
        for place in places
        if place[0:1] == ("host",) and len(place) > 1 and isinstance(place[1], int)
        if len(place) == 2 or place[2] in people or place[2:] == ("name",)
    )


def _is_own(detail: ErrorDetails) -> bool:
    # a list whose items were all removed is too short only because of that
    return detail["type"] not in ("too_short", "missing")


def _order(place: Place) -> tuple[tuple[int, str | int], ...]:
    return tuple((1, key) if isinstance(key, int) else (0, key) for key in place)


def _culprit(detail: ErrorDetails, raw: Mapping[str, Any]) -> Place:
    """Return what must be removed: the value, or the table in which one is missing."""
    place = _as_written(detail["loc"], raw)
    return place[:-1] if detail["type"] == "missing" else place


def _as_written(place: Place, raw: Any) -> Place:
    """Drop the number at the end of a place if a single text is written instead of a list."""
    for key in place[:-1]:
        raw = raw[key] if _has(raw, key) else None
    return place[:-1] if isinstance(raw, str) and isinstance(place[-1], int) else place


def _remove(raw: Any, place: Place) -> bool:
    for key in place[:-1]:
        raw = raw[key] if _has(raw, key) else None
    if not place or not _has(raw, place[-1]):
        return False
    del raw[place[-1]]
    return True


def _has(raw: Any, key: str | int) -> bool:
    if isinstance(raw, list):
        return isinstance(key, int) and key < len(raw)
    return isinstance(raw, dict) and key in raw


# -- sentences ----------------------------------------------------------------------------------


def _problem(
    detail: ErrorDetails, numbers: Mapping[str, list[int]], raw: Any, *, suggests: bool
) -> Problem:
    place = _as_written(detail["loc"], raw)
    if len(place) > 1 and place[0] in numbers:
        place = (place[0], numbers[str(place[0])][int(place[1])], *place[2:])
    if detail["type"] == "extra_forbidden" and not suggests:
        return Problem(place, "unknown key")  # a search for similar keys takes milliseconds
    return Problem(place, _sentence(detail, place, _keys(place)))


def _keys(place: Place) -> tuple[str, ...]:
    """Return the keys of a place without its numbers."""
    return tuple(key for key in place if isinstance(key, str))


def _sentence(detail: ErrorDetails, place: Place, keys: tuple[str, ...]) -> str:
    mistake, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    key = keys[-1] if keys else ""
    match mistake:
        case "extra_forbidden":
            return _unknown_key(keys)
        case "missing":
            return f"{key} is missing; write {example_of(keys)}"
        case "invalid_key":
            return f"{as_toml(value)} is not a key; a key is a text"
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return _unknown_word(value, keys)
        case "greater_than_equal":
            small = "negative" if context["ge"] == 0 else "too small"
            return f"{as_toml(value)} is {small}; use {context['ge']:g} or more"
        case "string_too_short":
            return f"the text is empty; write {_fix(keys)}"
        case "too_short" | "too_long":
            return f"there are too {'many' if mistake == 'too_long' else 'few'}; write {_fix(keys)}"
        case "list_type" if key in MANY and isinstance(place[-1], str) and isinstance(value, dict):
            path = dotted(keys)
            return f"there may be several of these; write [[{path}]], not [{path}]"
    kind = _KINDS.get(mistake, "a value that fits")
    return f"{as_toml(value)} is not {kind}; write {_fix(keys, mistake)}"


_KINDS: Final = {
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
}


def _fix(keys: tuple[str, ...], mistake: str = "") -> str:
    """Return what to write instead of a value of the wrong kind."""
    key = keys[-1] if keys else ""
    if mistake == "bool_type":
        return f"{key} = true or {key} = false"
    if key in MANY:
        return (
            f"[[{key}]] and its keys below it" if mistake == "list_type" else f"a table [[{key}]]"
        )
    if mistake == "model_type" and keys in TABLES and len(keys) == 1:
        return f"[{key}] and its keys below it"
    return example_of(keys)


def example_of(keys: tuple[str, ...], example: str = "") -> str:
    """Return a line of a file that sets a key, with the example of its declaration."""
    key = keys[-1] if keys else ""
    setting = _setting(keys)
    if setting is not None:
        example = example or setting.example or _word(setting) or KINDS[setting.kind].example
    return f"{key} = {example}" if example else f"{key} = ..."


def _word(setting: Setting) -> str:
    return f'"{next(iter(setting.words))}"' if setting.words else ""


def _setting(keys: tuple[str, ...]) -> Setting | None:
    """Return the setting that keys lead to."""
    table = TABLES.get(keys[:-1])
    if table is None or table.declared is None:
        return None
    settings = settings_of(table.declared)
    return next((setting for setting in settings if keys[-1] in setting.keys), None)


def _unknown_key(place: tuple[str, ...]) -> str:
    known = TABLES.get(place[:-1], Table).keys
    return f"unknown key{did_you_mean(place[-1], known) or '; there are ' + join_some(known, 20)}"


def _unknown_word(value: object, keys: tuple[str, ...]) -> str:
    setting = _setting(keys)
    known = list(setting.words or ()) if setting is not None else []
    meant = did_you_mean(value, known) if isinstance(value, str) else ""
    return f"{as_toml(value)} is not one of {join_some(known, 20)}{meant}"


def bounded(sentences: Sequence[str]) -> list[str]:
    """Return the first sentences and, if there are more, their number."""
    if len(sentences) <= MOST_PROBLEMS:
        return list(sentences)
    beyond = len(sentences) - MOST_PROBLEMS
    return [*sentences[:MOST_PROBLEMS], f"... and {count_noun(beyond, 'more problem')}"]
