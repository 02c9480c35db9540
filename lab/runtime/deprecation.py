"""Old names that still work, each with one DeprecationWarning."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any


def renamed(owner: object, new_names: Mapping[str, str], name: str) -> Any:
    """Return the attribute with the new name of ``name``; for a ``__getattr__``.

    ``owner`` is the object or the module. ``new_names`` maps old names to new ones; any other name
    raises AttributeError.
    """
    is_module = isinstance(owner, ModuleType)
    kind = owner.__name__ if isinstance(owner, ModuleType) else type(owner).__name__
    new = new_names.get(name)
    if new is None:
        subject = f"module {kind!r}" if is_module else f"{kind!r} object"
        raise AttributeError(f"{subject} has no attribute {name!r}")
    warnings.warn(f"{kind}.{name} is now {kind}.{new}", DeprecationWarning, stacklevel=3)
    attribute = getattr(owner, new)
    if is_module:  # `from owner import name` asks twice
        setattr(owner, name, attribute)
    return attribute
