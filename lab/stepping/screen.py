"""The full screen of ``lab step``: map, dialogue, buffers and events side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, VerticalScroll
from textual.geometry import Size
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Static

from lab.runtime.escaping import visible, visible_lines
from lab.stepping import panels
from lab.stepping.char_map import chart
from lab.stepping.commands import (
    HELP,
    CommandLine,
    Misunderstood,
    NoCondition,
    NoIntervention,
    Quit,
)
from lab.stepping.stepper import Stepper
from lab.views.visual_language import TERMINAL

PACE: Final = 0.2
"""Seconds from one event to the next while it plays."""

_PANELS: Final = ("where", "dialogue", "sides", "links", "spools", "events", "digest", "help")
_COLOURS: Final = {
    "S:": TERMINAL["command"], "R:": TERMINAL["reply"], "--": TERMINAL["refusal"],
}  # fmt: skip
_SLOW: Final = ("cut", "crash", "hang", "reply", "command", "undo")


_SMALL: Final = Size(100, 32)
"""A terminal with fewer columns or lines is small."""


def _usage(begun: str) -> str:
    """Return how the command is written that a prompt begins with, and what it does."""
    word = begun.split(" ")[0]
    if not word:
        return "a command; help lists them"
    usage, meaning = next((each for each in HELP if each[0].split(" ")[0] == word), ("", ""))
    return f"{usage}: {meaning}"


class Chart(Static):
    """The map; it is drawn again when its size changes."""

    def on_resize(self, _: events.Resize) -> None:
        """Draw the map at its new size."""
        if isinstance(self.app, StepApp):
            self.app.show()


class Keys(Static):
    """The keys at the bottom, on as many lines as required; each can be clicked."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        super().__init__(id="keys")
        self.keys = [binding for binding in bindings if binding.show]

    def on_resize(self, size: events.Resize) -> None:
        """Break the keys into lines that fit the width."""
        text = Text()
        width = size.size.width
        used = width
        for binding in self.keys:
            key, words = binding.key_display or binding.key.split(",")[0], f" {binding.description}"
            length = 2 + len(key + words)
            if used + length > width:
                text.append("\n " if text else " ")
                used = 1
                length -= 2
            else:
                text.append("  ")
            style = Style(meta={"@click": f"app.{binding.action}"})
            text.append(key, style + Style(bold=True)).append(words, style)
            used += length
        self.update(text)
        self.styles.height = text.plain.count("\n") + 1


class TextScreen(ModalScreen[None]):
    """Lines to read until a key is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "dismiss", "close")]
    CSS = """
    TextScreen { align: center middle; }
    TextScreen VerticalScroll { width: 90%; height: 90%; border: round $accent; padding: 0 1; }
    """

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Put the lines in a box that scrolls."""
        with VerticalScroll():
            yield Static(Text(visible_lines("\n".join(self._lines))))
        yield Footer()


class StepApp(App[None]):
    """A stepper that fills the terminal."""

    CSS = """
    #heading { height: 1; background: $primary; color: $text; padding: 0 1; text-style: bold; }
    #sentence { height: auto; min-height: 2; max-height: 5; padding: 0 1; }
    Grid { grid-size: 2 2; grid-rows: 3fr 2fr; grid-columns: 1fr 1fr; }
    Screen.small Grid { grid-size: 2 3; grid-rows: 5 1fr 1fr; grid-columns: 2fr 3fr; }
    Screen.small #sides { row-span: 3; }
    #map, #events { height: 1fr; }
    #events { text-wrap: nowrap; text-overflow: ellipsis; }
    .panel { border: round $surface-lighten-2; border-title-color: $accent; padding: 0 1; }
    #prompt { height: 3; display: none; border: round $accent; border-title-color: $accent; }
    #prompt.open { display: block; }
    #keys { height: auto; background: $panel; link-style: none; }
    """
    TITLE = "lab step"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,n", "step(1)", "step", key_display="→"),
        Binding("left,p", "step(-1)", "back", key_display="←"),
        Binding("space", "play", "play"),
        Binding("u,slash", "prompt('until ')", "until"),
        Binding("b", "prompt('break ')", "break"),
        Binding("g", "do('go')", "go"),
        Binding("m", "along('message')", "mail"),
        Binding("f", "prompt('follow ')", "follow"),
        Binding("h", "along('host')", "host"),
        Binding("o", "along('session')", "session"),
        Binding("x", "prompt('cut ')", "cut"),
        Binding("c", "prompt('crash ')", "crash"),
        Binding("r", "prompt('reply ')", "reply"),
        Binding("k", "prompt('command ')", "SMTP command"),
        Binding("z", "do('undo')", "undo"),
        Binding("s", "prompt('save altered.toml')", "save"),
        Binding("colon", "prompt('')", "command", key_display=":"),
        Binding("question_mark", "do('help')", "help", key_display="?"),
        Binding("q", "quit", "quit"),
        Binding("pagedown", "step(10)", "", show=False),
        Binding("pageup", "step(-10)", "", show=False),
        Binding("home", "do('event 0')", "", show=False),
        Binding("end", "do('event 999999999')", "", show=False),
        Binding("escape", "close", "", show=False),
    ]

    def __init__(self, stepper: Stepper) -> None:
        super().__init__()
        self.stepper = stepper
        self.commands = CommandLine(stepper)
        self.playing = False
        self.is_simulating = False

    def compose(self) -> ComposeResult:
        """Put heading, sentence, four panels, the command prompt and the keys on the screen."""
        yield Static(id="heading")
        yield Static(id="sentence")
        with Grid():
            yield Chart(id="map", classes="panel")
            with VerticalScroll(id="sides", classes="panel", can_focus=False):
                yield Static(id="buffers")
            with VerticalScroll(id="dialogue", classes="panel", can_focus=False):
                yield Static(id="dialogue-lines")
            yield Static(id="events", classes="panel")
        hint = "a command, such as: until reply 550"
        yield Input(id="prompt", placeholder=hint, select_on_focus=False)
        yield Keys(binding for binding in self.BINDINGS if isinstance(binding, Binding))

    def on_resize(self, event: events.Resize) -> None:
        """In a small terminal, give the buffers the whole height: they have to be read whole."""
        is_small = event.size.width < _SMALL.width or event.size.height < _SMALL.height
        self.screen_stack[0].set_class(is_small, "small")

    def on_mount(self) -> None:
        """Put titles on the panels, and show the first moment."""
        titles = {"map": "map", "dialogue": "dialogue", "sides": "buffers", "events": "events"}
        for name, title in titles.items():
            self.query_one(f"#{name}").border_title = title
        self.set_interval(PACE, self._pace)
        self.show()

    # -- what is shown ----------------------------------------------------------------------------

    def show(self) -> None:
        """Show the moment in all panels."""
        moment = self.stepper.moment
        meta = self.stepper.run.trace.meta
        followed = self.commands.followed
        following = f" · message {followed}" if followed is not None else ""
        altered = f" · altered {len(self.stepper.interventions)}" * self.stepper.is_altered
        playing = " · playing" if self.playing else ""
        title = meta.get("title") or "a run"
        state = f"{following}{altered}{playing} · {moment.digest[:19]}"
        head = visible(f"{title} · {panels.heading(moment)}{state}")
        self.query_one("#heading", Static).update(Text(head, no_wrap=True, overflow="ellipsis"))
        self.query_one("#sentence", Static).update(Text(visible(moment.sentence)))
        board = self.query_one("#map", Chart)
        if board.content_size.width > 4 and board.content_size.height > 2:
            board.update(chart(moment, board.content_size.width, board.content_size.height))
        self.query_one("#dialogue-lines", Static).update(_coloured(panels.dialogue(moment)))
        self.query_one("#dialogue", VerticalScroll).scroll_end(animate=False)
        self.query_one("#buffers", Static).update(Text(visible_lines("\n".join(self._buffers()))))
        panel = self.query_one("#events", Static)
        height = max(3, panel.content_size.height)
        before = height - min(4, height // 3)
        lines = panels.events(moment, before, height - before)
        panel.update(_marked(lines))

    def _buffers(self) -> list[str]:
        moment = self.stepper.moment
        spools = panels.spools(moment)
        lines = [*panels.sides(moment), "", "links:", *panels.links(moment)]
        lines += ["", "spools:", *spools[:20]]
        return [*lines, "", "faults:", *panels.faults(moment)] if moment.faults else lines

    # -- keys -------------------------------------------------------------------------------------

    def action_step(self, events: int) -> None:
        """Go forward by a number of events, or back if it is negative."""
        self.playing = False
        if self._is_free():
            self.stepper.step(events)
            self.show()

    def _is_free(self) -> bool:
        """Return whether the stepper may be used; not while the run is being made again."""
        if self.is_simulating:
            self.notify("the run is still being made again", severity="warning", timeout=2)
        return not self.is_simulating

    def action_play(self) -> None:
        """Play, or pause."""
        self.playing = not self.playing
        self.show()

    def _pace(self) -> None:
        if not self.playing or self.is_simulating:
            return
        self.stepper.step()
        at_end = self.stepper.n >= self.stepper.index.count
        self.playing = not at_end
        self.show()

    def action_along(self, attribute: str) -> None:
        """Go forward to the next event of the same mail, host or session."""
        if not self._is_free():
            return
        event = self.stepper.event
        value = getattr(event, attribute) if event else None
        if attribute == "message" and self.commands.followed is not None:
            value = self.commands.followed
        if attribute == "session":
            value = self.stepper.moment.session
        if value is None or value == "":
            self.notify(f"this event has no {attribute}", severity="warning")
            return
        self.stepper.until(lambda event: getattr(event, attribute) == value)
        self.show()

    def action_prompt(self, begun: str) -> None:
        """Open the command prompt, with the beginning of a command."""
        self.playing = False
        line = self.query_one("#prompt", Input)
        line.add_class("open")
        line.value = begun
        line.border_title = escape(_usage(begun))
        line.focus()
        line.cursor_position = len(begun)

    def action_close(self) -> None:
        """Close the command prompt."""
        line = self.query_one("#prompt", Input)
        line.remove_class("open")
        self.set_focus(None)

    def action_do(self, command: str) -> None:
        """Carry out a command."""
        self.playing = False
        if not self._is_free():
            return
        if command.split(" ")[0] in _SLOW:
            self.is_simulating = True
            self.notify("the run is made again from its seed", timeout=2)
            self.carry_out(command)
        else:
            self._answer(command, *self._done(command))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Carry out the command that was typed."""
        self.action_close()
        self.action_do(message.value.strip())

    @work(thread=True, exclusive=True)
    def carry_out(self, command: str) -> None:
        """Carry out a command that makes the run again, in a thread of its own."""
        lines, wrong = self._done(command)
        self.is_simulating = False
        self.call_from_thread(self._answer, command, lines, wrong)

    def _done(self, command: str) -> tuple[list[str], str]:
        try:
            return self.commands.do(command), ""
        except (Misunderstood, NoCondition, NoIntervention) as why:
            return [], str(why)
        except Quit:
            self.exit()
            return [], ""

    def _answer(self, command: str, lines: list[str], wrong: str) -> None:
        word = command.split(" ")[0]
        if wrong:
            self.notify(visible(wrong), severity="error", timeout=8, markup=False)
        elif word in _PANELS:
            self.push_screen(TextScreen(lines))
        elif word in ("break", "save", "follow"):
            self.notify(visible_lines("\n".join(lines)), markup=False)
        if self.is_running:
            self.show()


def _coloured(lines: list[str]) -> Text:
    text = Text()
    for n, line in enumerate(lines):
        text.append(("\n" if n else "") + visible(line), _COLOURS.get(line[:2]))
    return text


def _marked(lines: list[str]) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for n, line in enumerate(lines):
        style = "reverse" if line.startswith(">") else None
        text.append("\n" if n else "")
        text.append(visible(line), style)
    return text
