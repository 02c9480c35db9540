"""The columns of rows: their names agree with the kinds, and everybody outside trace/ uses them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.places import ROOT, TOPOLOGIES

import lab
from lab.protocol.replies import TEXTS, code_of
from lab.protocol.syntax import verb_of
from lab.trace import rows
from lab.trace.rows import KINDS, OCTETS_COLUMNS, OPTIONAL, OWN, Event, event_of, flat_row, value_of

LAB = ROOT / "lab"
COMMON = ("t", "kind", "host", "peer", "session", "message")
CONSTANTS = {name: value for name, value in vars(rows).items() if type(value) is int}

ALL = {kind: (*columns, *OPTIONAL.get(kind, ())) for kind, columns in KINDS.items()}
"""The columns of each kind, with those that only some rows have."""

SHARED = {
    "LINES": ("lines", {"command", "reply", "piece", "data"}),
    "SENT": ("sent", {"command", "reply", "piece", "data"}),
    "OCTETS": ("octets", {"command", "reply", "piece", "data"}),
    "RECIPIENT": ("recipient", {"reject", "expand", "forward", "deliver", "terminal"}),
    "RECIPIENTS": ("recipients", {"queue", "accept", "transfer", "refuse", "defer", "forget"}),
    "DELIVER_USER": ("user", {"deliver", "terminal"}),
    "DELIVER_OCTETS": ("octets", {"deliver", "terminal"}),
}
"""Names that stand for the same column of several kinds."""


def named() -> Iterator[tuple[str, str, str]]:
    """Each column that a kind has of its own: the name of its constant, the kind, the column."""
    for kind, columns in ALL.items():
        for column in columns:
            shared = [
                name for name, (of, kinds) in SHARED.items() if of == column and kind in kinds
            ]
            yield (shared or [f"{kind}_{column}".upper()])[0], kind, column


def test_the_common_columns_have_names() -> None:
    assert [CONSTANTS[name.upper()] for name in COMMON] == [*range(OWN)]


@pytest.mark.parametrize(("name", "kind", "column"), list(named()))
def test_each_column_of_a_kind_has_a_name(name: str, kind: str, column: str) -> None:
    assert CONSTANTS[name] == OWN + ALL[kind].index(column)


def test_no_name_is_left_over() -> None:
    assert {name for name, _, _ in named()} | {"OWN", *map(str.upper, COMMON)} == set(CONSTANTS)


def test_a_shared_name_is_right_for_all_of_its_kinds_and_no_other_has_the_column() -> None:
    for name, (column, kinds) in SHARED.items():
        assert {ALL[kind].index(column) + OWN for kind in kinds} == {CONSTANTS[name]}
    assert {
        kind: OWN + columns.index("octets")
        for kind, columns in KINDS.items()
        if "octets" in columns
    } == OCTETS_COLUMNS


# -- events


REPLY = (2.5, "reply", "A", "B", 1, 7, 2.0, b"250-Two lines\r\n250 of text\r\n")
COMMAND = (2.5, "command", "B", "A", 1, None, 2.0, b"rcpt TO:<c@B>\r\n")


def test_an_event_has_the_columns_of_its_row_by_name() -> None:
    event = event_of(REPLY, 3)
    assert event == Event(2.5, 3, "reply", "A", "B", 1, 7, {"sent": 2.0, "octets": REPLY[-1]})
    assert [event[name] for name in (*COMMON, "seq")] == [*REPLY[:OWN], 3]
    assert event["octets"] == REPLY[rows.OCTETS]
    assert event["sent"] == REPLY[rows.SENT]


def test_an_event_reads_code_verb_and_text_in_the_octets() -> None:
    reply, command = event_of(REPLY), event_of(COMMAND)
    assert (reply["code"], reply["text"]) == (250, "Two lines\nof text")
    assert (command["verb"], command["text"]) == ("RCPT", "rcpt TO:<c@B>")
    assert reply.as_dict()["code"] == 250
    assert command.as_dict()["verb"] == "RCPT"
    assert command.as_dict()["octets"] == "rcpt TO:<c@B>\r\n"


@pytest.mark.parametrize(
    ("row", "name"), [(REPLY, "verb"), (COMMAND, "code"), (REPLY, "reason"), (REPLY, "extra")]
)
def test_an_event_has_no_other_columns(row: rows.Row, name: str) -> None:
    with pytest.raises(KeyError, match=name):
        event_of(row)[name]
    with pytest.raises(KeyError, match=name):
        value_of(row, name)


def test_a_row_has_the_values_of_its_event() -> None:
    """For each kind, with and without its optional columns, and for what octets are read for."""
    names = {
        *COMMON,
        "code",
        "text",
        "verb",
        *[name for columns in ALL.values() for name in columns],
    }
    for kind, columns in [*KINDS.items(), *[(kind, ALL[kind]) for kind in OPTIONAL]]:
        own = [b"250 OK\r\n" if name == "octets" else name.upper() for name in columns]
        row = (1.5, kind, "A", "B", 3, 4, *own)
        event = event_of(row)
        for name in names:
            try:
                expected = event[name]
            except KeyError:
                with pytest.raises(KeyError):
                    value_of(row, name)
            else:
                assert value_of(row, name) == expected, (kind, name)


def test_users_get_the_event() -> None:
    assert lab.Event is Event


# -- nobody counts columns


WRAPPERS = {"enumerate", "islice", "pairwise", "reversed", "sorted", "list", "iter", "zip"}
OF_ROWS = {f"{of}[Row]" for of in ("list", "Sequence", "Iterable", "Iterator", "deque")}


class Subscripts(ast.NodeVisitor):
    """Finds columns that are counted: `row[7]`, `row[6:]`, `rows[-1][0]`, `t, *rest = row`,
    `'{2}'.format(*row)`.

    A row is what is called `row` or annotated as Row, what is taken out of rows, and what a loop
    over rows goes through; rows are what is called so or annotated as a sequence of Row.
    """

    def __init__(self, tree: ast.AST) -> None:
        self.found: list[tuple[int, str]] = []
        self.single = {"row"}
        self.several = {"rows"}
        for node in ast.walk(tree):
            if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
                name = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
                annotation = ast.unparse(node.annotation)
                if annotation in ("Row", "Row | None"):
                    self.single.add(name)
                elif annotation in OF_ROWS:
                    self.several.add(name)
        for _ in range(2):  # what is taken out of what is taken out
            for node in ast.walk(tree):
                if isinstance(node, (ast.For, ast.comprehension)):
                    if self.are_rows(node.iter):
                        self.loop(node.target, node.iter)
                elif isinstance(node, ast.Assign):
                    for target in node.targets:
                        self.assign(target, node.value)
        self.visit(tree)

    def loop(self, target: ast.expr, over: ast.expr) -> None:
        """Note the variables of a loop over rows; the first of enumerate's is a number."""
        if isinstance(target, ast.Tuple):
            counts = isinstance(over, ast.Call) and ast.unparse(over.func) == "enumerate"
            for item in target.elts[1:] if counts else target.elts:
                self.loop(item, over.args[0] if counts and isinstance(over, ast.Call) else over)
        elif isinstance(target, ast.Name):
            self.single.add(target.id)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        """Note a variable that is a row, or rows, from what is assigned to it."""
        if self.is_row(value):
            self.single.add(ast.unparse(target))
        elif isinstance(value, ast.ListComp) and self.is_row(value.elt):
            self.several.add(ast.unparse(target))

    def is_row(self, node: ast.expr) -> bool:
        """Whether an expression is a row."""
        if isinstance(node, ast.Subscript):
            return self.are_rows(node.value) and not isinstance(node.slice, ast.Slice)
        return isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node) in self.single

    def are_rows(self, node: ast.expr) -> bool:
        """Whether an expression is a sequence of rows."""
        if isinstance(node, ast.Subscript):
            return self.are_rows(node.value) and isinstance(node.slice, ast.Slice)
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in WRAPPERS:
                return any(map(self.are_rows, node.args))
            return called.endswith((".rows", "trace.of"))
        if isinstance(node, ast.Attribute):
            return node.attr == "rows" or ast.unparse(node) in self.several
        return isinstance(node, ast.Name) and node.id in self.several

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """Note a column of a row that is given by a number."""
        bounds = (
            [node.slice.lower, node.slice.upper]
            if isinstance(node.slice, ast.Slice)
            else [node.slice]
        )
        if self.is_row(node.value) and any(map(is_number, bounds)):
            self.found.append((node.lineno, ast.unparse(node)))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Note a row whose columns a format counts."""
        if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            for argument in node.args:
                if isinstance(argument, ast.Starred) and self.is_row(argument.value):
                    self.found.append((node.lineno, ast.unparse(node)))
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Note a row whose columns are unpacked into a list without names."""
        for target in node.targets:
            if isinstance(target, ast.Tuple) and self.is_row(node.value):
                stars = [item for item in target.elts if isinstance(item, ast.Starred)]
                if any(ast.unparse(star) != "*_" for star in stars):
                    self.found.append((node.lineno, ast.unparse(node)))
        self.generic_visit(node)


def is_number(node: ast.expr | None) -> bool:
    """Whether an expression is a number that is written out, or counted from one."""
    if isinstance(node, ast.BinOp):
        return is_number(node.left)
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def counted_columns(text: str) -> list[tuple[int, str]]:
    """The columns that a source text counts, with their lines."""
    return Subscripts(ast.parse(text)).found


@pytest.mark.parametrize(
    "text",
    [
        "if row[1] == 'open': pass",
        "extras = row[6:]",
        "octets = row[-1]",
        "end = trace.rows[-1][0]",
        "last = self.trace.rows[-1]\nreason = last[6]",
        "for one in trace.rows: print(one[7])",
        "for seq, one in enumerate(rows): print(one[7])",
        "for one, two in pairwise(rows[1:]): print(two[0])",
        "names = [one[2] for one in trace.of(('open',))]",
        "def name(loss: Row) -> str: return loss[2]",
        "def name(losses: list[Row]) -> str: return losses[0][2]",
        "opens = [row for row in rows]\nt = opens[0][0]",
        "t, kind, *rest = row",
        "text = '{2} delivers {5}'.format(*row)",
    ],
)
def test_a_column_that_is_counted_is_found(text: str) -> None:
    assert counted_columns(text)


@pytest.mark.parametrize(
    "text",
    [
        "if row[KIND] == 'open': pass",
        "extras = row[OWN:]",
        "verb = row[OCTETS][:4]",
        "last = trace.rows[-1]",
        "first = rows[:10]",
        "t, kind, host, *_ = row",
        "for seq, row in enumerate(rows): print(names[0])",
        "value = row[place]",
    ],
)
def test_a_column_that_is_named_is_not(text: str) -> None:
    assert not counted_columns(text)


@pytest.mark.parametrize(
    "path",
    sorted(path for path in LAB.rglob("*.py") if LAB / "trace" not in path.parents),
    ids=lambda path: path.relative_to(LAB).as_posix(),
)
def test_nobody_outside_trace_counts_the_columns_of_a_row(path: Path) -> None:
    assert counted_columns(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("ending", [b"", b"\r\n", b" X\r\n"])
@pytest.mark.parametrize(
    "start", [b"", b"N", b"no", b"RSE", b"mail", b"QUITS", b"\xe4\xdf\xff", b"  "]
)
def test_an_event_reads_verbs_as_the_protocol_does(start: bytes, ending: bytes) -> None:
    line = start + ending
    event = rows.event_of((1.0, "command", "B", "A", 1, None, 0.5, line))
    assert event["verb"] == verb_of(line).strip()


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_an_event_reads_codes_as_the_protocol_does(code: int) -> None:
    for octets in (
        f"{code} OK\r\n".encode(),
        f"{code}-A\r\n{code} B\r\n".encode(),
        b"%d\r\n" % code,
    ):
        event = rows.event_of((1.0, "reply", "B", "A", 1, None, 0.5, octets))
        assert event["code"] == code_of(octets) == code


def test_a_flat_row_is_its_event_as_a_dictionary() -> None:
    """The common columns, those of the kind, and what can be read in the octets."""
    for file in sorted(TOPOLOGIES.rglob("rfc821/*.toml")) + sorted(
        TOPOLOGIES.rglob("faults/*.toml")
    ):
        trace = lab.simulate(file).trace
        for event, row in zip(trace, trace.rows, strict=True):
            flat = {name: event[name] for name in ("t", "seq", *COMMON[1:])}
            for name, value in event.extra.items():
                flat[name] = value.decode("latin-1") if isinstance(value, bytes) else value
            for kind, name in (("reply", "code"), ("command", "verb")):
                if event.kind == kind:
                    flat[name] = event[name]
            assert flat_row(row, event.seq) == event.as_dict() == flat
