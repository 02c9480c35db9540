"""The player of a run as a notebook widget, for JupyterLab 4 and Notebook 7.

The same JavaScript plays the replay page (:mod:`lab.views.replay`). Without a kernel (a notebook
that was exported, or sent to somebody), a still picture is shown instead.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any, NamedTuple

import anywidget
import traitlets

from lab.analysis.alternatives import alternative
from lab.analysis.conditions import Condition, matching
from lab.runtime.escaping import visible
from lab.runtime.extras import is_installed
from lab.trace.trace import Trace
from lab.views import plain
from lab.views.replay import beginning, packed, player_css, player_js

STILL = "lab-replay-still"
"""The class of the still picture, which the player's JavaScript looks for."""


class Altered(NamedTuple):
    """A run that was made again with a change: its trace, the comparison as a page, and words."""

    trace: Trace
    comparison: str
    words: str


Act = Callable[[Mapping[str, str | float | None]], tuple[Trace, str, str]]
"""Makes a run again with a change that somebody clicked, and returns what :class:`Altered` has."""


class Watch(anywidget.AnyWidget):
    """A run that is played in a notebook's cell: map, ladder, states and timeline on one clock.

    ``position`` is the number of events that have happened; setting it in Python moves the player,
    and moving the player sets it. ``breaks`` are the numbers of the events (``seq``) after which
    playing stops; :meth:`break_at` finds them by a condition. ``theme`` is "auto", "light" or
    "dark". Where ``act`` is given, links can be cut, hosts crashed and replies changed by clicking:
    the widget goes on with the altered run (``altered`` says what was changed), and shows it beside
    its original.
    """

    _esm = player_js()
    _css = player_css()
    data = traitlets.Unicode().tag(sync=True)
    position = traitlets.Int(0).tag(sync=True)
    breaks = traitlets.List(traitlets.Int()).tag(sync=True)
    theme = traitlets.Unicode("auto").tag(sync=True)
    acts = traitlets.Bool(False).tag(sync=True)
    altered = traitlets.Unicode("").tag(sync=True)
    comparison = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        trace: Trace,
        *,
        position: int = 0,
        breaks: Iterable[Condition] = (),
        act: Act | None = None,
    ) -> None:
        super().__init__(data=packed(trace))
        self.trace = beginning(trace)
        self.position = position
        self._act = act
        self.acts = act is not None
        self.on_msg(self._asked)
        for condition in breaks:
            self.break_at(condition)

    def break_at(self, condition: Condition) -> list[int]:
        """Stop playing after each event that meets a condition; return the numbers of these.

        A condition is a text as for the stepper ("reply code 550", "host B stores") or a function
        of an event. Raises ValueError in a sentence for a text that is not a condition.
        """
        numbers = matching(self.trace, condition)
        self.breaks = sorted({*self.breaks, *numbers})
        return numbers

    def clear_breaks(self) -> None:
        """Remove all breakpoints."""
        self.breaks = []

    def step(self) -> None:
        """Go one event forward."""
        self.position = min(self.position + 1, len(self.trace))

    def back(self) -> None:
        """Go one event back."""
        self.position = max(self.position - 1, 0)

    def alter(self, change: Mapping[str, str | float | None]) -> None:
        """Make the run again with a change, and go on with it where the change was made.

        ``change`` is what a click sends: ``act`` ("cut", "crash", "reply", "hang-up" or "undo"),
        the position ``n``, and what the act requires. Raises ValueError if it is not possible.
        """
        if self._act is None:
            raise ValueError(
                "this widget cannot change its run, as it plays a trace: "
                "lab.simulate(topology).watch() and lab.step(topology).watch() can"
            )
        altered = Altered(*self._act(change))
        self.trace = beginning(altered.trace)
        with self.hold_sync():
            self.altered, self.comparison = altered.words, altered.comparison
            self.position = min(int(float(change.get("n") or self.position)), len(self.trace))
            self.breaks = []
            self.data = packed(altered.trace)

    def _asked(self, _: object, content: Any, __: object) -> None:
        """Do what was clicked; what is not possible is told in the widget."""
        if not isinstance(content, Mapping) or content.get("kind") != "act":
            return
        try:
            self.alter(content)
        except (ValueError, TypeError, KeyError) as why:
            self.send({"kind": "refused", "words": str(why)})

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        title = str(self.trace.meta.get("title") or "a run")
        still = {
            "text/plain": f"{title}: {len(self.trace):,} events, at event {self.position:,}",
        }
        if is_installed("matplotlib"):
            still["image/png"] = base64.b64encode(self._still()).decode()
        return {**data, **still}, metadata

    def _ipython_display_(self, **options: Any) -> None:
        """Show the still picture and the widget, which hides the picture once it runs.

        They are two outputs, not two formats of one: an exported page would choose the widget's
        format, and without a kernel and a network it could show nothing.
        """
        from IPython.display import display

        bundle = self._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        data = dict(data)
        text, picture = data["text/plain"], data.pop("image/png", "")
        words = visible(f"{text}. {alternative(self.trace, 'timeline')}")
        image = f'<img src="data:image/png;base64,{picture}" alt="{escape(words, quote=True)}">'
        image = image if picture else plain.as_html(self.trace, "timeline")
        still = f'<div class="{STILL}">{image}</div>'
        display({"text/html": still, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]

    def _still(self) -> bytes:
        from lab.views.pictures.plot_style import off_screen
        from lab.views.pictures.timeline import timeline

        file = io.BytesIO()
        with off_screen():
            figure = timeline(self.trace).get_figure(root=True)
        assert figure is not None, "what is drawn is on a figure"
        figure.savefig(file, dpi=80, format="png")
        return file.getvalue()


def watch(trace: Trace, *, position: int = 0, breaks: Iterable[Condition] = ()) -> Watch:
    """Return a widget that plays a trace; see :class:`Watch`."""
    return Watch(trace, position=position, breaks=breaks)
