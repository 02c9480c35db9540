"""Ways to look at a trace: transcript, timeline, map, mail drops, tables.

Each view takes a :class:`~lab.trace.trace.Trace` and holds no live host. A view is imported when
it is first used, so that a command that draws nothing does not load matplotlib.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from lab.runtime import deprecation as _deprecation
from lab.runtime import extras as _extras

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lab.trace.trace import Trace
    from lab.views.export import Exported as Exported
    from lab.views.export import export as export
    from lab.views.files.maildrops import write_maildrops as write_maildrops
    from lab.views.pictures.film import Animation as Animation
    from lab.views.pictures.film import animation as animation
    from lab.views.pictures.ladder import ladder as ladder
    from lab.views.pictures.latency import latency as latency
    from lab.views.pictures.map import map_trace as map_trace
    from lab.views.pictures.map import network_map as network_map
    from lab.views.pictures.queues import queues as queues
    from lab.views.pictures.states import states as states
    from lab.views.pictures.timeline import timeline as timeline
    from lab.views.pictures.utilisation import utilisation as utilisation
    from lab.views.replay import Replay as Replay
    from lab.views.replay import replay_data as replay_data
    from lab.views.replay import write_replay as write_replay
    from lab.views.text.summary import summary_table as summary_table
    from lab.views.text.transcript import transcript as transcript
    from lab.views.widget import Watch as Watch

_MODULES: Final = {
    "Animation": "pictures.film",
    "animation": "pictures.film",
    "export": "export",
    "Exported": "export",
    "ladder": "pictures.ladder",
    "latency": "pictures.latency",
    "map_trace": "pictures.map",
    "network_map": "pictures.map",
    "queues": "pictures.queues",
    "Replay": "replay",
    "replay_data": "replay",
    "states": "pictures.states",
    "summary_table": "text.summary",
    "timeline": "pictures.timeline",
    "transcript": "text.transcript",
    "utilisation": "pictures.utilisation",
    "Watch": "widget",
    "write_maildrops": "files.maildrops",
    "write_replay": "replay",
}


class Picture(NamedTuple):
    """A kind of picture: the function that draws it, and how much must have been recorded."""

    function: str
    needs: str


PICTURES: Final = {
    "timeline": Picture("timeline", "session"),
    "ladder": Picture("ladder", "wire"),
    "queues": Picture("queues", "delivery"),
    "latency": Picture("latency", "delivery"),
    "map": Picture("network_map", "session"),
    "states": Picture("states", "wire"),
    "utilisation": Picture("utilisation", "wire"),
}
"""The kinds of picture, as ``lab plot TRACE KIND`` names them."""

NEEDS: Final = {kind: picture.needs for kind, picture in PICTURES.items()} | {
    "transcript": "wire", "capture": "wire", "mail": "wire", "replay": "session", "film": "wire",
}  # fmt: skip
"""How much of a run must have been recorded for each view (:data:`lab.trace.levels.LEVELS`)."""


def why_unavailable(trace: Trace, view: str) -> str:
    """Return why a trace does not hold what a view shows, in a sentence; "" if it does."""
    from lab.trace.levels import includes

    if includes(trace.level, NEEDS[view]):
        return ""
    return (
        f"--trace {NEEDS[view]} is required for the {view}; "
        f"this run was recorded with --trace {trace.level}"
    )


class _Views(ModuleType):
    """The type of this package: ``lab.views.timeline`` is always the function, not the module.

    Importing a submodule sets it as an attribute of its package. If the module has the name of a
    view, the view is set instead.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and name in _MODULES:
            value = _imported(name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Views


def _imported(name: str) -> Any:
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


if not TYPE_CHECKING:  # a type checker knows the names above, and reports any other

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            return _deprecation.renamed(sys.modules[__name__], {"lacking": "why_unavailable"}, name)
        return _imported(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})


def plot(trace: Trace, kind: str = "timeline", ax: Axes | None = None, **options: object) -> Axes:
    """Draw the picture of that kind and return its Axes; ``options`` are those of its function.

    Without matplotlib, a notebook shows the picture of :mod:`lab.views.plain`, and what is returned
    says in words what it shows. Raises ValueError in one sentence for a kind that is not in
    :data:`PICTURES`.
    """
    from inspect import signature

    from lab.trace.trace import check_trace

    check_trace(trace)
    if not isinstance(kind, str) or kind not in PICTURES:
        raise ValueError(f"{kind!r} is not a kind of picture; use {', '.join(sorted(PICTURES))}")
    if why := why_unavailable(trace, kind):
        raise ValueError(why)
    draw = _imported(PICTURES[kind].function)
    known = list(signature(draw).parameters)[2:]  # after trace and ax
    for name in options:
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise TypeError(f"the picture {kind!r} has no option {name!r}; {has}")
    if ax is None and _is_drawn_plainly(kind):
        from lab.views import plain

        instead: Any = plain.shown(trace, kind, **options)
        drawn: Axes = instead
    else:
        drawn = draw(trace, ax=ax, **options)
    return drawn


def _is_drawn_plainly(kind: str) -> bool:
    from lab.views import plain

    return kind in plain.PICTURES and not _extras.is_installed("matplotlib")


def save(
    trace: Trace, kind: str, path: str | Path | IO[bytes], *, dpi: float = 100, **options: object
) -> None:
    """Draw a picture into a file whose ending names its format (png, svg, pdf).

    An open file gets a PNG.

    Works without a display, and leaves no figure open in pyplot. Without matplotlib, the kinds of
    :mod:`lab.views.plain` are drawn as SVG or PNG; any other raises ImportError.
    """
    if kind in PICTURES and not _extras.is_installed("matplotlib"):
        from lab.views import plain

        if kind not in plain.PICTURES or plain.ending(path) not in plain.ENDINGS:
            raise _extras.MissingPackage(
                _extras.sentence(f"the picture {kind} as {path} requires", "matplotlib")
            )
        plain.save(trace, kind, path, **options)
        return
    from lab.views.pictures.plot_style import missing_glyphs_ignored, off_screen

    with off_screen():
        axes = plot(trace, kind, None, **options)
    with missing_glyphs_ignored():
        axes.get_figure(root=True).savefig(path, dpi=dpi)  # type: ignore[union-attr]
