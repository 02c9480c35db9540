"""The rules of RFC 821 as text: a line for each, or with all details."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Final

from lab.quantities import count_noun
from lab.rfc import Killed, Rule

_COLUMN: Final = 10
"""Characters for the number of a rule."""


def rule_lines(
    rules: Iterable[Rule],
    proofs: Mapping[str, Sequence[str]] | None,
    killed: Mapping[str, Sequence[Killed]],
    *,
    whole: bool,
) -> Iterator[str]:
    """Yield the lines of a listing; the first line of each rule begins with its section.

    The line has the rule, what was chosen and why, where it is implemented, which tests prove it,
    and how many mutations of the code these tests noticed; with ``whole``, the details follow
    beneath. ``proofs`` are the tests by the number of the rule, None if the tests are not
    installed; ``killed`` the mutations by that number.
    """
    for rule in rules:
        tests = None if proofs is None else list(proofs.get(rule.number, ()))
        mutations = killed.get(rule.number, ())
        yield from _whole(rule, tests, mutations) if whole else [_line(rule, tests, mutations)]


def _line(rule: Rule, tests: Sequence[str] | None, mutations: Sequence[Killed]) -> str:
    choice = f"  (choice: {rule.choice})" if rule.choice else ""
    lacking = f"  (not implemented: {rule.lacking})" if rule.lacking else ""
    proved = f"{_count(tests)}: {', '.join(tests)}" if tests else _count(tests)
    where = f"[{rule.number}; {rule.lives}; {_proof(mutations)}; {proved}]"
    return f"{rule.section:<{_COLUMN}}{rule.rule}{choice}{lacking}  {where}"


def _whole(rule: Rule, tests: Sequence[str] | None, mutations: Sequence[Killed]) -> Iterator[str]:
    head = f"{rule.section:<{_COLUMN}}{rule.rule}"
    yield from wrap(head, 98, subsequent_indent=" " * _COLUMN)
    yield from _beneath("rule", rule.number)
    for number, quote in enumerate(rule.quotes):
        yield from _beneath("" if number else "RFC", f'"{quote}"')
    yield from _beneath("lives", rule.lives)
    if rule.choice:
        yield from _beneath("choice", rule.choice)
    if rule.lacking:
        yield from _beneath("lacking", rule.lacking)
    for number, test in enumerate(tests or ()):
        yield from _beneath("" if number else "tests", test)
    if not tests:
        yield from _beneath("tests", _count(tests))
    yield from _beneath("proved", _proof(mutations))
    for mutation in mutations:
        edit = f"in {mutation.at}: {_short(mutation.old)} -> {_short(mutation.new)}"
        yield from _beneath("", f"{edit}; noticed by {mutation.killed_by}, {mutation.date}")


def _short(code: str) -> str:
    text = " ".join(code.split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _proof(mutations: Sequence[Killed]) -> str:
    if not mutations:
        return "no mutation yet"
    return f"{count_noun(len(mutations), 'mutation')} killed"


def _count(tests: Sequence[str] | None) -> str:
    if tests is None:
        return "by tests that are not installed here"
    return count_noun(len(tests), "test")


def _beneath(name: str, text: str) -> list[str]:
    begin = " " * _COLUMN + f"{name:<8}"
    return wrap(begin + text, 98, subsequent_indent=" " * (_COLUMN + 8), break_long_words=False)
