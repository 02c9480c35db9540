"""Whether the parts of a topology that is made in Python fit together, and what is said if not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

import lab
from lab.hosts.scripted import ANSWERED
from lab.protocol import parse_path
from lab.topology.file import COUNTS

A: Final = lab.HostSettings("A", users=(lab.User("ann"),))
B: Final = lab.HostSettings("B", users=(lab.User("bob"),))
PATH: Final = parse_path("<ann@A>")
FROM_FILE: Final = lab.Distribution("file", file="delays.csv")

SOUND: Final[dict[str, Any]] = {
    "hosts": {"A": A, "B": B}, "environments": {"e": lab.Environment("e")},
    "links": (lab.LinkSpec("A", "B", "e"),),
}  # fmt: skip

WRONG: Final[list[tuple[dict[str, Any], str]]] = [
    ({"hosts": {"A": A, "C": B}, "links": ()},
     "hosts['C']: this is the host 'B'; use its name as the key"),
    ({"hosts": {"A": A, "B": B, "a b": replace(A, name="a b")}},
     "hosts['a b']: 'a b' is not a name; use one such as 'MIT-AI.ARPA'"),
    ({"hosts": {"A": replace(A, answers={"HELLO": 451}), "B": B}},
     f"hosts['A'].answers: 'HELLO' is not one of {', '.join(ANSWERED)}"),
    ({"hosts": {"A": replace(A, unimplemented=("MAIL",)), "B": B}},
     "hosts['A'].unimplemented: 'MAIL' is not one of SEND, SOML, SAML, VRFY, EXPN, HELP, TURN"),
    ({"hosts": {"A": replace(A, relay_for=("Q",)), "B": B}},
     "hosts['A'].relay_for: 'Q' is neither a host nor a network; use one such as '10.0.0.0/8'"),
    ({"links": (lab.LinkSpec("A", "Q", "e"),)}, "links[0]: there is no host 'Q'; give it in hosts"),
    ({"links": (lab.LinkSpec("A", "B", "e", bandwidth=math.inf),)},
     "links[0].bandwidth: inf is not finite; leave it out, for no limit"),
    ({"links": (lab.LinkSpec("A", "B", "x"),)},
     "links[0]: there is no environment 'x'; give it in environments"),
    ({"links": (lab.LinkSpec("A", "B", "e"), lab.LinkSpec("B", "A", "e"))},
     "links[1]: links[0] joins B and A already; leave one out, or tell them apart by their name"),
    ({"links": (lab.LinkSpec("A", "B", "e", jitter=FROM_FILE),)},
     "links[0].jitter: only a topology file can name a file; give the numbers as values"),
    ({"links": (lab.LinkSpec("A", "B", "e", back=lab.LinkBack(jitter=FROM_FILE)),)},
     "links[0].jitter: only a topology file can name a file; give the numbers as values"),
    ({"mail": (lab.MailSpec(0.0, "MAIL", parse_path("<ann@Q>"), (PATH,)),)},
     "mail[0].sender: there is no host 'Q'; give it in hosts"),
    ({"scripts": (lab.ScriptSpec(0, "A", "Q", ("QUIT",)),)},
     "scripts[0]: there is no host 'Q'; give it in hosts"),
    ({"polls": (lab.PollSpec(0, "Q", "A"),)}, "polls[0]: there is no host 'Q'; give it in hosts"),
    ({"traffic": (lab.TrafficSpec(5),)}, "traffic[0]: give rate, and count or until"),
    ({"traffic": (lab.TrafficSpec(rate=1.0),)}, "traffic[0]: give rate, and count or until"),
    ({"traffic": (lab.TrafficSpec(5, 1.0, file="mail.csv"),)},
     "traffic[0]: only a topology file can name a file or a matrix"),
    ({"traffic": (lab.TrafficSpec(5, 1.0, matrix="graph"),)},
     "traffic[0]: only a topology file can name a file or a matrix"),
    ({"traffic": (lab.TrafficSpec(5, 1.0, size=FROM_FILE),)},
     "traffic[0]: only a topology file can name a file; give values"),
    ({"traffic": (lab.TrafficSpec(5, 1.0, arrivals=FROM_FILE),)},
     "traffic[0]: only a topology file can name a file; give values"),
    ({"traffic": (lab.TrafficSpec(5, 1.0, demands=(("A", "Q", 1.0),)),)},
     "traffic[0].demands: there is no host 'Q'; give it in hosts"),
    ({"traffic": (lab.TrafficSpec(5, 1.0, name="x"), lab.TrafficSpec(5, 1.0, name="x"))},
     "traffic[1].name: traffic[0] is named 'x' already; use another name"),
    ({"traffic": (lab.TrafficSpec(5, 1.0, sender="z@*"),)},
     "traffic[0].sender: 'z@*' matches no user@host; use one such as '*'"),
    ({"traffic": (lab.TrafficSpec(5, 1.0, to="*@Q"),)},
     "traffic[0].to: '*@Q' matches no user@host; use one such as '*'"),
    ({"faults": (lab.Fault("crash", host="Q"),)},
     "faults[0]: there is no host 'Q'; give it in hosts"),
    ({"faults": (lab.Fault("link-down", link=("A", "Q")),)},
     "faults[0]: there is no host 'Q'; give it in hosts"),
    ({"faults": (lab.Fault("schedule", schedule="changes.csv"),)},
     "faults[0]: only a topology file has a schedule; give its changes as faults"),
    ({"expect": {"delivred": 1}},
     f"expect: there is no count 'delivred'; there are {', '.join(COUNTS)}"),
    ({"retry": lab.Retry(first=9.0, max=3.0)},
     "retry: max is less than first; use as much or more"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "sentence"), WRONG, ids=[f"{n} {s[:40]}" for n, (_, s) in enumerate(WRONG)]
)
def test_parts_that_do_not_fit_are_named(parts: Mapping[str, Any], sentence: str) -> None:
    with pytest.raises(lab.TopologyError) as wrong:
        lab.Topology(**SOUND | dict(parts)).ready()
    assert str(wrong.value) == sentence


def test_a_time_in_words_is_told_as_of_that_fault() -> None:
    fault = lab.Fault("crash", host="A", at="soon")  # type: ignore[arg-type]
    with pytest.raises(lab.TopologyError) as wrong:
        lab.Topology(**SOUND | {"faults": (fault,)}).ready()
    assert str(wrong.value) == (
        "faults[0].at must be a number, not 'soon'; for example faults[0].at=9.5"
    )


def test_every_part_that_does_not_fit_has_its_sentence() -> None:
    """All are named in one pass, those of one part after those of another."""
    parts = SOUND | {
        "links": (lab.LinkSpec("A", "Q", "x"),), "polls": (lab.PollSpec(0, "Q", "P"),),
    }  # fmt: skip
    with pytest.raises(lab.TopologyError) as wrong:
        lab.Topology(**parts).ready()
    assert [problem.partition(":")[0] for problem in wrong.value.problems] == [
        "links[0]", "links[0]", "polls[0]", "polls[0]",
    ]  # fmt: skip


SOUND_PARTS: Final[list[dict[str, Any]]] = [
    {},
    {"hosts": {"A": replace(A, relay_for=("B", "10.0.0.0/8", "*")), "B": B}},
    {"hosts": {"A": A, "B": B, "[10.0.0.1]": replace(A, name="[10.0.0.1]")}},
    {"links": (lab.LinkSpec("A", "B", "e"), lab.LinkSpec("A", "B", "e", name="second"))},
    {"mail": (lab.MailSpec(0.0, "MAIL", parse_path("<ann@a>"), (PATH,)),)},
    {"traffic": (lab.TrafficSpec(5, 1.0, name="x"), lab.TrafficSpec(5, 1.0))},
    {"traffic": (lab.TrafficSpec(rate=1.0, until=60.0, demands=(("A", "B", 1.0),)),)},
    {"faults": (lab.Fault("crash", host="*"), lab.Fault("link-down", link=("A", "?")))},
    {"retry": lab.Retry(first=9.0, max=9.0), "expect": {"delivered": 0}},
]  # fmt: skip


@pytest.mark.parametrize("parts", SOUND_PARTS, ids=str)
def test_parts_that_fit_are_ready_at_once(parts: Mapping[str, Any]) -> None:
    """Networks, globs, domain literals, and names in any case are as good as names."""
    topology = lab.Topology(**SOUND | dict(parts))
    assert topology.ready() is topology
    assert topology.ready() is topology
