"""Mail programs for the tests: the shipped example, right or with a fault, in this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from helpers.places import ROOT

EXAMPLES: Final = ROOT / "lab" / "judging" / "examples"
PYTHON: Final = EXAMPLES / "mailer.py"
NODE: Final = EXAMPLES / "mailer.mjs"
PERL: Final = Path(__file__).with_name("mailer.pl")


def edited(source: Path, old: str, new: str) -> str:
    """A program with an edit of a text that occurs in it once."""
    text = source.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {source.name}"
    return text.replace(old, new)


@contextmanager
def listening(source: str, mail: Path) -> Iterator[tuple[str, int]]:
    """Run the receiver of a Python mailer in threads of this process; yield its address."""
    module = ModuleType("mailer_of_a_test")
    exec(compile(source, "mailer_of_a_test", "exec"), module.__dict__)
    names: dict[str, Any] = module.__dict__
    names["MAIL"] = str(mail)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        threads: list[threading.Thread] = []
        accepting = threading.Thread(target=_accept, args=(server, names, threads))
        accepting.start()
        try:
            yield server.getsockname()
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


def _accept(server: socket.socket, names: dict[str, Any], threads: list[threading.Thread]) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            thread = threading.Thread(target=_serve, args=(client, names))
            thread.start()
            threads.append(thread)


def _serve(client: socket.socket, names: dict[str, Any]) -> None:
    say: Callable[[bytes], object] = client.sendall
    with client, suppress(OSError, names["Gone"], UnicodeError):
        names["Session"](names["Lines"](lambda: client.recv(65536)), say).run()
