"""Maps of UUCP as they were posted to comp.mail.maps, for the program pathalias.

A line names a host and its links, each with a cost; a line that begins with a blank goes on with
the one before. A cost is a sum of words such as DEMAND+LOW. A network, ``NET = {a, b}(LOCAL)``,
joins its members to one another; it becomes a router. Its members pay to enter it and leave it for
nothing, so each link to the router costs half. ``a = b`` are two names of one host. Postings are
read as they came: the header of the article and the shell archive around the map are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterator
from typing import Final

from lab.quantities import as_toml, count_noun
from lab.topology.maps.map import GraphFault, Map
from lab.topology.maps.pathalias_statements import DEAD, STATEMENT, MapStatements

COSTS: Final = {
    "LOCAL": 25, "DEDICATED": 95, "DIRECT": 200, "DEMAND": 300, "HOURLY": 500, "EVENING": 1800,
    "DAILY": 5000, "POLLED": 5000, "WEEKLY": 30_000, "DEAD": DEAD, "HIGH": -5, "LOW": 5,
    "FAST": -80, "ARPA": 100,
}  # fmt: skip
"""What pathalias's words mean."""

DEFAULT_COST: Final = 4000.0

_HEREDOC: Final = re.compile(r"<<\s*-?\s*\\?['\"]?(\w+)['\"]?")
_HEADER: Final = re.compile(r"\A(?:[A-Z][\w-]*: .*\n(?:[ \t]+.*\n)*){2,}\n")
_NAME: Final = r"[\w.+~-]+"
_QUOTED: Final = rf"""[<"']?({_NAME})[>"']?"""
_LINK: Final = re.compile(rf"[@!:%]?{_QUOTED}[@!:%]?\s*(?:\((.*)\))?")
_NETWORK: Final = re.compile(
    rf"{_QUOTED}\s*=\s*[@!:%]?\s*\{{([^{{}}]*)\}}\s*[@!:%]?\s*(?:\((.*)\))?"
)
_ALIAS: Final = re.compile(rf"{_QUOTED}\s*=\s*(.*)")
_HOST: Final = re.compile(rf"{_QUOTED}\s+(.*)", re.S)
_COMMA: Final = re.compile(r",(?![^()]*\))")
MAP_LINE: Final = re.compile(
    rf"^#N\s|^cat << |^{_NAME}[ \t]+[@!:%<\"]*{_NAME}[@!:%>\"]*[ \t]*\([A-Z\d][A-Z\d+*/ -]*\)",
    re.M,
)
"""What tells a map of pathalias from a list of edges."""


def read_pathalias(text: str) -> Map:
    """Return the map of a file for pathalias, or of a posting to comp.mail.maps."""
    made = Map("pathalias map", lists=True)
    aliases: dict[str, str] = {}
    statements = MapStatements()
    odd: list[tuple[int, str]] = []
    for number, statement in _statements(_unpacked(text)):
        if in_braces := STATEMENT.fullmatch(statement):
            statements.add(in_braces[1], in_braces[2])
        else:
            odd += [(number, each) for each in _take(made, aliases, statement)]
    _join_names(made, aliases)
    if not made.edges:
        raise GraphFault("it has no links; write host other(DEMAND), another(DAILY)")
    if aliases:
        made.remarks.append(f"{len(aliases):,} further names of hosts were joined with them")
    statements.carry_out(made, lambda name: _first_name(name, aliases), _any_cost)
    if odd:
        number, statement = odd[0]
        # first, because of many remarks only some are shown
        made.remarks.insert(
            0,
            f"{count_noun(len(odd), 'entry', 'entries')} not understood, such as "
            f"{as_toml(' '.join(statement.split()))} in line {number}",
        )
    return made


def _unpacked(text: str) -> list[tuple[int, str]]:
    """Return the lines of the map within an article and a shell archive, with their numbers."""
    lines = text.splitlines()
    begin = text[: match.end()].count("\n") if (match := _HEADER.match(text)) else 0
    map_lines: list[tuple[int, str]] = []
    end, prefix, archived = "", "", False
    for number, line in enumerate(lines[begin:], begin + 1):
        heredoc = None if end or line.startswith("#") else _HEREDOC.search(line)
        if heredoc:
            end, prefix = heredoc[1], "X" if "s/^X//" in line else ""
            map_lines, archived = (map_lines if archived else []), True
        elif end and line.strip() == end:
            end = ""
        elif end or not archived:
            map_lines.append((number, line.removeprefix(prefix)))
    return map_lines


def _statements(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the statements: lines with those that go on with them, without comments."""
    begun, parts = 0, list[str]()
    for number, line in lines:
        line = line.partition("#")[0].rstrip()
        if not line:
            continue
        goes_on = line[0].isspace() or (parts and parts[-1].endswith((",", "{")))
        goes_on = goes_on or _is_open(parts)
        if goes_on and parts and len(parts) < 10_000:
            parts.append(line.strip())
        else:
            if parts:
                yield begun, " ".join(parts)
            begun, parts = number, [line.strip()]
    if parts:
        yield begun, " ".join(parts)


def _is_open(parts: list[str]) -> bool:
    """Whether a brace is open at the end of a statement so far."""
    for part in reversed(parts):
        if "}" in part:
            return part.rfind("{") > part.rfind("}")
        if "{" in part:
            return True
    return False


def _take(made: Map, aliases: dict[str, str], statement: str) -> list[str]:
    """Take the links or names of a statement; return what of it is not understood."""
    if network := _NETWORK.fullmatch(statement):
        return [] if _network(made, *network.groups()) else [statement]
    if alias := _ALIAS.fullmatch(statement):
        for name in re.split(r"[\s,]+", alias[2].strip(", ")):
            _also(aliases, name, alias[1])
        return []
    host = _HOST.fullmatch(statement)
    if host is not None:
        made.add_node(host[1])
        items = [item.strip() for item in _COMMA.split(host[2])]
        return [item for item in items if item and not _link(made, aliases, host[1], item)]
    if re.fullmatch(_NAME, statement):
        made.add_node(statement)
        return []
    return [statement]


def _also(aliases: dict[str, str], name: str, host: str) -> None:
    name = name.strip("\"'<>")
    if name and name != host:
        aliases.setdefault(name, host)


def _link(made: Map, aliases: dict[str, str], host: str, item: str) -> bool:
    """Take a link of a host, or another name of it; return whether it is understood."""
    if item.startswith("="):
        _also(aliases, item[1:].strip(), host)
        return True
    match = _LINK.fullmatch(item)
    cost = None if match is None else _cost(match[2])
    if match is None or cost is None:
        return False
    made.add_edge(host, match[1], {"cost": cost})
    return True


def _network(made: Map, name: str, members: str, cost_text: str | None) -> bool:
    cost = _cost(cost_text)
    if cost is None:
        return False
    made.add_node(name, {"kind": "router"})
    for member in re.split(r"[\s,]+", members.strip(", ")):
        member = member.strip("@!:%<>\"'")
        if member:
            made.add_edge(member, name, {"cost": cost / 2})
    return True


def _cost(text: str | None) -> float | None:
    """Return the value of a cost such as DEMAND+LOW*2, 0 or more; None if not understood."""
    value = _any_cost(text)
    return None if value is None else max(value, 0.0)


def _any_cost(text: str | None) -> float | None:
    """Return the value of a cost, which may be below 0; None if it is not understood."""
    if text is None or not text.strip():
        return DEFAULT_COST
    words = re.findall(r"\d+|[A-Za-z]+|[-+*/()]|\S", text)
    if len(words) > 100:
        return None
    try:
        value, words_left = _sum(words, 0)
    except (KeyError, IndexError, ZeroDivisionError, OverflowError):
        return None
    return value if not words_left and math.isfinite(value) else None


def _sum(words: list[str], depth: int) -> tuple[float, list[str]]:
    value, words = _product(words, depth)
    while words and words[0] in "+-":
        sign = 1 if words[0] == "+" else -1
        term, words = _product(words[1:], depth)
        value += sign * term
    return value, words


def _product(words: list[str], depth: int) -> tuple[float, list[str]]:
    value, words = _term(words, depth)
    while words and words[0] in "*/":
        factor, words_left = _term(words[1:], depth)
        value, words = (value * factor if words[0] == "*" else value / factor), words_left
    return value, words


def _term(words: list[str], depth: int) -> tuple[float, list[str]]:
    if words[0] == "(" and depth < 20:
        value, words_left = _sum(words[1:], depth + 1)
        if words_left[0] != ")":
            raise KeyError(words_left[0])
        return value, words_left[1:]
    if words[0] in "+-":
        value, words_left = _term(words[1:], depth)
        return (value if words[0] == "+" else -value), words_left
    value = float(words[0][:12]) if words[0].isdecimal() else float(COSTS[words[0].upper()])
    return value, words[1:]


def _join_names(made: Map, aliases: dict[str, str]) -> None:
    """Put one host in place of its further names."""
    for name in list(aliases):
        if _first_name(name, aliases) == name:
            del aliases[name]
    if not aliases:
        return

    def first(node: Hashable) -> Hashable:
        return _first_name(str(node), aliases) if node in aliases else node

    nodes, edges = made.nodes, made.edges
    made.nodes, made.edges = {}, []
    for node, attributes in nodes.items():
        made.add_node(first(node), attributes)
    for a, b, attributes in edges:
        start, end = first(a), first(b)
        if start != end or a == b:
            made.add_edge(start, end, attributes)


def _first_name(name: str, aliases: dict[str, str]) -> str:
    seen = {name}
    while name in aliases and aliases[name] not in seen:
        name = aliases[name]
        seen.add(name)
    return name
