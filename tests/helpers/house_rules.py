"""The rules of the house, as functions of sources: what a file imports, calls and touches.

A house is a mapping of paths to sources ("lab/hosts/host.py" to its text), so that a test can
change a source without writing a file. Files are named as in "hosts/host", modules as in
"lab.hosts.host".
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from helpers.rooms import ROOMS, forbidden_to

House = Mapping[str, str]

LOADERS: Final = {
    "import_module", "__import__", "exec", "eval", "exec_module", "load_module",
    "spec_from_file_location", "resolve_name", "run_module", "run_path", "locate",
}  # fmt: skip
"""Functions that import, or run, what a text names."""

BY_NAME: Final = {
    "getattr", "setattr", "delattr", "hasattr", "attrgetter", "methodcaller",
    "__getattribute__", "__setattr__", "__delattr__",
}  # fmt: skip
"""Functions that touch the attribute that a text names."""

TAKES: Final = ("get", "pop", "setdefault", "__getitem__")
"""Methods of a mapping that return what is under the key that they are given."""

RECORDS: Final = {"_replace", "_asdict", "_fields", "_make", "_field_defaults"}
"""Public parts of a NamedTuple, in spite of their names."""


class Found(NamedTuple):
    """A thing that a rule looks for: in which file, what, and on which line."""

    file: str
    name: str
    line: int


def read_house(root: Path) -> dict[str, str]:
    """Return the sources of lab/, by their paths below ``root``."""
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((root / "lab").rglob("*.py"))
    }


def file_of(path: str) -> str:
    """Return "hosts/host" for "lab/hosts/host.py"."""
    return path.removeprefix("lab/").removesuffix(".py")


def module_of(path: str) -> str:
    """Return "lab.hosts.host" for "lab/hosts/host.py", and the package for its __init__."""
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def package_of(path: str) -> str:
    """Return the package of a module, and a package's own name for its __init__."""
    module = module_of(path)
    return module if path.endswith("__init__.py") else module.rpartition(".")[0]


def room_of(file: str) -> str:
    """Return the room of a file: the longest name of ROOMS that the file's begins with.

    Raises KeyError for a file in no room.
    """
    parts = file.removesuffix("/__init__").split("/")
    for count in range(len(parts), 0, -1):
        if (room := "/".join(parts[:count])) in ROOMS:
            return room
    raise KeyError(f"lab/{file} is in no room: add its room to ROOMS in tests/helpers/rooms.py")


@lru_cache(maxsize=1024)
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


# -- imports --------------------------------------------------------------------------------------


class Named(NamedTuple):
    """A name in full that a file imports ("lab.hosts.host.Host"): where, and if for types only."""

    name: str
    line: int
    types: bool = False


class Imports(NamedTuple):
    """What a file imports, and where it imports what only the running program names."""

    named: tuple[Named, ...]
    computed: tuple[Named, ...]


@lru_cache(maxsize=2048)
def imports_in(path: str, source: str, files: frozenset[tuple[str, str]]) -> Imports:
    """Return all that a file imports, however it is spelled and wherever it stands."""
    tree = parsed(source)
    package = package_of(path)
    modules = dict(files)
    named: list[Named] = []
    computed: list[Named] = []
    types = set(for_types(tree))
    aliases: dict[str, str] = {}
    constant_calls: set[int] = set()
    inner: set[int] = set()
    docstrings = set(docstrings_of(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                named.append(Named(alias.name, node.lineno, id(node) in types))
                bound = alias.asname or alias.name.split(".")[0]
                aliases[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom):
            base = from_module(node, package)
            for alias in node.names:
                named.append(Named(f"{base}.{alias.name}", node.lineno, id(node) in types))
                aliases[alias.asname or alias.name] = f"{base}.{alias.name}"
                if alias.name in LOADERS and alias.asname:
                    computed.append(Named(f"{alias.name} as {alias.asname}", node.lineno))
        elif isinstance(node, ast.Call) and loader_named(node.func):
            text = constant_argument(node)
            if text is not None:
                named.append(Named(absolute(text, package), node.lineno))
                constant_calls.add(id(node.func))
        elif isinstance(node, ast.Attribute):
            inner.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            chain = dotted(node)
            root, _, rest = chain.partition(".")
            if root in aliases and rest:
                named.append(Named(f"{aliases[root]}.{rest}", node.lineno))
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in constant_calls:
            loader = loader_named(node)
            computed += [Named(loader, node.lineno)] if loader else []
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value in LOADERS:
                computed.append(Named(node.value, node.lineno))
            if id(node) not in docstrings and is_path_of_lab(node.value):
                named.append(Named(node.value.replace(":", "."), node.lineno))
    for name, line in taken_from_modules(tree, aliases):
        (named if name else computed).append(Named(name or "sys.modules", line))
    if computed:  # a name that is put together may begin with the package
        for node in ast.walk(tree):
            whole = f"{package}.{node.value}" if isinstance(node, ast.Constant) else ""
            if whole in modules:
                named.append(Named(whole, node.lineno))
    return Imports(tuple(named), tuple(computed))


def taken_from_modules(
    tree: ast.AST, aliases: Mapping[str, str]
) -> Iterator[tuple[str | None, int]]:
    """Return the modules that a file takes from ``sys.modules``, or None where only the running
    program knows which. A file may take itself, and may ask whether a module is there.
    """
    known: set[int] = set()
    for node in ast.walk(tree):
        place: ast.expr | None = None
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript):
            place, key = node.value, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            place, key = (
                (node.func.value, node.args[0]) if node.func.attr in TAKES else (None, None)
            )
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            known.add(id(node.comparators[0]))
        elif isinstance(node, ast.Call) and dotted(node.func) in BY_NAME and len(node.args) > 1:
            owner, name = node.args[:2]
            if full_name(owner, aliases) == "sys" and getattr(name, "value", "") == "modules":
                yield None, node.lineno
        if place is None or full_name(place, aliases) != "sys.modules":
            continue
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value, node.lineno
            known.add(id(place))
        elif isinstance(key, ast.Name) and key.id == "__name__":
            known.add(id(place))
    for node in ast.walk(tree):
        is_name = isinstance(node, ast.Name | ast.Attribute) and id(node) not in known
        if is_name and full_name(node, aliases) == "sys.modules":
            yield None, node.lineno


def full_name(node: ast.expr, aliases: Mapping[str, str]) -> str:
    """Return "sys.modules" for it, however the file has imported it; "" for what is no name."""
    root, dot, rest = dotted(node).partition(".")
    return aliases.get(root, root) + dot + rest


def for_types(tree: ast.AST) -> Iterator[int]:
    """Nodes in the body of ``if TYPE_CHECKING``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and dotted(node.test).split(".")[-1] == "TYPE_CHECKING":
            yield from (id(inner) for statement in node.body for inner in ast.walk(statement))


def docstrings_of(tree: ast.AST) -> Iterator[int]:
    """Texts that stand by themselves as statements."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


def from_module(node: ast.ImportFrom, package: str) -> str:
    """Return the module of ``from ... import``, in full where it is written with dots."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *filter(None, [node.module])])


def absolute(name: str, package: str) -> str:
    """Return the name of a module in full, where it begins with dots."""
    dots = len(name) - len(name.lstrip("."))
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - dots + 1], name[dots:]]) if dots else name


def loader_named(node: ast.expr) -> str:
    """Return the function among LOADERS that an expression names; else ""."""
    if isinstance(node, ast.Name) and node.id in LOADERS:
        return node.id
    if isinstance(node, ast.Attribute) and node.attr in LOADERS - {"eval", "exec", "locate"}:
        return node.attr
    return ""


def constant_argument(call: ast.Call) -> str | None:
    """Return the name of a module that a call is given as a text, if it is given nothing else."""
    if loader_named(call.func) not in ("import_module", "__import__"):
        return None
    first = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "name")][:1]
    if first and isinstance(first[0], ast.Constant) and isinstance(first[0].value, str):
        return first[0].value
    return None


def dotted(node: ast.expr) -> str:
    """Return "a.b.c" of an expression that is no more than that; else ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def is_path_of_lab(text: str) -> bool:
    """Whether a text is the full name of something in lab, such as "lab.live.served"."""
    parts = text.replace(":", ".").split(".")
    return len(parts) > 1 and parts[0] == "lab" and all(part.isidentifier() for part in parts)


def files_of(house: House) -> frozenset[tuple[str, str]]:
    """Return the modules of a house, each with its file."""
    return frozenset((module_of(path), file_of(path)) for path in house)


def resolved(name: str, modules: Mapping[str, str]) -> str:
    """Return the module of the house that a full name leads to; "" if it leads outside."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


class Edge(NamedTuple):
    """An import of one file of the house by another, both as in "hosts/host".

    An import for types only and one of the running program are two.
    """

    file: str
    target: str
    types: bool = False


def edges(house: House) -> dict[Edge, int]:
    """Return every import of a file by another, with its first line."""
    files = files_of(house)
    found: dict[Edge, int] = {}
    for path, source in house.items():
        found |= edges_of(path, source, files)
    return found


@lru_cache(maxsize=2048)
def edges_of(path: str, source: str, files: frozenset[tuple[str, str]]) -> dict[Edge, int]:
    """Return every import of a file by one file."""
    found: dict[Edge, int] = {}
    home = dict(files)
    for name, line, types in imports_in(path, source, files).named:
        module = resolved(name, home)
        if module and home[module] != file_of(path):
            edge = Edge(file_of(path), home[module], types)
            found[edge] = min(line, found.get(edge, line))
    return found


def computed_imports(house: House) -> list[Found]:
    """Return where a file imports, or runs, what only the running program names."""
    files = files_of(house)
    return [
        Found(file_of(path), name, line)
        for path, source in house.items()
        for name, line, _ in imports_in(path, source, files).computed
    ]


# -- rooms ----------------------------------------------------------------------------------------


def not_allowed(house: House) -> dict[Edge, int]:
    """Return the imports that the allow-list of a file's room does not name."""
    return {
        edge: line
        for edge, line in edges(house).items()
        if room_of(edge.target) != room_of(edge.file)
        and room_of(edge.target) not in ROOMS[room_of(edge.file)].may_import.split()
    }


def circles(among: Mapping[Edge, int] | set[Edge]) -> list[set[str]]:
    """Return the files that import each other, directly or over others (Tarjan's algorithm)."""
    after: dict[str, list[str]] = {}
    for edge in among:
        after.setdefault(edge.file, []).append(edge.target)
        after.setdefault(edge.target, [])
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(file: str) -> None:
        number[file] = low[file] = len(number)
        stack.append(file)
        for target in after[file]:
            if target not in number:
                visit(target)
            if target in stack:
                low[file] = min(low[file], low[target])
        if low[file] == number[file]:
            members = set(stack[stack.index(file) :])
            del stack[stack.index(file) :]
            if len(members) > 1:
                found.append(members)

    for file in after:
        if file not in number:
            visit(file)
    return found


# -- what a room must not know --------------------------------------------------------------------


def forbidden(house: House) -> list[Found]:
    """Return what files import, or ask of datetime, that their room forbids."""
    files = files_of(house)
    return [each for path, source in house.items() for each in forbidden_in(path, source, files)]


@lru_cache(maxsize=2048)
def forbidden_in(path: str, source: str, files: frozenset[tuple[str, str]]) -> list[Found]:
    forbids = forbidden_to(room_of(file_of(path)))
    used = [*imports_in(path, source, files).named]
    if "datetime.now" in forbids:
        used += [Named("datetime.now", line) for line in asks_the_date(parsed(source))]
    return [
        Found(file_of(path), name, line)
        for name, line, _ in used
        if any(name == bad or name.startswith(f"{bad}.") for bad in forbids)
    ]


def asks_the_date(tree: ast.Module) -> Iterator[int]:
    """Return the lines on which the present date or time is asked of datetime's classes."""
    known = {"datetime", "date"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            known |= {
                alias.asname or alias.name
                for alias in node.names
                if "datetime" in (module, alias.name)
            }
    for node in ast.walk(tree):
        now = {"now", "utcnow", "today"}
        asked = isinstance(node, ast.Attribute) and node.attr in now
        if asked and dotted(node.value).split(".")[0] in known:
            yield node.lineno
        if isinstance(node, ast.Call) and dotted(node.func) in BY_NAME:
            texts = {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
            if texts & now and dotted(node.args[0]).split(".")[0] in known:
                yield node.lineno


# -- private names --------------------------------------------------------------------------------


class Owner(NamedTuple):
    """A class of the house: in which file, its name, and the private names that it defines."""

    file: str
    name: str
    private: frozenset[str]
    bases: tuple[str, ...]
    """As full names: "lab.hosts.host.Host"; "" for what is no name."""


def is_private(name: object) -> bool:
    """Whether a name is private: one line before it, and not a notebook's ``_repr_html_``."""
    return (
        isinstance(name, str)
        and name.isidentifier()
        and name.startswith("_")
        and not name.endswith("_")
        and name not in RECORDS
    )


@lru_cache(maxsize=2048)
def names_bound(path: str, source: str) -> dict[str, str]:
    """Return the full name of each name that a file imports, defines as a class, or sets to one."""
    module, package = module_of(path), package_of(path)
    bound: dict[str, str] = {}
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.asname or alias.name.split(".")[0]
                bound[root] = alias.name if alias.asname else root
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{from_module(node, package)}.{alias.name}"
                bound.setdefault(alias.asname or alias.name, full)
        elif isinstance(node, ast.ClassDef):
            bound[node.name] = f"{module}.{node.name}"
    for node in parsed(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            root, dot, rest = dotted(node.value).partition(".")
            if root in bound:
                bound.setdefault(node.targets[0].id, bound[root] + dot + rest)
    return bound


@lru_cache(maxsize=2048)
def owners_in(path: str, source: str) -> dict[str, Owner]:
    """Return the classes of a file, by their names."""
    bound = names_bound(path, source)
    found = {}
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.ClassDef):
            bases = []
            for base in node.bases:
                base = base.value if isinstance(base, ast.Subscript) else base
                root, dot, rest = dotted(base).partition(".")
                bases.append(bound.get(root, root) + dot + rest)
            found[node.name] = Owner(
                file_of(path), node.name, frozenset(private_members(node)), tuple(bases)
            )
    return found


def private_members(node: ast.ClassDef) -> Iterator[str]:
    """Return the private names that a class defines: methods, attributes, slots, ``self._x = ``."""
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            if is_private(statement.name):
                yield statement.name
            own = first_parameter(statement)
            for inner in ast.walk(statement):
                stored = isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store)
                if stored and dotted(inner.value) == own and is_private(inner.attr):
                    yield inner.attr
        else:
            for inner in ast.walk(statement):
                stored = isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
                if stored and is_private(inner.id):
                    yield inner.id
                if isinstance(inner, ast.Constant) and is_private(inner.value):
                    yield inner.value  # in __slots__


def first_parameter(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    parameters = [*node.args.posonlyargs, *node.args.args]
    return parameters[0].arg if parameters else ""


def owner_of(full: str, house: House) -> Owner | None:
    """Return the class that a full name leads to, through what modules import of each other."""
    paths = {module_of(path): path for path in house}
    for _ in range(8):
        module, _, name = full.rpartition(".")
        path = paths.get(module)
        if path is None:
            return None
        if name in (owners := owners_in(path, house[path])):
            return owners[name]
        further = names_bound(path, house[path]).get(name)
        if further is None or further == full:
            return None
        full = further
    return None


def ancestors(owner: Owner, house: House) -> Iterator[Owner]:
    """Return the classes of the house that a class derives from."""
    for base in owner.bases:
        above = owner_of(base, house)
        if above is not None and above is not owner:
            yield above
            yield from ancestors(above, house)


def overrides(house: House, *only: str) -> list[Found]:
    """Return the private names that a class defines anew over a class of another room."""
    found = []
    for path, source in house.items():
        if only and path not in only:
            continue
        for owner in owners_in(path, source).values():
            for above in ancestors(owner, house):
                if room_of(above.file) != room_of(owner.file):
                    found += [
                        Found(owner.file, f"{owner.name}.{name} over {above.name}", 0)
                        for name in sorted(owner.private & above.private)
                    ]
    return found


def touched(house: House, *only: str) -> list[Found]:
    """Return the private names of others that files touch or import: all files, or only some."""
    found = []
    for path, source in house.items():
        if only and path not in only:
            continue
        found += private_imports(path, source)
        visitor = _Touches(path, house)
        visitor.visit(parsed(source))
        found += visitor.found
    return found


def private_imports(path: str, source: str) -> Iterator[Found]:
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "") != "__future__":
            for alias in node.names:
                names = [*(node.module or "").split("."), alias.name]
                if any(map(is_private, names)):
                    yield Found(file_of(path), f"import {alias.name}", node.lineno)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if any(map(is_private, alias.name.split("."))):
                    yield Found(file_of(path), f"import {alias.name}", node.lineno)


class _Touches(ast.NodeVisitor):
    """Finds ``x._y`` where x is not known to be an object of a class that defines _y here.

    Known are the first parameter of a method, ``super()`` and ``type(self)``; a class of this
    file; a parameter or variable that is annotated with one; and a variable that is set to a new
    object of one, or to a copy of a known one. A private name that comes from a class of another
    room is another's, also on ``self``.
    """

    def __init__(self, path: str, house: House) -> None:
        self.file = file_of(path)
        self.house = house
        self.own = owners_in(path, house[path])
        self.found: list[Found] = []
        self.known: dict[str, str] = {}
        self.inside = ""

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        before, self.inside = self.inside, node.name
        self.generic_visit(node)
        self.inside = before

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        before, inside = dict(self.known), self.inside
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        for parameter in parameters:
            self.known.pop(parameter.arg, None)
            if parameter.annotation is not None:
                self.know(parameter.arg, self.annotated(parameter.annotation))
        if inside and not any(
            dotted(decorator) == "staticmethod" for decorator in node.decorator_list
        ):
            self.know(first_parameter(node), inside)
        self.inside = ""
        self.generic_visit(node)
        self.known, self.inside = before, inside

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            self.know(node.target.id, self.annotated(node.annotation))

    def visit_Assign(self, node: ast.Assign) -> None:
        owner = self.class_of(node.value)
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.know(target.id, owner)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.known.pop(node.id, None)

    def know(self, name: str, owner: str) -> None:
        if name and owner:
            self.known[name] = owner

    def annotated(self, node: ast.expr) -> str:
        """Return the class of this file that an annotation names, alone or beside None."""
        text = node.value if isinstance(node, ast.Constant) else ast.unparse(node)
        names = [part.strip() for part in str(text).split("|")]
        names = [name for name in names if name != "None"]
        return names[0] if len(names) == 1 and names[0] in self.own else ""

    def class_of(self, node: ast.expr) -> str:
        """Return the class of this file that an expression gives an object of; "" if unknown."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id, node.id if node.id in self.own else "")
        if isinstance(node, ast.Call):
            function = dotted(node.func)
            first = node.args[0] if node.args else None
            if function == "super":
                return self.known.get("self", self.known.get("cls", ""))
            if function in ("replace", "copy", "type", "object.__new__") and first is not None:
                return self.class_of(first)
            if function in self.own or function == "cls":
                return self.class_of(node.func)
        return ""

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.check(node.value, node.attr, ast.unparse(node), node.lineno)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if dotted(node.func).split(".")[-1] in BY_NAME:
            for arg in node.args:
                if isinstance(arg, ast.Constant) and is_private(arg.value):
                    self.check(node.args[0], arg.value, ast.unparse(node), node.lineno)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        value = node.value
        by_name = (isinstance(value, ast.Attribute) and value.attr == "__dict__") or (
            isinstance(value, ast.Call) and dotted(value.func) == "vars"
        )
        if by_name and isinstance(node.slice, ast.Constant) and is_private(node.slice.value):
            self.found.append(Found(self.file, ast.unparse(node), node.lineno))
        self.generic_visit(node)

    def visit_MatchClass(self, node: ast.MatchClass) -> None:
        for name in node.kwd_attrs:
            self.check(node.cls, name, f"case {ast.unparse(node)}", node.lineno)
        self.generic_visit(node)

    def check(self, value: ast.expr, name: str, touched_name: str, line: int) -> None:
        if is_private(name) and not self.defines(self.class_of(value), name):
            self.found.append(Found(self.file, touched_name, line))

    def defines(self, owner: str, name: str) -> bool:
        """Whether a class of this file, or one it derives from in this room, defines a name."""
        if owner not in self.own:
            return False
        family = [self.own[owner], *ancestors(self.own[owner], self.house)]
        room = room_of(self.file)
        return any(name in each.private and room_of(each.file) == room for each in family)
