"""Programs of students reach a port of the judge's box, which is in another network than theirs."""

from __future__ import annotations

import copy
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers.places import ROOT

from lab.lessons import course, grading
from lab.lessons.sandbox import box, ports
from lab.lessons.sandbox.calls import Calls
from lab.lessons.sandbox.channel import Channel, ChannelClosed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="boxes are made on Linux and macOS")


def server(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server for some connections, each handled in a thread; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                end = listener.accept()[0]
            except OSError:
                return
            with end:
                handle(end)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def echo(end: socket.socket) -> None:
    """Send back what comes, to its end."""
    while octets := end.recv(1000):
        end.sendall(octets)


@contextmanager
def sides(
    monkeypatch: pytest.MonkeyPatch, real: int, program: Callable[..., Any]
) -> Iterator[Callable[..., Any]]:
    """A function of the student's, called by the judge; its port is another one on this machine.

    Both sides are here, so that the student's cannot listen on the judge's own port.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        other = free.getsockname()[1]
    really = socket.create_connection
    monkeypatch.setattr(ports, "open_ports", lambda value: [other])
    monkeypatch.setattr("lab.lessons.sandbox.calls.open_ports", lambda value: [other])
    monkeypatch.setattr(
        ports.socket, "create_connection",
        lambda address, *rest: really((address[0], real), *rest)
        if threading.current_thread() is threading.main_thread() else really(address, *rest),
    )  # fmt: skip
    ours, theirs = map(Channel, socket.socketpair())
    judge, student = Calls(ours, offers_ports=True), Calls(theirs, listens=True)
    data = student.data(program)

    def answer() -> None:
        try:
            while (message := theirs.receive()) is not None:
                if message["kind"] == "call":
                    student.answer(message)
        except ChannelClosed:
            pass

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield lambda: judge.value(data)(other)
    finally:
        ours.end.shutdown(socket.SHUT_RDWR)
        thread.join(20)
        ours.close()
        theirs.close()


def test_much_is_carried_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three connections at once, a megabyte on each, and its end."""
    sent = bytes(range(256)) * 4000

    def program(port: int) -> list[bool]:
        ends = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        heard = []
        for end in ends:
            writer = threading.Thread(target=lambda end=end: (end.sendall(sent), end.shutdown(1)))
            writer.start()
            octets = b""
            while more := end.recv(1 << 16):
                octets += more
            writer.join()
            end.close()
            heard.append(octets == sent)
        return heard

    for real in server(echo):
        with sides(monkeypatch, real, program) as call:
            assert call() == [True] * 3


def test_what_a_program_has_said_arrives_before_its_call_returns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even if it waits for nothing and closes nothing."""
    heard: list[bytes] = []
    kept: list[socket.socket] = []

    def keep(end: socket.socket) -> None:
        while octets := end.recv(1000):
            heard.append(octets)

    def program(port: int) -> int:
        kept.append(socket.create_connection(("127.0.0.1", port)))
        kept[0].sendall(b"QUIT\r\n")
        return 7

    for real in server(keep):
        with sides(monkeypatch, real, program) as call:
            assert call() == 7
            assert b"".join(heard) == b"QUIT\r\n"
    kept[0].close()


def test_only_ports_of_the_call_can_be_reached() -> None:
    """A student's process that asks for another one, or for too many, gets the end at once."""
    ours, theirs = map(Channel, socket.socketpair())
    offered = ports.Offered(ours, 1, [])
    for message in (
        {"connection": 1, "port": 22}, {"connection": 2, "octets": "QQ=="},
        {"connection": "x", "port": 25}, {"port": 25}, {"connection": 3, "octets": 5},
    ):  # fmt: skip
        theirs.send("tcp", call=1, **message)
    theirs.send("tcp", call=2, connection=4, port=22)
    theirs.send("returned", call=1, result=None)
    assert (offered.receive(10) or {})["kind"] == "returned"
    told = []
    while theirs.is_ready():
        told.append(theirs.receive(5))
    assert [(each or {}).get("connection") for each in told] == [1]
    offered.finish()
    ours.close()
    theirs.close()


def test_ports_are_found_in_what_a_function_is_called_with() -> None:
    """Numbers on which something listens; no others."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        data = [5, {"is": "dict", "of": ["GATE", port]}, True, "25"]
        assert ports.open_ports(data) == ([port] if Path("/proc/net/tcp").exists() else [])
    assert ports.open_ports([1, "x"]) == []


TALK = """
import socket
def my_program(port):
    with socket.create_connection(("127.0.0.1", port)) as channel:
        file = channel.makefile("rb")
        file.readline()
        text = "Subject: x\\r\\n\\r\\nOne\\r\\n..\\r\\nthree\\r\\n."
        for line in ["HELO x", "MAIL FROM:<>", "RCPT TO:<bob@FAR.ARPA>", "DATA", text, "QUIT"]:
            channel.sendall(f"{line}\\r\\n".encode())
            file.readline()
"""
ATTACKS = {
    "floods": (
        "import socket\n"
        "def my_program(port):\n"
        "    ends = []\n"
        "    for _ in range(200):\n"
        "        ends.append(socket.create_connection(('127.0.0.1', port)))\n"
        "        ends[-1].sendall(b'.' * 1000)"
    ),
}


def test_an_honest_program_passes_in_its_box_and_others_do_not(tmp_path: Path) -> None:
    """Lesson 15, exercise 3: a mail program against the network that the judge serves."""
    if box.kind() == "limits":
        pytest.skip("no box can be made here: bubblewrap or namespaces are needed")
    lesson = course.read(ROOT / "notebooks/15-today.ipynb")
    paths = []
    for name, answer in {"honest": TALK, **ATTACKS}.items():
        notebook: dict[str, Any] = copy.deepcopy(lesson)
        for cell in notebook["cells"]:
            if cell["id"] == "exercise-3-answer":
                cell["source"] = [answer]
        paths.append(tmp_path / f"15-today-{name}.ipynb")
        paths[-1].write_text(json.dumps(notebook))
    grades = grading.grade_all(paths, timeout=600, cell_timeout=60)
    found = {
        path.stem: grade.states["Exercise 3"] for path, grade in zip(paths, grades, strict=True)
    }
    assert found.pop("15-today-honest") == "passed", grades[0].messages["Exercise 3"]
    assert set(found.values()) == {"failed"}
