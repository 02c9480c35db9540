"""Former names of keys, which files may still use."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any

from lab.topology.declarations import Setting, declared_tables, settings_of
from lab.topology.file import TopologyFile
from lab.topology.positions import Place


def rename_old_keys(raw: dict[str, Any]) -> dict[Place, Place]:
    """Rename the old keys of a file; return the new place of each, with its old one.

    Tables under the old and the new name are merged.
    """
    renamed: dict[Place, Place] = {}
    for keys, setting in _with_old_names():
        renamed |= _rename(raw, keys, setting)
    return renamed


def _rename(raw: dict[str, Any], keys: tuple[str, ...], setting: Setting) -> dict[Place, Place]:
    renamed: dict[Place, Place] = {}
    for place, table in _tables(raw, keys, ()):
        old, new = table.get(setting.old), table.get(setting.key)
        if setting.old in table and new is None:
            table[setting.key] = table.pop(setting.old)
            renamed[(*place, setting.key)] = (*place, setting.old)
        elif isinstance(old, dict) and isinstance(new, dict):
            table[setting.key] = new | table.pop(setting.old)
            renamed[(*place, setting.old)] = (*place, setting.old)
    return renamed


def warn_of_old_keys(renamed: dict[Place, Place]) -> None:
    """Warn of each former name once, however often a file has it."""
    former = {setting.old: setting.key for _, setting in _with_old_names()}
    for old in dict.fromkeys(place[-1] for place in renamed.values()):
        text = f"{old} is the former name of {former[str(old)]}; use that"
        warnings.warn(text, DeprecationWarning, _level_of_the_caller())


def _level_of_the_caller() -> int:
    """Return the ``stacklevel`` with which a warning points to the user's own line."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_internal(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    return level


def _is_internal(module: str) -> bool:
    return module.partition(".")[0] in ("lab", "contextlib")


def _with_old_names() -> Iterator[tuple[tuple[str, ...], Setting]]:
    """Yield the settings that have a former name, with the keys that lead to their table."""
    for keys, table in declared_tables(TopologyFile):
        assert table.of is not None
        yield from ((keys, setting) for setting in settings_of(table.of) if setting.old)


def _tables(value: Any, keys: tuple[str, ...], place: Place) -> Iterator[tuple[Place, Any]]:
    """Yield the tables that keys lead to, each with its place; other values are skipped."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _tables(item, keys, (*place, number))
    elif isinstance(value, dict) and not keys:
        yield place, value
    elif isinstance(value, dict) and keys[0] in value:
        yield from _tables(value[keys[0]], keys[1:], (*place, keys[0]))
