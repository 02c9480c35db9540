"""The reference of the topology file: a page in Markdown, and a JSON Schema for editors.

Both are made from the declarations of the settings, so they have every key of a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, Final

from lab.topology.declarations import Setting, declared_tables, settings_of
from lab.topology.file import Defaults, TopologyFile
from lab.topology.kinds import KINDS, quantity
from lab.topology.specs import FAULT_KINDS
from lab.topology.write import toml_value

_INTRODUCTION: Final = """\
# The topology file

A topology file is TOML. Keys with a star are required; every other key may be left out. Durations,
sizes and rates are written with a unit (`"40 ms"`, `"2 h"`, `"700 B"`, `"2 kB"`, `"50 kbit/s"`,
`"2 /min"`); a bare number is seconds, bytes, bits per second or events per second. A file may have
several of each table in `[[double brackets]]`. `--set KEY=VALUE` changes any value for one run:
`--set mail.0.size="2 kB"`, `--set host.MIT-AI.ARPA.relay=true`.
"""


def reference() -> str:
    """Return the reference page of the topology file in Markdown: every table and every key."""
    parts = [_INTRODUCTION, "## The file\n", *_rows(settings_of(TopologyFile))]
    for keys, setting in _written_tables():
        assert setting.of is not None
        parts += [f"\n## `{_title(keys, setting)}`\n", setting.help + _source(setting) + "\n"]
        if setting.of is Defaults:
            parts += [_defaults()]
            continue
        parts += _rows(settings_of(setting.of))
        if setting.kind == "open table":
            parts.append("\nThe further keys of the table are arguments of the generator.")
        if keys == ("fault",):
            parts += ["", *_fault_kinds()]
    return "\n".join(parts) + "\n"


def _written_tables() -> Iterator[tuple[tuple[str, ...], Setting]]:
    """Yield the tables that get a heading: users once, and no tables inside ``[defaults]``."""
    for keys, setting in declared_tables(TopologyFile):
        if not (setting.tables == keys[-1] or setting.kind in ("tables", "table", "open table")):
            continue
        if keys[0] != "defaults" or len(keys) == 1:
            yield keys, setting


def _title(keys: tuple[str, ...], setting: Setting) -> str:
    path = ".".join(keys)
    return f"[[{path}]]" if setting.kind in ("tables", "users") else f"[{path}]"


def _source(setting: Setting) -> str:
    return f" (RFC 821, {setting.section})" if _is_of_rfc_821(setting) else ""


def _is_of_rfc_821(setting: Setting) -> bool:
    return bool(setting.section) and not setting.section.startswith("RFC")


def _rows(settings: Iterable[Setting]) -> Iterator[str]:
    yield "| key | value | default | meaning | section |"
    yield "| --- | --- | --- | --- | --- |"
    for setting in settings:
        star = " *" if setting.is_required else ""
        cells = (_value(setting), _default(setting), _meaning(setting), setting.section)
        yield f"| `{setting.key}`{star} | " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _value(setting: Setting) -> str:
    if setting.words:
        return ", ".join(f'`"{word}"`' for word in setting.words)
    name = KINDS[setting.kind].name
    return f"{name} ({setting.unit})" if setting.unit else name


def _meaning(setting: Setting) -> str:
    words = [f'`"{word}"`: {help}' for word, help in (setting.words or {}).items()]
    example = f"`{setting.key} = {setting.example}`" if setting.example else ""
    formerly = f"Formerly `{setting.old}`." if setting.old else ""
    choices = "; ".join(words)
    return " ".join(part for part in (setting.help, choices, example, formerly) if part)


def _default(setting: Setting) -> str:
    if setting.default_text:
        return _code_if_value(setting.default_text)
    if setting.is_required or setting.default in (None, "", ()) or _is_table(setting):
        return ""
    return f"`{default_as_toml(setting)}`" if setting.default != {} else ""


def _code_if_value(text: str) -> str:
    return f"`{text}`" if text.startswith('"') and text.endswith('"') else text


def _is_table(setting: Setting) -> bool:
    return is_dataclass(setting.default)


def default_as_toml(setting: Setting) -> str:
    """Return the default of a setting as a file has it, a quantity with its unit."""
    units = KINDS[setting.kind].units
    return quantity(setting.default, units) if units else toml_value(setting.default)


def _defaults() -> str:
    return "\n".join(
        f"- `[defaults.{setting.key}]`: every key of `[[{setting.key}]]` but {_own_keys(setting)}."
        for setting in settings_of(Defaults)
    )


def _own_keys(setting: Setting) -> str:
    assert setting.of is not None
    return ", ".join(f"`{inner.key}`" for inner in settings_of(setting.of) if inner.own)


def _fault_kinds() -> Iterator[str]:
    yield "| kind of fault | requires | also takes | what happens |"
    yield "| --- | --- | --- | --- |"
    for name, kind in FAULT_KINDS.items():
        requires, allows = (
            ", ".join(f"`{key}`" for key in keys) for keys in (kind.requires, kind.allows)
        )
        yield f"| `{name}` | {requires} | {allows} | {kind.help} |"


# -- the JSON Schema ----------------------------------------------------------------------------


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the topology file, as editors use it."""
    definitions: dict[str, Any] = {}
    for _, setting in declared_tables(TopologyFile):
        name = _definition(setting)
        if name not in definitions:
            definitions[name] = _object(setting)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Topology file of smtp-lab",
        "type": "object",
        "additionalProperties": False,
        "properties": _properties(settings_of(TopologyFile)),
        "$defs": dict(sorted(definitions.items())),
    }


def _definition(setting: Setting) -> str:
    assert setting.of is not None
    return setting.of.__name__ + ("Defaults" if setting.kind == "shared table" else "")


def _object(setting: Setting) -> dict[str, Any]:
    """Return the schema of an inner table."""
    assert setting.of is not None
    settings = settings_of(setting.of)
    if setting.kind == "shared table":
        settings = tuple(inner for inner in settings if not inner.own)
    required = [inner.key for inner in settings if inner.is_required]
    if setting.kind == "shared table":
        required = []
    return {
        "type": "object",
        "additionalProperties": setting.kind == "open table",
        "properties": _properties(settings),
        **({"required": required} if required else {}),
    }


def _properties(settings: Iterable[Setting]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for setting in settings:
        for key in setting.keys:
            properties[key] = _property(setting)
        if setting.old:
            properties[setting.old] = _property(setting) | {"deprecated": True}
    return properties


def _property(setting: Setting) -> dict[str, Any]:
    source = f"RFC 821, {setting.section}." if _is_of_rfc_821(setting) else ""
    source = source or (f"{setting.section}." if setting.section else "")
    words = "; ".join(f"{word}: {help}" for word, help in (setting.words or {}).items())
    parts = (setting.help, words and f"{words}.", source)
    schema = {"description": " ".join(part for part in parts if part), **_value_schema(setting)}
    default = _plain_default(setting)
    return schema if default is None else schema | {"default": default}


def _value_schema(setting: Setting) -> Mapping[str, Any]:
    if setting.words:
        return {"enum": list(setting.words)}
    if setting.of is None:
        return KINDS[setting.kind].schema
    inner = {"$ref": f"#/$defs/{_definition(setting)}"}
    if setting.kind == "users":
        return {"type": "array", "items": {"anyOf": [{"type": "string"}, inner]}}
    return {"type": "array", "items": inner} if setting.kind == "tables" else inner


def _plain_default(setting: Setting) -> Any:
    """Return the default as JSON if it is a text, a number or a truth value."""
    default = setting.default
    if setting.is_required or default == "":
        return None
    return default if isinstance(default, (bool, int, float, str)) else None
