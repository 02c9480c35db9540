"""A mail program that replies to mail data which it does not read, over real TCP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from helpers.live_hosts import live
from helpers.small_topologies import host

from lab.topology.model import from_dict


@contextmanager
def early_server() -> Iterator[int]:
    """A mail program that says 250 to mail data which it has not read; yields its port."""

    def converse(connection: socket.socket) -> None:
        with connection, connection.makefile("rb", buffering=0) as lines:
            talk(connection, lines)

    def talk(connection: socket.socket, lines: socket.SocketIO) -> None:
        connection.sendall(b"220 TWO.ARPA ready\r\n")
        while line := lines.readline():
            if line.startswith(b"DATA"):
                connection.sendall(b"354 go\r\n")
                time.sleep(0.3)
                connection.sendall(b"250 OK\r\n")
                over.wait(60)  # and neither reads nor hangs up
                return
            connection.sendall(b"250 TWO.ARPA\r\n")

    def accept() -> None:
        try:
            while True:
                connection, _ = server.accept()
                threading.Thread(target=converse, args=(connection,), daemon=True).start()
        except OSError:
            return  # the test is over

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        over.set()


@pytest.mark.rule("4.2-1")
def test_a_mail_program_that_replies_before_it_has_read_does_not_get_the_mail() -> None:
    """Live: while bytes of the mail wait in this process, no reply can be to all of them."""
    with early_server() as port:
        tables = {
            "host": [host("ONE.ARPA", "joe"), host("TWO.ARPA", external=f"127.0.0.1:{port}")],
            "link": [{"between": ["ONE.ARPA", "TWO.ARPA"]}],
            "retry": {"first": "1 s", "give_up": "1 s"},
            "mail": [{"from": "joe@ONE.ARPA", "to": "bob@TWO.ARPA", "size": "12 MB"}],
        }
        done = live(from_dict(tables), speed=1.0)
    assert done.summary["delivered"] == 0
    assert done.summary["returned"] == 1
    (why,) = [str(event["reason"]) for event in done.trace if event.kind == "notify"]
    assert "451 the receiver-SMTP replied before it was asked: 250 OK" in why
