"""Code of users that a run calls: what it can do, and that it cannot do more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath

import networkx
import pytest
from helpers import greylist
from helpers.places import TOPOLOGIES

import lab
from lab import extend
from lab.protocol import Path, Reply, Transaction, reply
from lab.topology.model import from_dict

CASE = str(TOPOLOGIES / "rfc821/scenario-03.toml")
RELAY = "USC-ISIE.ARPA"


class Greylist(greylist.Greylist):
    version = "1.0"


class Nearest(extend.Routing):
    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        return self.network.shortest(host, target, avoided)


class Steady(extend.Retry):
    give_up = 1000.0

    def delay(self, failures: int, host: str = "", peer: str = "", reason: str = "") -> float:
        return 100.0


class Outage(extend.Fault):
    def run(self, network: extend.NetworkControl) -> Iterator[float]:
        yield 1.0
        network.happen("host-down", host=RELAY.lower(), duration="200 s")


class Deliveries(extend.Probe):
    kinds = ("deliver",)
    every = 50.0

    def event(self, event: lab.Event) -> None:
        self.add(point=event.kind, host=event.host)

    def sample(self) -> None:
        self.add(point="sample", queued=self.network.queued("MIT-AI.ARPA"))


BASE = lab.simulate(CASE)


def refused(run: lab.Run) -> list[str]:
    return [e["text"] for e in run.trace if e.kind == "reply" and 400 <= e["code"] < 600]


# -- a kind of each ---------------------------------------------------------------------------


def test_a_behaviour_gives_verdicts_and_leaves_the_others_to_its_host() -> None:
    run = lab.simulate(CASE, behaviours={RELAY: Greylist()})
    assert refused(run) == ["Greylisted, try again later"]
    assert run.summary["delivered"] == 1
    assert run.breaches == []


def test_each_host_has_a_behaviour_of_its_own() -> None:
    run = lab.simulate(CASE, behaviours=[Greylist])
    by = [e.peer for e in run.trace if e.kind == "reply" and e["code"] == 450]
    assert by == [RELAY, "BBN-VAX.ARPA"]


class Everything(extend.Behaviour):
    """Says in each verdict that it has been asked."""

    def greeting(self, session: extend.Session) -> Reply | None:
        return reply(220, f"{session.host} asked: greeting from {session.peer}")

    def hello(self, session: extend.Session, domain: str) -> Reply | None:
        return reply(250, f"asked: {domain} {session.hello}")

    def begin(self, session: extend.Session, verb: str, reverse_path: Path) -> Reply | None:
        return reply(250, f"asked: {verb} {reverse_path}")

    def recipient(
        self, session: extend.Session, transaction: Transaction, forward_path: Path
    ) -> Reply | None:
        transaction.forward_paths.append(forward_path)  # of a copy
        return reply(250, f"asked: {forward_path}") if session.number else None

    def accept(self, session: extend.Session, transaction: Transaction) -> Reply | None:
        to = " ".join(map(str, transaction.forward_paths))
        return reply(554, f"asked: {len(transaction.mail_data)} bytes to {to}")

    def verify(self, session: extend.Session, string: str) -> Reply | None:
        return reply(550, f"asked: {string}")

    def expand(self, session: extend.Session, string: str) -> Reply | None:
        return reply(550, f"asked: {string} of {session.environment}")


def test_a_behaviour_is_asked_for_every_verdict() -> None:
    topology = from_dict(
        {
            "host": [{"name": "A"}, {"name": "B", "users": ["u"]}],
            "link": [{"between": ["A", "B"]}],
            "script": [
                {"from": "A", "to": "B", "lines": [
                    "HELO A", "VRFY u", "EXPN all", "MAIL FROM:<x@A>", "RCPT TO:<u@B>", "DATA",
                    "Hi.", ".", "QUIT",
                ]}
            ],
        }
    )  # fmt: skip
    run = lab.simulate(topology, behaviours=[extend.Behaviour(), Everything(), Greylist()])
    assert [e["text"] for e in run.trace if e.kind == "reply"] == [
        "B asked: greeting from A", "asked: A A", "asked: u", "asked: all of arpanet",
        "asked: MAIL <x@A>", "asked: <u@B>", "Start mail input; end with <CRLF>.<CRLF>",
        "asked: 5 bytes to <u@B>", "B Service closing transmission channel",
    ]  # fmt: skip


def test_a_retry_says_when_mail_is_tried_again_and_when_it_is_given_up() -> None:
    run = lab.simulate(CASE, retry=Steady(), faults=[lab.Fault("host-down", host=RELAY)])
    tried = [e.t for e in run.trace if e.kind == "attempt"]
    assert tried == [100.0 * n for n in range(11)]
    assert run.summary["returned"] == 1


def test_the_lab_s_own_retry_is_that_of_the_topology() -> None:
    policy = lab.Retry(first=7.0, max=7.0)
    assert isinstance(policy, extend.Retry)
    faults = [lab.Fault("host-down", host=RELAY, duration=20.0)]
    run = lab.simulate(CASE, retry=policy, faults=faults)
    assert run.topology.retry == policy
    assert [e.t for e in run.trace if e.kind == "attempt"][:4] == [0.0, 7.0, 14.0, 21.0]
    assert "plugins" not in run.trace.meta


def test_a_fault_happens_when_its_code_says_and_is_recorded() -> None:
    run = lab.simulate(CASE, faults=[Outage()])
    (interval,) = [(f.kind, f.host, f.begin, f.end) for f in lab_faults(run)]
    assert interval == ("host-down", RELAY, 1.0, 201.0)
    with_file = lab.simulate(CASE, faults=[lab.Fault("host-down", host=RELAY, at=1, duration=200)])
    assert run.trace.rows[1:] == with_file.trace.rows[1:]


def lab_faults(run: lab.Run) -> list[lab.FaultInterval]:
    from lab.analysis.faults import fault_intervals

    return fault_intervals(run.trace)


def test_a_probe_sees_events_and_samples_and_changes_nothing() -> None:
    run = lab.simulate(CASE, probes=[Deliveries()], faults=[lab.Fault("crash", host=RELAY, at=1.3)])
    without = lab.simulate(CASE, faults=[lab.Fault("crash", host=RELAY, at=1.3)])
    assert run.trace.rows == without.trace.rows
    assert run.digest == without.digest
    table = run.probes["Deliveries"]
    assert list(table.point[:2]) == ["sample", "sample"]
    assert list(table.t[:2]) == [0.0, 50.0]
    assert next(iter(table.host.dropna())) == "BBN-VAX.ARPA"
    assert lab.simulate(CASE).probes == {}


class Last(extend.Probe):
    name = "last"

    def begin(self) -> None:
        self.kind_of_last = ""

    def event(self, event: lab.Event) -> None:
        self.kind_of_last = event.kind

    def result(self) -> object:
        return self.kind_of_last


def test_a_probe_may_return_what_it_likes() -> None:
    assert lab.simulate(CASE, probes=[Last()]).probes["last"] == "end"


def square() -> lab.Topology:
    """A sends to C, by B or by D; B is nearer."""
    graph = networkx.Graph([("A", "B"), ("B", "C"), ("A", "D"), ("D", "C")])
    return lab.Topology.from_graph(
        graph,
        defaults={
            "host": {"relay": True, "users": ["u"]},
            "link": {"latency": "10 ms", "bandwidth": "9600 bit/s"},
        },
        sets={"link.A-D.cost": 2},
        mail=[{"at": f"{n} s", "from": "u@A", "to": ["u@C"], "size": "5 kB"} for n in range(8)],
        retry={"first": "60 s"},
    )


class ByLoad(extend.Routing):
    """The neighbour with the fewest messages queued, and the shortest wait for its links."""

    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        network = self.network
        near = network.neighbours(host)
        if target in near:
            return target
        open_ones = [peer for peer in near if peer not in avoided and network.is_open(host, peer)]
        load = {p: (network.queued(host, p), network.wait(host, p), near[p]) for p in open_ones}
        return min(load, key=lambda peer: load[peer], default=None)


def first_hops(run: lab.Run) -> list[str | None]:
    """Where each message went that was handed in at A."""
    handed_in = {e.message: e.t for e in run.trace if e.kind == "submit"}
    queued = [e for e in run.trace if e.kind == "queue" and e.host == "A"]
    return [e.peer for e in queued if e.t == handed_in[e.message]]


def test_a_routing_by_load_is_asked_anew_for_each_message() -> None:
    assert set(first_hops(lab.simulate(square()))) == {"B"}
    run = lab.simulate(square(), routing=ByLoad())
    assert set(first_hops(run)) == {"B", "D"}
    assert run.summary["delivered"] == 8


class Dynamic(extend.Routing):
    """Avoids links that are down, from the moment at which they go down."""

    def begin(self) -> None:
        self.graph = networkx.Graph()
        self.changed()

    def changed(self) -> None:
        self.graph.clear()
        for link in self.network.links:
            if link.is_up:
                self.graph.add_edge(link.a, link.b)

    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        graph = self.graph.subgraph(set(self.graph) - avoided | {host, target})
        try:
            return networkx.shortest_path(graph, host, target)[1]
        except (networkx.NetworkXNoPath, networkx.NodeNotFound):
            return None


def test_a_dynamic_routing_is_told_when_links_go_down_and_come_up() -> None:
    down = lab.Fault("link-down", link=("A", "B"), at=1.5, duration=3.0)
    run = lab.simulate(square(), routing=Dynamic(), faults=[down])
    assert first_hops(run) == ["B", "B", "D", "D", "D", "B", "B", "B"]


class OneWay(extend.Routing):
    """The neighbour D while it can be reached."""

    is_static = True

    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        near = self.network.neighbours(host)
        return target if target in near else next((p for p in "DB" if p not in avoided), None)


def test_mail_goes_by_the_routing_s_next_choice_where_the_first_cannot_be_reached() -> None:
    run = lab.simulate(square(), routing=OneWay(), faults=[lab.Fault("host-down", host="D")])
    assert [e.peer for e in run.trace if e.kind == "queue"][:2] == ["D", "B"]
    assert run.summary["delivered"] == 8


class Circle(extend.Routing):
    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        return {"A": "B", "B": "A"}[host]


def test_a_routing_that_sends_mail_in_circles_is_ended_by_the_hop_limit() -> None:
    run = lab.simulate(square(), routing=Circle())
    assert run.summary["delivered"] == 0
    assert run.summary["lost"] == 0


class Looks(extend.Probe):
    every = 2.0

    def sample(self) -> None:
        network = self.network
        (link, *_) = [link for link in network.links if {link.a, link.b} == {"A", "B"}]
        self.add(
            up=link.is_up, latency=link.latency("B"), rate=link.bandwidth("B"), wait=link.wait("B"),
            busy=link.utilisation("B"), host_up=network.is_up("D"), open=network.is_open("A", "B"),
            relays=network.settings("A").relay, spool=network.queued("A", "B"),
            behind=network.wait("A", "B"), next=network.shortest("A", "C", ["B"]),
        )  # fmt: skip


def test_the_network_is_seen_as_it_is_at_present() -> None:
    faults = [
        lab.Fault("link-down", link=("A", "B"), at=5, duration=2),
        lab.Fault("host-down", host="D", at=5, duration=2),
    ]
    table = lab.simulate(square(), probes=[Looks()], faults=faults).probes["Looks"].set_index("t")
    assert list(table.up[:5]) == list(table.host_up[:5]) == [True, True, True, False, True]
    assert list(table.open[:5]) == [True, True, True, False, True]
    assert table.behind[6.0] == float("inf")
    assert set(table.latency) == {0.01}
    assert set(table.rate) == {9600.0}
    assert set(table.next) == {"D"}
    assert table.relays.all()
    assert (table.wait[:3] > 0).any()
    assert 0.5 < table.busy[4.0] <= 1
    assert table.spool[4.0] > 0


# -- honest digests ---------------------------------------------------------------------------


class Idle(extend.Behaviour):
    version = "1"


class Newer(Idle):
    name = "Idle"
    version = "2"


@dataclass(frozen=True)
class Quota(extend.Behaviour):
    most: int = 3


def test_name_version_and_settings_are_in_the_digest() -> None:
    digests = {
        lab.simulate(CASE, behaviours=behaviours).digest
        for behaviours in ([], [Idle()], [Newer()], [Quota(3)], [Quota(4)], {RELAY: Quota(4)})
    }
    assert len(digests) == 6
    meta = lab.simulate(CASE, behaviours={RELAY: Quota(4)}).trace.meta["plugins"]
    assert meta == [
        {"kind": "behaviour", "name": "Quota", "version": "", "settings": {"most": 4},
         "hosts": RELAY},
    ]  # fmt: skip


def test_the_file_of_a_run_names_its_plug_ins_and_probes(tmp_path: FilePath) -> None:
    run = lab.simulate(CASE, behaviours=[Idle()], probes=[Last()])
    run.save(tmp_path / "out")
    content = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [(each["kind"], each["name"]) for each in content["plugins"]] == [
        ("behaviour", "Idle"), ("probe", "last"),
    ]  # fmt: skip
    assert "plugins" not in BASE.trace.meta


def test_a_run_works_on_copies_so_that_an_object_can_be_given_again() -> None:
    behaviour, probe = Greylist(), Deliveries()
    first = lab.simulate(CASE, behaviours=[behaviour], probes=[probe])
    again = lab.simulate(CASE, behaviours=[behaviour], probes=[probe])
    assert first.trace.rows == again.trace.rows
    assert behaviour.first == {}
    assert probe.rows == []


class Chance(extend.Retry):
    def delay(self, failures: int, host: str = "", peer: str = "", reason: str = "") -> float:
        return 10.0 + self.random.random()


def test_what_a_plug_in_draws_follows_from_the_seed() -> None:
    def tried(seed: int) -> list[float]:
        down = [lab.Fault("host-down", host=RELAY, duration=50)]
        run = lab.simulate(CASE, seed, retry=Chance(), faults=down)
        return [e.t for e in run.trace if e.kind == "attempt"]

    assert tried(1) == tried(1) != tried(2)
    with pytest.raises(AttributeError, match="random is there once the run has begun"):
        Chance().random  # noqa: B018


# -- what goes wrong --------------------------------------------------------------------------


class Raises(extend.Behaviour):
    def begin(self, session: extend.Session, verb: str, reverse_path: Path) -> Reply | None:
        raise KeyError("of mine")


class NoReply(extend.Behaviour):
    def begin(self, session: extend.Session, verb: str, reverse_path: Path) -> Reply | None:
        return True  # type: ignore[return-value]


class OtherRow(extend.Behaviour):
    def begin(self, session: extend.Session, verb: str, reverse_path: Path) -> Reply | None:
        return reply(354)


class Takes(extend.Behaviour):
    def accept(self, session: extend.Session, transaction: Transaction) -> Reply | None:
        return reply(250, "OK")


class Nowhere(extend.Routing):
    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        return "NOWHERE"


class FewArguments(extend.Routing):
    def next_hop(self, host: str) -> str | None:  # type: ignore[override]
        return None


class At0nce(extend.Retry):
    def delay(self, failures: int, host: str = "", peer: str = "", reason: str = "") -> float:
        return 0.0


class NoTime(extend.Retry):
    def delay(self, failures: int, host: str = "", peer: str = "", reason: str = "") -> float:
        return None  # type: ignore[return-value]


class Stuck(extend.Fault):
    def run(self, network: extend.NetworkControl) -> Iterator[float]:
        while True:
            yield 0


class NoSteps(extend.Fault):
    def run(self, network: extend.NetworkControl) -> Iterator[float]:
        return [1.0]  # type: ignore[return-value]


class NoSuchHost(extend.Fault):
    def run(self, network: extend.NetworkControl) -> Iterator[float]:
        yield 1.0
        network.happen("crash", host="Q")


class NoSuchKind(extend.Fault):
    def run(self, network: extend.NetworkControl) -> Iterator[float]:
        yield 1.0
        network.happen("change-reply", host=RELAY)


class Fails(extend.Probe):
    every = 1.0

    def sample(self) -> None:
        self.network.queued("Q")


DOWN = lab.Fault("host-down", host=RELAY)

FAILURES = [
    ({"behaviours": [Raises]},
     r"the behaviour Raises failed in begin\(\) \(test_plugins.py, line \d+: raise "
     r"KeyError\(\"of mine\"\)\): KeyError: 'of mine'"),
    ({"behaviours": [NoReply]},
     "the behaviour NoReply returned True from begin.*must return a Reply"),
    ({"behaviours": [OtherRow]},
     "the behaviour OtherRow returned 354 .* section 4.3 permits .* as the reply to MAIL"),
    ({"behaviours": [Takes]}, "the behaviour Takes returned 250 OK .* only the host itself"),
    ({"routing": Nowhere()},
     "the routing Nowhere sends mail from MIT-AI.ARPA to 'NOWHERE', which is not a neighbour"),
    ({"routing": FewArguments()}, r"the routing FewArguments failed in next_hop\(\): TypeError: "),
    ({"retry": At0nce(), "faults": [DOWN]}, r"delay\(\) of the retry At0nce is 0.0; it must be"),
    ({"retry": NoTime(), "faults": [DOWN]}, r"delay\(\) of the retry NoTime is None; it must be"),
    ({"faults": [Stuck]}, r"the fault Stuck yielded 0 in run\(\); it must be"),
    ({"faults": [NoSteps]}, r"the fault NoSteps returned .* from run\(\); it must yield"),
    ({"faults": [NoSuchHost]}, r"the fault NoSuchHost failed .*line \d+: network.happen"),
    ({"faults": [NoSuchKind]}, ".*'change-reply' is not a fault that can begin now; there are"),
    ({"probes": [Fails]}, r"the probe Fails failed in sample\(\) .*KeyError: 'Q'"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sentence"), FAILURES)
def test_what_fails_ends_the_run_in_one_sentence_and_leaves_what_happened(
    arguments: dict[str, object], sentence: str, tmp_path: FilePath
) -> None:
    with pytest.raises(lab.RunFailed, match=f"^.*{sentence}") as failed:
        lab.simulate(CASE, **arguments)  # type: ignore[arg-type]
    assert "\n" not in str(failed.value)
    run = failed.value.run
    assert run.ending == "failed"
    assert run.summary["queued"] == run.summary["submitted"] <= 1
    assert run.breaches == []
    run.save_least(tmp_path)
    assert lab.open_trace(tmp_path).digest() == run.digest


class TwoArguments(extend.Routing):
    def __init__(self, a: int) -> None:
        self.a = a

    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        return None


class Locked(Idle):
    def __init__(self) -> None:
        self.file = (n for n in ())


class OddTime(Deliveries):
    every = -1.0


class OddKind(Deliveries):
    kinds = ("delivery",)


class Never(Steady):
    give_up = float("inf")


GIVEN = [
    ({"routing": 3}, "routing must be of a class derived from lab.extend.Routing, or the name of"),
    ({"routing": Greylist()}, "routing must be of a class derived from lab.extend.Routing"),
    ({"routing": TwoArguments}, r"TwoArguments cannot be made without arguments .*; give TwoArg"),
    ({"behaviours": Greylist()}, "behaviours must be a list, or a mapping of hosts to behaviours"),
    ({"behaviours": {3: Greylist()}}, "behaviours must have names of hosts as keys, not 3"),
    ({"behaviours": {"Q*": Greylist()}}, "behaviours: no host matches 'Q\\*', for the behaviour G"),
    ({"behaviours": [Locked]}, "the behaviour Locked cannot be copied, which each run does"),
    ({"probes": Last}, "probes must be a list, not"),
    ({"probes": [Last, Last]}, "probes: there are two of the name 'last'; set name in one of them"),
    ({"probes": [OddTime]}, "every of the probe OddTime must be more than 0"),
    ({"probes": [OddKind]}, "kinds of the probe OddKind: there is no kind of event 'delivery'"),
    ({"retry": Never}, "give_up of the retry Never is inf; it must be a number of seconds"),
    ({"faults": [3]}, "faults must be a list of lab.Fault, but has 3 in it"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sentence"), GIVEN)
def test_what_is_given_is_checked_before_the_run(
    arguments: dict[str, object], sentence: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        lab.simulate(CASE, **arguments)  # type: ignore[arg-type]
