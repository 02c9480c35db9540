"""A live run that has nothing to do takes no time, and one that is long takes no more memory."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import math
import resource
import smtplib
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

import lab
from lab import lessons
from lab.live.control import Control, PeerGone
from lab.live.host_process import HostProcess

ONE = lessons.from_text("""
[[host]]
name = "ONE.ARPA"
users = ["bob"]
""")


def watched_host(sessions: set[Any]) -> Any:
    """What a host's process has for watching its sessions."""
    process = SimpleNamespace(
        sessions=sessions, clients=Mock(), clock=Mock(now=0.0), _is_sweeping=False,
        host=SimpleNamespace(settings=SimpleNamespace(timeouts=SimpleNamespace(least=60.0))),
    )  # fmt: skip
    process.clock.until = lambda at: at
    process.sweep = lambda: HostProcess.sweep(process)
    return process


def test_a_host_watches_its_sessions_only_while_it_has_some() -> None:
    """A timer in each of fifty idle hosts would add up."""
    looks: list[float] = []
    session = Mock(deadline=math.inf, check_timeout=looks.append)
    process = watched_host(set())

    async def run() -> None:
        HostProcess.keep_watch(process, session)
        HostProcess.keep_watch(process, session)
        assert looks == []  # not before it has begun
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert looks == [0.0]
        process.sessions.clear()
        process.sweep()
        assert not process._is_sweeping

    asyncio.run(run())


def test_a_control_channel_is_read_in_pieces_until_nothing_is_left() -> None:
    """Messages that are longer than what is read at a time arrive whole, and in order."""
    ours, theirs = socket.socketpair()
    sender, receiver = Control(ours), Control(theirs)
    sent = [("mail", n, b"x" * size) for n, size in enumerate((0, 65_000, 65_536, 300_000, 1))]
    for message in sent:
        sender.send(*message)
    got: list[Any] = []
    while len(got) < len(sent):
        sender.flush()
        got += receiver.receive()
    assert got == sent
    sender.close()
    assert list(receiver.receive()) == []
    assert receiver.ended
    with pytest.raises(PeerGone):
        receiver.wait(0.0)
    receiver.close()


def test_a_control_channel_may_have_any_descriptor() -> None:
    """With some hundred hosts there are more than the 1,024 descriptors that select() takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("so many descriptors are not permitted here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    ours, theirs = socket.socketpair()
    high = socket.socket(fileno=fcntl.fcntl(ours.detach(), fcntl.F_DUPFD_CLOEXEC, 1100))
    sender, receiver = Control(theirs), Control(high)
    try:
        sender.send("mail", 1)
        receiver.wait(5.0)
        assert list(receiver.receive()) == [("mail", 1)]
        receiver.send("stored", b"x" * 5_000_000)
        assert receiver.has_unsent
        reading = threading.Thread(target=_read_all, args=(sender,))
        reading.start()
        receiver.flush_all()
        reading.join()
    finally:
        sender.close()
        receiver.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _read_all(control: Control) -> None:
    while not list(control.receive()):
        control.wait(5.0)


def test_a_long_run_of_serve_is_kept_on_disk() -> None:
    """Neither the network nor the program that started it holds its events in memory."""
    with (
        lab.serve(ONE, fsync=False) as served,
        smtplib.SMTP(served.address, served.ports["ONE.ARPA"]) as program,
    ):
        program.helo("x")
        for _ in range(2_000):
            program.mail("me@laptop.example")
            program.rcpt("<bob@ONE.ARPA>")
            program.data(b"Subject: x\r\n\r\nHi\r\n")
    run = served.run
    del served, program
    gc.collect()
    assert not isinstance(run.trace.rows, list)
    assert len(run.trace.rows) > 20_000
    assert run.summary["delivered"] == 2_000
    assert run.breaches == []
    folder = Path(run.trace.rows.folder)
    assert folder.exists()
    del run
    gc.collect()
    assert not folder.exists()
