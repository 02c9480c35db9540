"""New processes of Python, in which nothing of the caller's script runs again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def main_kept_out() -> Iterator[None]:
    """A stretch of code in which new processes do not run the caller's script again.

    Python's ``spawn`` would, for a script without ``if __name__ == "__main__":``; no process of
    ours needs anything of it, as functions defined there travel by value.
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
