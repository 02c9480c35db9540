"""Calls of functions that are in another process: the arguments go, the result comes, as data."""

from __future__ import annotations

import builtins
import linecache
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from lab.lessons.sandbox.as_data import Sending, signature, value
from lab.lessons.sandbox.channel import Channel, ChannelClosed
from lab.lessons.sandbox.ports import Listening, Offered, open_ports

SECONDS: Final = 60.0
"""How long one waits for the result of a call."""


class Calls:
    """The functions that this side has, and stand-ins for those of the other side.

    ``offers_ports``: functions of the other side may connect to the ports that they are called
    with. ``listens``: on this side there are functions that may be called with such ports.
    """

    def __init__(
        self, channel: Channel, *, offers_ports: bool = False, listens: bool = False
    ) -> None:
        self.channel: Channel | Listening = channel
        self._real_channel = channel
        self._offers_ports, self._listens = offers_ports, listens
        self._offered: Offered | None = None
        self._functions: list[Any] = []
        self._sending = Sending(self._keep)
        self._calls = 0

    @property
    def has_functions(self) -> bool:
        """Whether a function of this side has been sent."""
        return bool(self._functions)

    def data(self, value: Any) -> Any:
        """Return a value as plain data; its functions are kept, to be called from afar."""
        return self._sending.data(value)

    def value(self, data: Any) -> Any:
        """Return the value that data is, with stand-ins for functions."""
        return value(data, self._stand_in)

    def _keep(self, function: Any) -> int:
        self._functions.append(function)
        return len(self._functions) - 1

    def _stand_in(self, number: int, name: str, parameters: list[str] | None) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            return self._call(number, arguments, named)

        call.__name__ = call.__qualname__ = name
        if parameters is not None:
            call.__signature__ = signature(parameters)  # type: ignore[attr-defined]
        return call

    def _call(self, number: int, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        sent = [self.data(argument) for argument in arguments]
        self._calls += 1
        own = self._calls
        named_data = self.data(named)
        ports = open_ports([sent, named_data]) if self._offers_ports else []
        content = {"number": number, "given": sent, "named": named_data, "ports": ports}
        self.channel.send("call", call=own, **content)
        with self._offering(own, ports):
            return self._result(own, arguments)

    @contextmanager
    def _offering(self, call: int, ports: list[int]) -> Iterator[None]:
        """Let the other side connect to some ports, until its function has returned."""
        if not ports or self._offered is not None:
            yield
            return
        self._offered = Offered(self._real_channel, call, ports)
        try:
            yield
        finally:
            self._offered.finish()
            self._offered = None

    def _result(self, own: int, arguments: tuple[Any, ...]) -> Any:
        """Wait for the result of a call, and return it; meanwhile answer calls."""
        while True:
            message = (self._offered or self.channel).receive(SECONDS)
            if message is None:
                raise ChannelClosed("no result came")
            if message["kind"] == "call":  # a function that was an argument
                self.answer(message)
            elif message.get("call") not in (own, None):  # of a call that was given up
                continue
            elif message["kind"] == "returned":
                self._change(arguments, message.get("changed"))
                return self.value(message.get("result"))
            elif message["kind"] == "raised":
                raise _error(str(message.get("name")), str(message.get("text")))
            else:
                raise ChannelClosed("what came is not a result")

    def _change(self, arguments: tuple[Any, ...], changed: Any) -> None:
        """Change the lists that the function has changed where it is."""
        if isinstance(changed, dict):
            for index, argument in enumerate(arguments):
                new = self.value(changed[str(index)]) if str(index) in changed else None
                if type(argument) is list and type(new) is list:
                    argument[:] = new

    def answer(self, message: dict[str, Any]) -> None:
        """Call the function that the other side asks for, and send what comes of it."""
        try:
            function = self._functions[int(message["number"])]
            arguments = [self.value(each) for each in message["given"]]
            before = [self.data(each) if type(each) is list else None for each in arguments]
            named = dict(self.value(message.get("named") or {}))
            with self._listening(message):
                result = function(*arguments, **named)
                if hasattr(type(result), "__next__"):
                    result = list(result)
            content = self.data(result)
            after = [self.data(each) if type(each) is list else None for each in arguments]
            pairs = zip(before, after, strict=True)
            changed = {n: new for n, (old, new) in enumerate(pairs) if old != new}
        except ChannelClosed:
            raise
        except (Exception, SystemExit) as error:
            text = f"{error}{_line(error)}"[:500]
            self.channel.send(
                "raised", call=message.get("call"), name=type(error).__name__, text=text
            )
        else:
            self.channel.send("returned", call=message.get("call"), result=content, changed=changed)

    @contextmanager
    def _listening(self, message: dict[str, Any]) -> Iterator[None]:
        """Listen on the ports of a call while its function runs."""
        ports = message.get("ports")
        if not (self._listens and ports and self.channel is self._real_channel):
            yield
            return
        with Listening(self._real_channel, message.get("call"), list(ports)) as self.channel:
            try:
                yield
            finally:
                self.channel = self._real_channel


def _line(error: BaseException) -> str:
    """Return the last line of a cell that an error passed, in parentheses, or ""."""
    place, traceback = "", error.__traceback__
    while traceback is not None:
        file, number = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        if file.startswith("<") or "ipykernel" in file or "ipython-input" in file:
            place = f" (line {number}: {linecache.getline(file, number).strip()})"
        traceback = traceback.tb_next
    return place


def _error(name: str, text: str) -> Exception:
    """Return an error like that of the other side: of the same name, with the same text."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and not name.startswith("Unicode"):
        return kind(text)
    made: Callable[[str], Exception] = type(name[:60], (Exception,), {})
    return made(text)
