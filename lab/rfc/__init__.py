"""The rules of RFC 821: what implements each of them, and which tests prove it.

``rules.toml`` in this folder is the list. A test names the rules that it proves::

    @pytest.mark.rule("4.5.2-1")

The marks are read from the tests, which are in a clone but not in an installed wheel. Another test
checks that every rule is proved by a test, and that every marked rule is in the list.

``proof.json`` shows that the tests prove their rules: it lists small edits of the code that break a
rule, each with the test of that rule that failed because of it. ``tests/mutants/prove.py`` in a
clone makes the edits and writes the file.
"""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of RFC 821, in the lab's words.

    ``number`` is its section, a hyphen, and a number within the section. ``quotes`` is where the
    RFC says it, in its own words. ``lives`` is the full name of the code that implements it.
    ``choice`` says what the lab does, and why, where the RFC leaves a choice or contradicts itself;
    otherwise it is empty. ``lacking`` is what is not implemented, "" if nothing is missing.
    ``statements`` are the RFC's normative statements that the rule covers, by their numbers in the
    order of the RFC.
    """

    number: str
    rule: str
    lives: str
    choice: str = ""
    quotes: tuple[str, ...] = ()
    statements: tuple[int, ...] = ()
    lacking: str = ""

    @property
    def section(self) -> str:
        """The section, as "4.5.2", or the appendix, as "E"."""
        return self.number.partition("-")[0]


@cache
def rules() -> tuple[Rule, ...]:
    """Return all rules, in the order of the RFC."""
    text = files("lab.rfc").joinpath("rules.toml").read_text(encoding="utf-8")
    return tuple(_rule(**table) for table in tomllib.loads(text)["rule"])


def _rule(quote: str | list[str] = "", statements: Sequence[int] = (), **table: str) -> Rule:
    quotes = [quote] if isinstance(quote, str) else quote
    return Rule(**table, quotes=tuple(filter(None, quotes)), statements=tuple(statements))


@dataclass(frozen=True, slots=True)
class Killed:
    """A mutation of the code that a test of its rule noticed.

    ``old`` was replaced by ``new`` in the function, class or table ``at``; ``killed_by`` is the
    test that failed, ``date`` the day, and ``source`` a hash of what ``at`` was with the edit.
    """

    at: str
    old: str
    new: str
    killed_by: str
    date: str
    source: str


@cache
def mutations_killed() -> Mapping[str, tuple[Killed, ...]]:
    """Return the mutations that the tests of each rule noticed, by the number of the rule."""
    text = files("lab.rfc").joinpath("proof.json").read_text(encoding="utf-8")
    return {
        number: tuple(Killed(**entry) for entry in entries)
        for number, entries in json.loads(text).items()
    }


def of_section(section: str) -> list[Rule]:
    """Return the rules of a section and its subsections, or one rule by its number."""
    name = section.strip().rstrip(".").upper().removeprefix("APPENDIX ")
    return [
        rule
        for rule in rules()
        if name in (rule.number, rule.section) or rule.section.startswith(f"{name}.")
    ]


def sort_key(number: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts sections and rules in the order of the RFC."""
    section, _, count = number.partition("-")
    parts = [(int(part), "") if part.isdigit() else (1000, part) for part in section.split(".")]
    return (*parts, (-1, ""), (int(count or 0), ""))


def implementation(lives: str) -> object:
    """Return the object with a full name such as ``lab.protocol.lines.dot_stuff``.

    Raises LookupError if there is none.
    """
    parts = lives.split(".")
    for count in range(len(parts), 0, -1):
        try:
            item: object = import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for name in parts[count:]:
            if not hasattr(item, name):
                raise LookupError(f"{lives}: there is no {name}")
            item = getattr(item, name)
        return item
    raise LookupError(f"{lives}: no such module")


def tests_directory() -> Path | None:
    """Return the folder of the tests; None in an installed wheel."""
    folder = Path(__file__).resolve().parents[2] / "tests"
    return folder if (folder / "house" / "test_house.py").is_file() else None


def proofs(directory: Path) -> Mapping[str, list[str]]:
    """Map the number of each rule to its tests, as ``hosts/test_file.py::test_name``."""
    proofs: dict[str, list[str]] = {}
    for path in sorted(directory.rglob("test_*.py")):
        for name, numbers in _marked(path):
            for number in numbers:
                file = path.relative_to(directory).as_posix()
                proofs.setdefault(number, []).append(f"{file}::{name}")
    return proofs


_MARK = "pytest.mark.rule"


def _marked(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each test in a file that names rules, with their numbers."""
    source = path.read_text(encoding="utf-8")
    if f"{_MARK}(" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            numbers = [n for decorator in node.decorator_list for n in _numbers(decorator)]
            if numbers:
                yield node.name, numbers


def _numbers(decorator: ast.expr) -> list[str]:
    """Return the arguments of ``@pytest.mark.rule(...)``; none for any other decorator."""
    if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func) != _MARK:
        return []
    return [str(arg.value) for arg in decorator.args if isinstance(arg, ast.Constant)]
