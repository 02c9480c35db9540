"""Read a topology file, check all of it, and make a topology."""

from __future__ import annotations

import copy
import os
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lab.hosts.checked import of_valid
from lab.hosts.retry import Retry
from lab.quantities import count_noun, single_line
from lab.runtime.arguments import plain
from lab.runtime.gc_pause import gc_pause
from lab.topology.changes import change
from lab.topology.diagnostics import Diagnostics
from lab.topology.faults import build_faults
from lab.topology.file import TopologyFile
from lab.topology.graph_files import generate, read_graph
from lab.topology.graphs import tables_of_graph
from lab.topology.hosts import build_hosts, check_references
from lab.topology.labelled import replace_labels
from lab.topology.links import build_environments, build_links
from lab.topology.maps.map import GraphFault
from lab.topology.maps.notes import GraphTables
from lab.topology.old_keys import rename_old_keys, warn_of_old_keys
from lab.topology.overrides import override, split
from lab.topology.positions import lines_of
from lab.topology.problems import Place, Problem, bounded, check, dotted
from lab.topology.specs import Generated, Sets, TopologyData, TopologyError
from lab.topology.suggestions import file_near
from lab.topology.traffic import build_mail, build_polls, build_scripts, build_traffic

if TYPE_CHECKING:
    import networkx

_MOST_DOTS: Final = 100
_DEEP_KEY: Final = re.compile(rf"^[ \t\[]*(?:[\w-]+[ \t]*\.[ \t]*){{{_MOST_DOTS}}}", re.M)
"""A key of so many parts, which would take a reader of TOML quadratic time."""

LARGEST_FILE: Final = 64 * 2**20
"""The most bytes of a topology file; a larger file is probably not a topology."""

MOST_NOTES: Final = 20
"""The most notes about one file."""


@dataclass
class Source:
    """The source of a topology; it says where in the source a problem is."""

    name: str = ""
    text: str = ""
    folder: Path = Path()
    overridden: dict[Place, str] = field(default_factory=dict)
    renamed: dict[Place, Place] = field(default_factory=dict)
    renamed_in_graph: dict[Place, Place] = field(default_factory=dict)
    written: dict[Place, Place] = field(default_factory=dict)
    graph_tables: GraphTables = field(default_factory=GraphTables)
    _lines: dict[Place, int] | None = None

    def where(self, place: Place) -> str:
        """Return file, line and key of a place."""
        for end in range(len(place), 0, -1):
            if place[:end] in self.overridden:
                return self._joined(self.overridden[place[:end]])
        label = self.graph_tables.labels.get(place[:2])
        in_file = self._in_file(place)
        if label is not None and in_file is None:
            place = _with_old_keys(place, self.renamed_in_graph)
            return self._joined(label + (f", {dotted(place[2:])}" if place[2:] else ""))
        key = dotted(_with_old_keys(in_file or place, self.renamed))
        line = self._line(place)
        return self._joined(f"line {line}" if line else "", key)

    def _in_file(self, place: Place) -> Place | None:
        """Return the place in the file of a value with which it changes its graph, or None."""
        for end in range(len(place), 1, -1):
            if place[:end] in self.written:
                return self.written[place[:end]] + place[end:]
        return None

    def _joined(self, *parts: str) -> str:
        return ", ".join(part for part in (self.name, *parts) if part)

    def _line(self, place: Place) -> int | None:
        if self._lines is None:
            self._lines = lines_of(self.text)
        place = _with_old_keys(self._in_file(place) or place, self.renamed)
        for end in range(len(place), 0, -1):
            if place[:end] in self._lines:
                return self._lines[place[:end]]
        return None

    def sentences(self, problems: Iterable[Problem]) -> list[str]:
        """Return problems or notes with their places, each once, in the order of the file."""
        once = sorted(dict.fromkeys(problems), key=lambda problem: self._line(problem.place) or 0)
        # a line of the file may be about many hosts of its graph
        return list(dict.fromkeys(self._sentence(problem) for problem in once))

    def _sentence(self, problem: Problem) -> str:
        where = self.where(problem.place)
        return f"{where}: {problem.text}" if where else problem.text


def _with_old_keys(place: Place, renamed: Mapping[Place, Place]) -> Place:
    """Return a place with the keys that the file has, which may be former names."""
    for new, old in renamed.items():
        if place[: len(new)] == new:
            return old + place[len(new) :]
    return place


Data = TypeVar("Data", bound=TopologyData)


def read_file(
    cls: type[Data], path: str | os.PathLike[str], sets: Sets = (), seed: int = 0
) -> Data:
    """Return the topology of that class that a TOML file describes.

    See :func:`lab.topology.model.load`.
    """
    path = Path(path)
    text = _text(path)
    if nested := _DEEP_KEY.search(text):
        line = text.count("\n", 0, nested.start()) + 1
        raise TopologyError([f"{path}, line {line}: the key has more than {_MOST_DOTS} parts"])
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise TopologyError([f"{path}: the brackets are nested too deeply; write fewer"]) from None
    except ValueError as why:
        raise TopologyError([f"{path}, {_syntax(why, text)}"]) from None
    return _assemble(cls, raw, Source(str(path), text, path.parent), sets, seed)


def read_tables(
    cls: type[Data],
    raw: Mapping[str, Any],
    *,
    graph: networkx.Graph | None = None,
    sets: Sets = (),
    seed: int = 0,
) -> Data:
    """Return the topology of that class that the tables of a file, and a graph, describe."""
    # TOML has no None: the key is left out
    tables = {key: plain(value) for key, value in raw.items() if value is not None}
    return _assemble(cls, tables, Source(), sets, seed, graph)


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise TopologyError([f"{path} is a directory; write the name of a topology file"])
        if path.is_fifo() or path.is_socket():
            raise TopologyError([f"{path} is not a file; write the name of a topology file"])
        with open(path, "rb") as file:
            octets = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as why:
        raise TopologyError([unreadable(path, why, "a topology file", _OWN_KEYS)]) from None
    if len(octets) > LARGEST_FILE:
        raise TopologyError([f"{path} is larger than {LARGEST_FILE >> 20} MiB; is it a topology?"])
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        line = octets.count(b"\n", 0, why.start) + 1
        raise TopologyError([
            f"{path}, line {line}: byte {octets[why.start]:#04x} is not UTF-8 text; "
            "a topology file is TOML, saved as UTF-8"
        ]) from None  # fmt: skip
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise TopologyError([f"{path}, line {line}: a NUL byte; a topology file is TOML text"])
    return text


_OWN_KEYS: Final = frozenset(each.name for each in fields(TopologyFile)) - {"title"}
"""Keys of topology files: a TOML file that has none of them is something else."""


def unreadable(path: Path, why: OSError | ValueError, kind: str, keys: Collection[str]) -> str:
    """Return why a file cannot be read; ``kind`` is what it should be, as "a topology file", and
    has one of these keys.
    """
    if isinstance(why, FileNotFoundError):
        close = file_near(path, ".toml", keys)
        return f"{path}: there is no such file{close or f'; write the path of {kind}'}"
    reason = (getattr(why, "strerror", None) or str(why)).lower()
    return f"{path} cannot be read ({reason}); write the path of {kind}"


_HINTS: Final = {
    "Invalid value": 'a text is written in quotes, as in name = "MIT-AI.ARPA"',
    "Expected '=' after a key": "write key = value",
    "Cannot overwrite a value": "write the key once",
    "Cannot declare": "write the table once, or [[...]] for several",
    "Expected newline or end of document": "write one key = value a line",
    "Unclosed array": "write ] after the last item",
    "Unterminated string": "write the closing quotes",
    "Illegal character": "write \\n for a line break in a text, or three quotes around it",
    "Unescaped '\\' in a string": "write \\\\ for a backslash, or single quotes around the text",
    "A number has": "write fewer",
    "Invalid statement": "a line is key = value, [table] or [[table]]",
    "Invalid initial character for a key": "a key is letters, digits, - and _, or in quotes",
    "Expected ']": "write ] or ]] after the name of a table",
}


def _syntax(why: ValueError, text: str) -> str:
    """Return line, column and message of tomllib, with what would be right."""
    match = re.fullmatch(r"(.*?) \(at line (\d+), column (\d+)\)", str(why), re.DOTALL)
    if match:
        sentence, line, column = match.groups()
    else:
        sentence = str(why).removesuffix(" (at end of document)")
        line = str(text.count("\n") + 1)
        column = str(len(text) - text.rfind("\n"))
    if sentence.startswith("Exceeds the limit"):
        sentence = "A number has thousands of digits"
    hint = next(
        (hint for start, hint in _HINTS.items() if sentence.startswith(start)), "see toml.io"
    )
    sentence = " ".join(sentence.split())[:120]
    sentence = sentence[:1].lower() + sentence[1:]
    return f"line {line}, column {column}: not valid TOML: {sentence}; {hint}"


@gc_pause()
def _assemble(
    cls: type[Data],
    raw: Mapping[str, Any],
    source: Source,
    sets: Sets,
    seed: int,
    graph: networkx.Graph | None = None,
) -> Data:
    recipe = copy.deepcopy(dict(raw))
    source.renamed = rename_old_keys(recipe)
    of_file, of_drawn = split(sets)
    source.overridden, faults = override(recipe, of_file)
    diagnostics = Diagnostics()
    from_graph = graph is not None or "graph" in recipe or "generate" in recipe
    drawn = _graph_tables(recipe, source, seed, graph, diagnostics) if from_graph else GraphTables()
    source.graph_tables = drawn or GraphTables()
    tables = _changed(recipe, source, diagnostics) if from_graph and drawn is not None else recipe
    if drawn is not None:
        overridden, added = override(tables, of_drawn)
        source.overridden |= overridden
        faults += added
    renamed = rename_old_keys(tables)
    if from_graph:
        source.renamed_in_graph = renamed
    else:
        source.renamed |= renamed
    warn_of_old_keys(source.renamed | source.renamed_in_graph)
    replace_labels(tables, diagnostics)
    checked = check(tables)
    known = {problem.place for problem in diagnostics.problems}
    diagnostics.problems += [each for each in checked.problems if each.place not in known]
    diagnostics.numbers, diagnostics.damaged = checked.numbers, checked.damaged
    topology = None
    if drawn is not None:  # otherwise every host would be reported as missing
        kept_recipe = Generated(recipe, of_drawn) if "generate" in recipe else None
        topology = _built(cls, checked.tables, diagnostics, source, from_graph, kept_recipe)
        if topology is not None and sets:
            topology = replace(topology, sets=_as_texts(sets))
    sentences = [f"{source.name}, {fault}" if source.name else fault for fault in faults]
    sentences += source.sentences(diagnostics.problems)
    if sentences or topology is None:
        raise TopologyError(bounded(sentences))
    return topology


def _as_texts(sets: Sets) -> tuple[str, ...]:
    """Return overrides as ``--set`` has them."""
    if isinstance(sets, Mapping):
        return tuple(f"{key}={value}" for key, value in sets.items())
    return tuple(sets)


def _graph_tables(
    raw: Mapping[str, Any],
    source: Source,
    seed: int,
    graph: networkx.Graph | None,
    diagnostics: Diagnostics,
) -> GraphTables | None:
    """Return the hosts and links of the graph that a file names or generates; None without one."""
    named = "graph" if "graph" in raw or graph is not None else "generate"
    if "generate" in raw and named != "generate":
        text = f"{named} takes the place of generate; leave one of them out"
        diagnostics.problem(("generate",), text)
    if graph is not None:
        return tables_of_graph(graph, _first_environment(raw))
    value = raw[named]
    try:
        if named == "graph" and isinstance(value, str) and value:
            return tables_of_graph(read_graph(source.folder / value), _first_environment(raw))
        if named == "generate" and isinstance(value, dict) and isinstance(value.get("kind"), str):
            arguments = {key: value[key] for key in value if key != "kind"}
            return tables_of_graph(generate(value["kind"], arguments, seed), generated=True)
    except GraphFault as why:
        diagnostics.problem((named,), str(why))
    return None


def _changed(recipe: Mapping[str, Any], source: Source, diagnostics: Diagnostics) -> dict[str, Any]:
    """Return the tables of a file with the hosts and links of its graph, as the file has them."""
    drawn = source.graph_tables
    changed = change(drawn.hosts, drawn.links, recipe, _first_environment(recipe), diagnostics)
    source.written = changed.written
    return dict(recipe) | {"host": changed.hosts, "link": changed.links}


def _first_environment(raw: Mapping[str, Any]) -> str:
    """Return the environment of edges that name none; the tables are not checked yet."""
    value: Any = raw
    for key in ("defaults", "link", "environment"):
        value = value.get(key) if isinstance(value, dict) else None
    tables = raw.get("environment")
    first = tables[0] if isinstance(tables, list) and tables else None
    name = first.get("name") if isinstance(first, dict) else None
    return str(value or name or "arpanet")


def _built(
    cls: type[Data],
    tables: Any,
    diagnostics: Diagnostics,
    source: Source,
    from_graph: bool,
    recipe: Generated | None,
) -> Data | None:
    """Return the topology of valid tables; None if its parts have problems."""
    environments = build_environments(tables, diagnostics)
    hosts = build_hosts(tables, environments, diagnostics, graph=from_graph)
    links = build_links(tables, environments, hosts, source.folder)
    mail = build_mail(tables, hosts, source.folder)
    check_references(hosts)
    if tables.retry.max < tables.retry.first:
        text = "max is less than first; write as much or more"
        diagnostics.problem(("retry", "max"), text)
    parts: dict[str, Any] = {
        "title": tables.title,
        "start": tables.start,
        "environments": environments,
        "hosts": hosts.specs,
        "links": links,
        "mail": mail,
        "traffic": build_traffic(
            tables, hosts, source.folder, source.graph_tables.demands, _demands_of
        ),
        "scripts": build_scripts(tables, hosts),
        "polls": build_polls(tables, hosts),
        "faults": build_faults(tables, links, hosts, source.folder),
        "retry": Retry(**tables.retry.values()),
        "expect": {
            key: count for key, count in tables.expect.values_given().items() if count is not None
        },
        "notes": _notes(source, diagnostics),
        "recipe": recipe,
    }
    if recipe is not None:
        recipe.drawn = {name: part for name, part in parts.items() if name != "recipe"}
    return None if diagnostics.problems else of_valid(cls, parts)


def _demands_of(path: Path) -> Mapping[tuple[str, str], float]:
    """Return the demands of a graph file; raises :class:`GraphFault`."""
    return tables_of_graph(read_graph(path)).demands


def _notes(source: Source, diagnostics: Diagnostics) -> tuple[str, ...]:
    notes = [
        f"{source.name}: {note}" if source.name else note for note in source.graph_tables.notes
    ]
    file_notes = source.sentences(diagnostics.notes)
    if len(file_notes) > MOST_NOTES:
        beyond = len(file_notes) - MOST_NOTES
        file_notes = [*file_notes[:MOST_NOTES], f"... and {count_noun(beyond, 'more note')}"]
    return tuple(single_line(note) for note in (*notes, *file_notes))
