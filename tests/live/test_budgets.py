"""What one client may take of a live host: channels, memory, recipients, calls; and who is served
beside it."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers.live_hosts import eventually, served, wait_for_mail

import lab
from lab.live.budgets import Allowance, Budgets, budgets_of
from lab.live.changes import Changes, Delivery
from lab.live.clients import Caller, Clients, client_of
from lab.live.storage import Storage

ONE = '[[host]]\nname = "ONE.ARPA"\nusers = ["ann"]\n{more}\n'
TWO = ONE.format(more="relay = true") + (
    '[[host]]\nname = "TWO.ARPA"\nusers = ["bob"]\n[[link]]\nbetween = ["ONE.ARPA", "TWO.ARPA"]\n'
)


@contextmanager
def host(tmp_path: Path, *budgets: str, more: str = "", topology: str = ONE) -> Iterator[int]:
    path = tmp_path / "one.toml"
    path.write_text(topology.format(more=more) if topology is ONE else topology)
    options = [option for one in budgets for option in ("--budget", one)]
    with served(path, *options) as (process, ports):
        yield ports["ONE.ARPA"]
        assert process.poll() is None


def call(port: int, source: str = "127.0.0.1") -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 20, (source, 0))
    sock.settimeout(60)
    return sock


def said(sock: socket.socket) -> bytes:
    heard = b""
    while not heard.endswith(b"\r\n") and (octets := sock.recv(65536)):
        heard += octets
    return heard


def greeting(port: int, source: str = "127.0.0.1") -> bytes:
    with call(port, source) as sock:
        return said(sock)[:3]


def serves(port: int, source: str = "127.0.0.1", to: str = "ann@ONE.ARPA") -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=60, source_address=(source, 0)) as client:
        assert client.sendmail("a@B", [to], "Hi\r\n") == {}


def test_a_client_with_all_channels_leaves_others_served(tmp_path: Path) -> None:
    """40 of the 40 that the host takes are of one client: another is served, and it pays."""
    with host(tmp_path, more="limits = { sessions = 40 }") as port:
        greedy = [call(port, "127.0.0.2") for _ in range(40)]
        greetings = [said(sock)[:3] for sock in greedy]
        assert greetings.count(b"220") == 36, "a tenth is kept for the topology's own hosts"
        serves(port)
        serves(port, "127.0.0.3")
        served_ones = [sock for sock, code in zip(greedy, greetings, strict=True) if code == b"220"]
        lost = [said(sock)[:3] for sock in served_ones if _is_told(sock)]
        assert lost
        assert set(lost) == {b"421"}
        for sock in greedy:
            sock.close()


def _is_told(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        sock.settimeout(60)


def test_a_client_at_its_limit_draws_421(tmp_path: Path) -> None:
    """Its own channels stay, as they are not silent; other clients are served."""
    with host(tmp_path, "client-sessions=3") as port:
        calls = [call(port, "127.0.0.2") for _ in range(3)]
        assert [said(sock)[:3] for sock in calls] == [b"220"] * 3

        def is_refused() -> bool:
            """Whether a fourth is; on a busy machine the others may be silent for too long."""
            for number, sock in enumerate(calls):
                sock.sendall(b"NOOP\r\n")
                if said(sock)[:3] != b"250":
                    calls[number] = call(port, "127.0.0.2")
                    assert said(calls[number])[:3] == b"220"
            return greeting(port, "127.0.0.2") == b"421"

        assert eventually(is_refused)
        serves(port)
        for sock in calls:
            sock.close()
        assert eventually(lambda: greeting(port, "127.0.0.2") == b"220")


def test_a_client_at_its_limit_loses_its_silent_channel(tmp_path: Path) -> None:
    """So a program that has left channels open can go on."""
    with host(tmp_path, "client-sessions=2") as port:
        silent = [call(port) for _ in range(2)]
        assert all(said(sock).startswith(b"220") for sock in silent)
        assert eventually(lambda: greeting(port) == b"220")
        assert said(silent[0]).startswith(b"421 ONE.ARPA Too many channels of one client")
        for sock in silent:
            sock.close()


def test_hosts_of_the_topology_have_channels_of_their_own(tmp_path: Path) -> None:
    """While strangers have all that are theirs, mail between the hosts arrives."""
    path = tmp_path / "two.toml"
    path.write_text(TWO.replace('users = ["bob"]', 'users = ["bob"]\nlimits = { sessions = 20 }'))
    spool = tmp_path / "spool"
    with lab.serve(path, budgets={"client-sessions": 20}, spool=spool) as up:
        strangers = [call(up.ports["TWO.ARPA"]) for _ in range(20)]
        assert [said(sock)[:3] for sock in strangers].count(b"220") == 18
        serves(up.ports["ONE.ARPA"], to="bob@TWO.ARPA")
        wait_for_mail(spool, "TWO.ARPA")
        for sock in strangers:
            sock.close()
    assert up.run.summary["delivered"] == 1


def test_too_many_recipients_in_a_minute_draw_452(tmp_path: Path) -> None:
    """For one client; another may go on."""
    with host(tmp_path, "client-recipients=5 /min") as port:
        for source, wanted in (("127.0.0.2", [250] * 5 + [452]), ("127.0.0.3", [250])):
            with smtplib.SMTP("127.0.0.1", port, timeout=60, source_address=(source, 0)) as client:
                client.helo("me")
                client.docmd("MAIL", "FROM:<a@B>")
                codes = [client.docmd("RCPT", "TO:<ann@ONE.ARPA>")[0] for _ in wanted]
                assert codes == wanted


def test_too_many_calls_in_a_minute_draw_421(tmp_path: Path) -> None:
    """For one client; another is served."""
    with host(tmp_path, "client-calls=3 /min") as port:
        codes = [greeting(port, "127.0.0.2") for _ in range(4)]
        assert codes == [b"220"] * 3 + [b"421"]
        serves(port)


LINE = b"x" * 70 + b"\r\n"


def test_large_mails_of_one_client_wait_for_each_other(tmp_path: Path) -> None:
    """Four mails of 6 MB with room for 1 MB: all get their 250, and others are served meanwhile."""
    budgets = ("client-memory=1 MB", "memory=2 MB")
    with host(tmp_path, *budgets) as port:
        callers = [call(port, "127.0.0.2") for _ in range(4)]
        for sock in callers:
            sock.sendall(b"HELO me\r\nMAIL FROM:<a@B>\r\nRCPT TO:<ann@ONE.ARPA>\r\nDATA\r\n")
            heard = said(sock)
            while b"354" not in heard:
                heard += said(sock)
        left = dict.fromkeys(callers, LINE * 84000 + b".\r\n")
        for sock in callers:
            sock.setblocking(False)
        is_served = False
        while any(left.values()):
            for sock, octets in left.items():
                try:
                    left[sock] = octets[sock.send(octets[: 1 << 18]) :] if octets else b""
                except BlockingIOError:
                    continue
            if not is_served and sum(map(len, left.values())) < 20_000_000:
                is_served = True
                serves(port)
        for sock in callers:
            sock.settimeout(60)
            assert said(sock).startswith(b"250")
            sock.close()
        assert is_served


def test_more_mail_than_may_wait_draws_452(tmp_path: Path) -> None:
    """Mail for other hosts; users here still get theirs."""
    topology = TWO + '[[fault]]\nkind = "link-down"\nlink = ["ONE.ARPA", "TWO.ARPA"]\n'
    with host(tmp_path, "queued=10 kB", topology=topology) as port:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            codes = []
            for _ in range(3):
                try:
                    client.sendmail("a@B", ["bob@TWO.ARPA"], LINE.decode() * 100)
                    codes.append(250)
                except smtplib.SMTPDataError as refused:
                    codes.append(refused.smtp_code)
            assert codes == [250, 452, 452]
        serves(port)


class Pretend(Caller):
    """A session that notes what the budgets do with it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.storing = False

    def hold_back(self) -> None:
        self.done.append("hold back")

    def release(self) -> None:
        self.done.append("release")

    @property
    def is_storing(self) -> bool:
        return self.storing

    def make_room(self, why: str) -> None:
        self.done.append(why)


def test_the_largest_mail_always_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that somebody comes to an end; the others go on as soon as there is room."""
    clients = Clients(Budgets(client_memory=1 << 20, memory=2 << 20), 100)
    one, two, three, other = callers = [Pretend() for _ in range(4)]
    for caller, address in zip(callers, ("10.0.0.1",) * 3 + ("10.0.0.2",), strict=True):
        assert clients.admit(caller, address) == ""
    clients.hold(one, 900_000)
    clients.hold(two, 800_000)
    assert not one.done + two.done
    clients.hold(three, 700_000)
    assert (one.is_held_back, two.is_held_back, three.is_held_back) == (False, True, True)
    clients.hold(other, 100_000)
    assert not other.is_held_back
    clients.hold(one, 0)
    assert two.done == three.done == ["hold back", "release"]


def test_a_mail_for_which_others_wait_must_come_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence, or a few bytes now and then, cost it the channel; storing it does not."""
    now = [0.0]
    monkeypatch.setattr("lab.live.clients.time.monotonic", lambda: now[0])
    clients = Clients(Budgets(client_memory=1 << 20, memory=1 << 20), 100)
    largest, waiting = Pretend(), Pretend()
    for caller in (largest, waiting):
        clients.admit(caller, "10.0.0.1")
    clients.hold(largest, 3 << 20)
    clients.hold(waiting, 2 << 20)
    assert waiting.is_held_back
    clients.sweep()
    for now[0] in range(1, 22):
        largest.last = now[0]
        clients.hold(largest, largest.held + 1)
        clients.sweep()
    assert largest.done[:1] == ["Others wait for memory"]
    largest.done, largest.storing = [], True
    now[0] = 100.0
    clients.sweep()
    assert largest.done == []
    largest.storing = False
    clients.sweep()
    assert largest.done == ["Others wait for memory"]


def test_clients_are_forgotten_that_have_gone() -> None:
    """A scan from many addresses is no way to fill memory."""
    clients = Clients(Budgets(), 100_000)
    for number in range(10_000):
        caller = Pretend()
        clients.admit(caller, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        clients.leave(caller)
    assert len(clients) <= 4096


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"), ("fe80::1%eth0", "fe80::"), ("?", "?"),
    ],
)  # fmt: skip
def test_who_is_one_client(address: str, client: str) -> None:
    """An IPv4 address; of IPv6, the 64 bits that one subscriber has."""
    assert client_of(address) == client


def test_an_allowance_begins_anew_each_minute() -> None:
    """Whatever came before."""
    allowance = Allowance(2 / 60)
    assert [allowance.take(now) for now in (0.0, 1.0, 2.0, 61.0, 62.0, 63.0)] == [
        True, True, False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("budgets", "why"),
    [
        ({"speed": 1}, "there is no budget 'speed'; there are client-sessions"),
        ({"client-sessions": 0}, "budget client-sessions: use 1 or more, not 0"),
        ({"memory": "2 s"}, "budget memory: "), ({"calls": "0 /s"}, "use more than 0"),
        ({"calls": None}, "budget calls: "), ({3: 1}, "there is no budget"),
    ],
)  # fmt: skip
def test_a_wrong_budget_is_a_sentence(budgets: Any, why: str) -> None:
    """What is wrong, and what there is."""
    with pytest.raises(ValueError, match=why):
        budgets_of(budgets)
    with pytest.raises(ValueError, match=why):
        lab.serve("topologies/rfc821/scenario-01.toml", budgets=budgets)
    with pytest.raises(TypeError, match="budgets must be a dict"):
        lab.serve("topologies/rfc821/scenario-01.toml", budgets=3)  # type: ignore[arg-type]


def test_serve_takes_budgets() -> None:
    """The names of the options, with underscores or hyphens."""
    topology = "topologies/rfc821/scenario-01.toml"
    with lab.serve(topology, speed=100, budgets={"client_calls": "1 /min"}) as up:
        port = next(iter(up.ports.values()))
        codes = [greeting(port) for _ in range(2)]
    assert codes == [b"220", b"421"]


def test_large_mail_is_stored_in_pieces(tmp_path: Path) -> None:
    """And is what was given, in the mail drop and in the spool."""
    storage = Storage(tmp_path / "one.sqlite")
    octets = bytes(range(128)) * 20_000
    changes = Changes()
    changes.deliveries = [Delivery("ann", 1, octets), Delivery("bob", 1, b"small")]
    storage.write(changes)
    assert storage.drops() == [("ann", octets), ("bob", b"small")]
    storage.close()
