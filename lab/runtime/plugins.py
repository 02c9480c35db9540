"""Code of users that a run calls: what all of it has in common, and what becomes of its errors."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from random import Random

_OURS: Final = Path(__file__).resolve().parents[1]

P = ParamSpec("P")
R = TypeVar("R")


class Plugin:
    """Code of your own that a run calls.

    ``name`` is by default the name of the class, and ``version`` may be any text: both are part of
    the digest of a run, so change ``version`` when the code comes to do something else. ``random``
    is set for each run: a generator seeded by the seed of the run and by the name. Its ``random()``
    draws the same numbers on every version of Python.

    A run works on a copy of the object that it is given, so the same object can be given again.
    """

    kind: str = "plug-in"
    name: str = ""
    version: str = ""

    @property
    def random(self) -> Random:
        """The generator of this run, for this plug-in."""
        generator: Random | None = vars(self).get("generator")
        if generator is None:
            raise AttributeError("random is there once the run has begun, as in begin()")
        return generator

    def draw_from(self, generator: Random) -> None:
        """Set the generator of a run; the lab calls this."""
        vars(self)["generator"] = generator  # a dataclass may be frozen


class PluginFailed(Exception):
    """Code of a user has failed, or has returned what it must not; the message is a sentence."""


def called(plugin: Plugin) -> str:
    """Return a plug-in in words: its kind and its name."""
    return f"the {plugin.kind} {plugin.name or type(plugin).__name__}"


def ask(plugin: Plugin, method: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a method of a plug-in; raise :class:`PluginFailed` for what it raises.

    An error of the lab's own code, which is a plug-in too, is raised as it is.
    """
    try:
        return method(*args, **kwargs)
    except PluginFailed:
        raise
    except Exception as error:
        if type(plugin).__module__.partition(".")[0] == "lab":
            raise
        raise PluginFailed(_sentence(plugin, getattr(method, "__name__", ""), error)) from error


def _sentence(plugin: Plugin, method: str, error: Exception) -> str:
    error_text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return f"{called(plugin)} failed in {method}(){_place(error)}: {error_text}"


def _place(error: Exception) -> str:
    """Return the last line of the user's own that an error went through, in brackets."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not Path(frame.filename).is_relative_to(_OURS):
            text = f": {frame.line}" if frame.line else ""
            return f" ({Path(frame.filename).name}, line {frame.lineno}{text})"
    return ""
