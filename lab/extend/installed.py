"""The plug-ins that are installed: classes that packages name in the group of entry points.

None of them is imported before somebody asks for it by name.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, NamedTuple

from lab.runtime.plugins import Plugin
from lab.topology.problems import did_you_mean

GROUP: Final = "smtp_lab.plugins"
"""The group of entry points."""


class Installed(NamedTuple):
    """A plug-in that is installed: its name, the package that has it, with version, and its class
    as "module:class".
    """

    name: str
    package: str
    version: str
    value: str


def installed() -> list[Installed]:
    """Return the plug-ins that are installed, by name; none is imported for that."""
    return sorted([_described(entry) for entry in _entries()])


def entry_of(cls: type[Plugin]) -> Installed | None:
    """Return under which name a class is installed; None if it is not."""
    value = f"{cls.__module__}:{cls.__qualname__}"
    return next((each for each in installed() if each.value == value), None)


def load(text: str, cls: type[Any], settings: Mapping[str, Any] | None = None) -> Any:
    """Return the installed plug-in of a class that a text names, such as "k-shortest:k=3".

    Raises ValueError, in a sentence, if it is not there, of another kind, or cannot be made.
    """
    name, _, written = text.partition(":")
    made = _class_of(name.strip(), cls)
    settings = _read(name, written) if settings is None else settings
    try:
        return made(**settings)
    except Exception as error:
        known = list(inspect.signature(made).parameters)
        has = f"; it takes {', '.join(known)}" if known else "; it takes no settings"
        raise ValueError(
            f"the {cls.kind} {name!r} cannot be made ({_reason(error)}){has}"
        ) from error


def _class_of(name: str, cls: type[Any]) -> type[Any]:
    entries = [entry for entry in _entries() if entry.name == name]
    if not entries:
        known = sorted({entry.name for entry in _entries()})
        listed = f"; there are {', '.join(known)}" if known else "; no plug-in is installed"
        raise ValueError(f"no {cls.kind} {name!r} is installed{did_you_mean(name, known, listed)}")
    if len({entry.value for entry in entries}) > 1:
        packages = " and ".join(sorted({_described(entry).package for entry in entries}))
        raise ValueError(f"{packages} each have a plug-in {name!r}; uninstall one of them")
    try:
        loaded = entries[0].load()
    except Exception as error:
        package = _described(entries[0]).package
        raise ValueError(
            f"the plug-in {name!r} of {package} cannot be imported ({_reason(error)})"
        ) from error
    if isinstance(loaded, type) and issubclass(loaded, cls):
        return loaded
    is_plugin = isinstance(loaded, type) and issubclass(loaded, Plugin)
    description = f"a {loaded.kind}" if is_plugin else "not a class derived from one of lab.extend"
    raise ValueError(f"the plug-in {name!r} is {description}; a {cls.kind} is required here")


def _read(name: str, written: str) -> dict[str, Any]:
    """Return the settings in a text such as "k=3,shared=true"."""
    settings = {}
    for each in written.split(",") if written else ():
        key, equals, value = each.partition("=")
        if not equals or not key.strip().isidentifier():
            raise ValueError(f"{each!r} is not a setting of {name!r}; write {name}:key=value")
        try:
            settings[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[key.strip()] = value.strip()
    return settings


def _entries() -> list[EntryPoint]:
    return list(entry_points(group=GROUP))


def _described(entry: EntryPoint) -> Installed:
    package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
    return Installed(entry.name, package, version, entry.value.replace(" ", ""))


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
