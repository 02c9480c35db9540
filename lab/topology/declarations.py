"""The settings that the dataclasses of a topology declare, as their readers use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Final

REQUIRED: Final = MISSING
"""The default of a setting without one, which the file must have."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: a key of the topology file and a field of a dataclass.

    :func:`lab.hosts.setting.setting` says what its declaration holds. ``field`` is the name of the
    dataclass's field, ``key`` that of the file; ``default`` is :data:`REQUIRED` or a value of the
    dataclass.
    """

    field: str
    key: str
    default: Any
    kind: str
    help: str
    section: str = ""
    unit: str = ""
    words: Mapping[str, str] | None = None
    of: type[Any] | None = None
    default_text: str = ""
    example: str = ""
    own: bool = False
    router: bool = False
    tables: str = ""
    old: str = ""
    trace: str = ""

    @property
    def is_required(self) -> bool:
        """Whether a table without it is an error."""
        return self.default is REQUIRED

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that hold it: its own, and the one for tables in double brackets."""
        return (self.key, self.tables) if self.tables else (self.key,)


def settings_of(cls: type[Any]) -> tuple[Setting, ...]:
    """Return the settings that a dataclass declares, in the order of its fields."""
    if cls not in _SETTINGS:
        _SETTINGS[cls] = tuple(_setting(f) for f in fields(cls) if "kind" in f.metadata)
    return _SETTINGS[cls]


_SETTINGS: Final[dict[type[Any], tuple[Setting, ...]]] = {}


def defaults_of_the_file(cls: type[Any]) -> dict[str, Any]:
    """Return the defaults of fields that have one in the file but not in the dataclass."""
    return {
        field.name: field.metadata["default"]
        for field in fields(cls)
        if "default" in field.metadata
    }


def _setting(field: Field[Any]) -> Setting:
    details = dict(field.metadata)
    default = field.default if field.default_factory is MISSING else field.default_factory()
    if details.pop("required", False):
        default = REQUIRED
    elif default is MISSING and "default" in details:
        default = details["default"]
    details.pop("default", None)
    return Setting(field.name, details.pop("key", field.name), default, **details)


def declared_tables(cls: type[Any]) -> Iterator[tuple[tuple[str, ...], Setting]]:
    """Yield each table below a dataclass's own: the keys that lead to it, and its setting."""
    for setting in settings_of(cls):
        if setting.of is not None:
            for key in setting.keys:
                yield (key,), setting
                inner = declared_tables(setting.of)
                yield from (((key, *keys), below) for keys, below in inner)
