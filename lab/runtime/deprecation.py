"""Old names of attributes that still work, with a DeprecationWarning."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any


def renamed(owner: object, new_names: Mapping[str, str], name: str) -> Any:
    """Return the attribute that ``name`` is called now; for the ``__getattr__`` of ``owner``.

    ``new_names`` maps old names to new ones. Raises AttributeError for any other name.
    """
    kind = type(owner).__name__
    new = new_names.get(name)
    if new is None:
        raise AttributeError(f"{kind!r} object has no attribute {name!r}")
    warnings.warn(f"{kind}.{name} is now {kind}.{new}", DeprecationWarning, stacklevel=3)
    return getattr(owner, new)
