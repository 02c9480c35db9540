"""The shape of a topology file: its keys, and the kind of value of each.

Only the shape: :mod:`lab.topology.hosts` checks whether the hosts that are named exist. The tables
are pydantic models, made from the declarations of the settings (:mod:`lab.topology.declarations`).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from lab.hosts.checked import of_valid
from lab.topology.declarations import (
    Setting,
    declared_tables,
    defaults_of_the_file,
    settings_of,
)
from lab.topology.file import TopologyFile
from lab.topology.kinds import KINDS, user_table


class Table(BaseModel):
    """A table of the file: other keys are errors, and values are not converted.

    ``declared`` is the dataclass whose settings it has, under the names of its fields;
    ``file_defaults`` has the defaults that the dataclass does not have.
    """

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)

    declared: ClassVar[type[Any] | None] = None
    file_defaults: ClassVar[dict[str, Any]] = {}

    def given(self) -> dict[str, Any]:
        """Return the values that the file has, by field, without defaults."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def values(self) -> dict[str, Any]:
        """Return the values by field, for the dataclass, without the defaults that it has."""
        assert self.declared is not None
        values, given = dict(self.file_defaults), self.model_fields_set
        for setting in settings_of(self.declared):
            if setting.field in given:
                values[setting.field] = _made(getattr(self, setting.field))
            if setting.tables in given:
                further = _made(getattr(self, setting.tables))
                values[setting.field] = values.get(setting.field, ()) + further
        return values


def _made(value: Any) -> Any:
    """Return the dataclass of a table, or a tuple of those; any other value unchanged."""
    if isinstance(value, Table):
        assert value.declared is not None
        return of_valid(value.declared, value.values())
    return tuple(map(_made, value)) if isinstance(value, list) else value


class OpenTable(Table):
    """A table that allows any other keys."""

    model_config = ConfigDict(extra="allow", strict=True)


def table_of(declared: type[Any], *, shared: bool = False, further: bool = False) -> type[Table]:
    """Return the table of the settings that a dataclass declares.

    ``shared``: the table is in ``[defaults]``; it does not have the settings of a single host or
    link, and requires none. ``further``: it allows other keys.
    """
    name = (declared.__name__, shared)
    if name not in _MADE:
        definitions: dict[str, Any] = {}
        for setting in settings_of(declared):
            if not (shared and setting.own):
                definitions |= _definitions(setting)
        _MADE[name] = _model(declared, OpenTable if further else Table, definitions)
    return _MADE[name]


def _model(declared: type[Any], base: type[Table], fields: dict[str, Any]) -> Any:
    table: Any = create_model(f"{declared.__name__}Table", __base__=base, **fields)
    table.declared, table.file_defaults = declared, defaults_of_the_file(declared)
    return table


_MADE: Final[dict[tuple[str, bool], type[Table]]] = {}


def _definitions(setting: Setting) -> dict[str, Any]:
    """Return the pydantic fields of a setting: one, or two if it has a second key."""
    annotation = _annotation(setting)
    default: dict[str, Any] = {"default": setting.default}
    if setting.is_required:
        default = {"default": ...}
    elif setting.kind in ("users", "tables"):
        default = {"default_factory": list}
    elif setting.kind in ("table", "shared table"):
        default = {"default_factory": annotation}
    elif setting.default is None:
        annotation = annotation | None
    definitions = {setting.field: (annotation, Field(**default, alias=setting.key))}
    if setting.tables:
        definitions[setting.tables] = (annotation, Field(**default))
    return definitions


def _annotation(setting: Setting) -> Any:
    if setting.words:
        return Literal[tuple(setting.words)]
    if setting.of is None:
        return KINDS[setting.kind].annotation
    table = _table(setting)
    if setting.kind == "users":
        return list[Annotated[table, BeforeValidator(user_table)]]  # type: ignore[valid-type]
    return list[table] if setting.kind == "tables" else table  # type: ignore[valid-type]


def _table(setting: Setting) -> type[Table]:
    assert setting.of is not None
    shared, further = setting.kind == "shared table", setting.kind == "open table"
    return table_of(setting.of, shared=shared, further=further)


FileTable: Final = table_of(TopologyFile)
"""The whole file."""

TABLES: Final[dict[tuple[str, ...], type[Table]]] = {
    (): FileTable,
    **{keys: _table(setting) for keys, setting in declared_tables(TopologyFile)},
}
"""The tables, by the keys that lead to them, without numbers in lists."""


def keys(table: type[Table]) -> list[str]:
    """Return the keys that users may type in a table."""
    return [field.alias or name for name, field in table.model_fields.items()]
