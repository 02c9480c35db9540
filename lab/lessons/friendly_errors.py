"""In a notebook, show a sentence instead of a traceback for everyday mistakes.

Every student runs a cell before the cells that it builds on, or writes a topology with an error in
it. A traceback through the library helps with neither.
"""

from __future__ import annotations

from typing import Any

from lab.lessons.own_code import own_line
from lab.topology.model import TopologyError


def install() -> None:
    """Make this notebook explain such errors; has no effect outside IPython."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc((NameError, TopologyError), _explain)


def explanation(error: BaseException) -> str | None:
    """Return what to do about an error, in a sentence or two; None if that is not known."""
    if isinstance(error, TopologyError):
        return "The network cannot be used:\n" + "\n".join(
            f"- {problem}" for problem in error.problems
        )
    if isinstance(error, NameError) and error.name:
        where = own_line(error.__traceback__)
        return (
            f"There is no `{error.name}` yet{f', in {where}' if where else ''}. "
            "The cells of a lesson build on each other: choose "
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
