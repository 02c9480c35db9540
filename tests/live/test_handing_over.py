"""What comes due while its host is down: mail, scripts and polls happen when it runs again."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from unittest.mock import Mock

import pytest
from helpers.live_hosts import live, problems_at
from helpers.places import TOPOLOGIES
from helpers.small_topologies import A_AND_B

import lab
from lab.live import host_handle
from lab.live.calls import Calls
from lab.live.handed_over import HandedOver
from lab.live.network import LiveNetwork
from lab.live.row_ring import RowRing
from lab.live.running import run_live
from lab.live.settings import Settings

DOWN = """
[retry]
first = "0.5 s"
[[host]]
name = "A.ARPA"
users = ["ann"]
holds = ["B.ARPA"]
turn = true
[[host]]
name = "B.ARPA"
users = ["bob"]
[[link]]
between = ["A.ARPA", "B.ARPA"]
latency = "2 ms"
[[fault]]
kind = "{kind}"
host = "B.ARPA"
at = "2 s"
for = "4 s"
"""
LATE_MAIL = '[[mail]]\nat = "3 s"\nfrom = "bob@B.ARPA"\nto = "ann@A.ARPA"\n'
LATE_SCRIPT = '[[script]]\nat = "3 s"\nfrom = "B.ARPA"\nto = "A.ARPA"\nlines = ["NOOP", "QUIT"]\n'
LATE_POLL = (
    '[[mail]]\nat = "1 s"\nfrom = "ann@A.ARPA"\nto = "bob@B.ARPA"\n'
    '[[poll]]\nat = "3 s"\nevery = "0.5 s"\ntimes = 3\nfrom = "B.ARPA"\nto = "A.ARPA"\n'
)


def what_happened(run: lab.Run) -> tuple[int, int, list[tuple[str, bool]]]:
    """How much was submitted and delivered, and B's calls: commands, and whether B was back."""
    calls = [
        (event["verb"], event.t >= 6.0)
        for event in run.trace
        if event.kind == "command" and event["verb"] in ("NOOP", "TURN")
    ]
    return run.summary["submitted"], run.summary["delivered"], calls


@pytest.mark.parametrize("kind", ["crash", "host-down"])
@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (LATE_MAIL, (1, 1, [])),
        (LATE_SCRIPT, (0, 0, [("NOOP", True)])),
        (LATE_POLL, (1, 1, [("TURN", True)])),
    ],
    ids=["mail", "script", "poll"],
)
def test_it_happens_when_the_host_is_back(
    kind: str, late: str, expected: tuple[object, ...], tmp_path: Path
) -> None:
    """Simulated and live alike; a poll that came due three times is made once."""
    path = tmp_path / "down.toml"
    path.write_text(DOWN.format(kind=kind) + late)
    assert what_happened(lab.simulate(path)) == expected
    assert what_happened(live(path, 4.0)) == expected


LATE_TRAFFIC = (
    '[[traffic]]\ncount = 5\nrate = 10\nstart = "2.5 s"\nfrom = "bob@B.ARPA"\nto = "ann@A.ARPA"\n'
)
LATE = (
    LATE_TRAFFIC
    + LATE_MAIL
    + LATE_SCRIPT
    + '[[mail]]\nat = "1 s"\nfrom = "ann@A.ARPA"\nto = "bob@B.ARPA"\n'
    + '[[poll]]\nat = "3 s"\nevery = "0.5 s"\ntimes = 3\nfrom = "B.ARPA"\nto = "A.ARPA"\n'
)
FAULT = '[[fault]]\nkind = "{}"\nhost = "B.ARPA"\nat = {}\nfor = {}\n'


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("crash", FAULT.format("host-down", 3.2, 4)),
        ("host-down", FAULT.format("crash", 3.2, 4)),
        ("host-down", FAULT.format("crash", 3, 0.5)),
        ("crash", FAULT.format("host-down", 6.05, 2)),
    ],
    ids=["down longer", "crash later", "crash within", "down again at once"],
)
def test_faults_that_overlap_lose_nothing_of_it_either(
    kind: str, more: str, tmp_path: Path
) -> None:
    """All of it happens once, when the last fault that keeps the host down is over.

    If the host is down again before it has begun, what it was to do is done the time after.
    """
    path = tmp_path / "overlap.toml"
    path.write_text(DOWN.format(kind=kind) + more + LATE)
    simulated, really = what_happened(lab.simulate(path)), what_happened(live(path, 4.0))
    assert simulated[:2] == really[:2] == (7, 7)
    for _, _, calls in (simulated, really):
        assert [verb for verb, _ in calls].count("NOOP") == 1
        assert ("TURN", True) in calls
        assert all(is_back for _, is_back in calls)


@pytest.mark.parametrize("killed", [True, False])
def test_what_a_killed_host_has_stored_is_not_handed_over_again(
    killed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor when its storage cannot be read then: its process waits for the disk, and has the file.

    The next process of the host tells what was stored; if there is none, the file is read again
    at the end.
    """
    read, stored, ends = host_handle.left_in, RowRing.stored, []

    def not_at_first(path: Path) -> tuple[int, int] | None:
        if path.stem == "B.ARPA":
            ends.append(path)
        return None if len(ends) == 2 and path.stem == "B.ARPA" else read(path)

    def at_last(ring: RowRing) -> int:
        return stored.__get__(ring) if len(ends) >= 2 else 0  # as if the disk had not confirmed

    def kill_when_stored(network: LiveNetwork) -> None:
        """Kill the process that was started after the fault, when it has stored mail."""
        handle = network.hosts["B.ARPA"]
        ring, pid = handle._outbox, handle._process.pid
        if killed and handle.lives == 2 and ring is not None and stored.__get__(ring) > 0:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    monkeypatch.setattr(host_handle, "left_in", not_at_first)
    monkeypatch.setattr(RowRing, "stored", stored.getter(at_last))
    path = tmp_path / "down.toml"
    path.write_text(DOWN.format(kind="crash") + LATE_TRAFFIC)
    topology = lab.load(path)
    trace, _ = run_live(topology, 0, Settings(speed=8.0), progress=kill_when_stored)
    run = lab.Run(topology, trace)
    assert len(ends) == 3
    figures = [run.summary[name] for name in ("submitted", "delivered", "duplicates")]
    assert figures == [5, 5, 0]
    assert run.breaches == []


def test_no_two_processes_of_a_host_number_their_calls_alike() -> None:
    """What the network says of a call of one process may reach the next, which ignores it."""
    numbers = [
        Calls(Mock(), Mock(), Mock(), relay_port=1, life=life).next_number() for life in range(3)
    ]
    assert len(set(numbers)) == 3


MANY = f"""
[retry]
first = "0.2 s"
{A_AND_B}latency = "1 ms"
[[traffic]]
count = 400
rate = 200
from = "ann@A.ARPA"
to = "bob@B.ARPA"
"""


def test_no_submission_vanishes_while_its_host_is_killed_again_and_again(tmp_path: Path) -> None:
    """Each is stored, or handed over once more to the process that is started next."""
    path = tmp_path / "many.toml"
    kills = "".join(
        f'[[fault]]\nkind = "crash"\nhost = "A.ARPA"\nfor = "0.1 s"\nat = {0.5 + number}\n'
        for number in range(4)
    )
    path.write_text(MANY + kills)
    summary = live(path, 1.0).summary
    assert (summary["submitted"], summary["delivered"], summary["lost"]) == (400, 400, 0)


UNDER_WAY = """
[retry]
first = "0.2 s"
[[host]]
name = "A.ARPA"
users = ["ann"]
[[host]]
name = "RELAY.ARPA"
relay = true
[[host]]
name = "B.ARPA"
users = ["bob"]
[[link]]
between = ["A.ARPA", "RELAY.ARPA"]
[[link]]
between = ["RELAY.ARPA", "B.ARPA"]
latency = "100 ms"
[[mail]]
from = "ann@A.ARPA"
to = "bob@B.ARPA"
[[fault]]
kind = "{kind}"
host = "RELAY.ARPA"
at = "{at} s"
for = "1 s"
"""


@pytest.mark.parametrize("at", [0.5, 0.9, 1.3])
@pytest.mark.parametrize("kind", ["crash", "host-down"])
def test_mail_under_way_when_its_host_is_killed_is_waited_for(
    kind: str, at: float, tmp_path: Path
) -> None:
    """It is in no queue then, but in storage: the run goes on until the host is back."""
    path = tmp_path / "way.toml"
    path.write_text(UNDER_WAY.format(kind=kind, at=at))
    done = live(path, 1.0)
    assert (done.summary["delivered"], done.summary["queued"]) == (1, 0)
    assert done.trace.last > at + 1.0


def test_a_run_ends_when_mail_is_stored_whose_sender_has_given_up() -> None:
    """There is no reply to send any more; the network learns all the same that it is done."""
    path = TOPOLOGIES / "faults/impatience.toml"

    def problems(speed: float) -> object:
        trace, reason = run_live(lab.load(path), 0, Settings(speed=speed), until=7200.0)
        twice = lab.Run(lab.load(path), trace).summary["duplicates"]
        return (reason, twice) != ("settled", 2)

    assert not problems_at(240, problems)


NEVER = """
[retry]
first = "1 s"
give_up = "2 s"
[[host]]
name = "A.ARPA"
users = ["ann"]
[[host]]
name = "B.ARPA"
users = ["bob", "cay"]
[[link]]
between = ["A.ARPA", "B.ARPA"]
[[mail]]
at = "1 s"
from = "ann@A.ARPA"
to = "bob@B.ARPA"
[[mail]]
at = "22 s"
from = "bob@B.ARPA"
to = ["ann@A.ARPA", "cay@B.ARPA"]
[[fault]]
kind = "host-down"
host = "B.ARPA"
at = "21 s"
"""


def test_mail_whose_host_is_never_back_is_counted(tmp_path: Path) -> None:
    """It was not submitted: nobody took it from its user. The summary says so, by recipients."""
    path = tmp_path / "never.toml"
    path.write_text(NEVER)
    for run in (lab.simulate(path), live(path, 4.0)):
        summary = run.summary
        assert (summary["submitted"], summary["delivered"], summary["not_handed_in"]) == (1, 1, 2)
    path.write_text(NEVER + 'for = "5 s"\n')
    back = lab.simulate(path)
    assert (back.summary["submitted"], back.summary["not_handed_in"]) == (3, 0)


def test_mail_of_an_external_host_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "never.toml"
    external = 'users = ["bob", "cay"]\nexternal = "127.0.0.1:2"'
    path.write_text(NEVER.replace('users = ["bob", "cay"]', external).partition("[[fault]]")[0])
    summary = live(path, 4.0).summary
    assert (summary["submitted"], summary["not_handed_in"]) == (1, 2)


def test_what_is_handed_over_is_kept_until_it_is_done() -> None:
    """Mail until a row says that it is stored; a script until the process has handled it."""
    handed_over = HandedOver()
    mail, script = ("submit", 7), ("script", "B.ARPA")
    handed_over.add(mail)
    assert not handed_over.are_sent
    handed_over.note_sent(handed_over.add(script), 3)
    handed_over.forget_done((), 2)
    assert handed_over.take_all() == [mail, script]
    assert not handed_over
    assert not handed_over.are_sent
    handed_over.add(mail)
    handed_over.note_sent(handed_over.add(script), 1)
    handed_over.forget_done([(0.0, "submit", "A.ARPA", None, None, 8)], 1)
    assert handed_over.take_all() == [mail]
    handed_over.add(mail)
    handed_over.forget_done([(0.0, "submit", "A.ARPA", None, None, 7)], 0)
    assert not handed_over
