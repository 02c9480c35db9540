"""Every public callable refuses an argument of the wrong type, in one sentence that names it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any, Final, get_type_hints

import numpy
import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.hosts.checked import LARGEST_MAIL, LEAST, POSITIVE, range_of
from lab.protocol import parse_path
from lab.topology.model import from_dict

CASE: Final = str(TOPOLOGIES / "rfc821/scenario-03.toml")
HOST: Final = "USC-ISIE.ARPA"
PATH: Final = parse_path("<JQP@MIT-AI.ARPA>")

PACKAGES: Final = ("extend", "lessons", "protocol", "testing", "views")

MADE: Final[dict[str, Mapping[str, Any]]] = {
    "BurstLoss": {"p": 0.01, "r": 0.3},
    "Distribution": {"distribution": "normal", "mean": 1.0, "sd": 1.0},
    "Environment": {"name": "arpanet"},
    "Forward": {"user": "fred", "to": PATH},
    "HostSettings": {"name": HOST},
    "LinkBack": {},
    "LinkSpec": {"a": HOST, "b": "MIT-AI.ARPA", "environment": "arpanet"},
    "MailSpec": {"at": 0.0, "verb": "MAIL", "sender": PATH, "to": (PATH,)},
    "MailingList": {"name": "all", "members": (lab.Member(PATH),)},
    "Member": {"path": PATH},
    "PollSpec": {"at": 0.0, "sender": HOST, "to": "MIT-AI.ARPA"},
    "Retry": {},
    "ScriptedReply": {"to": "RCPT"},
    "Stamp": {},
    "ScriptSpec": {"at": 0.0, "sender": HOST, "to": "MIT-AI.ARPA", "lines": ("QUIT",)},
    "Timeouts": {},
    "Topology": {},
    "TrafficSpec": {"count": 1, "rate": 1.0},
    "User": {"name": "JQP"},
}
"""What users make a topology of, with the arguments that each requires."""

WHERE_USED: Final = ("Fault",)
"""Checked where it is used: its times may be texts, and its names in any case."""

RESULTS: Final = (
    "Breach", "BreakPoint", "Counts", "Crossing", "DeliverySeconds", "DialogueLine",
    "Divergence", "Happening",
    "EnvironmentMeta", "Estimate", "Event", "Explored", "FaultInterval", "HostMeta", "InFlight",
    "Intervention", "LinkMeta", "LinkUse", "LiveServer", "Meta", "Moment", "Outcomes", "PeerBreach",
    "PluginMeta",
    "Captured", "PeerBreachSummary", "Phase", "Recipient", "RecipientPhases", "Why",
    "FailureSummary", "RecipientSummary", "Run", "SessionHistory", "Snapshot", "Spooled", "Storm",
    "StormRun",
    "Summary", "Trial",
)  # fmt: skip
"""What only the lab makes. The methods of those that have some are in :data:`OBJECTS`."""

ERRORS: Final = (
    "CaptureError", "Interrupted", "NoCondition", "NoIntervention", "NothingToShow", "RunFailed",
    "SweepError", "TopologyError",
)  # fmt: skip

RUN: Final = lab.simulate(CASE)

CALLS: Final[dict[str, Mapping[str, Any]]] = {
    "Account": {},
    "Diff": {"a": RUN.trace, "b": RUN.trace},
    "Stepper": {"topology": CASE},
    "Trace": {},
    "diff": {"a": RUN, "b": RUN},
    "explore": {"topology": CASE, "limit": 0},
    "load": {"path": CASE},
    "open_trace": {"path": CASE},
    "read_capture": {"path": CASE},
    "serve": {"topology": CASE},
    "simulate": {"topology": CASE},
    "steady_state": {"values": tuple(range(100))},
    "step": {"topology": CASE},
    "storm": {"runs": 0},
    "sweep": {"experiment": {"topology": CASE, "measures": ["delivered"]}, "workers": 0},
}
"""Other public callables, with arguments of which one at a time is replaced by a wrong one."""

STEPPER: Final = lab.step(CASE)
OBJECTS: Final[dict[str, Any]] = {
    "Diff": lab.diff(RUN, RUN),
    "Run": RUN,
    "Why": RUN.why(1),
    "Stepper": STEPPER,
    "Explored": lab.explore(CASE, limit=1),
    "Storm": lab.storm(1),
    "Moment": STEPPER.step(),
    "Trace": RUN.trace,
    "Topology": RUN.topology,
}
"""Objects whose methods are called, too."""

REQUIRED: Final = {
    "at": 1.0, "t": 1.0, "wanted": "reply 250", "line": "250 OK", "host": HOST, "name": HOST,
    "a": HOST, "b": "MIT-AI.ARPA", "n": 1, "path": CASE, "message": 1, "faults": [], "seed": 0,
    "most": 1, "number": 0, "mail": None, "kinds": (), "fault": lab.Fault("crash", host=HOST),
    "directory": "nowhere", "format": "csv", "file": None, "point": 1, "graph": RUN.topology.graph,
    "sets": [], "change": {"act": "undo"},
}  # fmt: skip
NAMES_OF_COUNTS: Final = {("Explored", "total"), ("Storm", "total")}


INSIDE_CALLS: Final = {"careless", "scheduler", "level", "recorded"}
"""Arguments that other tests are about: any truth, an address, the name of a level, a digest."""


class Nothing:
    """An object that no argument may be."""

    def __repr__(self) -> str:
        return "Nothing()"


def accepted(hint: Any) -> bool:
    """Return whether an argument may be any object."""
    return hint is Any or hint is object


def of_classes() -> Iterator[tuple[str, str]]:
    for name in MADE:
        hints = get_type_hints(getattr(lab, name))
        yield from (
            (name, field.name)
            for field in fields(getattr(lab, name))
            if field.init and not accepted(hints[field.name])
        )


def test_each_public_name_is_of_one_kind() -> None:
    known = [*PACKAGES, *MADE, *WHERE_USED, *RESULTS, *ERRORS, *CALLS]
    assert sorted(known) == sorted(lab.__all__)


def one_sentence(call: Callable[[], object], argument: str) -> None:
    with pytest.raises((TypeError, ValueError, lab.TopologyError, lab.SweepError)) as wrong:
        call()
    sentence = str(wrong.value)
    assert argument in sentence, sentence
    assert " must be " in sentence or " is not " in sentence, sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(("name", "field"), list(of_classes()))
def test_a_class_refuses_what_a_field_cannot_be(name: str, field: str) -> None:
    cls = getattr(lab, name)
    one_sentence(lambda: cls(**{**MADE[name], field: Nothing()}), field)


@pytest.mark.parametrize(("name", "field"), list(of_classes()))
def test_a_class_takes_its_own_values_and_defaults(name: str, field: str) -> None:
    cls = getattr(lab, name)
    made = cls(**MADE[name])
    assert replace(made, **{field: getattr(made, field)}) == made


@pytest.mark.parametrize("name", CALLS)
def test_a_call_refuses_what_an_argument_cannot_be(name: str) -> None:
    call = getattr(lab, name)
    for parameter in inspect.signature(call).parameters.values():
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name not in INSIDE_CALLS:
            arguments = {**CALLS[name], parameter.name: Nothing()}
            one_sentence(lambda arguments=arguments: call(**arguments), parameter.name)  # type: ignore[misc]


def methods() -> Iterator[tuple[str, str, str]]:
    for owner, made in OBJECTS.items():
        for name, function in inspect.getmembers(type(made)):
            if name.startswith("_") or not isinstance(function, (FunctionType, MethodType)):
                continue
            parameters = inspect.signature(getattr(made, name)).parameters.values()
            for parameter in parameters:
                if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                    yield owner, name, parameter.name


@pytest.mark.parametrize(("owner", "name", "argument"), list(methods()))
def test_a_method_refuses_what_an_argument_cannot_be(
    owner: str, name: str, argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    method = getattr(OBJECTS[owner], name)
    required = dict(REQUIRED)
    if (owner, name) in NAMES_OF_COUNTS:
        required["name"] = "lost"
    named = "condition" if argument == "wanted" else argument
    arguments = {
        each.name: required[each.name]
        for each in inspect.signature(method).parameters.values()
        if each.default is each.empty and each.kind is not each.VAR_KEYWORD
    }
    one_sentence(lambda: list(method(**{**arguments, argument: Nothing()}) or ()), named)
    assert not list(tmp_path.iterdir())


def numbers() -> Iterator[tuple[str, str, str]]:
    for name in MADE:
        for field in fields(getattr(lab, name)):
            kind = field.metadata.get("kind", "")
            if kind in LEAST or kind in POSITIVE or kind == "chance":
                yield name, field.name, kind


@pytest.mark.parametrize(("name", "field", "kind"), list(numbers()))
def test_numbers_of_numpy_become_pythons(name: str, field: str, kind: str) -> None:
    cls = getattr(lab, name)
    hint = str(get_type_hints(cls)[field])
    made = cls(**{**MADE[name], field: (numpy.int64 if "int" in hint else numpy.float32)(1)})
    assert type(getattr(made, field)) is (int if "int" in hint else float)
    assert getattr(made, field) == 1


def in_a_file(kind: str, value: float) -> bool:
    """Return whether a topology file may have a value for a setting of a kind."""
    tables = {
        "duration": {"traffic": [{"count": 1, "rate": 1, "start": value}]},
        "latency": {"defaults": {"link": {"latency": value}}},
        "length": {"link": [{"between": ["A.B", "C.D"], "dist": value}]},
        "speed": {"defaults": {"link": {"speed": value}}},
        "span": {"retry": {"first": value, "max": 3e9}},
        "size": {"traffic": [{"count": 1, "rate": 1, "size": value}]},
        "limit": {"defaults": {"host": {"limits": {"line": value}}}},
        "count": {"traffic": [{"count": value, "rate": 1}]},
        "ordinal": {"fault": [{"kind": "hang-up", "link": ["A.B", "C.D"], "session": value}]},
        "number": {"defaults": {"link": {"cost": value}}},
        "factor": {"retry": {"factor": value}},
        "bandwidth": {"defaults": {"link": {"bandwidth": value}}},
        "rate": {"traffic": [{"count": 1, "rate": value}]},
        "chance": {"defaults": {"link": {"loss": value}}},
    }
    hosts = {
        "host": [{"name": "A.B", "users": ["x"]}, {"name": "C.D"}],
        "link": [{"between": ["A.B", "C.D"]}],
    }
    try:
        from_dict(hosts | tables[kind])
    except lab.TopologyError:
        return False
    return True


@pytest.mark.parametrize("kind", [*LEAST, *POSITIVE, "chance"])
@pytest.mark.parametrize("value", [-1, 0, 1, 2, LARGEST_MAIL, LARGEST_MAIL + 1])
def test_python_and_a_file_refuse_the_same_numbers(kind: str, value: int) -> None:
    check = range_of(kind)
    assert check is not None

    def in_python() -> bool:
        try:
            check("value", value)
        except ValueError:
            return False
        return True

    assert in_python() == in_a_file(kind, value)


WRONG: Final[list[tuple[str, Callable[[], object], str]]] = [
    ("a relay", lambda: lab.HostSettings("A", relay="no"), "relay must be True or False, not 'no'"),
    ("a wait", lambda: lab.Retry(first=-1), "first must be more than 0, not -1.0"),
    ("a sweep of nothing", lambda: lab.sweep(None),
     "experiment must be the path of an experiment file, or a mapping; or give its keys, such as "
     'lab.sweep(topology="campus.toml", measures=["delivered"])'),
    ("hosts", lambda: lab.Topology(hosts=5),
     "hosts must be a mapping of texts to HostSettings, not 5"),
    ("a fault", lambda: lab.Topology(faults=("crash",)), "faults[0] must be a Fault, not 'crash'"),
    ("a user", lambda: lab.HostSettings("A", users=("ann",)), "users[0] must be a User, not 'ann'"),
    ("a word", lambda: lab.HostSettings("A", grammar="loose"),
     'grammar must be "strict", "standard" or "tolerant", not \'loose\''),
    ("a code", lambda: lab.HostSettings("A", answers={"RCPT": 999}),
     "answers['RCPT'] must be a reply code of RFC 821, such as 451, or a list of such, not 999"),
    ("a limit", lambda: lab.HostSettings("A", limits=lab.protocol.Limits(line=0)),
     "limits.line must be more than 0, not 0"),
    ("a chance", lambda: lab.LinkSpec("A", "B", "e", loss=2),
     "loss must be a number from 0 to 1, not 2.0"),
    ("a position", lambda: lab.HostSettings("A", position=(1,)),
     "position must be 2 numbers, not (1,)"),
    ("a name", lambda: lab.Environment(""), "name must not be empty"),
    ("a size", lambda: lab.TrafficSpec(1, 1.0, size=10**10),
     "size must be 1000000000 or less, not 10000000000"),
    ("a time in words", lambda: lab.Timeouts(command="5 min"),
     "command must be a number, not '5 min'; for example command=9.5"),
    ("a level", lambda: lab.Trace((), "wires"),
     "'wires' is not a level of a trace; use wire, session, delivery or none"),
    ("a count", lambda: lab.storm(0).total("mails"),
     'name must be "submitted", "lost", "duplicates" or "returned", not \'mails\''),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "sentence"), [pytest.param(*wrong, id=name) for name, *wrong in WRONG]
)
def test_the_sentence_says_what_is_right(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError)) as wrong:
        call()
    assert str(wrong.value) == sentence


A: Final = lab.HostSettings("A", users=(lab.User("a"),))
MAIL: Final = lab.MailSpec(0.0, "MAIL", parse_path("<a@Q>"), (PATH,))


def test_the_sender_of_mail_may_be_written_in_any_case() -> None:
    mail = replace(MAIL, sender=parse_path("<a@a>"))
    topology = lab.Topology(hosts={"A": A}, mail=[mail], faults=[lab.Fault("busy", host="*")])
    assert lab.simulate(topology).summary["submitted"] == 1


def test_parts_can_be_replaced_one_after_another() -> None:
    topology = lab.load(CASE)
    fewer = replace(topology, hosts={HOST: topology.hosts[HOST]})
    with pytest.raises(lab.TopologyError, match=r"links\[0\]: there is no host 'MIT-AI.ARPA'"):
        lab.simulate(fewer)
    assert lab.simulate(replace(fewer, links=(), mail=())).summary["submitted"] == 0


def test_the_former_name_of_a_setting_is_read_with_a_warning() -> None:
    with pytest.warns(
        DeprecationWarning, match="patience is the former name of timeouts; use that"
    ):
        made = lab.HostSettings("A", patience=lab.Timeouts(command=5.0))  # type: ignore[call-arg]
    assert made.timeouts.command == 5.0


def test_every_field_that_a_topology_is_made_of_has_a_check() -> None:
    """So that a class that is added is checked too."""
    for name in lab.__all__:
        cls = getattr(lab, name)
        declared = is_dataclass(cls) and any("kind" in field.metadata for field in fields(cls))
        assert not declared or name in (*MADE, *WHERE_USED)


def test_a_date_is_a_date() -> None:
    assert lab.Topology(start=datetime(1982, 8, 1, tzinfo=UTC)).start.year == 1982
