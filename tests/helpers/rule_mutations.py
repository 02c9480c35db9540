"""The mutations of the rules of RFC 821: small edits of the code that the bound tests must notice.

``tests/mutants/rules.toml`` is the list. A mutation names a function, class or table (``at``), a
text that occurs in it exactly once (``old``), and the text in its place (``new``). So it outlives
edits elsewhere in the file. ``python -m tests.mutants.prove`` runs them; what it finds ships as
``lab/rfc/proof.json``.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Final

from helpers.places import ROOT, TESTS

LIST: Final = TESTS / "mutants" / "rules.toml"
PROOF: Final = ROOT / "lab" / "rfc" / "proof.json"


@dataclass(frozen=True)
class Mutation:
    """An edit of one place of the code, by which a rule is broken."""

    rule: str
    at: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.at}: {self.old} -> {self.new}"

    @property
    def module(self) -> str:
        """The full name of the module that is broken."""
        return _place(self.at)[0]

    @property
    def broken(self) -> str:
        """The function, class or table, broken. Raises LookupError if the edit cannot be made."""
        module, first, last = _place(self.at)
        inside = "".join(_lines(module)[first:last])
        count = inside.count(self.old)
        if count != 1:
            raise LookupError(f"{self}: the old text is there {count} times; it must be once")
        return inside.replace(self.old, self.new)

    @property
    def source(self) -> str:
        """The source of the module, broken. Raises LookupError if the edit cannot be made."""
        module, first, last = _place(self.at)
        lines = _lines(module)
        return "".join([*lines[:first], self.broken, *lines[last:]])

    @property
    def hash(self) -> str:
        """A hash of what is broken; it does not depend on the rest of the file or white space.

        "" if the edit cannot be made.
        """
        try:
            return sha256(" ".join(self.broken.split()).encode()).hexdigest()[:16]
        except LookupError:
            return ""


def mutations() -> list[Mutation]:
    """All mutations, in the order of the list."""
    tables = tomllib.loads(LIST.read_text(encoding="utf-8"))
    return [Mutation(rule, **edit) for rule, edits in tables.items() for edit in edits]


def _file(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _lines(module: str) -> list[str]:
    return _file(module).read_text(encoding="utf-8").splitlines(keepends=True)


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse("".join(_lines(module)))


@cache
def _place(at: str) -> tuple[str, int, int]:
    """The module of a full name, and the lines of what it names: from the first up to the last."""
    parts = at.split(".")
    for count in range(len(parts), 0, -1):
        module = ".".join(parts[:count])
        if _file(module).is_file():
            break
    else:
        raise LookupError(f"{at}: no such module")
    node: ast.AST = _tree(module)
    first, last = 0, len(_lines(module))
    for name in parts[count:]:
        inner = next((item for item in getattr(node, "body", []) if name in _names(item)), None)
        if inner is None:
            raise LookupError(f"{at}: there is no {name}")
        node = inner
        decorators = [item.lineno for item in getattr(node, "decorator_list", [])]
        first, last = min([inner.lineno, *decorators]) - 1, inner.end_lineno or inner.lineno
    return module, first, last


def _names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
    return [target.id for target in targets if isinstance(target, ast.Name)]


def reader_of_marks() -> ModuleType:
    """Return ``lab.rfc``, which reads the marks of tests, without the rest of lab."""
    spec = importlib.util.spec_from_file_location("rules_alone", ROOT / "lab/rfc/__init__.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
