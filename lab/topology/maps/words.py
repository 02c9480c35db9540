"""Lines of text in words, where names may be in quotes, or be tuples with blanks in them."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

from lab.quantities import as_toml
from lab.topology.maps.map import number_or_text

_OPENS: Final = {"(": ")", "[": "]", "{": "}"}
_WORD: Final = re.compile(r"[^\s,;]+")
_PLAIN: Final = re.compile(r"""[^"'(){}\[\]]*""")
LONGEST_TABLE: Final = 100_000


def split(line: str) -> list[str]:
    """Return the words of a line; brackets and quotes hold a word together.

    Raises ValueError for a bracket or a quote that is not closed.
    """
    if _PLAIN.fullmatch(line):
        return line.split() if "," not in line and ";" not in line else _WORD.findall(line)
    words: list[str] = []
    start: int | None = None
    closing: list[str] = []
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            if letter == quote and line[place - 1] != "\\":
                quote = ""
        elif letter == '"' or (letter == "'" and (closing or start is None)):
            # the apostrophe of a word such as O'Hare begins no quote
            quote, start = letter, place if start is None else start
        elif closing and letter == closing[-1]:
            closing.pop()
        elif letter in _OPENS and (closing or start is None):
            closing.append(_OPENS[letter])
            start = place if start is None else start
        elif not closing and (letter.isspace() or letter in ",;"):
            if start is not None:
                words.append(line[start:place])
                start = None
        elif start is None:
            start = place
    if quote or closing:
        raise ValueError(f"{quote or closing[-1]} is missing in {as_toml(line.strip())}")
    return words if start is None else [*words, line[start:]]


def node_of(word: str) -> Any:
    """Return a word as a node: a tuple of Python, the text in quotes, or the word itself."""
    if word[:1] in "([" and word[-1:] in ")]":
        value = _literal(word)
        return tuple(value) if isinstance(value, (tuple, list)) and _is_flat(value) else word
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'":
        return word[1:-1]
    return word


def _is_flat(value: Any) -> bool:
    return all(isinstance(each, (str, int, float, bool, type(None))) for each in value)


def table_of(word: str) -> dict[str, Any] | None:
    """Return the dictionary that a word is in Python, or in JSON; None if it is none."""
    value = _literal(word)
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else None


def _literal(word: str) -> Any:
    """Return what a word is as a literal of Python, which is never run."""
    if len(word) > LONGEST_TABLE:
        return None
    try:
        return ast.literal_eval(_NAMES.sub(_value, word))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


_NAMES: Final = re.compile(r"""("[^"]*"|'[^']*')|\b(true|false|null|nan|inf)\b""")
"""Texts, which are left, and the words of JSON and of Python's floats that are no literals."""

_VALUES: Final = {"true": "True", "false": "False", "null": "None", "nan": "None", "inf": "1e999"}


def _value(match: re.Match[str]) -> str:
    return match[1] or _VALUES[match[2]]


def value_of(word: str) -> Any:
    """Return a word as a value: a number, or a text without its quotes."""
    node = node_of(word)
    return number_or_text(node) if isinstance(node, str) else node
