"""Former names of keys, which files may still use."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from lab.topology.declarations import Setting, declared_tables, settings_of
from lab.topology.file import TopologyFile

Place = tuple[str | int, ...]


def rename_old_keys(raw: dict[str, Any]) -> dict[Place, Place]:
    """Give keys of a file their names of today; return the places that changed, new to old.

    Warns once of each former name, however often it stands there.
    """
    renamed: dict[Place, Place] = {}
    former: dict[str, str] = {}
    for keys, table in declared_tables(TopologyFile):
        assert table.of is not None
        for setting in settings_of(table.of):
            places = _rename(raw, keys, setting) if setting.old else {}
            if places:
                former[setting.old] = setting.key
            renamed |= places
    for old, new in former.items():
        warnings.warn(f"{old} is the former name of {new}; use that", DeprecationWarning, 2)
    return renamed


def _rename(raw: dict[str, Any], keys: tuple[str, ...], setting: Setting) -> dict[Place, Place]:
    renamed: dict[Place, Place] = {}
    for place, table in _tables(raw, keys, ()):
        if setting.old in table and setting.key not in table:
            table[setting.key] = table.pop(setting.old)
            renamed[(*place, setting.key)] = (*place, setting.old)
    return renamed


def _tables(value: Any, keys: tuple[str, ...], place: Place) -> Iterator[tuple[Place, Any]]:
    """The tables that keys lead to, each with its place; values of other kinds passed over."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _tables(item, keys, (*place, number))
    elif isinstance(value, dict) and not keys:
        yield place, value
    elif isinstance(value, dict) and keys[0] in value:
        yield from _tables(value[keys[0]], keys[1:], (*place, keys[0]))
