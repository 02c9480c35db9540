"""Names of hosts have a type of their own, and names in the code say what they stand for.

No part of the lab changes the case of a host's name by itself. Nothing in it is called `what`,
`found` or `said`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from helpers.places import ROOT

CASE = {"upper", "lower", "casefold", "swapcase"}
"""The methods of a text that change its case."""

ALLOWED = {
    "protocol/names.py: canonical": "the rule of host names",
    "protocol/syntax.py: in_capitals": "command codes and keywords, in either case (section 2)",
    "hosts/directory.py: _any_case": "names of users: a host may take them in any case (section 2)",
    "hosts/received.py: _in_capitals": "names of header fields, in any case (RFC 822, 3.4.7)",
    "trace/rows.py: _verb": "a command code; the room is below the protocol",
    "live/mail_text.py: field": "names of header fields, in any case (RFC 822, 3.4.7)",
    "live/mail_text.py: text_of": "the same",
    "live/web.py": "a name of this machine, as a browser sends it",
    "trace/jsonl.py": "a sentence of the library's, in the midst of ours",
    "topology/load.py": "a sentence of the library's or the system's, in the midst of ours",
    "topology/links.py: build_environments": "names of environments, which RFC 821 does not have",
    "trace/labels.py": "labels, which are not names",
    "topology/overrides.py: _pick": "names of environments and links, which RFC 821 does not have",
    "topology/suggestions.py": "a word that is like another, for a suggestion",
    "topology/schedules.py": "keys and states in the rows of a file",
    "topology/loads.py": "the ending of a file's name",
    "topology/csv_files.py": "names of columns; a sentence of the system's",
    "topology/graph_files.py": "the ending of a file's name; a sentence of the system's",
    "topology/graphs.py": "attributes of graphs, which each tool spells in its own way",
    "topology/node_names.py: label_of": "attributes of graphs, as above",
    "topology/maps/attributes.py": "attributes of graphs, as above; true and false",
    "topology/maps/csv_tables.py": "names of columns, as somebody types them",
    "topology/maps/dot.py": "keywords of DOT, in either case",
    "topology/maps/ends.py": "names of columns, as somebody types them",
    "topology/maps/gml.py": "keys of GML, in either case",
    "topology/maps/line_lists.py": "the sections of a Pajek file",
    "topology/maps/opening.py": "the ending of a file's name",
    "runtime/arguments.py: ending": "the ending of a file's name",
    "views/replay/__init__.py": "the same",
    "topology/maps/pathalias.py": "words of pathalias",
    "topology/maps/pathalias_statements.py": "words of pathalias",
    "topology/maps/sndlib.py": "the sections of a file of SNDlib",
    "topology/maps/units.py": "units and circuits, as somebody types them",
    "topology/maps/xml_graphs.py": "true and false",
    "rfc/__init__.py": "a section's letter, as somebody types it",
    "stepping/commands.py": "an order of the stepper, as somebody types it",
    "analysis/conditions.py": "words of a condition, as somebody types them",
    "lessons/exercises.py: slug": "a name of a file",
    "lessons/classroom/gradebook.py": "names of columns",
    "lessons/classroom/roster.py": "names of columns and people, as somebody types them",
    "cli/__init__.py: usage_sentence": "a sentence of the library's, in the midst of ours",
    "cli/judge.py: _is_loopback": "a name of this machine, as somebody types it",
    "judging/cases.py: Names.put_into": "bytes to send, in the other case",
    "judging/receivers/commands.py": "commands, in names of cases",
    "judging/senders/cases.py": "commands, in names of cases",
    "judging/senders/judge.py": "command codes (section 2)",
    "judging/relays/cases.py": "commands, in names of cases",
    "judging/relays/judge.py": "paths and command codes, as a program writes them",
    "judging/drop.py: decoded": "the name of a MIME encoding",
    "judging/examples/mailer.py": "a program that imports nothing of the lab",
    "cli/files.py": "the ending of a file's name",
    "views/plain/__init__.py": "the ending of a file's name",
    "site/markdown.py: slug": "the words of a heading, as an anchor",
    "cli/plot.py": "the ending of a file's name",
    "lessons/items.py": "an answer as it was typed: words, and names before they are a host's",
    "lessons/answers.py": "the labels of an answer",
    "lessons/functions.py: signatures": "the names that hosts gave in HELO",
    "lessons/asks/lesson_06.py: _place": "bytes of a text",
    "lessons/asks/lesson_17.py": "fields of a header, as a student writes them",
    "lessons/asks/lesson_18.py": "fields of a header, and a domain in a table of texts",
    "lessons/mail_today.py: _hash_of": "fields of a header",
    "lessons/asked_hosts.py: _asker.ask": "a host that a student's function asks",
    "lessons/asked_hosts.py: _Office.__init__": "true and false in TOML",
}
"""Where the case of a text is changed, and of what: a function, or all of a module."""


def changes(tree: ast.AST, function: str = "") -> Iterator[tuple[str, int]]:
    """The functions in which the case of a text is changed, with the line."""
    for node in ast.iter_child_nodes(tree):
        name = function
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            name = f"{function}.{node.name}".removeprefix(".")
        if isinstance(node, ast.Attribute) and node.attr in CASE:
            yield name, node.lineno
        yield from changes(node, name)


@cache
def found() -> dict[str, str]:
    """Each place in the lab where the case of a text is changed, as ALLOWED names it."""
    places = {}
    for path in sorted((ROOT / "lab").rglob("*.py")):
        module = path.relative_to(ROOT / "lab").as_posix()
        for function, line in changes(ast.parse(path.read_text(encoding="utf-8"))):
            place = module if module in ALLOWED else f"{module}: {function}"
            places[place] = f"lab/{module}:{line}"
    return places


def test_case_is_changed_only_where_it_is_no_name_of_a_host() -> None:
    """Compare names of hosts as `lab.protocol.HostName`; add other texts to ALLOWED above."""
    assert {at for place, at in found().items() if place not in ALLOWED} == set()


def test_each_exception_is_still_needed() -> None:
    assert set(ALLOWED) - set(found()) == set()


@pytest.mark.parametrize(
    "code", ["a.name.upper()", "map(str.lower, names)", "def f(x):\n  return x.casefold()"]
)
def test_a_change_of_case_is_found(code: str) -> None:
    assert list(changes(ast.parse(code)))


# -- names in the code ----------------------------------------------------------------------------

EMPTY_WORDS = {"what", "given"}
"""Words that say nothing of what a variable holds: use its noun."""

EMPTY_IN_LAB = {
    *EMPTY_WORDS, "found", "told", "said", "got", "had", "one", "some", "more", "others", "which",
    "these", "those", "them", "it", "thing", "things", "stuff", "tmp", "foo", "ret", "res",
}  # fmt: skip
"""Further ones, which a test that is read at a glance may use and the lab may not."""

PUBLIC = {
    ("lab/analysis/faults.py", "FaultInterval.what"): "a column of faults in traces and tables",
}
"""Names that users rely on, and so stay."""


def named(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, int]]:
    """Every variable, argument, field, function and class that a module names, with the line.

    A field or a method begins with the name of its class.
    """
    for node in ast.iter_child_nodes(tree):
        within = f"{node.name}." if isinstance(node, ast.ClassDef) else inside
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            within = ""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield f"{inside}{node.name}", node.lineno
        if isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield f"{inside}{node.id}", node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield f"self.{node.attr}", node.lineno
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name, node.lineno
        yield from named(node, within)


def empty(tree: ast.AST, words: set[str]) -> Iterator[tuple[str, int]]:
    """The names that are one of these words, whether or not it begins with an underscore."""
    for name, line in named(tree):
        if name.rpartition(".")[2].strip("_") in words:
            yield name, line


def empty_names() -> dict[tuple[str, str], int]:
    """Each name in the lab and its tests that says nothing: its file, the name and its line."""
    return {
        (path.relative_to(ROOT).as_posix(), name): line
        for folder, words in (("lab", EMPTY_IN_LAB), ("tests", EMPTY_WORDS))
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name, line in empty(ast.parse(path.read_text(encoding="utf-8")), words)
    }


COMMENT = re.compile(r"/\*(?s:.)*?\*/|//.*")

IN_SCRIPTS = re.compile(
    rf"(?:\b(?:const|let|var|function)\s+|(?<!\.)\b)_?({'|'.join(sorted(EMPTY_IN_LAB))})\b"
    r"(?=\s*(?:=(?!=)|of\b|\)?\s*=>|\([^()]*\)\s*\{))"
)
"""Where JavaScript stores something under one of these words, or defines a function called so."""


def test_so_does_one_in_javascript() -> None:
    scripts = [
        path for end in ("js", "mjs", "html") for path in sorted((ROOT / "lab").rglob(f"*.{end}"))
        if "vendor" not in path.parts
    ]  # fmt: skip
    assert [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in scripts
        for match in IN_SCRIPTS.finditer(COMMENT.sub("", path.read_text(encoding="utf-8")))
    ] == []


@pytest.mark.parametrize(
    "code",
    ["const what = 1;", "let found;\nfound = 2;", "a.map((one) => one.b)", "for (const it of a) {}",
     "function told(a) {}", "_told(a) { return a; }", "a.find(one => one)"],
)  # fmt: skip
def test_a_name_in_javascript_that_says_nothing_is_found(code: str) -> None:
    assert IN_SCRIPTS.search(code)


@pytest.mark.parametrize("code", ["a.told = 1;", "found === 2", "told(summary);", '{ told: "a" }'])
def test_javascript_may_use_such_words_otherwise(code: str) -> None:
    assert not IN_SCRIPTS.search(code)


def test_a_name_says_what_it_stands_for() -> None:
    """Use a noun in place of these words; a name that users rely on goes into PUBLIC."""
    found = empty_names()
    assert [
        f"{file}:{found[file, name]}" for file, name in found if (file, name) not in PUBLIC
    ] == []
    assert set(PUBLIC) <= set(found)


@pytest.mark.parametrize(
    "code",
    [
        "what = 1", "for given in (): pass", "def f(what): pass", "async def f(*, given): pass",
        "def f(*given): pass", "def f(**what): pass", "lambda what: 1", "[1 for given in ()]",
        "with a as what: pass", "(what := 1)", "a, (b, *given) = c", "class A:\n  what: str",
        "class A:\n  def f(self): self.what = 1", "try: pass\nexcept E as given: pass",
        "match a:\n  case [_, *what]: pass", "match a:\n  case B() as given: pass",
        "def what(): pass", "async def given(): pass", "class A:\n  def given(self): pass",
        "_what = 1", "class A:\n  def f(self): self._given = 1", "def _what(): pass",
    ],
)  # fmt: skip
def test_a_name_that_says_nothing_is_found(code: str) -> None:
    assert list(empty(ast.parse(code), EMPTY_WORDS))
