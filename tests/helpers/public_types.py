"""What a type checker sees of the public names: every type that a user can come to have in hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mypy import build
from mypy.modulefinder import BuildSource
from mypy.nodes import Decorator, FuncDef, OverloadedFuncDef, SymbolNode, TypeAlias, TypeInfo, Var
from mypy.options import Options
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    LiteralType,
    NoneType,
    Overloaded,
    TupleType,
    Type,
    TypedDictType,
    TypeType,
    TypeVarType,
    UninhabitedType,
    UnionType,
    get_proper_type,
)

PUBLIC = ("lab", "lab.views", "lab.protocol", "lab.testing", "lab.lessons", "lab.extend")
"""The packages whose names users may rely on."""

INTERNAL = {
    "lab.analysis.account.Account": {
        "__init__",
        "join",
        "settled",
        "take",
        "take_all",
        "take_settled",
        "unsettled",
    },
    "lab.stepping.moments.Moment": {"__init__", "index"},
    "lab.stepping.stepper.Stepper": {"index"},
    "lab.protocol.transactions.Outgoing": {"tag"},
}
"""Attributes that are there for the lab itself: what they are may change without notice."""

UNTYPED_LIBRARIES = {"pandas", "networkx"}
"""Libraries that bring no types: what they return is typed where their stubs are installed."""

SPOKEN = {"__call__", "__enter__", "__getitem__", "__init__", "__iter__"}
"""Methods that users call without writing their names."""


@dataclass
class Public:
    """All that can be reached from the public names.

    ``names``: where each public class or function is exported, by its full name. ``hidden``: the
    classes of the lab that a user gets and that are not exported, each with how it is reached.
    ``anys``: where a type is Any, each with its name or the library that it is from.
    """

    names: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)
    anys: dict[str, str] = field(default_factory=dict)


def public(root: Path, cache: Path) -> Public:
    """Return what can be reached from the public names, as mypy sees them."""
    options = Options()
    options.python_version = (3, 11)
    options.ignore_missing_imports = True
    options.cache_dir = str(cache)
    options.plugins = ["pydantic.mypy"]
    program = "".join(f"import {module}\n" for module in PUBLIC)
    result = build.build([BuildSource(None, None, program)], options, alt_lib_path=str(root))
    assert not result.errors, result.errors
    found = Public()
    reached: list[tuple[str, SymbolNode]] = []
    for module in PUBLIC:
        for name, symbol in result.files[module].names.items():
            if symbol.module_public and not name.startswith("_") and symbol.node is not None:
                found.names.setdefault(symbol.node.fullname, f"{module}.{name}")
                reached.append((f"{module}.{name}", symbol.node))
    walk = Walk(found)
    for name, node in reached:
        walk.look_at(name, node)
    return found


class Walk:
    """Goes from the public names to all types that their signatures and attributes mention."""

    def __init__(self, found: Public) -> None:
        self.found = found
        self.seen: set[str] = set()

    def look_at(self, name: str, node: SymbolNode | None) -> None:
        """Look at a public name, and, if it is a class, at what belongs to it."""
        if isinstance(node, TypeInfo):
            self.look_at_class(name, node)
        elif isinstance(node, TypeAlias):
            self.look_at_type(name, node.target)
        elif isinstance(node, Decorator):
            self.look_at_type(name, node.var.type)
        elif isinstance(node, (FuncDef, OverloadedFuncDef, Var)):
            self.look_at_type(name, node.type)

    def look_at_class(self, name: str, info: TypeInfo) -> None:
        if info.fullname in self.seen:
            return
        self.seen.add(info.fullname)
        for base in info.mro:
            for member, symbol in base.names.items() if base.fullname.startswith("lab.") else ():
                hidden = (member.startswith("_") and member not in SPOKEN) or "-redef" in member
                if not hidden and member not in INTERNAL.get(base.fullname, ()):
                    self.look_at(f"{name}.{member}", symbol.node)

    def look_at_type(self, name: str, type_: Type | None) -> None:
        """Look at a type and at all that it is made of."""
        if type_ is None:
            self.found.anys[name] = "no type"
            return
        proper = get_proper_type(type_)
        if isinstance(proper, AnyType):
            library = (proper.missing_import_name or "").rpartition(".")[2]
            if library not in UNTYPED_LIBRARIES:
                self.found.anys.setdefault(name, library or "Any")
        elif isinstance(proper, Instance):
            self.look_at_instance(name, proper)
        elif isinstance(proper, CallableType):
            arguments = zip(proper.arg_types, proper.arg_names, strict=True)
            for argument, its_name in arguments:
                if its_name != "self" and not (its_name or "").startswith("_"):
                    self.look_at_type(f"{name}({its_name})", argument)
            self.look_at_type(name, proper.ret_type)
        elif isinstance(proper, (Overloaded, TupleType, UnionType)):
            for item in proper.items:
                self.look_at_type(name, item)
        elif isinstance(proper, TypedDictType):
            self.look_at_instance(name, proper.fallback)
            for key, value in proper.items.items():
                self.look_at_type(f"{name}[{key}]", value)
        elif isinstance(proper, TypeType):
            self.look_at_type(name, proper.item)
        else:
            assert isinstance(proper, (LiteralType, NoneType, TypeVarType, UninhabitedType)), proper

    def look_at_instance(self, name: str, type_: Instance) -> None:
        full = type_.type.fullname
        if full.startswith("lab."):
            if full not in self.found.names:
                self.found.hidden.setdefault(full, name)
            self.look_at_class(self.found.names.get(full, full), type_.type)
        for argument in type_.args:
            self.look_at_type(name, argument)
