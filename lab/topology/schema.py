"""The shape of a topology file: its keys, and the kind of value of each.

Only the shape: :mod:`lab.topology.hosts` checks whether the hosts that are named exist. The tables
are classes made from the declarations of the settings (:mod:`lab.topology.declarations`), and
pydantic-core fills them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

from pydantic_core import CoreConfig, CoreSchema, SchemaValidator, core_schema

from lab.hosts.checked import of_valid
from lab.topology.declarations import (
    Setting,
    declared_tables,
    defaults_of_the_file,
    settings_of,
)
from lab.topology.file import TopologyFile
from lab.topology.kinds import KINDS, before
from lab.topology.values import user_table


class Table:
    """A table of the file: its values are attributes, under the names of the dataclass's fields.

    ``declared`` is that dataclass, ``keys`` the keys that users may type; ``file_defaults`` has the
    defaults that the dataclass does not have. Values are not converted. Other keys are errors,
    except in the tables for which ``validation`` allows them.
    """

    __slots__ = (  # where pydantic-core puts what it finds
        "__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__",
    )  # fmt: skip
    __pydantic_fields_set__: set[str]

    declared: ClassVar[type[Any] | None] = None
    file_defaults: ClassVar[dict[str, Any]] = {}
    keys: ClassVar[tuple[str, ...]] = ()
    validation: ClassVar[CoreSchema]
    _validator: ClassVar[SchemaValidator | None] = None

    @classmethod
    def read(cls, raw: Any) -> Self:
        """Return the table of a file; raises pydantic-core's ValidationError."""
        if cls._validator is None:
            cls._validator = SchemaValidator(cls.validation)
        table = cls._validator.validate_python(raw)
        assert isinstance(table, cls)
        return table

    @property
    def fields_given(self) -> set[str]:
        """The fields whose keys the file has."""
        return self.__pydantic_fields_set__

    def values_given(self) -> dict[str, Any]:
        """Return the values that the file has, by field, without defaults."""
        return {name: getattr(self, name) for name in self.fields_given}

    def with_given(self, values: dict[str, Any]) -> Self:
        """Return a copy for which the file has these values as well."""
        copied = type(self)()
        copied.__dict__ = self.__dict__ | values
        copied.__pydantic_fields_set__ = self.fields_given | values.keys()
        return copied

    def values(self) -> dict[str, Any]:
        """Return the values by field, for the dataclass, without the defaults that it has."""
        assert self.declared is not None
        values, present = dict(self.file_defaults), self.fields_given
        for setting in settings_of(self.declared):
            if setting.field in present:
                values[setting.field] = _made(getattr(self, setting.field))
            if setting.tables in present:
                further = _made(getattr(self, setting.tables))
                values[setting.field] = values.get(setting.field, ()) + further
        return values


def _made(value: Any) -> Any:
    """Return the dataclass of a table, or a tuple of those; any other value unchanged."""
    if isinstance(value, Table):
        assert value.declared is not None
        return of_valid(value.declared, value.values())
    return tuple(map(_made, value)) if isinstance(value, list) else value


def table_of(declared: type[Any], *, shared: bool = False, further: bool = False) -> type[Table]:
    """Return the table of the settings that a dataclass declares.

    ``shared``: the table is in ``[defaults]``; it does not have the settings of a single host or
    link, and requires none. ``further``: it allows other keys.
    """
    name = (declared.__name__, shared)
    if name not in _MADE:
        settings = [each for each in settings_of(declared) if not (shared and each.own)]
        _MADE[name] = _table_class(declared, settings, further)
    return _MADE[name]


_MADE: Final[dict[tuple[str, bool], type[Table]]] = {}


def _table_class(declared: type[Any], settings: list[Setting], further: bool) -> type[Table]:
    table: Any = type(f"{declared.__name__}Table", (Table,), {"__slots__": ()})
    table.declared, table.file_defaults = declared, defaults_of_the_file(declared)
    fields: dict[str, core_schema.ModelField] = {}
    for setting in settings:
        fields |= _fields(setting)
    table.keys = tuple(key for setting in settings for key in setting.keys)
    table.validation = core_schema.model_schema(
        table,
        core_schema.model_fields_schema(fields, model_name=table.__name__),
        config=CoreConfig(strict=True, extra_fields_behavior="allow" if further else "forbid"),
    )
    made: type[Table] = table
    return made


def _fields(setting: Setting) -> dict[str, core_schema.ModelField]:
    """Return the fields of a setting: one, or two if it has a second key."""
    validation = _validation(setting)
    if not setting.is_required:
        validation = _with_default(setting, validation)
    fields = {setting.field: core_schema.model_field(validation, validation_alias=setting.key)}
    if setting.tables:
        fields[setting.tables] = core_schema.model_field(validation)
    return fields


def _with_default(setting: Setting, validation: CoreSchema) -> CoreSchema:
    if setting.kind in ("users", "tables"):
        return core_schema.with_default_schema(validation, default_factory=list)
    if setting.kind in ("table", "shared table"):  # its own defaults
        return core_schema.with_default_schema(validation, default={}, validate_default=True)
    if setting.default is None:
        validation = core_schema.nullable_schema(validation)
    return core_schema.with_default_schema(validation, default=setting.default)


def _validation(setting: Setting) -> CoreSchema:
    if setting.words:
        return core_schema.literal_schema(list(setting.words))
    if setting.of is None:
        return KINDS[setting.kind].validation
    table = _table(setting).validation
    if setting.kind == "users":
        return core_schema.list_schema(before(user_table, table))
    return core_schema.list_schema(table) if setting.kind == "tables" else table


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
