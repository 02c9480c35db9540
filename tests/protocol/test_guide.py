"""The guide's server and client talk to each other, and to programs that others wrote."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from helpers.documents import HELP, blocks

GUIDE = HELP / "protocol.md"
TEXT = "Subject: Hello\n\n.A line that begins with a period\n..\n"
LINES = TEXT.encode().replace(b"\n", b"\r\n")


def program(defines: str) -> dict[str, Any]:
    """The names of the one block of the guide that defines a name."""
    (block,) = [each for each in blocks(GUIDE, "python") if defines in each.text]
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(block.text, str(block), "exec"), names)
    return names


@contextmanager
def served() -> Iterator[tuple[int, dict[str, list[bytes]]]]:
    """The guide's server: its port, and its mailboxes."""
    mailboxes: dict[str, list[bytes]] = {"Jones": [], "Smith": []}
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    server = threading.Thread(target=program("def serve(")["serve"], args=(listener, mailboxes))
    server.start()
    try:
        yield port, mailboxes
    finally:
        # closing alone does not wake a thread that waits in accept()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        server.join(10)
        assert not server.is_alive()


def sent(port: int, *mail: tuple[str, ...]) -> dict[str, tuple[int, str]]:
    """What the guide's client says of mail: of each the sender, then the recipients."""
    client = program("async def send(")
    letters = [client["mail"](sender, *to, text=TEXT) for sender, *to in mail]
    outbox = client["Outbox"](*letters)
    asyncio.run(client["send"]("127.0.0.1", port, "HOME.ARPA", outbox))
    outcomes: dict[str, tuple[int, str]] = outbox.outcomes
    return outcomes


def test_the_guide_s_client_sends_mail_to_its_server() -> None:
    with served() as (port, mailboxes):
        outcomes = sent(
            port,
            ("ann@HOME.ARPA", "Jones@ARCHIVE.ARPA", "Brown@ARCHIVE.ARPA", "Smith@ELSE.ARPA"),
            ("", "Smith@archive.arpa"),
        )
    assert outcomes == {
        "Jones@ARCHIVE.ARPA": (250, "OK"),
        "Brown@ARCHIVE.ARPA": (550, "No such user here"),
        "Smith@ELSE.ARPA": (550, "This host does not relay"),
        "Smith@archive.arpa": (250, "OK"),
    }
    (mail,) = mailboxes["Jones"]
    path, stamp, text = mail.split(b"\r\n", 2)
    assert path == b"Return-Path: <ann@HOME.ARPA>"
    assert stamp.startswith(b"Received: from HOME.ARPA by ARCHIVE.ARPA ; ")
    assert text == LINES
    assert mailboxes["Smith"][0].startswith(b"Return-Path: <>\r\n")


def test_smtplib_sends_mail_to_the_guide_s_server() -> None:
    to = ["Jones@ARCHIVE.ARPA", "x@ARCHIVE.ARPA"]
    with (
        served() as (port, mailboxes),
        smtplib.SMTP("127.0.0.1", port, local_hostname="HOME.ARPA") as theirs,
    ):
        refused = theirs.sendmail("ann@HOME.ARPA", to, TEXT)
        assert theirs.verify("Jones") == (502, b"Command not implemented")
    assert refused == {"x@ARCHIVE.ARPA": (550, b"No such user here")}
    assert mailboxes["Jones"][0].endswith(b"\r\n" + LINES)


class Kept:
    """A handler of aiosmtpd that keeps what it is given."""

    def __init__(self) -> None:
        self.mail: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        self.mail.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 Kept"

    async def handle_RCPT(
        self, server: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        if address.startswith("x@"):
            return "550 Not x"
        envelope.rcpt_tos.append(address)
        return "250 OK"


def test_the_guide_s_client_sends_mail_to_aiosmtpd() -> None:
    kept = Kept()
    controller = Controller(kept, hostname="127.0.0.1", port=0)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        controller.port = probe.getsockname()[1]
    controller.start()
    try:
        outcomes = sent(controller.port, ("ann@HOME.ARPA", "bob@THERE.ARPA", "x@THERE.ARPA"))
    finally:
        controller.stop()
    assert outcomes == {"bob@THERE.ARPA": (250, "Kept"), "x@THERE.ARPA": (550, "Not x")}
    assert kept.mail == [("ann@HOME.ARPA", ["bob@THERE.ARPA"], LINES)]


@pytest.mark.parametrize("said", [b"", b"220 HERE\r\n", b"220 HERE\r\n250 HERE\r\n", b"hello\r\n"])
def test_the_guide_s_client_ends_when_the_server_goes_or_speaks_no_smtp(said: bytes) -> None:
    """The mail in progress has a temporary error; of other mail nothing is said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                for line in said.splitlines(keepends=True):
                    connection.sendall(line)
                    connection.recv(1000)

        server = threading.Thread(target=answer)
        server.start()
        outcomes = sent(listener.getsockname()[1], ("ann@HOME.ARPA", "bob@THERE.ARPA"))
        server.join(10)
    assert [code for code, _ in outcomes.values()] == ([451] if said.count(b"\n") == 2 else [])
