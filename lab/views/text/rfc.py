"""The rules of RFC 821 as text: a line for each, or with all details."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Final

from lab.quantities import count_noun
from lab.rfc import Rule

_COLUMN: Final = 10
"""Characters for the number of a rule."""


def rule_lines(
    rules: Iterable[Rule], proofs: Mapping[str, Sequence[str]] | None, *, whole: bool
) -> Iterator[str]:
    """Yield the lines of a listing; the first line of each rule begins with its section.

    The line has the rule, what was chosen and why, where it is implemented and which tests prove
    it; with ``whole``, the details follow beneath. ``proofs`` are the tests by the number of the
    rule, None if the tests are not installed.
    """
    for rule in rules:
        tests = None if proofs is None else list(proofs.get(rule.number, ()))
        head = f"{rule.section:<{_COLUMN}}{rule.rule}"
        if not whole:
            choice = f"  (choice: {rule.choice})" if rule.choice else ""
            proved = f"{_count(tests)}: {', '.join(tests)}" if tests else _count(tests)
            yield f"{head}{choice}  [{rule.number}; {rule.lives}; {proved}]"
            continue
        yield from wrap(head, 98, subsequent_indent=" " * _COLUMN)
        yield from _beneath("rule", rule.number)
        yield from _beneath("lives", rule.lives)
        if rule.choice:
            yield from _beneath("choice", rule.choice)
        for number, test in enumerate(tests or ()):
            yield from _beneath("" if number else "proved", test)
        if not tests:
            yield from _beneath("proved", _count(tests))


def _count(tests: Sequence[str] | None) -> str:
    if tests is None:
        return "by tests that are not installed here"
    return count_noun(len(tests), "test")


def _beneath(name: str, text: str) -> list[str]:
    begin = " " * _COLUMN + f"{name:<8}"
    return wrap(begin + text, 98, subsequent_indent=" " * (_COLUMN + 8), break_long_words=False)
