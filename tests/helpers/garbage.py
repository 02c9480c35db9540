"""What a run leaves behind, without all that other tests have left in this process."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def only_new_objects() -> Iterator[None]:
    """Within this context, ``gc`` looks only at what is made in it, and collects only when told to.

    After some thousand tests there are millions of others, which take seconds to look through.
    """
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()
