"""The function that makes the tables of a trace. It is set from outside: a trace only records.

``lab/__init__.py`` sets it to the functions of :mod:`lab.analysis.tables`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

make: Callable[..., pandas.DataFrame] | None = None
"""Makes the table of a name ("events") from a trace, and from what the table has as options."""
