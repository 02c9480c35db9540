"""The rules of RFC 821, one by one: where each lives in the lab, and which tests prove it.

``rules.toml`` beside this file is the list. A test proves a rule by carrying its number::

    @pytest.mark.rule("4.5.2-1")

Which tests do is read from the tests themselves, where they are there: in a clone, not in an
installed wheel. A test of the tests sees to it that no rule is without one, and that no test names
a rule that is not in the list.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of RFC 821 in our words.

    ``number``: its section, a hyphen, and a number in it. ``lives``: the full name of what
    implements it. ``choice``: what we chose, and why, where the RFC leaves a choice or contradicts
    itself; otherwise empty.
    """

    number: str
    rule: str
    lives: str
    choice: str = ""

    @property
    def section(self) -> str:
        """The section, as "4.5.2", or the appendix, as "E"."""
        return self.number.partition("-")[0]


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order of the RFC."""
    text = files("lab.rfc").joinpath("rules.toml").read_text(encoding="utf-8")
    return tuple(Rule(**table) for table in tomllib.loads(text)["rule"])


def of_section(section: str) -> list[Rule]:
    """The rules of a section and of those beneath it; or one rule, by its number."""
    wanted = section.strip().rstrip(".").upper().removeprefix("APPENDIX ")
    return [
        rule
        for rule in rules()
        if wanted in (rule.number, rule.section) or rule.section.startswith(f"{wanted}.")
    ]


def place(number: str) -> tuple[tuple[int, str], ...]:
    """Where a section or rule comes in the RFC: to sort by."""
    section, _, count = number.partition("-")
    parts = [(int(part), "") if part.isdigit() else (1000, part) for part in section.split(".")]
    return (*parts, (-1, ""), (int(count or 0), ""))


def implementation(lives: str) -> object:
    """What a full name such as ``lab.protocol.lines.dot_stuff`` is the name of; or LookupError."""
    parts = lives.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for name in parts[count:]:
            if not hasattr(found, name):
                raise LookupError(f"{lives}: there is no {name}")
            found = getattr(found, name)
        return found
    raise LookupError(f"{lives}: no such module")


def tests_directory() -> Path | None:
    """Where the tests lie, if they are there."""
    beside = Path(__file__).resolve().parents[2] / "tests"
    return beside if (beside / "house" / "test_house.py").is_file() else None


def proofs(directory: Path) -> Mapping[str, list[str]]:
    """By the number of a rule, the tests that carry it, as ``hosts/test_file.py::test_name``."""
    found: dict[str, list[str]] = {}
    for path in sorted(directory.rglob("test_*.py")):
        for name, numbers in _marked(path):
            for number in numbers:
                place = path.relative_to(directory).as_posix()
                found.setdefault(number, []).append(f"{place}::{name}")
    return found


def _marked(path: Path) -> Iterator[tuple[str, list[str]]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            numbers = [number for one in node.decorator_list for number in _numbers(one)]
            if numbers:
                yield node.name, numbers


def _numbers(decorator: ast.expr) -> list[str]:
    """What stands in ``@pytest.mark.rule(...)``; nothing of any other decorator."""
    if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func) != "pytest.mark.rule":
        return []
    return [str(one.value) for one in decorator.args if isinstance(one, ast.Constant)]
