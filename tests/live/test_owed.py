"""What the storage holds is exactly what its host still owes, after each step of many small runs.

The hosts of simulated runs keep their mail in files here, as those of live runs do, and after each
event the files are compared with the queues. Live hosts are compared whenever all is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.one_process import play
from helpers.small_topologies import host, relay

from lab.experiments.storm.random_networks import random_network
from lab.hosts.host import Host
from lab.hosts.port import HostPort
from lab.hosts.spool import Queue, QueuedMail
from lab.live.commits import Commits
from lab.live.host_process import HostProcess
from lab.live.output import Output
from lab.live.spool_rows import as_mail
from lab.live.storage import Storage
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology, from_dict

pytestmark = [  # what a host that was killed had open is closed when it is collected
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NETWORKS = 40
EVENTS = 2_000

Owed = Counter[tuple[str, int | None, tuple[str, ...]]]
"""Mail by next host, message and recipients."""


def of(queue: str, mail: QueuedMail) -> tuple[str, int | None, tuple[str, ...]]:
    return queue, mail.message, tuple(path.bare for _, path in mail.addressees)


def in_memory(a_host: Host, sending: list[tuple[str, QueuedMail]]) -> Owed:
    """What a host owes: the mail of its queues, and that which its sessions are sending."""
    queues = a_host.spool.queues.values()
    waiting = [of(queue.host, mail) for queue in queues for mail in queue.entries]
    return Counter([*waiting, *[of(*one) for one in sending]])


def in_file(storage: Storage) -> Owed:
    """What the file of a host holds."""
    rows = vars(storage)["_file"].execute(
        "select host, about, octets from copies left join mails on mails.id = mail"
    )
    return Counter(of(name, as_mail(about, octets)) for name, about, octets in rows)


class StoringPort(HostPort):
    """The port of a simulated host that keeps its mail in a file."""

    def __init__(self, port: HostPort, path: Path) -> None:
        super().__init__(port.record)
        self._port = port
        self.commits = Commits(Storage(path, durable=False))

    def wake(self, host: str, queue: Queue, at: float) -> None:
        self._port.wake(host, queue, at)

    def keep(self, host: str, queue: Queue, mail: QueuedMail) -> bool:
        return self.commits.keep(queue, mail)

    def forget(self, host: str, mail: QueuedMail) -> None:
        self.commits.forget(mail)

    def next_message(self, host: str, about: int | None = None) -> int:
        return self._port.next_message(host, about)

    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        self._port.later(host, seconds, call)


def sends(simulation: Simulation, name: str) -> list[tuple[str, QueuedMail]]:
    """The mail that the sessions of a simulated host are sending, and from which queue."""
    found = []
    for session in simulation.sessions.values():
        queue_sender: Any = getattr(session, "queue_sender", None)
        outgoing = getattr(getattr(session, "sender", None), "outgoing", None)
        if queue_sender is not None and outgoing is not None and session.sender_host == name:
            found.append((queue_sender.queue.host, outgoing.tag))
    return found


def differences(topology: Topology, folder: Path, events: int = EVENTS) -> list[str]:
    """Run a simulation step by step; return where a file and a host differ first, if they do."""
    folder.mkdir()
    simulation = Simulation(topology)
    ports = {}
    for name, one in simulation.hosts.items():
        ports[name] = one.port = one.spooling.port = StoringPort(one.port, folder / name)
    simulation.begin()
    for _ in range(events):
        simulation.env.run_some(1, 1e9)
        for name, port in ports.items():
            if port.commits.is_due:
                assert port.commits.write()
                port.commits.take_written()
                owed = in_memory(simulation.hosts[name], sends(simulation, name))
                if owed != (held := in_file(port.commits.storage)):
                    return [f"{name} at {simulation.env.now}: {owed - held} {held - owed}"]
    for name, port in ports.items():
        assert in_memory(simulation.hosts[name], sends(simulation, name)) == in_file(
            port.commits.storage
        )
        port.commits.storage.close()
    simulation.close()
    return []


@pytest.mark.parametrize("number", range(NETWORKS))
def test_simulated_hosts_owe_what_their_files_hold(number: int, tmp_path: Path) -> None:
    assert differences(random_network(7, number), tmp_path / "files") == []


# -- live ---------------------------------------------------------------------------------------

DIAMOND = {
    "host": [
        host("ONE.ARPA", "ann"), relay("TWO.ARPA"), relay("THREE.ARPA"), host("FOUR.ARPA", "bob")
    ],
    "link": [
        {"between": ["ONE.ARPA", "TWO.ARPA"]}, {"between": ["ONE.ARPA", "THREE.ARPA"], "cost": 5},
        {"between": ["TWO.ARPA", "FOUR.ARPA"]}, {"between": ["THREE.ARPA", "FOUR.ARPA"]},
    ],
    "retry": {"first": "3 s", "factor": 1, "give_up": "10 min"},
    "mail": [
        {"at": "0.5 s", "from": "ann@ONE.ARPA", "to": ["bob@FOUR.ARPA"], "text": "Hi"},
        {"at": "25 s", "from": "ann@ONE.ARPA", "to": ["bob@FOUR.ARPA"], "text": "Later"},
    ],
    "fault": [
        {"kind": "link-down", "link": ["ONE.ARPA", "TWO.ARPA"], "at": "0 s", "for": "60 s"},
        {"kind": "link-down", "link": ["ONE.ARPA", "THREE.ARPA"], "at": "0 s", "for": "2 s"},
        {"kind": "crash", "host": "ONE.ARPA", "at": "10 s", "for": "1 s"},
    ],
}  # fmt: skip
"""Mail that goes another way after its first next host could not be reached."""


def two(mode: str, **options: Any) -> dict[str, Any]:
    """Mail for a user who has moved to another host, for a list, and for nobody."""
    moved = [{"user": "fred", "to": "fred@C.ARPA", "mode": mode}]
    everyone = [{"name": "all", "members": ["bob@B.ARPA", "fred@C.ARPA", "no@C.ARPA"]}]
    return {
        "host": [
            host("A.ARPA", "ann", **options),
            host("B.ARPA", "bob", relay=True, forward=moved, list=everyone),
            host("C.ARPA", "fred"),
        ],
        "link": [
            {"between": ["A.ARPA", "B.ARPA"]}, {"between": ["B.ARPA", "C.ARPA"]},
            {"between": ["A.ARPA", "C.ARPA"]},
        ],
        "retry": {"first": "3 s", "factor": 1, "give_up": "10 min"},
        "mail": [
            {"from": "ann@A.ARPA", "to": [to], "text": "Hi"}
            for to in ("fred@B.ARPA", "all@B.ARPA", "no@C.ARPA", "@B.ARPA:fred@C.ARPA")
        ],
        "fault": [
            {"kind": "busy", "host": "C.ARPA", "at": "0 s", "for": "5 s"},
            {"kind": "crash", "host": "B.ARPA", "at": "2 s", "for": "1 s"},
            {"kind": "hang-up", "link": ["B.ARPA", "C.ARPA"], "after": "."},
        ],
    }  # fmt: skip


LIVE = {
    "diamond": DIAMOND,
    "forward": two("forward"),
    "redirected": two("forward", on_251="redirect"),
    "refer": two("refer"),
    "redirected from 551": two("refer", on_551="redirect"),
}


@pytest.mark.parametrize("name", LIVE)
def test_live_hosts_owe_what_their_files_hold(name: str, tmp_path: Path) -> None:
    """Whenever everything is stored; and in the end they owe nothing."""
    flush, compared, wrong = Output._flush, [0], []

    def flush_and_compare(process: HostProcess) -> None:
        flush(process)
        if process.commits.is_busy:
            return
        compared[0] += 1
        sending = [
            (session.queue_sender.queue.host, session.sends.tag)
            for session in process.sessions
            if session.queue_sender is not None and session.sends is not None
        ]
        owed, held = in_memory(process.host, sending), in_file(process.storage)
        if owed != held:
            wrong.append((process.name, owed - held, held - owed))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Output, "_flush", flush_and_compare)
        found = play(from_dict(LIVE[name]), tmp_path / "spool", [])
    assert wrong == []
    assert compared[0] > 30
    assert found.queued == []
    assert found.run.summary["lost"] == found.run.summary["queued"] == 0
