"""The same engines by hand, in simulated time and live: the same bytes in every session."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.live_hosts import crossed, live, problems_at
from helpers.places import TOPOLOGIES
from helpers.same_live import NUMBERS, SPEED, compare, compare_all, eligible, is_well, report, suits

import lab
from lab.analysis.likeness import likeness
from lab.cli import cli
from lab.experiments.storm.random_networks import random_network
from lab.hosts.host import Host
from lab.hosts.port import HostPort
from lab.hosts.receiving import ReceivingSession, receiver_smtp
from lab.hosts.retry import Retry
from lab.hosts.sending import QueueSender
from lab.hosts.spool import Queue
from lab.protocol import SenderSMTP, Transaction
from lab.protocol.script import ScriptedSender
from lab.simulation.agenda import submissions
from lab.simulation.numbering import RunNumbering
from lab.simulation.world import World
from lab.topology.describe import describe
from lab.topology.model import Topology
from lab.views.pictures.comparison import comparison
from lab.views.pictures.plot_style import off_screen

SCENARIOS = sorted((TOPOLOGIES / "rfc821").glob("scenario-*.toml"))


class ByHand(HostPort):
    """The driver without any time: bytes are carried from one engine to the other, one by one.

    Time stands still at what it is told to be; whatever waits is waited for.
    """

    def __init__(self, topology: Topology) -> None:
        self.world = world = World(topology)
        self.trace = lab.Trace()
        self.numbering = RunNumbering()
        super().__init__(self.trace.record)
        self.record((0.0, "start", "", None, None, None, describe(topology, 0)))
        self.hosts = {each.name: world.make_host(each, self) for each in world.host_settings}
        self.now = 0.0
        self.waiting: list[tuple[float, int, Host, Queue]] = []
        self.count = itertools.count()

    def wake(self, host: str, queue: Queue, at: float) -> None:
        self.waiting.append((at, next(self.count), self.hosts[host], queue))

    def next_message(self, host: str, about: int | None = None) -> int:
        return self.numbering.next_message(host, about)

    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        raise AssertionError("no mail of these scenarios takes time to store")

    def run(self) -> lab.Trace:
        world = self.world
        for submission in submissions(world.topology, 0, world.routes, lambda _: True):
            self.until(submission.at)
            octets = submission.mail_data(world.calendar.daytime(self.now))
            number = self.numbering.next_message()
            host = self.hosts[submission.host]
            host.submit(self.now, number, submission.sender, submission.to, octets, submission.verb)
        for script in world.topology.scripts:
            self.until(script.at)
            neighbour = world.routes.neighbours_of(script.sender)[script.to]
            self.session(
                self.hosts[script.sender], self.hosts[script.to], neighbour.environment,
                ScriptedSender(script.lines), None,
            )  # fmt: skip
        self.until(float("inf"))
        return self.trace

    def until(self, at: float) -> None:
        """Do what is due before a time, the earliest first."""
        while self.waiting and min(self.waiting)[0] <= at:
            one = min(self.waiting)
            self.waiting.remove(one)
            due, _, host, queue = one
            if queue.wake_at != due:
                continue
            queue.wake_at = None
            self.now = max(self.now, due)
            queue.sessions += 1
            errand = QueueSender(host, queue)
            sender = SenderSMTP(host.settings.name_in(queue.environment), errand)
            peer = self.hosts[queue.host]
            self.session(host, peer, queue.environment, sender, errand)
            host.session_over(self.now, queue)
        if at != float("inf"):
            self.now = max(self.now, at)

    def session(
        self, host: Host, peer: Host, environment: str, sender: Any, errand: QueueSender | None
    ) -> None:
        number = self.numbering.next_session()
        identify = errand.identify if errand else partial(self.foreign, peer)
        reception = ReceivingSession(peer, environment, identify, number, host.name)
        reception.now = self.now
        if errand:
            errand.session, errand.now = number, self.now
        receiver = receiver_smtp(reception)
        peer.open_sessions += 1
        back = [octets for _, octets in receiver.open()]
        while back:
            octets = back.pop(0)
            self.note("reply", host.name, number, octets)
            for kind, out in sender.receive(octets):
                if kind == "reply" or not out:
                    continue
                self.note(kind, peer.name, number, out)
                for n in range(len(out)):
                    events = receiver.receive(out[n : n + 1])
                    back += [answer for which, answer in events if which == "reply"]
            if sender.closing:
                break
        peer.open_sessions -= 1
        receiver.end_of_input()

    def note(self, kind: str, host: str, number: int, octets: bytes) -> None:
        row = (self.now, kind, host, None, number, None, self.now, octets)
        self.record(row)

    def foreign(self, host: Host, transaction: Transaction) -> tuple[int, list[str]]:
        """Number mail of a script where it is accepted."""
        ids = [str(n) for n, _ in enumerate(transaction.forward_paths, 1)]
        number = self.numbering.next_message(host.name)
        texts = tuple(path.bare for path in transaction.forward_paths)
        row = (self.now, "submit", host.name, None, None, number, transaction.reverse_path.bare)
        self.record((*row, texts, transaction.verb, len(transaction.mail_data)))
        return number, ids


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_by_hand_the_bytes_are_those_of_the_simulation(scenario: Path) -> None:
    """Every session of the ten scenarios, byte by byte; live they are the same too."""
    assert crossed(ByHand(lab.load(scenario)).run()) == crossed(lab.simulate(scenario).trace)


RETRY = Retry(first=4.0, factor=1.0, max=4.0, give_up=6.0)


def calm(number: int) -> Topology:
    """A random network and mail, one after the other: no two sessions are on at once.

    What two sessions make of one queue depends on which is faster, and a wall clock is no judge.
    Live at 100 times the speed, the 2 min between two mails are 1.2 s, which a busy machine keeps
    too, but hardly the 2 s in which an attempt has to fail for there to be another.
    """
    made = random_network(82, number)
    hosts = {
        name: replace(
            spec,
            store=0.0,
            lists=(),
            forwards=(),
            users=tuple(replace(user, mailbox="open", active=True) for user in spec.users),
            limits=replace(spec.limits, sessions=None),
        )
        for name, spec in made.hosts.items()
    }
    links = tuple(
        replace(link, latency=0.01, jitter=0.0, loss=0.0, bandwidth=None) for link in made.links
    )
    mail = tuple(replace(letter, at=120.0 * n) for n, letter in enumerate(made.mail))
    return replace(made, hosts=hosts, links=links, mail=mail, faults=(), retry=RETRY)


BUSY = [n for n in range(1, 40) if any(e.kind == "data" for e in lab.simulate(calm(n)).trace)][:10]


@pytest.mark.parametrize("number", BUSY)
def test_random_networks_say_the_same_three_ways(number: int) -> None:
    """By hand, simulated and live: the bytes of every session, dates aside."""
    topology = calm(number)
    simulated = lab.simulate(topology)
    assert crossed(ByHand(topology).run()) == crossed(simulated.trace)

    def problems(speed: float) -> object:
        done = live(topology, speed=speed)
        return done.breaches or crossed(done.trace) != crossed(simulated.trace)

    assert not problems_at(100, problems)


TODAY = date.today().toordinal()


def test_random_networks_with_faults_come_out_the_same_live() -> None:
    """Outcomes, mail and bytes, of ten others of the fifty each day.

    If the simulation has changed so that a race decides one of them, it is left out. They bear
    delays of six seconds, which are 0.15 s of ours, and a busy machine may take longer: what is
    unlike must be unlike at an eighth of the speed too.
    """
    numbers = [NUMBERS[(10 * TODAY + n) % len(NUMBERS)] for n in range(10)]
    fit = [number for number in numbers if suits(eligible(number))]
    assert len(fit) > 5, f"draw others: {sorted(set(numbers) - set(fit))} hang on a race"
    found = compare_all([eligible(number) for number in fit])
    unlike = [n for n, each in zip(fit, found, strict=True) if not is_well(each)]
    again = {n: compare(eligible(n), SPEED / 8) for n in unlike}
    assert {n: report(each) for n, each in again.items() if not is_well(each)} == {}


# -- lab compare


def test_each_recipient_is_a_point_of_the_picture() -> None:
    """On the line where the runs are the same."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    with off_screen():
        ax = comparison(trace, trace)
    points = next(line for line in ax.lines if line.get_label() == "a recipient")
    assert len(points.get_xdata()) == likeness(trace, trace)["recipients"]
    assert list(points.get_xdata()) == list(points.get_ydata())


def test_lab_compare_draws_and_tells(tmp_path: Path) -> None:
    """A picture, and the figures; bad names are refused in a sentence."""
    runner = CliRunner()
    picture = tmp_path / "both.png"
    scenario = str(SCENARIOS[0])
    answer = runner.invoke(cli, ["compare", scenario, "--speed", "20", "-o", str(picture)])
    assert answer.exit_code == 0, answer.output
    assert "the same outcome: 100 %\nthe same bytes: 100 %" in answer.output
    assert picture.stat().st_size > 5000
    answer = runner.invoke(cli, ["compare", scenario, "--speed", "-1"])
    assert answer.exit_code == 2


EXTERNAL = """
[[host]]
name = "A.ARPA"
users = ["ann"]
external = "127.0.0.1:2"
[[host]]
name = "B.ARPA"
users = ["bob"]
[[link]]
between = ["A.ARPA", "B.ARPA"]
[[mail]]
from = "ann@A.ARPA"
to = "bob@B.ARPA"
[[script]]
from = "A.ARPA"
to = "B.ARPA"
lines = ["NOOP", "QUIT"]
"""


def test_lab_compare_names_what_differs_and_ends_with_status_1(tmp_path: Path) -> None:
    """Live, nobody can hand mail to a host with software of its own."""
    runner = CliRunner()
    path = tmp_path / "both.toml"
    path.write_text(EXTERNAL)
    arguments = ["compare", str(path), "--speed", "20", "-o", str(tmp_path / "both.png")]
    answer = runner.invoke(cli, arguments)
    assert answer.exit_code == 1, answer.output
    assert "1 message and 1 script of A.ARPA will not be sent" in answer.stderr
    assert "recipients: 1 simulated and 0 live submitted" in answer.output
    assert "message 1 to bob@B.ARPA is submitted at A.ARPA simulated only" in answer.output
    answer = runner.invoke(cli, [*arguments, "--json"])
    assert answer.exit_code == 1
    found = json.loads(answer.stdout)
    assert not found["same"]
    assert found["differences"][0]["message"] == {"simulated": 1, "live": None}


def test_the_picture_says_what_differs() -> None:
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    other = lab.Trace([row for row in trace.rows if row[1] not in ("deliver", "reply")])
    with off_screen():
        ax = comparison(trace, other)
    texts = " ".join(text.get_text().replace("\n    ", " ") for text in ax.texts)
    assert f"{len(likeness(trace, other)['differences']) - 12:,} more differences" in texts
    assert "outcome: simulated delivered, live queued" in texts
    assert [line.get_label() for line in ax.lines][-1] == "delivered in one only"
