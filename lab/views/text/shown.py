"""What rich prints, with the control characters of others shown as escapes."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

from lab.runtime.escaping import visible_lines


class Shown:
    """Something that rich prints, each text of which is made visible last of all."""

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._renderable, options):
            text, style, control = segment
            yield segment if control else Segment(visible_lines(text), style)
