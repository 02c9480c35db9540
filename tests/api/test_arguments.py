"""Public calls check what they are given, and say in one sentence what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import networkx
import numpy
import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.runtime.arguments import plain

CASE = str(TOPOLOGIES / "rfc821/scenario-03.toml")
RUN = lab.simulate(CASE)
HOST = "USC-ISIE.ARPA"


def faulty(**options: Any) -> lab.Run:
    return lab.simulate(CASE, faults=[lab.Fault(**{"kind": "crash", "host": HOST} | options)])


def sweep(**options: Any) -> Any:
    return lab.sweep(**{"topology": CASE, "measures": ["delivered"], "workers": 0} | options)


WRONG: list[tuple[str, Callable[[], object], type[Exception], str]] = [
    ("seed", lambda: lab.simulate(CASE, seed="x"), TypeError,
     "seed must be a whole number, not 'x'; for example seed=3"),
    ("half a seed", lambda: lab.simulate(CASE, seed=1.5), TypeError,
     "seed must be a whole number, not 1.5; for example seed=3"),
    ("a boolean", lambda: lab.simulate(CASE, seed=True), TypeError,
     "seed must be a whole number, not True; for example seed=3"),
    ("until", lambda: lab.simulate(CASE, until=-1), ValueError,
     "until must be 0 or more, not -1.0"),
    ("until in other words", lambda: lab.simulate(CASE, until="two seconds"), ValueError,
     "until: 'two seconds' is not a quantity; write a number with a unit: s, min, h, d, ms or us, "
     'as in "40 ms"'),
    ("until in words, before the start", lambda: lab.simulate(CASE, until="-2 s"), ValueError,
     "until: '-2 s' is negative; use 0 or more"),
    ("no until", lambda: lab.simulate(CASE, until=[2]), TypeError,
     "until must be a number of seconds, not [2]; for example until=90.0"),
    ("max_events", lambda: lab.simulate(CASE, max_events=0), ValueError,
     "max_events must be 1 or more, not 0"),
    ("half an event", lambda: lab.simulate(CASE, max_events=1.5), TypeError,
     "max_events must be a whole number, not 1.5; for example max_events=100000"),
    ("max_seconds", lambda: lab.simulate(CASE, max_seconds=-1), ValueError,
     "max_seconds must be 0 or more, not -1.0"),
    ("nan", lambda: lab.simulate(CASE, until=float("nan")), ValueError,
     "until must be a number of seconds, not nan; for example until=90.0"),
    ("level", lambda: lab.simulate(CASE, trace="wires"), ValueError,
     'trace must be "wire", "session", "delivery" or "none", not \'wires\''),
    ("processes", lambda: lab.simulate(CASE, processes=0), ValueError,
     "processes must be 1 or more, not 0"),
    ("progress", lambda: lab.simulate(CASE, progress=3), TypeError,
     "progress must be a function that is called with the number of messages so far, not 3"),
    ("store", lambda: lab.simulate(CASE, store=3), TypeError, "store must be a folder, not 3"),
    ("topology", lambda: lab.simulate(3), TypeError,
     "topology must be a lab.Topology or the path of a topology file, not 3"),
    ("no topology", lambda: lab.simulate(None), TypeError,
     "topology must be a lab.Topology or the path of a topology file, not None"),
    ("one fault", lambda: lab.simulate(CASE, faults=lab.Fault("crash")), TypeError,
     "faults must be a list of lab.Fault, not an object of type FaultSpec"),
    ("no fault", lambda: lab.simulate(CASE, faults=["crash"]), ValueError,
     "no fault 'crash' is installed; no plug-in is installed"),
    ("a fault's kind", lambda: faulty(kind="explode"), lab.TopologyError,
     "faults[0].kind: 'explode' is not one of link-down, host-down, crash, partition, loss, "
     "latency, jitter, bandwidth, busy, storage-full, refuse, hang-up, one-way, clock-skew, "
     "change-reply, change-command, schedule"),
    ("a fault's host", lambda: faulty(host="NOWHERE.ARPA"), lab.TopologyError,
     "faults[0].host: there is no host 'NOWHERE.ARPA'; there are MIT-AI.ARPA, USC-ISIE.ARPA, "
     "BBN-VAX.ARPA"),
    ("a fault's time", lambda: faulty(at=-1.0), lab.TopologyError,
     "faults[0].at: -1.0 is negative; use 0 or more"),
    ("a fault without its link", lambda: faulty(kind="link-down", host=None), lab.TopologyError,
     'faults[0]: link-down requires link; write link = ["MIT-AI.ARPA", "USC-ISIE.ARPA"]'),
    ("load", lambda: lab.load(3), TypeError, "path must be the path of a topology file, not 3"),
    ("sets", lambda: lab.load(CASE, "link.0.latency=1 s"), TypeError,
     'sets must be a list of texts such as ["link.0.latency=1 s"], or a mapping such as '
     '{"link.0.latency": "1 s"}, not \'link.0.latency=1 s\''),
    ("a seed of load", lambda: lab.load(CASE, seed="x"), TypeError,
     "seed must be a whole number, not 'x'; for example seed=3"),
    ("a picture", lambda: RUN.plot("ladders"), ValueError,
     "'ladders' is not a kind of picture; use ladder, latency, map, queues, states, timeline, "
     "utilisation"),
    ("a picture's number", lambda: RUN.plot(3), ValueError,
     "3 is not a kind of picture; use ladder, latency, map, queues, states, timeline, "
     "utilisation"),
    ("an option of a picture", lambda: RUN.plot("latency", message=1), TypeError,
     "the picture 'latency' has no option 'message'; it has by"),
    ("axes", lambda: RUN.plot("ladder", ax=3), TypeError, "ax must be matplotlib Axes, not 3"),
    ("a message", lambda: RUN.story("x"), TypeError,
     "message must be a whole number, not 'x'; for example message=1"),
    ("no message", lambda: RUN.story(99), ValueError, "there is no message 99 in this run"),
    ("seconds", lambda: RUN.animate("x"), TypeError,
     "seconds must be a number, not 'x'; for example seconds=20"),
    ("a directory", lambda: RUN.save(3), TypeError,
     "directory must be the path of a directory, not 3"),
    *((f"a {kind} of a number", partial(getattr(lab.views, picture.function), 5), TypeError,
       "trace must be a lab.Trace, such as run.trace, not of the type int")
      for kind, picture in lab.views.PICTURES.items()),
    ("a run in place of its trace", partial(lab.views.plot, RUN), TypeError,
     "trace must be a lab.Trace, such as run.trace, not of the type Run"),
    ("a trace", lambda: lab.open_trace(3), TypeError,
     "path must be that of a trace or of a folder with one, not 3"),
    ("a stepper's topology", lambda: lab.step(3), TypeError,
     "topology must be a lab.Topology or the path of a topology file, not 3"),
    ("a stepper's seed", lambda: lab.step(CASE, seed="x"), TypeError,
     "seed must be a whole number, not 'x'; for example seed=3"),
    ("a step", lambda: lab.step(CASE).step("x"), TypeError,
     "events must be a whole number, not 'x'; for example events=3"),
    ("a moment", lambda: lab.step(CASE).at("x"), TypeError,
     "t must be a number of seconds, not 'x'; for example t=9.5"),
    ("a host", lambda: lab.step(CASE).crash(3), TypeError,
     "host must be the name of a host, not 3"),
    ("a crash", lambda: lab.step(CASE).crash(HOST, "x"), TypeError,
     "duration must be a number of seconds, not 'x'; for example duration=60.0"),
    ("an intervention", lambda: lab.step(CASE).intervene(3), TypeError,
     "fault must be a lab.Fault, not 3"),
    ("an impossible fault", lambda: lab.step(CASE).intervene(lab.Fault("loss", value=2.0)),
     lab.NoIntervention, "faults[0]: loss requires link; write link = "
     '["MIT-AI.ARPA", "USC-ISIE.ARPA"]; faults[0].value: 2.0 is not a chance; '
     "use a number from 0 to 1"),
    ("a limit", lambda: lab.explore(CASE, limit=-1), ValueError, "limit must be 0 or more, not -1"),
    ("processes of exploring", lambda: lab.explore(CASE, limit=1, processes=0), ValueError,
     "processes must be 1 or more, not 0"),
    ("runs", lambda: lab.storm("x"), TypeError,
     "runs must be a whole number, not 'x'; for example runs=200"),
    ("a speed", lambda: lab.serve(CASE, speed=0), ValueError,
     "speed must be greater than 0 and at most 100000, not 0; "
     "for example speed=60 runs an hour in a minute"),
    ("a speed in words", lambda: lab.serve(CASE, speed="x"), TypeError,
     "speed must be a number, not 'x'; for example speed=60"),
    ("an experiment", lambda: lab.sweep(3), TypeError,
     "experiment must be the path of an experiment file, or a mapping, not 3"),
    ("workers", lambda: sweep(workers=-1), ValueError, "workers must be 0 or more, not -1"),
    ("progress of a sweep", lambda: sweep(progress=3), TypeError,
     "progress must be a function that is called with the runs that are done, and all runs, not 3"),
    ("a graph", lambda: lab.Topology.from_graph(3), TypeError,
     "graph must be a networkx graph, not 3"),
    ("a seed of a topology", lambda: lab.load(CASE).with_seed("x"), TypeError,
     "seed must be a whole number, not 'x'; for example seed=3"),
    ("changes of a topology", lambda: lab.load(CASE).change("title=x"), TypeError,
     'sets must be a list of texts such as ["link.0.latency=1 s"], or a mapping such as '
     '{"link.0.latency": "1 s"}, not \'title=x\''),
    ("a comment", lambda: lab.load(CASE).to_toml(3), TypeError, "comment must be a text, not 3"),
    ("a lesson's network", lambda: lab.lessons.talk(3, "A"), TypeError,
     "where must be a lab.Topology or a file in topologies/, not 3"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "kind", "sentence"), [pytest.param(*wrong, id=name) for name, *wrong in WRONG]
)
def test_what_cannot_be_is_told_in_one_sentence(
    call: Callable[[], object], kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind) as wrong:
        call()
    assert type(wrong.value) is kind
    assert str(wrong.value) == sentence
    assert "\n" not in sentence


def test_numbers_of_numpy_are_numbers() -> None:
    """In each public call that takes a number."""
    run = lab.simulate(
        CASE, seed=numpy.int64(0), until=numpy.float32(1.5), processes=numpy.int8(1),
        faults=[lab.Fault("crash", host=HOST, at=numpy.float64(1.0), duration=numpy.int64(5))],
    )  # fmt: skip
    same = lab.simulate(
        CASE, until=1.5, faults=[lab.Fault("crash", host=HOST, at=1.0, duration=5.0)]
    )
    assert run.digest == same.digest
    assert run.topology == same.topology
    assert run.topology.to_toml() == same.topology.to_toml()
    assert run.story(numpy.int64(1)) == same.story(1)
    stepper = lab.step(CASE, numpy.int64(0), until=numpy.float64(99))
    assert stepper.step(numpy.int64(3)).n == 4
    assert stepper.at(numpy.float32(0.5)).t <= 0.5
    assert stepper.crash(HOST, numpy.int64(5)).n == stepper.n
    assert len(lab.explore(CASE, numpy.int64(0), limit=numpy.int64(2)).points) == 2
    assert len(lab.storm(numpy.int64(1), numpy.int64(2)).runs) == 1
    table = sweep(
        seeds=numpy.int64(2), grid={"link.0.latency": numpy.array([0.5, 1.0])}, until=numpy.int64(9)
    )
    assert table["link.0.latency"].tolist() == [0.5, 0.5, 1.0, 1.0]


def test_a_fault_may_have_arrays_of_numpy() -> None:
    topology = lab.load(CASE)
    link = topology.links[0]
    fault = lab.Fault("loss", link=numpy.array([link.a, link.b]), value=numpy.float32(0.5))
    assert topology.with_faults([fault]).faults[-1].link == (link.a, link.b)


@pytest.mark.parametrize("digits", [400, 9000])
def test_a_number_beyond_all_bounds_is_a_sentence(digits: int) -> None:
    with pytest.raises(ValueError, match="until must be a number of seconds, not") as told:
        lab.simulate(CASE, until=10**digits)
    assert len(str(told.value)) < 200


def test_a_graph_with_numbers_of_numpy_is_that_with_numbers() -> None:
    def topology(whole: Any, real: Any) -> lab.Topology:
        graph = networkx.path_graph(3)
        for a, b in graph.edges:
            graph.edges[a, b].update(latency=real(0.5), bandwidth=whole(5000))
        mail = [{"at": whole(2), "from": "a@H0", "to": ["a@H2"], "size": whole(300)}]
        defaults = {"host": {"relay": True, "users": ["a"]}}
        return lab.Topology.from_graph(graph, seed=whole(3), mail=mail, defaults=defaults)

    assert topology(numpy.int64, numpy.float32) == topology(int, float)
    assert lab.simulate(topology(numpy.int64, numpy.float64)).summary["delivered"] == 1


def test_what_is_of_numpy_becomes_plain_wherever_it_is() -> None:
    numbers = {"a": numpy.int64(1), "b": [numpy.float32(0.5), (numpy.bool_(True),)], "c": "x"}
    made = plain(numbers | {"d": numpy.array([1, 2])})
    assert made == {"a": 1, "b": [0.5, (True,)], "c": "x", "d": [1, 2]}
    assert [type(made["a"]), type(made["b"][0]), type(made["b"][1][0])] == [int, float, bool]


def test_faults_may_name_hosts_as_a_file_does() -> None:
    """In any case, with times as texts; the same run as with the names in full."""
    crash = lab.Fault("crash", host="usc-isie.arpa", at="1 s", duration="5 s")  # type: ignore[arg-type]
    same = lab.simulate(CASE, faults=[lab.Fault("crash", host=HOST, at=1.0, duration=5.0)])
    assert lab.simulate(CASE, faults=[crash]).digest == same.digest
