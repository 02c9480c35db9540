"""A failure stays where it happens: every callback and every write is broken, one at a time.

The runs are small, and made in one process. An unbroken run tells which steps there are. Each of
the others has one of them broken: the network goes on, nothing that was acknowledged is lost, and
the summary tells what happened. With SMTP_LAB_EVERY_STEP=1 all steps are broken, and not a sample
(some two minutes).
"""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import injection
from helpers.injection import Breaker, Broken, sample
from helpers.one_process import Hosts, Outcome, play, reset
from helpers.small_topologies import host, relay

from lab.live.network import LiveNetwork
from lab.live.storage import Storage
from lab.topology.model import from_dict

pytestmark = [  # what a host that was killed had open is closed when it is collected
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

EVERY = "SMTP_LAB_EVERY_STEP" in os.environ

TOPOLOGY = from_dict({
    "host": [host("A.ARPA", "ann"), relay("B.ARPA", "bob"), host("C.ARPA", "cat", "dan")],
    "link": [
        {"between": ["A.ARPA", "B.ARPA"], "latency": "5 ms"},
        {"between": ["B.ARPA", "C.ARPA"], "latency": "5 ms"},
    ],
    "retry": {"first": "1 s", "factor": 1, "give_up": "100 min"},
    "mail": [
        {"from": "ann@A.ARPA", "to": ["cat@C.ARPA", "bob@B.ARPA"], "text": "X-Mark: for two="},
        {"at": "1 s", "from": "ann@A.ARPA", "to": ["nobody@C.ARPA"], "text": "X-Mark: returned="},
    ],
})  # fmt: skip

SENDS = [("through", "B.ARPA", "dan@C.ARPA"), ("straight", "C.ARPA", "cat@C.ARPA")]
"""The mail of callers from outside: mark, host and recipient."""


def fail(*_: Any) -> None:
    raise Broken("broken by the test")


def disk_full(*_: Any) -> None:
    raise injection.disk_error(errno.ENOSPC)


def disk_fails(*_: Any) -> None:
    raise injection.disk_error(errno.EIO)


def half_close(transport: Any) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.shutdown(1)


def nothing(*_: Any) -> None:
    """The context itself breaks the step."""


@contextmanager
def late(breaker: Breaker) -> Iterator[Breaker]:
    with injection.callbacks(breaker, after=True) as found:
        yield found


Context = Callable[[Breaker], AbstractContextManager[Breaker]]

KINDS: dict[str, tuple[Context, Callable[..., None], int]] = {
    "callbacks before they do anything": (injection.callbacks, fail, 24),
    "callbacks when all is done": (late, fail, 25),
    "connections reset": (injection.pieces, reset, 8),
    "connections half closed": (injection.pieces, half_close, 11),
    "writes to a full disk": (injection.statements, disk_full, 5),
    "writes that fail": (injection.statements, disk_fails, 6),
    "short writes": (injection.messages, nothing, 16),
    "records that cannot be read": (injection.records, nothing, 6),
}
"""What is broken: the steps, what happens at one, and how many of them the sample has."""

SILENT = ("connections reset", "connections half closed", "short writes")
"""What the network has to bear without a word: a caller may do that, or it makes no difference."""


def wrong(found: Outcome, breaker: Breaker, kind: str) -> list[str]:
    """What is wrong with a run, in words."""
    summary, names = found.run.summary, {one["name"] for one in found.run.summary["failures"]}
    problems = [f"{mark} was not accepted: {found.codes}" for mark, *_ in SENDS
                if mark not in found.accepted]  # fmt: skip
    at_hand_in = breaker.where.endswith("submit")  # then ann's mail may not have been taken at all
    for mark, least in (("through", 1), ("straight", 1), ("for two", 2)):
        if found.drops.count(mark) < least and not (at_hand_in and mark == "for two"):
            problems.append(f"{mark} is in {found.drops.count(mark)} mail drops")
    if not any("nobody@C.ARPA lost" in text for text in found.drops) and not at_hand_in:
        problems.append("ann has had no notification")
    if found.queued:
        problems.append(f"storage still holds {found.queued}")
    if "trace" not in names and (summary["lost"] or found.run.breaches):
        problems += [f"{summary['lost']} lost", *map(str, found.run.breaches)]
    if breaker.where and kind not in SILENT and not names:
        problems.append("the summary says nothing of it")
    if found.reason != "interrupted":
        problems.append(f"the network ended: {found.reason}")
    return problems


def play_broken(
    context: Context, action: Callable[..., None], step: int, folder: Path
) -> tuple[Outcome, Breaker]:
    """Play a run and break a step; or the last but one, as no two runs have quite as many."""
    with context(Breaker(step, action)) as breaker:
        found = play(TOPOLOGY, folder, SENDS)
    if breaker.where:
        return found, breaker
    return play_broken(context, action, len(breaker.seen) - 1, folder / "again")


@pytest.mark.parametrize("kind", KINDS)
def test_one_broken_step_costs_no_more_than_itself(kind: str, tmp_path: Path) -> None:
    context, action, every = KINDS[kind]
    with context(Breaker(0, action)) as unbroken:
        found = play(TOPOLOGY, tmp_path / "0", SENDS)
    assert wrong(found, unbroken, kind) == []
    assert found.run.summary["failures"] == []
    problems, reached = {}, 0
    steps = sample(unbroken.seen, 1 if EVERY else every)
    for step in steps:
        found, breaker = play_broken(context, action, step, tmp_path / str(step))
        reached += bool(breaker.where)
        if is_wrong := wrong(found, breaker, kind):
            problems[step, breaker.where] = is_wrong
    assert problems == {}
    assert reached >= 0.9 * len(steps)


# -- hosts that die -----------------------------------------------------------------------------


def test_a_host_that_dies_is_started_again_and_the_summary_says_how_often(tmp_path: Path) -> None:
    killed: list[float] = []

    def kill(network: LiveNetwork, hosts: Hosts) -> None:
        is_due = not killed or network.clock.now > killed[-1] + 20
        if is_due and len(killed) < 3 and network.hosts["B.ARPA"].ready.is_set():
            killed.append(network.clock.now)
            for task in hosts.living("B.ARPA"):
                task.kill()

    def running(network: LiveNetwork, hosts: Hosts) -> None:
        if network.is_up:
            kill(network, hosts)

    found = play(TOPOLOGY, tmp_path / "spool", SENDS, progress=running)
    assert len(killed) >= 1
    assert wrong(found, Breaker(0, nothing), "") == []
    summary = found.run.summary
    assert summary["restarts"] == {"B.ARPA": len(killed)}
    assert [one["reason"] for one in summary["failures"]] == ["it was ended by SIGKILL"]


def test_a_host_that_is_killed_while_its_disk_fails_comes_back(tmp_path: Path) -> None:
    """It cannot even open its storage for a while; the others are not affected."""
    failing, until = Storage.__init__, [0.0]

    def init(self: Storage, path: Path, **named: Any) -> None:
        if network_time() < until[0] and path.name.startswith("B.ARPA"):
            raise sqlite3.OperationalError("disk I/O error")
        failing(self, path, **named)

    clock: list[LiveNetwork] = []

    def network_time() -> float:
        return clock[0].clock.now if clock else 0.0

    def kill(network: LiveNetwork, hosts: Hosts) -> None:
        clock[:] = [network]
        if network.is_up and not until[0]:
            until[0] = network.clock.now + 40
            for task in hosts.living("B.ARPA"):
                task.kill()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Storage, "__init__", init)
        found = play(TOPOLOGY, tmp_path / "spool", SENDS, progress=kill)
    assert wrong(found, Breaker(0, nothing), "") == []
    assert found.run.summary["restarts"]["B.ARPA"] >= 3


def test_a_host_that_never_starts_again_stays_down_and_the_run_ends(tmp_path: Path) -> None:
    """Its mail is counted as queued, and the summary says why."""
    file, killed = from_dict({
        "host": [host("A.ARPA", "ann"), host("B.ARPA", "bob")],
        "link": [{"between": ["A.ARPA", "B.ARPA"]}],
        "mail": [{"at": "2 s", "from": "ann@A.ARPA", "to": ["bob@B.ARPA"], "text": "Hi"}],
        "retry": {"first": "1 s", "factor": 1, "give_up": "100 d"},
    }), []  # fmt: skip

    def kill(network: LiveNetwork, hosts: Hosts) -> None:
        if network.is_up:
            killed.extend(task.kill() for task in hosts.living("B.ARPA"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lab.live.network._LONGEST_PAUSE", 0.5)
        found = play(file, tmp_path / "spool", [], progress=kill, until=60.0, serve=False)
    summary = found.run.summary
    assert (summary["queued"], summary["delivered"], summary["lost"]) == (1, 0, 0)
    down = [one for one in summary["failures"] if one["name"] == "down"]
    assert [(one["host"], one["reason"]) for one in down] == [
        ("B.ARPA", "it was ended by SIGKILL; it stays down")
    ]


# -- what is never over -------------------------------------------------------------------------


def test_a_script_that_hears_nothing_more_does_not_keep_the_run_going(tmp_path: Path) -> None:
    """As in a simulation: its session is still open when nothing is left to do."""
    silence = {"to": "HELO", "octets": "250-x\r\n", "then": "silence"}
    file = from_dict({
        "host": [host("A.ARPA"), host("B.ARPA", "bob", reply=[silence])],
        "link": [{"between": ["A.ARPA", "B.ARPA"]}],
        "script": [{"from": "A.ARPA", "to": "B.ARPA", "lines": ["HELO A.ARPA", "QUIT"]}],
    })  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lab.live.relayed._QUIET", 0.3)
        found = play(file, tmp_path / "spool", [], serve=False)
    assert found.reason == "settled"
    kinds = [event.kind for event in found.run.trace]
    assert kinds[-1] == "end"
    assert "close" not in kinds


# -- callers who leave --------------------------------------------------------------------------

SESSION = (
    b"HELO me.x\r\nMAIL FROM:<a@me.x>\r\nRCPT TO:<cat@C.ARPA>\r\nDATA\r\n"
    b"X-Mark: cut off=\r\n.\r\nQUIT\r\n"
)


@pytest.mark.parametrize("half", [False, True], ids=["reset", "half-close"])
def test_a_caller_may_leave_after_any_byte(half: bool, tmp_path: Path) -> None:
    """Nothing has failed then, and others are served; mail that was whole is delivered."""

    async def leave(network: LiveNetwork) -> None:
        for length in range(len(SESSION) + 1):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", network.hosts["C.ARPA"].port
            )
            writer.write(SESSION[:length])
            if half:
                writer.write_eof()
                assert (await reader.read()).startswith(b"220 ")
                writer.close()
            else:
                await asyncio.sleep(0)
                reset(writer.transport)

    found = play(TOPOLOGY, tmp_path / "spool", SENDS, before=leave)
    assert wrong(found, Breaker(0, nothing), "") == []
    assert found.run.summary["failures"] == []
    if half:
        whole = len(SESSION) - SESSION.index(b"\r\n.\r\n") - len(b"\r\n.\r\n") + 1
        assert found.drops.count("cut off") == whole


def test_a_call_that_cannot_begin_is_made_again(tmp_path: Path) -> None:
    """Whatever fails before there is a connection: its mail does not wait for that call."""
    with injection.callbacks(Breaker(1, fail, only="Calls._connect")) as breaker:
        found = play(TOPOLOGY, tmp_path / "spool", SENDS)
    assert breaker.where == "Calls._connect"
    assert wrong(found, breaker, "callbacks before they do anything") == []
