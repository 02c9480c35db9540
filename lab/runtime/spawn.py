"""Start Python processes that do not run the caller's script again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_main() -> Iterator[None]:
    """Within this context, new processes do not import the caller's script.

    Python's ``spawn`` imports it, which runs a script without ``if __name__ == "__main__":`` again.
    No process of the lab requires anything from it: functions defined there are sent by value.
    """
    main = sys.modules.get("__main__")
    kept = {name: getattr(main, name) for name in ("__spec__", "__file__") if hasattr(main, name)}
    try:
        if main is not None:
            main.__spec__ = None
            if "__file__" in kept:
                del main.__file__
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)
