"""What can be broken: rows of the two tables, and single places in the source of functions."""

from __future__ import annotations

import ast
import copy
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """One change to one module: ``source`` in place of its own, or ``spoil`` when it is loaded.

    ``function`` is what was changed, ``text`` the line of it and ``change`` the way, which tell a
    change from all others for as long as the line stands; ``lines`` are those of its statement.
    """

    name: str
    module: str
    source: str = ""
    spoil: Callable[[ModuleType], None] | None = None
    function: str = ""
    text: str = ""
    change: str = ""
    lines: range = range(0)

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by in the list of changes that change nothing."""
        return f"{self.module}.{self.function}", self.text, self.change


def equivalents() -> dict[tuple[str, str, str], str]:
    """The changes that change nothing which anybody could notice, each with its reason."""
    text = Path(__file__).with_name("equivalent.toml").read_text(encoding="utf-8")
    return {
        (function, each["line"], change): each["reason"]
        for function, all_of_it in tomllib.loads(text).items()
        for each in all_of_it
        for change in each["changes"]
    }


# -- the two tables ------------------------------------------------------------------------------


def table_mutants() -> Iterator[Mutant]:
    """Each row of the transition table and each of the replies of 4.3, broken in each way."""
    yield from transition_mutants()
    yield from reply_mutants()


def transition_mutants() -> Iterator[Mutant]:
    """A row gone, a row that should not be, and a row with another state or other buffers."""
    from lab.protocol.states import COMMANDS, TRANSITIONS, Buffers, State

    module = "lab.protocol.states"
    for state in State:
        for verb in (*COMMANDS, "data"):
            row = TRANSITIONS[state].get(verb)
            if row is None:
                if state not in (State.DATA, State.CLOSED) and verb != "data":
                    yield Mutant(
                        f"{state} {verb}: allowed", module, spoil=_allowing(state.name, verb)
                    )
                continue
            yield Mutant(f"{state} {verb}: gone", module, spoil=_without(state.name, verb))
            for other in State:
                if other is not row.next:
                    yield Mutant(
                        f"{state} {verb}: leads to {other}",
                        module,
                        spoil=_leading(state.name, verb, other.name),
                    )
            for buffers in Buffers:
                if buffers is not row.buffers:
                    yield Mutant(
                        f"{state} {verb}: buffers {buffers.name}",
                        module,
                        spoil=_buffering(state.name, verb, buffers.name),
                    )


def _allowing(state: str, verb: str) -> Callable[[ModuleType], None]:
    def spoil(states: ModuleType) -> None:
        here = states.State[state]
        row = states.Transition(here, states.Buffers.KEEP, "nowhere")
        states.TRANSITIONS[here][verb] = row

    return spoil


def _without(state: str, verb: str) -> Callable[[ModuleType], None]:
    def spoil(states: ModuleType) -> None:
        del states.TRANSITIONS[states.State[state]][verb]

    return spoil


def _leading(state: str, verb: str, to: str) -> Callable[[ModuleType], None]:
    def spoil(states: ModuleType) -> None:
        row = states.TRANSITIONS[states.State[state]]
        row[verb] = row[verb]._replace(next=states.State[to])

    return spoil


def _buffering(state: str, verb: str, buffers: str) -> Callable[[ModuleType], None]:
    def spoil(states: ModuleType) -> None:
        row = states.TRANSITIONS[states.State[state]]
        row[verb] = row[verb]._replace(buffers=states.Buffers[buffers])

    return spoil


def reply_mutants() -> Iterator[Mutant]:
    """A code that its row lacks, one that it should not have, one that means something else."""
    from lab.protocol.replies import COMMAND_REPLIES, TEXTS, Outcome

    module = "lab.protocol.replies"
    for row, permitted in COMMAND_REPLIES.items():
        for code in TEXTS:
            if code in permitted:
                other = Outcome.F if permitted[code] is Outcome.S else Outcome.S
                yield Mutant(f"{row} {code}: gone", module, spoil=_forbidding(row, code))
                yield Mutant(
                    f"{row} {code}: {other.value}", module, spoil=_meaning(row, code, other.name)
                )
            else:
                yield Mutant(f"{row} {code}: permitted", module, spoil=_meaning(row, code, "S"))


def _forbidding(row: str, code: int) -> Callable[[ModuleType], None]:
    def spoil(replies: ModuleType) -> None:
        del replies.COMMAND_REPLIES[row][code]

    return spoil


def _meaning(row: str, code: int, outcome: str) -> Callable[[ModuleType], None]:
    def spoil(replies: ModuleType) -> None:
        replies.COMMAND_REPLIES[row][code] = replies.Outcome[outcome]

    return spoil


# -- the source ----------------------------------------------------------------------------------

_OTHERWISE: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip


def source_mutants(module: str, functions: tuple[str, ...] = ()) -> Iterator[Mutant]:
    """Each place of a module's functions (or of those named) broken in each way that fits it.

    A comparison or an operator is turned into its neighbour, a constant is another, a condition
    is its opposite, a statement is left out.
    """
    path = ROOT / (module.replace(".", "/") + ".py")
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    written = text.splitlines()
    for name, body in _functions(tree):
        if functions and name not in functions:
            continue
        alike: Counter[tuple[str, str]] = Counter()
        for node, lines in _inside(body):
            for edit, change in _changes(node):
                undo, kind = copy.copy(node.__dict__), node.__class__
                change(node)
                source = ast.unparse(tree)
                node.__class__ = kind
                node.__dict__.clear()
                node.__dict__.update(undo)
                number = getattr(node, "lineno", lines.start)
                line = written[number - 1].strip()
                alike[line, edit] += 1
                nth = alike[line, edit]
                unique = edit if nth == 1 else f"{edit} ({nth})"
                where = f"{path.relative_to(ROOT)}:{number} {name}: {unique}"
                yield Mutant(where, module, source, None, name, line, unique, lines)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner


def _inside(function: ast.FunctionDef) -> Iterator[tuple[ast.AST, range]]:
    """What a function is made of, with the lines of the statement that it is in.

    Docstrings, annotations and messages of errors are left out.
    """
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body: list[ast.AST] = [*function.body[is_docstring:]]
    stack = [(node, range(0)) for node in reversed(body)]
    while stack:
        node, lines = stack.pop()
        if isinstance(node, ast.stmt):
            lines = _own_lines(node)
        yield node, lines
        if isinstance(node, (ast.Raise, ast.Assert)):
            continue
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.AnnAssign):
            children = [node.value] if node.value else []
        stack.extend((child, lines) for child in reversed(children))


def _own_lines(statement: ast.stmt) -> range:
    """The lines of a statement, without those of the statements in it."""
    body = getattr(statement, "body", None)
    if body:
        return range(statement.lineno, max(body[0].lineno, statement.lineno + 1))
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _OTHERWISE:
        other = _OTHERWISE[type(node.ops[0])]
        rest = node.ops[1:]
        yield other.__name__, lambda n: setattr(n, "ops", [other(), *rest])
    elif isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in _OTHERWISE:
        other = _OTHERWISE[type(node.op)]
        yield other.__name__, lambda n: setattr(n, "op", other())
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        opposite = ast.UnaryOp(ast.Not(), node.test)
        yield "the opposite condition", lambda n: setattr(n, "test", opposite)
    elif isinstance(node, (ast.Expr, ast.AugAssign)) or (
        isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Attribute, ast.Subscript))
    ):
        yield "left out", _leave_out
    elif isinstance(node, ast.Continue):
        yield "break", lambda n: setattr(n, "__class__", ast.Break)


def _leave_out(node: ast.AST) -> None:
    """Make a statement one that does nothing."""
    if isinstance(node, ast.Expr):
        node.value = ast.Constant(None)
    elif isinstance(node, ast.Assign):
        node.targets = [ast.Name("_", ast.Store())]
        node.value = ast.Constant(None)
    elif isinstance(node, ast.AugAssign):
        node.target, node.op, node.value = _scrap(), ast.BitOr(), ast.Constant(0)


def _scrap() -> ast.expr:
    """Somewhere to put a value that nobody asks for."""
    return ast.Subscript(ast.List([ast.Constant(0)], ast.Load()), ast.Constant(0), ast.Store())  # type: ignore[return-value]


def _constants(value: object) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    if isinstance(value, bool):
        yield f"{not value}", lambda n: setattr(n, "value", not value)
    elif isinstance(value, int):
        yield f"{value + 1}", lambda n: setattr(n, "value", value + 1)
    elif isinstance(value, str) and value:
        yield f"{value!r} is another text", lambda n: setattr(n, "value", value + "?")
    elif isinstance(value, bytes) and value:
        yield f"{value!r} is another text", lambda n: setattr(n, "value", value + b"?")
