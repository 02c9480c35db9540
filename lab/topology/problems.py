"""What is wrong with a topology file: a sentence each, with what would be right.

A *place* is the keys that lead to a value, as in ``("host", 2, "relay")``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lab.quantities import shown
from lab.topology.schema import TABLES, FileTable, Table, keys

Place = tuple[str | int, ...]

MOST_PROBLEMS: Final = 50
"""Sentences told about one file; who has more wrong begins with these."""

MANY: Final = frozenset(
    ("environment", "host", "link", "mail", "traffic", "script", "fault", "user", "list", "forward")
)
"""Keys that stand in double brackets."""

EXAMPLES: Final = {
    "answers": "answers = { RCPT = 451 }",
    "unimplemented": 'unimplemented = ["VRFY"]',
    "between": 'between = ["MIT-AI.ARPA", "USC-ISIE.ARPA"]',
    "name": 'name = "MIT-AI.ARPA"',
    "from": 'from = "JQP@MIT-AI.ARPA"',
    "to": 'to = "Jones@BBN-VAX.ARPA"',
    "lines": 'lines = ["HELO MIT-MC.ARPA", "QUIT"]',
    "members": 'members = ["ABC@MIT-MC.ARPA"]',
    "user": 'user = "fred"',
    "users": 'users = ["JQP"]',
    "count": "count = 100",
    "rate": 'rate = "2 /min"',
    "kind": 'kind = "link-down"',
    "link": 'link = ["MIT-AI.ARPA", "USC-ISIE.ARPA"]',
    "groups": 'groups = [["MIT-AI.ARPA"], ["USC-ISIE.ARPA"]]',
    "limits": "limits = { recipients = 100 }",
    "names": 'names = { csnet = "ISIE-GATEWAY" }',
    "position": "position = [2, 1.5]",
    "line": 'line = "550 No such user here"',
    "session": "session = 1",
    "number": "number = 4",
    "when": 'when = { host = "MIT-AI.ARPA", event = "reply", code = 354 }',
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong, at a place of the file."""

    place: Place
    text: str


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The tail of a sentence: "; did you mean X?" for the closest known word, or ``otherwise``."""
    folded = {one.lower(): one for one in known}
    # long words are compared in quadratic time, and none of ours is long
    close = get_close_matches(word.lower(), folded, n=1) if len(word) <= 100 else []
    return f"; did you mean {folded[close[0]]}?" if close else otherwise


def listed(words: Iterable[str], most: int = 12) -> str:
    """Words with commas, the rest counted."""
    every = list(words)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def named(place: Place) -> str:
    """A place as people write it: ``host[2].relay``."""
    text = ""
    for key in place:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else _short(key)
    return text


def _short(key: str) -> str:
    return key if len(key) <= 60 and key.isprintable() else shown(key)


@dataclass(slots=True)
class ValidTables:
    """The tables of a file as far as they are sound, and the problems of their shape.

    ``numbers``: for each list of tables, the places in the file of those that are left.
    ``damaged``: places in the file of hosts that lost users, lists or forwards.
    """

    tables: FileTable
    problems: list[Problem]
    numbers: dict[str, list[int]]
    damaged: frozenset[int]


def check(raw: Mapping[str, Any]) -> ValidTables:
    """The tables of a file, with all problems of their shape.

    What is wrong is left out of the tables (the default stands in its place), so that the rest
    can be examined in the same pass.
    """
    problems: list[Problem] = []
    numbers = {key: list(range(len(raw[key]))) for key in MANY if isinstance(raw.get(key), list)}
    sound: Any = raw
    while True:
        try:
            tables = FileTable.model_validate(sound)
        except ValidationError as error:
            details = error.errors(include_url=False)
        else:
            return ValidTables(tables, problems, numbers, _damaged(problems, raw))
        news = [one for one in details if sound is raw or _is_news(one)]
        problems += [_problem(one, numbers) for one in news]
        if sound is raw:
            sound = copy.deepcopy(dict(raw))
        # from the end, so that places in lists stay true while others go
        for place in sorted({_culprit(one) for one in details}, key=_order, reverse=True):
            if not _remove(sound, place):
                return ValidTables(FileTable(), problems, {}, frozenset())
            if len(place) == 2 and place[0] in numbers:
                del numbers[str(place[0])][int(place[1])]


def _damaged(problems: Iterable[Problem], raw: Mapping[str, Any]) -> frozenset[int]:
    """Hosts of whose people something is not understood; all, if it is in the defaults."""
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


def _is_news(detail: ErrorDetails) -> bool:
    # a list that lost all its items is too short only because of us
    return detail["type"] not in ("too_short", "missing")


def _order(place: Place) -> tuple[tuple[int, str | int], ...]:
    return tuple((1, key) if isinstance(key, int) else (0, key) for key in place)


def _culprit(detail: ErrorDetails) -> Place:
    """What has to go: the value, or the table that lacks one."""
    place = detail["loc"]
    return place[:-1] if detail["type"] == "missing" else place


def _remove(raw: Any, place: Place) -> bool:
    for key in place[:-1]:
        raw = raw[key] if _has(raw, key) else None
    if not place or not _has(raw, place[-1]):
        return False
    del raw[place[-1]]
    return True


def _has(raw: Any, key: str | int) -> bool:
    if isinstance(key, int):
        return isinstance(raw, list) and key < len(raw)
    return isinstance(raw, dict) and key in raw


def _problem(detail: ErrorDetails, numbers: Mapping[str, list[int]]) -> Problem:
    place: Place = detail["loc"]
    if len(place) > 1 and place[0] in numbers:
        place = (place[0], numbers[str(place[0])][int(place[1])], *place[2:])
    key = next((one for one in reversed(place) if isinstance(one, str)), "")
    return Problem(place, _sentence(detail, place, key))


def _sentence(detail: ErrorDetails, place: Place, key: str) -> str:
    what, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    match what:
        case "extra_forbidden":
            return _unknown_key(place)
        case "missing" if place == ("generate", "kind"):
            return 'kind is missing; write kind = "barabasi_albert_graph"'
        case "missing":
            return f"{key} is missing; write {EXAMPLES.get(key, key + ' = ...')}"
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return _unknown_word(value, place, key)
        case "greater_than_equal":
            return f"{shown(value)} is too little; write {context['ge']:g} or more"
        case "too_short" | "too_long" | "string_too_short":
            return f"there are too {'many' if what == 'too_long' else 'few'}; write {_example(key)}"
        case "list_type" if key in MANY and isinstance(place[-1], str) and isinstance(value, dict):
            path = named(tuple(one for one in place if isinstance(one, str)))
            return f"there may be several of these; write [[{path}]], not [{path}]"
    return (
        f"{shown(value)} is no {_KINDS.get(what, 'value that fits')}; write {_example(key, what)}"
    )


_KINDS: Final = {
    "bool_type": "truth value",
    "string_type": "text",
    "list_type": "list",
    "dict_type": "table",
    "model_type": "table",
    "model_attributes_type": "table",
    "int_type": "whole number",
    "int_from_float": "whole number",
    "float_type": "number",
    "finite_number": "number that ends",
}


def _example(key: str, what: str = "") -> str:
    if what == "bool_type":
        return f"{key} = true or {key} = false"
    if what in ("int_type", "int_from_float", "float_type", "finite_number"):
        return "a position such as [2, 1.5]" if key == "position" else f"{key} = 1"
    if what in ("model_type", "model_attributes_type", "dict_type") and key in MANY:
        return f"a table [[{key}]]"
    if what == "list_type" and key in MANY:
        return f"[[{key}]] and its keys below it"
    if what == "model_type" and (key,) in TABLES:
        return f"[{key}] and its keys below it"
    return EXAMPLES.get(key, f'{key} = "..."')


def _unknown_key(place: Place) -> str:
    inner = place[:-1]
    table = TABLES.get(tuple(key for key in inner if isinstance(key, str)), Table)
    known = keys(table)
    meant = did_you_mean(str(place[-1]), known)
    return f"unknown key{meant or '; there are ' + listed(known, 20)}"


def _unknown_word(value: object, place: Place, key: str) -> str:
    table = TABLES[tuple(one for one in place[:-1] if isinstance(one, str))]
    field = next(f for name, f in table.model_fields.items() if (f.alias or name) == key)
    known = [str(word) for word in field.annotation.__args__]  # type: ignore[union-attr]
    meant = did_you_mean(value, known) if isinstance(value, str) else ""
    return f"{shown(value)} is none of {listed(known)}{meant}"


def bounded(sentences: Sequence[str]) -> list[str]:
    """The first sentences, and how many more there would be."""
    if len(sentences) <= MOST_PROBLEMS:
        return list(sentences)
    more = len(sentences) - MOST_PROBLEMS
    return [*sentences[:MOST_PROBLEMS], f"... and {more} more problem{'s' * (more > 1)}"]
