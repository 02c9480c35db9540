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
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Static

from lab.stepping import panels
from lab.stepping.char_map import chart
from lab.stepping.commands import CommandLine, Misunderstood, NoCondition, NoIntervention, Quit
from lab.stepping.stepper import Stepper

PACE: Final = 0.2
"""Seconds from one event to the next while it plays."""

_SHOWN: Final = ("where", "dialogue", "sides", "links", "spools", "events", "digest", "help")
_COLOURS: Final = {"S:": "green", "R:": "cyan", "--": "red"}
_SLOW: Final = ("cut", "crash", "hang", "reply", "command", "undo")


class Chart(Static):
    """The map, drawn anew where its size changes."""

    def on_resize(self, _: events.Resize) -> None:
        """Draw the map in the room that it has."""
        if isinstance(self.app, StepApp):
            self.app.show()


class Keys(Static):
    """The keys at the foot, on as many lines as they take; each may be clicked."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        super().__init__(id="keys")
        self.keys = [one for one in bindings if one.show]

    def on_resize(self, size: events.Resize) -> None:
        """Part the keys into lines of the width that there is."""
        text = Text()
        used = size.size.width
        for one in self.keys:
            key, what = one.key_display or one.key.split(",")[0], f" {one.description}"
            long = 2 + len(key + what)
            if used + long > size.size.width:
                text.append("\n " if text else " ")
                used = 1
                long -= 2
            else:
                text.append("  ")
            style = Style(meta={"@click": f"app.{one.action}"})
            text.append(key, style + Style(bold=True)).append(what, style)
            used += long
        self.update(text)
        self.styles.height = text.plain.count("\n") + 1


class Shown(ModalScreen[None]):
    """Lines to read, until a key is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "dismiss", "close")]
    CSS = """
    Shown { align: center middle; }
    Shown VerticalScroll { width: 90%; height: 90%; border: round $accent; padding: 0 1; }
    """

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The lines in a box that scrolls."""
        with VerticalScroll():
            yield Static(Text("\n".join(self._lines)))
        yield Footer()


class StepApp(App[None]):
    """A stepper on the whole of a terminal."""

    CSS = """
    #heading { height: 1; background: $primary; color: $text; padding: 0 1; text-style: bold; }
    #sentence { height: 2; padding: 0 1; }
    Grid { grid-size: 2 2; grid-rows: 3fr 2fr; grid-columns: 1fr 1fr; }
    #map, #events { height: 1fr; }
    #events { text-wrap: nowrap; text-overflow: ellipsis; }
    .panel { border: round $surface-lighten-2; border-title-color: $accent; padding: 0 1; }
    #order { height: 3; display: none; }
    #order.open { display: block; }
    #keys { height: auto; background: $panel; link-style: none; }
    """
    TITLE = "lab step"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,n", "step(1)", "step", key_display="→"),
        Binding("left,p", "step(-1)", "back", key_display="←"),
        Binding("space", "play", "play"),
        Binding("u,slash", "order('until ')", "until"),
        Binding("b", "order('break ')", "break"),
        Binding("g", "do('go')", "go"),
        Binding("m", "along('message')", "mail"),
        Binding("h", "along('host')", "host"),
        Binding("o", "along('session')", "session"),
        Binding("x", "order('cut ')", "cut"),
        Binding("c", "order('crash ')", "crash"),
        Binding("r", "order('reply ')", "reply"),
        Binding("k", "order('command ')", "command"),
        Binding("z", "do('undo')", "undo"),
        Binding("s", "order('save altered.toml')", "save"),
        Binding("colon", "order('')", "order", key_display=":"),
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
        self.orders = CommandLine(stepper)
        self.playing = False
        self.making = False

    def compose(self) -> ComposeResult:
        """Heading, sentence, four panels, the line for orders, and the keys."""
        yield Static(id="heading")
        yield Static(id="sentence")
        with Grid():
            yield Chart(id="map", classes="panel")
            with VerticalScroll(id="dialogue", classes="panel", can_focus=False):
                yield Static(id="said")
            with VerticalScroll(id="sides", classes="panel", can_focus=False):
                yield Static(id="buffers")
            yield Static(id="events", classes="panel")
        hint = "an order, such as: until reply 550"
        yield Input(id="order", placeholder=hint, select_on_focus=False)
        yield Keys(one for one in self.BINDINGS if isinstance(one, Binding))

    def on_mount(self) -> None:
        """Put titles on the panels, and show where we are."""
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
        altered = f" · altered {len(self.stepper.interventions)}" * self.stepper.is_altered
        playing = " · playing" if self.playing else ""
        title = meta.get("title") or "a run"
        head = f"{title} · {panels.heading(moment)}{altered}{playing} · {moment.digest[:19]}"
        self.query_one("#heading", Static).update(Text(head, no_wrap=True, overflow="ellipsis"))
        self.query_one("#sentence", Static).update(Text(moment.sentence))
        board = self.query_one("#map", Chart)
        if board.content_size.width > 4 and board.content_size.height > 2:
            board.update(chart(moment, board.content_size.width, board.content_size.height))
        self.query_one("#said", Static).update(_coloured(panels.dialogue(moment)))
        self.query_one("#dialogue", VerticalScroll).scroll_end(animate=False)
        self.query_one("#buffers", Static).update(Text("\n".join(self._buffers())))
        listed = self.query_one("#events", Static)
        height = max(3, listed.content_size.height)
        before = height - min(4, height // 3)
        lines = panels.events(moment, before, height - before)
        listed.update(_marked(lines))

    def _buffers(self) -> list[str]:
        moment = self.stepper.moment
        spools = panels.spools(moment)
        lines = [*panels.sides(moment), "", "links:", *panels.links(moment)]
        lines += ["", "spools:", *spools[:20]]
        return [*lines, "", "faults:", *panels.faults(moment)] if moment.faults else lines

    # -- keys -------------------------------------------------------------------------------------

    def action_step(self, events: int) -> None:
        """Go so many events on, or back."""
        self.playing = False
        if self._is_free():
            self.stepper.step(events)
            self.show()

    def _is_free(self) -> bool:
        """Whether no run is being made: until it is, there is nothing to go through."""
        if self.making:
            self.notify("the run is still being made again", severity="warning", timeout=2)
        return not self.making

    def action_play(self) -> None:
        """Play, or pause."""
        self.playing = not self.playing
        self.show()

    def _pace(self) -> None:
        if not self.playing or self.making:
            return
        self.stepper.step()
        at_end = self.stepper.n >= self.stepper.records.count
        self.playing = not at_end
        self.show()

    def action_along(self, what: str) -> None:
        """Go on to the next event of the same mail, host or session."""
        if not self._is_free():
            return
        event = self.stepper.event
        value = getattr(event, what) if event else None
        if what == "session":
            value = self.stepper.moment.session
        if value is None or value == "":
            self.notify(f"this event is of no {what}", severity="warning")
            return
        self.stepper.until(lambda one: getattr(one, what) == value)
        self.show()

    def action_order(self, begun: str) -> None:
        """Open the line for orders, with a word to begin with."""
        self.playing = False
        line = self.query_one("#order", Input)
        line.add_class("open")
        line.value = begun
        line.focus()
        line.cursor_position = len(begun)

    def action_close(self) -> None:
        """Close the line for orders."""
        line = self.query_one("#order", Input)
        line.remove_class("open")
        self.set_focus(None)

    def action_do(self, order: str) -> None:
        """Carry out an order."""
        self.playing = False
        if not self._is_free():
            return
        if order.split(" ")[0] in _SLOW:
            self.making = True
            self.notify("the run is made again from its seed", timeout=2)
            self.carry_out(order)
        else:
            self._answer(order, *self._done(order))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """An order was typed."""
        self.action_close()
        self.action_do(message.value.strip())

    @work(thread=True, exclusive=True)
    def carry_out(self, order: str) -> None:
        """Carry out an order that makes the run again, while the screen goes on."""
        lines, wrong = self._done(order)
        self.making = False
        self.call_from_thread(self._answer, order, lines, wrong)

    def _done(self, order: str) -> tuple[list[str], str]:
        try:
            return self.orders.do(order), ""
        except (Misunderstood, NoCondition, NoIntervention) as why:
            return [], str(why)
        except Quit:
            self.exit()
            return [], ""

    def _answer(self, order: str, lines: list[str], wrong: str) -> None:
        word = order.split(" ")[0]
        if wrong:
            self.notify(wrong, severity="error", timeout=8)
        elif word in _SHOWN:
            self.push_screen(Shown(lines))
        elif word in ("break", "save"):
            self.notify("\n".join(lines))
        if self.is_running:
            self.show()


def _coloured(lines: list[str]) -> Text:
    text = Text()
    for n, line in enumerate(lines):
        text.append(("\n" if n else "") + line, _COLOURS.get(line[:2]))
    return text


def _marked(lines: list[str]) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for n, line in enumerate(lines):
        style = "reverse" if line.startswith(">") else None
        text.append("\n" if n else "")
        text.append(line, style)
    return text
