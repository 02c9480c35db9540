"""Parts of messages: what a misspelt word or path may mean, and lists that are not too long."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

_MOST_FILES: Final = 2000
"""Files of a folder that are looked at for one that a path may mean."""

_LARGEST: Final = 1 << 20
"""Bytes of a file that is looked into before it is suggested."""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return the end of a sentence: "; did you mean X?" for the closest known word.

    It is ``otherwise`` if no known word is close.
    """
    from difflib import get_close_matches  # takes milliseconds, and most files are right

    by_small_letters = {each.lower(): each for each in known}
    # the comparison takes quadratic time, and no key is long
    close = get_close_matches(word.lower(), by_small_letters) if len(word) <= 100 else []
    if not close:
        return otherwise
    return f"; did you mean {by_small_letters[likeliest(word.lower(), close)]}?"


def likeliest(word: str, close: Sequence[str]) -> str:
    """Return which of some close words is meant, the closest first: letters in another order are
    the likeliest slip.
    """
    letters = sorted(word)
    return next((each for each in close if sorted(each) == letters), close[0])


def file_near(path: Path, suffix: str, keys: Collection[str] = ()) -> str:
    """Return the end of a sentence, "; did you mean X?", for a file that a path may mean; else "".

    It is a file of the same folder with the ending ``suffix``, and its name is close without it:
    all such files would be close by their ending. With ``keys``, it is TOML that has one of them,
    or nothing yet: a pyproject.toml is not offered where a topology is asked for.
    """
    word = path.name.removesuffix(suffix)
    try:
        files = list(islice(path.parent.iterdir(), _MOST_FILES))
        stems = {
            file.name.removesuffix(suffix): file
            for file in files
            if file.name.endswith(suffix) and did_you_mean(word, [file.name.removesuffix(suffix)])
        }
        near = [
            stem
            for stem, file in sorted(stems.items())
            if file.is_file() and (not keys or _may_have(file, keys))
        ]
    except (OSError, ValueError):
        return ""
    close = did_you_mean(word, near)
    return f"{close.removesuffix('?')}{suffix}?" if close else ""


def _may_have(file: Path, keys: Collection[str]) -> bool:
    """Whether a file is TOML with one of these keys, or one in which somebody is at work."""
    try:
        if file.stat().st_size > _LARGEST:
            return True
        known = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return True
    return not known or not known.keys().isdisjoint(keys)


def join_some(words: Iterable[str], most: int = 12) -> str:
    """Return words joined by commas; beyond ``most``, only their number is given."""
    every = list(words)
    beyond = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + beyond
