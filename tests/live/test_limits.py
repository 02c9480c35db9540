"""What a live host bears: floods, silence, greed; and what a name or path in a message may do."""

from __future__ import annotations

import resource
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.live_hosts import eventually, served

HOST = "ONE.ARPA"
TOPOLOGY = """
title = "Alone"
[[host]]
name = "ONE.ARPA"
users = ["ann"]
{more}
"""


@pytest.fixture
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """A live host alone; the parameter is what its table says more, and the options."""
    more, *options = getattr(request, "param", ("",))
    path = tmp_path / "one.toml"
    path.write_text(TOPOLOGY.format(more=more))
    with served(path, *options) as (_, ports):
        yield ports[HOST]


def call(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 10)
    sock.settimeout(60)
    return sock


def said(sock: socket.socket) -> bytes:
    """What is said until there is nothing more, or the channel is closed."""
    heard = b""
    while not heard.endswith(b"\r\n"):
        octets = sock.recv(65536)
        if not octets:
            break
        heard += octets
    return heard


def serves(port: int, source: str = "127.0.0.1") -> None:
    """A mail goes through."""
    with smtplib.SMTP("127.0.0.1", port, timeout=60, source_address=(source, 0)) as client:
        assert client.sendmail("a@B", ["ann@ONE.ARPA"], "Hi\r\n") == {}


def test_two_thousand_callers_that_say_nothing_keep_nobody_out(tmp_path: Path) -> None:
    """Each is greeted, or told that its client has too many channels; the host has 1,024
    descriptors at first, and raises that by itself.

    Mail goes through beside them, from elsewhere and from the client that has all the channels.
    """
    path = tmp_path / "one.toml"
    path.write_text(TOPOLOGY.format(more=""))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("this machine allows a process no more descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    with served(path) as (process, ports):
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
        silent = [call(ports[HOST]) for _ in range(2000)]
        try:
            codes = [said(sock)[:4] for sock in silent]
            assert set(codes) <= {b"220 ", b"421 "}
            assert codes.count(b"220 ") >= 1500
            serves(ports[HOST], "127.0.0.2")
            serves(ports[HOST])
            assert process.poll() is None
        finally:
            for sock in silent:
                sock.close()


@pytest.mark.parametrize("port", [("limits = { sessions = 3 }",)], indirect=True)
def test_more_sessions_than_a_host_takes_draw_421(port: int) -> None:
    """And when one ends there is room again."""
    calls = [call(port) for _ in range(4)]
    codes = [said(sock)[:3] for sock in calls]
    assert codes == [b"220", b"220", b"220", b"421"]
    for sock in calls:
        sock.close()
    assert eventually(lambda: _greeted(port))


def _greeted(port: int) -> bool:
    with call(port) as sock:
        return said(sock).startswith(b"220")


@pytest.mark.parametrize("port", [("", "--idle", "2 s")], indirect=True)
def test_who_says_nothing_for_too_long_is_left(port: int) -> None:
    """421, and the channel is closed; who goes on talking, however slowly, is not."""
    assert any(_is_slow_and_kept(port) for _ in range(5)), "this machine is not there for 2 s"


def _is_slow_and_kept(port: int) -> bool:
    """Talk slowly beside somebody who is silent; if this process is silent itself, return False."""
    longest = 0.0
    with call(port) as silent, call(port) as slow:
        assert said(slow).startswith(b"220")
        assert said(silent).startswith(b"220")
        begun = time.monotonic()
        for octet in b"HELO me\r\n":
            last = time.monotonic()
            slow.sendall(bytes([octet]))
            time.sleep(0.4)
            longest = max(longest, time.monotonic() - last)
        heard = said(slow)
        if longest > 1:
            return False
        assert heard.startswith(b"250")
        assert time.monotonic() - begun > 2
        assert said(silent).startswith(b"421 ONE.ARPA Nothing came for 2 s")
        assert silent.recv(1) == b""
    return True


def test_a_line_without_an_end_is_no_way_to_fill_memory(port: int) -> None:
    """20 MB of one command: 500, and the session goes on."""
    with call(port) as sock:
        assert said(sock).startswith(b"220")
        for _ in range(20):
            sock.sendall(b"A" * (1 << 20))
        sock.sendall(b"\r\nHELO me\r\n")
        heard = said(sock)
        heard += b"" if b"250 " in heard else said(sock)
        assert heard.startswith(b"500 ")
        assert b"250 ONE.ARPA" in heard
    serves(port)


@pytest.mark.parametrize("port", [('limits = { message = "10 kB" }',)], indirect=True)
def test_mail_that_is_too_large_draws_552(port: int) -> None:
    """After it has all been read, and not kept."""
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("a@B", ["ann@ONE.ARPA"], "x" * 60 + "\r\n" + "y\r\n" * 10_000)
        assert refused.value.smtp_code == 552
    serves(port)


def test_who_does_not_read_replies_is_not_read(port: int) -> None:
    """A flood of NOOPs whose replies nobody takes: it stops, and others are served."""
    with call(port) as flood:
        flood.setblocking(False)
        sent = 0
        until = time.monotonic() + 3
        while time.monotonic() < until and sent < (256 << 20):
            try:
                sent += flood.send(b"NOOP\r\n" * 10_000)
            except BlockingIOError:
                time.sleep(0.01)
        assert sent < (64 << 20)
        serves(port)


def test_floods_of_commands_leave_turns_to_others(port: int) -> None:
    """Three that send commands as fast as they are taken, and read the replies."""
    program = (
        "import socket, sys\n"
        "with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as sock:\n"
        "    sock.settimeout(0.05)\n"
        "    while True:\n"
        "        try: sock.sendall(b'NOOP\\r\\n' * 40_000)\n"
        "        except TimeoutError: pass\n"
        "        try:\n"
        "            while sock.recv(1 << 20): pass\n"
        "        except TimeoutError: pass\n"
    )
    floods = [subprocess.Popen([sys.executable, "-c", program, str(port)]) for _ in range(3)]
    try:
        for _ in range(3):
            time.sleep(0.5)
            serves(port)  # a second on an idle machine
    finally:
        for flood in floods:
            flood.kill()
            flood.wait()


@pytest.mark.parametrize("port", [("store = 0.5",)], indirect=True)
def test_what_comes_while_mail_is_stored_is_answered_afterwards(port: int) -> None:
    """And not read for now, so that it is no way to fill memory."""
    with call(port) as sock:
        said(sock)
        head = b"HELO me\r\nMAIL FROM:<a@B>\r\nRCPT TO:<ann@ONE.ARPA>\r\nDATA\r\n"
        sock.sendall(head + b"Hi\r\n.\r\n" + b"NOOP\r\n" * 2000 + b"QUIT\r\n")
        heard = b""
        while octets := sock.recv(65536):
            heard += octets
    codes = [line[:3] for line in heard.split(b"\r\n")[:-1]]
    assert codes == [b"250", b"250", b"250", b"354", *[b"250"] * 2001, b"221"]


def test_all_commands_at_once_are_answered_in_order(port: int) -> None:
    """Pipelined: each has its reply."""
    with call(port) as sock:
        sock.sendall(b"HELO me\r\n" + b"NOOP\r\nVRFY ann\r\n" * 500 + b"QUIT\r\n")
        heard = b""
        while octets := sock.recv(65536):
            heard += octets
    lines = heard.split(b"\r\n")[:-1]
    assert len(lines) == 1 + 1 + 1000 + 1
    assert lines[-1].startswith(b"221")


def test_nothing_in_a_message_names_a_file_or_runs_a_command(tmp_path: Path) -> None:
    """Users, paths and text that would, were they taken for such."""
    path, out = tmp_path / "one.toml", tmp_path / "out"
    path.write_text('[[host]]\nname = "ONE.ARPA"\nusers = ["../../evil", "|touch evil", "ann"]\n')
    before = set(tmp_path.rglob("*"))
    with served(path, "--out", str(out)) as (process, ports):
        with smtplib.SMTP("127.0.0.1", ports[HOST], timeout=60) as client:
            client.helo("me")
            for user in ("../../evil", "|touch evil", "ann"):
                client.docmd("MAIL", f'FROM:<"$(touch {tmp_path}/evil)"@x>')
                assert client.docmd("RCPT", f'TO:<"{user}"@ONE.ARPA>')[0] == 250
                assert client.data("Subject: `touch evil`\r\n\r\n\x1b]0;evil\x07\r\n")[0] == 250
        process.terminate()
        _, complaints = process.communicate(timeout=120)
    assert "\x1b" not in complaints
    written = {each for each in tmp_path.rglob("*") if each not in before}
    assert written
    assert all(out in (item, *item.parents) for item in written)
    assert not Path("evil").exists()
