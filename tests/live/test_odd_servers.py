"""Servers that misbehave in all ways at once: each is blamed for what it does, and nobody else."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest
from helpers.foreign_host import REPLIES
from helpers.live_hosts import live

import lab

Replies = dict[bytes, list[bytes]]
"""What a server sends after each command, in pieces; "cut", "reset" and "wait" are done."""

CUT: Final = b"(cut)"
RESET: Final = b"(reset)"
WAIT: Final = b"(wait)"
END: Final = b"."

BLAMED: Final[dict[str, Replies]] = {
    "greets as if it had been asked": {b"": [b"250 hello\r\n"]},
    "greets with 354": {b"": [b"354 go on\r\n"]},
    "greets twice": {b"": [b"220 theirs\r\n220 theirs\r\n"]},
    "speaks another protocol": {b"": [b"SSH-2.0-OpenSSH_9.2\r\n"]},
    "is silent, then garbage": {b"": [b"\0\xff\xfe\r\n"]},
    "ends lines with LF": {b"": [b"220 theirs\n"], b"HELO": [b"250 theirs\n"]},
    "has a code of two digits": {b"HELO": [b"25 theirs\r\n"]},
    "has a code that nobody has": {b"HELO": [b"999 theirs\r\n"]},
    "has 8-bit text for a code": {b"MAIL": [b"\xb2\xb5\xb0 OK\r\n"]},
    "says 354 to MAIL": {b"MAIL": [b"354 go on\r\n"]},
    "says 220 to MAIL": {b"MAIL": [b"220 OK\r\n"]},
    "says 551 to MAIL": {b"MAIL": [b"551 elsewhere\r\n"]},
    "says 354 to RCPT": {b"RCPT": [b"354 go on\r\n"]},
    "says 250 to DATA": {b"DATA": [b"250 OK\r\n"]},
    "says 221 to DATA": {b"DATA": [b"221 bye\r\n"]},
    "mixes codes in one reply": {b"HELO": [b"250-theirs\r\n220 theirs\r\n"]},
    "says 354 to the mail data": {END: [b"354 more\r\n"]},
    "says 250 twice": {END: [b"250 OK\r\n250 OK\r\n"]},
    "says 250 and then refuses": {END: [b"250 OK\r\n", b"554 no\r\n"]},
    "says 550 to the mail data": {END: [b"550 spam\r\n"]},
    "says 354 and 250 at once": {b"DATA": [b"354 go on\r\n250 OK\r\n"], END: [b"250 OK\r\n"]},
    "answers the next command too": {b"MAIL": [b"250 OK\r\n250 OK\r\n"], b"RCPT": []},
    "says 250 to QUIT": {b"QUIT": [b"250 bye\r\n"]},
    "stops within a reply of garbage": {b"MAIL": [b"hello", CUT]},
    "ends the lines of a long reply with LF": {b"HELO": [b"250-theirs\n250 hello\n"]},
}
FINE: Final[dict[str, Replies]] = {
    "keeps to it": {},
    "sends byte by byte": {
        b"HELO": [bytes([octet]) for octet in b"250-theirs\r\n250 hello\r\n"],
        END: [bytes([octet]) for octet in b"250 OK\r\n"],
    },
    "shuts down at once": {b"": [b"421 theirs is closing\r\n", CUT]},
    "shuts down at MAIL": {b"MAIL": [b"421 theirs is closing\r\n", CUT]},
    "shuts down in the mail data": {END: [b"421 theirs is closing\r\n", CUT]},
    "shuts down when idle": {b"RCPT": [b"250 OK\r\n421 idle for too long\r\n", CUT]},
    "hangs up at once": {b"": [CUT]},
    "resets at once": {b"": [RESET]},
    "hangs up after HELO": {b"HELO": [CUT]},
    "resets after the mail data": {END: [RESET]},
    "hangs up within a reply": {b"RCPT": [b"25", CUT]},
    "hangs up within a long reply": {b"HELO": [b"250-theirs\r\n250 he", CUT]},
    "hangs up after QUIT": {b"QUIT": [CUT]},
    "never answers": {b"RCPT": [WAIT]},
    "refuses the sender": {b"MAIL": [b"552 full\r\n"]},
    "refuses the recipient": {b"RCPT": [b"550 no such user\r\n"]},
    "is busy": {b"RCPT": [b"450 busy\r\n"]},
    "refuses the mail": {END: [b"554 no\r\n"]},
    "has no more room": {END: [b"452 full\r\n"]},
    "writes long lines": {b"HELO": [b"250 " + b"x" * 500 + b"\r\n"]},
    "has no text": {b"RCPT": [b"250 \r\n"]},
    "has a name of its own": {b"HELO": [b"250 mail.example.com at your service\r\n"]},
}


class OddServer:
    """Answers by its replies, and by those of RFC 821 where it has none."""

    def __init__(self, odd: Replies) -> None:
        self._replies = {key: [reply] for key, reply in REPLIES.items()} | odd
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = int(self.listening.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)  # which wakes the thread
        self.listening.close()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(caller,), daemon=True).start()

    def _answer(self, caller: socket.socket) -> None:
        caller.settimeout(60)
        try:
            with caller, caller.makefile("rb") as lines:
                going_on = self._send(caller, b"")
                while going_on and (line := lines.readline()):
                    verb = line[:4].upper()
                    going_on = self._send(caller, verb if verb in self._replies else b"NOOP")
                    if going_on and verb == b"DATA" and self._replies[verb][0][:3] == b"354":
                        while (line := lines.readline()) not in (b".\r\n", b""):
                            pass
                        going_on = self._send(caller, END)
                    going_on = going_on and verb != b"QUIT"
        except OSError:
            return

    def _send(self, caller: socket.socket, to: bytes) -> bool:
        for piece in self._replies.get(to, [b"500 what?\r\n"]):
            if piece == WAIT:
                time.sleep(30)
                return False
            if piece in (CUT, RESET):
                linger = struct.pack("ii", int(piece == RESET), 0)
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                caller.shutdown(socket.SHUT_RDWR) if piece == CUT else caller.close()
                return False
            caller.sendall(piece)
            time.sleep(0.01)
        return True


HUB: Final = """
[retry]
first = "4 s"
factor = 1
give_up = "6 s"
[[host]]
name = "OURS.ARPA"
users = ["joe"]
[[host]]
name = "HASTY.ARPA"
users = ["joe"]
timeouts = { opening = "10 s", command = "10 s" }
[defaults.link]
latency = "1 ms"
"""
ONE: Final = """
[[host]]
name = "{name}"
external = "127.0.0.1:{port}"
[[link]]
between = ["{sender}", "{name}"]
[[mail]]
from = "joe@{sender}"
to = "ann@{name}"
text = "one\\n.\\ntwo"
"""


@contextmanager
def network(path: Path, servers: dict[str, Replies]) -> Iterator[dict[str, str]]:
    """Yield the name of the host that each server is."""
    names = {server_name: f"E{number}.ARPA" for number, server_name in enumerate(servers)}
    with ExitStack() as stack:
        text = HUB
        for server_name, odd in servers.items():
            server = OddServer(odd)
            stack.callback(server.close)
            # the others must not be given up because this machine is busy
            sender = "HASTY.ARPA" if server_name == "never answers" else "OURS.ARPA"
            text += ONE.format(name=names[server_name], port=server.port, sender=sender)
        path.write_text(text)
        yield names


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[lab.Run, dict[str, str]]]:
    """One live run with all of them."""
    path = tmp_path_factory.mktemp("odd") / "odd.toml"
    with network(path, BLAMED | FINE) as names:
        yield live(path, 2.0), names


def test_none_of_it_is_a_breach_of_ours(run: tuple[lab.Run, dict[str, str]]) -> None:
    """Nor does it lose mail."""
    done, _ = run
    assert done.breaches == []
    assert done.summary["lost"] == 0
    assert done.summary["submitted"] == len(BLAMED) + len(FINE)


@pytest.mark.parametrize("server_name", BLAMED)
def test_a_server_that_breaks_the_rules_is_named(
    server_name: str, run: tuple[lab.Run, dict[str, str]]
) -> None:
    done, names = run
    assert names[server_name] in {breach.host for breach in done.peer_breaches}


@pytest.mark.parametrize("server_name", FINE)
def test_a_server_that_keeps_them_is_not(
    server_name: str, run: tuple[lab.Run, dict[str, str]]
) -> None:
    """To hang up, to refuse, to shut down and to be slow is no breach."""
    done, names = run
    found = [breach.sentence for breach in done.peer_breaches if breach.host == names[server_name]]
    assert found == []
