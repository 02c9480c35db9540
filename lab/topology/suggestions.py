"""Parts of messages: the word that a misspelt one may mean, and lists that are not too long."""

from __future__ import annotations

from collections.abc import Iterable


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
    # letters in another order are the likeliest slip
    letters = sorted(word.lower())
    best = next((each for each in close if sorted(each) == letters), close[0])
    return f"; did you mean {by_small_letters[best]}?"


def join_some(words: Iterable[str], most: int = 12) -> str:
    """Return words joined by commas; beyond ``most``, only their number is given."""
    every = list(words)
    beyond = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + beyond
