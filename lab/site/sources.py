"""What the sources say of the public names, without running them: signatures and docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import griffe

ROOT: Final = Path(__file__).resolve().parents[1]

PACKAGES: Final = (
    "lab", "lab.views", "lab.extend", "lab.protocol", "lab.testing", "lab.lessons",
    "lab.lessons.answers", "lab.lessons.functions", "lab.lessons.trials",
)  # fmt: skip
"""The packages and modules whose names users may rely on."""


@cache
def module(name: str) -> griffe.Module | None:
    """Return a module of the lab, read from its source; None if there is no such module."""
    place = ROOT.joinpath(*name.split(".")[1:])
    for path in (place / "__init__.pyi", place / "__init__.py", place.with_suffix(".py")):
        if path.is_file():
            break
    else:
        return None
    return griffe.visit(name, filepath=path, code=path.read_text(encoding="utf-8"))


def described(package: str) -> griffe.Module:
    """Return a package or module with the docstring that users read, not that of its stub."""
    path = ROOT.joinpath(*package.split(".")[1:]) / "__init__.py"
    if not path.is_file():
        loaded = module(package)
        assert loaded is not None
        return loaded
    return griffe.visit(package, filepath=path, code=path.read_text(encoding="utf-8"))


@cache
def find(path: str) -> griffe.Object | None:
    """Return what a full name means ("lab.topology.model.Topology"), through imports."""
    if not path.startswith("lab"):
        return None
    loaded = module(path)
    if loaded is not None:
        return loaded
    holder, _, name = path.rpartition(".")
    parent = find(holder) if holder else None
    member = parent.members.get(name) if parent is not None else None
    if isinstance(member, griffe.Alias):
        return find(member.target_path) if member.target_path != path else None
    return member


def public_names(package: str) -> Iterator[tuple[str, griffe.Object]]:
    """Yield the public names of a package or module, each with what it means, in order."""
    whole = module(package)
    assert whole is not None
    exported = {str(name) for name in whole.exports} if whole.exports else None
    for name, member in sorted(whole.members.items(), key=lambda pair: pair[0].lstrip("_")):
        if name not in exported if exported is not None else name.startswith("_"):
            continue
        public = find(member.target_path) if isinstance(member, griffe.Alias) else member
        if public is None or isinstance(public, griffe.Module):
            continue
        if exported is not None or _is_meant(package, name, public):
            yield name, public


def _is_meant(package: str, name: str, public: griffe.Object) -> bool:
    """Whether a package that exports nothing by name has a name for users, not for itself."""
    if public.path.startswith(f"{package}."):
        return public.docstring is not None
    family = ".".join(package.split(".")[:2])
    return (
        public.path.startswith(f"{family}.") and name[0].isupper() and public.docstring is not None
    )


def members(of: griffe.Class) -> list[griffe.Object]:
    """Return the public members of a class, its own and those of its bases within the lab."""
    every: dict[str, griffe.Object] = {}
    for each in lineage(of):
        for name, member in each.members.items():
            if isinstance(member, griffe.Object) and name not in every and _is_shown(name, member):
                every[name] = member
    return list(every.values())


def _is_shown(name: str, member: griffe.Object) -> bool:
    is_public = not name.startswith("_") or (name.startswith("__") and member.docstring is not None)
    return is_public and not isinstance(member, griffe.Module)


def lineage(of: griffe.Class) -> list[griffe.Class]:
    """Return a class and its bases within the lab, the nearest first."""
    classes = [of]
    for base in of.bases:
        parent = find(base if isinstance(base, str) else base.canonical_path)
        if isinstance(parent, griffe.Class):
            classes += [each for each in lineage(parent) if each not in classes]
    return classes


def has_fields(of: griffe.Class) -> bool:
    """Whether a class is called with its fields: a dataclass or a named tuple."""
    bases = {str(base) for each in lineage(of) for base in each.bases}
    return "NamedTuple" in bases or any(
        str(each.value).startswith("dataclass") for each in of.decorators
    )


def fields(of: griffe.Class) -> list[griffe.Attribute]:
    """Return the fields of a dataclass or a named tuple in the order of its parameters."""
    attributes: dict[str, griffe.Attribute] = {}
    for each in reversed(lineage(of)):
        for name, member in each.members.items():
            if isinstance(member, griffe.Attribute) and _is_field(member):
                attributes[name] = member
    return list(attributes.values())


def _is_field(member: griffe.Attribute) -> bool:
    kind = str(member.annotation)
    is_data = member.annotation is not None and not kind.startswith(("ClassVar", "Final"))
    is_own = "init=False" in str(member.value).replace(" ", "") or "property" in member.labels
    return is_data and not is_own


def default_of(member: griffe.Attribute) -> object:
    """Return the default of a field, as its declaration has it; None if there is none."""
    value = member.value
    if not isinstance(value, griffe.ExprCall) or str(value.function) != "field":
        return value
    return _argument(value, "default") or ("..." if _argument(value, "default_factory") else None)


def help_of(member: griffe.Attribute) -> str:
    """Return what a key of the topology file means, where a field declares one; "" elsewhere."""
    value = member.value
    declared = _argument(value, "metadata") if isinstance(value, griffe.ExprCall) else None
    if not isinstance(declared, griffe.ExprCall) or len(declared.arguments) < 2:
        return ""
    try:
        words = ast.literal_eval(str(declared.arguments[1]))
    except (SyntaxError, ValueError):
        return ""
    return words if isinstance(words, str) else ""


def _argument(call: griffe.ExprCall, name: str) -> object:
    """Return the value of a keyword in a call."""
    for each in call.arguments:
        if isinstance(each, griffe.ExprKeyword) and each.name == name:
            return each.value
    return None
