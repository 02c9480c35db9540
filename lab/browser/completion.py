"""What may be written next in a topology file, from its JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from lab.topology.declarations import declared_tables
from lab.topology.file import TopologyFile
from lab.topology.problems import MANY
from lab.topology.reference import json_schema

MOST: Final = 60
"""The most completions that are offered at once."""

_HEADER: Final = re.compile(r"^[ \t]*\[{1,2}[ \t]*([\w. \t-]+?)[ \t]*\]{1,2}", re.M)
_NAME: Final = re.compile(r'^[ \t]*name[ \t]*=[ \t]*"([^"\n]+)"', re.M)
_USERS: Final = re.compile(r"\[\[host\]\](.*?)(?=^\[\[(?!host\.)|\Z)", re.M | re.S)
_HOSTS_IN: Final = ("between", "link", "host", "groups", "via", "from", "to", "members")


def completions(text: str, before: str) -> list[dict[str, str]]:
    """Return what may follow ``before``, the part of a text that ends at the cursor.

    Each has ``insert``, the ``typed`` part that it replaces, and ``help``.
    """
    line = before.rpartition("\n")[2]
    above = _HEADER.findall(before.removesuffix(line))
    table = re.sub(r"\s", "", above[-1]) if above else ""
    if line.lstrip().startswith("["):
        choices = _headers(line.strip())
    elif "=" in line:
        choices = _values(text, table, line)
    else:
        choices = _keys(table, line.strip())
    return [each for _, each in zip(range(MOST), choices, strict=False)]


def _headers(typed: str) -> Iterator[dict[str, str]]:
    wanted = typed.strip("[] ")
    for keys, setting in declared_tables(TopologyFile):
        name = ".".join(keys)
        if name.startswith(wanted):
            header = f"[[{name}]]" if keys[-1] in MANY else f"[{name}]"
            yield {"insert": header, "typed": typed, "help": setting.help}


def _keys(table: str, typed: str) -> Iterator[dict[str, str]]:
    for key, schema in _schema(table).get("properties", {}).items():
        if key.startswith(typed) and not schema.get("deprecated"):
            yield {"insert": f"{key} = ", "typed": typed, "help": _help(schema)}


def _values(text: str, table: str, line: str) -> Iterator[dict[str, str]]:
    key, _, value = line.partition("=")
    key, value = key.strip(), value.lstrip()
    schema = _schema(table).get("properties", {}).get(key, {})
    typed = re.split(r"[\[,{]\s*", value)[-1]
    offered = [json.dumps(each) for each in schema.get("enum", ())]
    if schema.get("type") == "boolean":
        offered += ["true", "false"]
    if key in _HOSTS_IN:
        offered += [f'"{name}"' for name in _names(text)]
    if "default" in schema:
        offered.append(json.dumps(schema["default"]))
    for each in dict.fromkeys(offered):
        if each.startswith(typed) and each != typed:
            yield {"insert": each, "typed": typed, "help": _help(schema)}


def _names(text: str) -> list[str]:
    """Return the names of hosts in a text, which need not be whole."""
    named = (_NAME.search(block) for block in _USERS.findall(text))
    return sorted({match[1] for match in named if match})


def _help(schema: Mapping[str, Any]) -> str:
    default = f" Default: {json.dumps(schema['default'])}." if "default" in schema else ""
    return str(schema.get("description", "")) + default


@cache
def _whole() -> dict[str, Any]:
    return json_schema()


def _schema(table: str) -> Mapping[str, Any]:
    """Return the schema of a table, by the name in its header; an empty one if there is none."""
    schema: Any = _whole()
    for key in filter(None, table.split(".")):
        schema = schema.get("properties", {}).get(key, {})
        schema = schema.get("items", schema)
        for each in (schema, *schema.get("anyOf", ())):
            if "$ref" in each:
                schema = _whole()["$defs"][each["$ref"].rpartition("/")[2]]
    return schema if isinstance(schema, dict) else {}
