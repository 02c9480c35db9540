"""What makes a run again with a change that was clicked. It is set from outside: a run is a record.

``lab/__init__.py`` sets it to a function of :mod:`lab.stepping.stepper`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `import lab` takes this file and no other of the room
    from lab.trace.trace import Trace

Act = Callable[[Mapping[str, str | float | None]], "tuple[Trace, str, str]"]
"""Makes a run again with a change; returns its trace, the comparison as a page, and words."""

make: Callable[[Any], Act] | None = None
"""Returns what makes a run again with changes."""
