"""Faults: every kind, with the keys that it requires, those that it takes, and no others."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

import lab
from lab.topology.declarations import settings_of
from lab.topology.faults import OPTIONAL_KEYS, REQUIRED_KEYS
from lab.topology.model import TopologyError, from_dict
from lab.topology.reference import reference
from lab.topology.specs import FAULT_KINDS, FaultSpec

HOSTS = ["MIT-AI.ARPA", "USC-ISIE.ARPA"]
VALUES: dict[str, dict[str, Any]] = {
    "loss": {"value": 0.5, "name": ""},
    "latency": {"name": ""},
    "jitter": {"name": ""},
    "bandwidth": {"name": "", "value": "1200 bit/s"},
    "link-down": {"name": ""},
    "change-reply": {"host": HOSTS[1]},
    "change-command": {"line": "RSET"},
}
ALL_KEYS = sorted({key for kind in FAULT_KINDS.values() for key in (*kind.requires, *kind.allows)})


def topology(fault: dict[str, Any]) -> lab.Topology:
    return from_dict({
        "environment": [{"name": "arpanet", "transport": "ncp"}],
        "host": [{"name": name, "users": ["ann"]} for name in HOSTS],
        "link": [{"between": HOSTS}],
        "mail": [{"from": f"ann@{HOSTS[0]}", "to": f"ann@{HOSTS[1]}", "at": 5}],
        "fault": [fault],
    })  # fmt: skip


def example(kind: str, key: str) -> Any:
    """A value for the key, from its declaration."""
    if key in VALUES.get(kind, {}):
        return VALUES[kind][key]
    (setting,) = (each for each in settings_of(FaultSpec) if each.key == key)
    text = setting.example or f'"{next(iter(setting.words or ()))}"'
    return tomllib.loads(f"value = {text}")["value"]


def fault(kind: str) -> dict[str, Any]:
    return {"kind": kind, **{key: example(kind, key) for key in REQUIRED_KEYS[kind]}}


def problems(fault: dict[str, Any]) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        topology(fault)
    return caught.value.problems


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_kind_happens_in_a_run(kind: str) -> None:
    table = fault(kind) if kind.startswith("change-") else fault(kind) | {"at": 1, "for": 60}
    run = lab.simulate(topology(table))
    names = {event["name"] for event in run.trace if event.kind == "fault"}
    assert names == {kind}


@pytest.mark.parametrize(
    ("kind", "good", "bad", "why"),
    [
        ("loss", 1, "1 s", "is not a chance; use a number from 0 to 1"),
        ("latency", "0 s", "-1 s", "is negative; use 0 or more"),
        ("jitter", "1 s", "-1 s", "is negative; use 0 or more"),
        ("bandwidth", "300 bit/s", 0, "is too small; use more than 0"),
        ("clock-skew", "-5 min", "long", "is not a quantity"),
    ],
)
def test_a_value_is_what_its_kind_says(kind: str, good: object, bad: object, why: str) -> None:
    assert topology(fault(kind) | {"value": good}).faults[0].value is not None
    (sentence,) = problems(fault(kind) | {"value": bad})
    assert why in sentence


def test_a_kind_that_requires_a_value_says_what_it_is() -> None:
    """In its declaration, and so in the guide."""
    has = {name: kind.value for name, kind in FAULT_KINDS.items() if "value" in kind.requires}
    assert has == {name: kind.value for name, kind in FAULT_KINDS.items() if kind.value}
    assert all(f"a {value} for {name}" in reference().lower() for name, value in has.items())


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_kind_takes_its_keys_and_no_others(kind: str) -> None:
    for key in REQUIRED_KEYS[kind]:
        (sentence,) = problems({k: value for k, value in fault(kind).items() if k != key})
        assert f"{kind} requires {key}; write {key} = " in sentence
    for key in ALL_KEYS:
        table = fault(kind) | {key: example(kind, key)}
        if key in (*REQUIRED_KEYS[kind], *OPTIONAL_KEYS[kind]):
            assert topology(table).faults[0].kind == kind
        else:
            (sentence,) = problems(table)
            assert f"{kind} does not take {key}; it takes {REQUIRED_KEYS[kind][0]}" in sentence


@pytest.mark.parametrize("after", ["data", "354", ".", "1000 B"])
def test_what_a_hang_up_waits_for(after: str) -> None:
    assert topology(fault("hang-up") | {"after": after}).faults[0].after == after.upper()


def problem_of(fault: dict[str, Any], **environment: str) -> str:
    with pytest.raises(TopologyError) as wrong:
        from_dict({
            "environment": [{"name": "arpanet", **environment}],
            "host": [{"name": name} for name in HOSTS],
            "link": [{"between": HOSTS, "name": "land"}],
            "fault": [fault],
        })  # fmt: skip
    return str(wrong.value)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"kind": "crash", "host": HOSTS[0], "every": "1 h", "rate": "1 /h"},
         "fault[0].every: a fault happens again only after a time; write at, or leave every out"),
        ({"kind": "host-down", "host": HOSTS[0], "at": 1, "every": "1 h"},
         'fault[0]: every requires for, so that the fault is over before; write for = "60 s"'),
        ({"kind": "host-down", "host": HOSTS[0], "at": 1, "every": "1 h", "for": "2 h"},
         "fault[0].for: it lasts longer than the time from one to the next; write 3600 or less"),
        ({"kind": "crash", "host": HOSTS[0], "at": 1, "rate": "1 /h"},
         "at and rate cannot be given together; write only one"),
        ({"host": HOSTS[0]}, "fault[0]: kind is missing; write kind ="),
        ({"kind": "crash", "host": "Q*"}, "fault[0].host: 'Q*' matches no host"),
        ({"kind": "link-down", "link": ["Q*", "*"]}, "fault[0].link: 'Q* - *' matches no link"),
        ({"kind": "loss", "link": HOSTS, "value": 0.5, "name": "sea"},
         "no link between the two has the name 'sea'; there are 'land'"),
        ({"kind": "one-way", "link": HOSTS},
         "have no channel over NCP, the one service whose channels are two connections"),
        ({"kind": "partition", "groups": [[HOSTS[0]], [HOSTS[0]]]},
         f"{HOSTS[0]} is in two groups; write it in one"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_fault_is_said(fault: dict[str, Any], sentence: str) -> None:
    assert sentence.replace("'", '"') in problem_of(fault).replace("'", '"')


def test_a_simplex_connection_may_fail_where_both_ends_are_over_ncp() -> None:
    """Globs are resolved in the run, and are not checked here."""
    for link in (HOSTS, ["*", "*"]):
        assert topology({"kind": "one-way", "link": link}).faults[0].kind == "one-way"
