"""In a notebook: a sentence in place of a traceback, where the cause is an everyday one.

A cell that was run before those it builds on, and a topology that cannot be used: both happen to
every student, and a traceback through the library helps none of them.
"""

from __future__ import annotations

from typing import Any

from lab.topology.model import TopologyError


def settle_in() -> None:
    """Have this notebook explain such errors; without effect outside of IPython."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc((NameError, TopologyError), _explain)


def explanation(error: BaseException) -> str | None:
    """What to do about an error, in a sentence or two; None where that is not known."""
    if isinstance(error, TopologyError):
        return "The network cannot be used:\n" + "\n".join(f"- {one}" for one in error.problems)
    if isinstance(error, NameError) and error.name:
        return (
            f"There is no `{error.name}` yet. The cells of a lesson build on each other: choose "
            "Run > Run All Above Selected Cell, and then run this one again. "
            "(If you wrote the name yourself: is it spelled as above?)"
        )
    return None


def _explain(
    shell: Any, kind: Any, error: BaseException, traceback: Any, tb_offset: Any = None
) -> None:
    sentence = explanation(error)
    if sentence is None:
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
    else:
        print(sentence)
