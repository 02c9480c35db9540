"""What lesson 11 asks for: what a 250 promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.api.simulate import simulate
from lab.lessons import from_text, mailbox, topology, trials
from lab.lessons.answers import Estimate, Number, Several, Verdict, Word, hinted
from lab.lessons.functions import Fault, Function, Network

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.topology.model import FaultSpec, Topology

_MORE = """
[[mail]]
at = "3 s"
from = "ann@HOME.ARPA"
to = ["bob@FAR.ARPA"]
subject = "The cheque"
text = "I have sent you the hundred dollars."
[[mail]]
from = "ann@HOME.ARPA"
to = ["bob@FAR.ARPA"]
subject = "The answer"
text = "I have sent you the hundred dollars."
"""


@hinted("What does HOME know when the line is cut?")
def predict(copies: list[str]) -> Number:
    """Return the number of copies in Bob's mailbox."""
    return Number(len(copies), units=["copy", "copies", "message"])


@hinted("Who still has the message, a second after the crash? And who would know that it is gone?")
def break_it(bobs: list[str], anns: list[str]) -> Several:
    """Return the number of Bob's copies and of Ann's notifications."""
    counted = [
        Number(len(bobs), units=["copy", "copies", "message"]),
        Number(len(anns), units=["notification", "message"]),
    ]
    return Several(counted, ["Bob's copies", "Ann's notifications"])


def copies(network: Topology, breaks: Mapping[str, FaultSpec]) -> list[int]:
    """Return the number of Bob's copies after each of these faults."""
    runs = [simulate(network, faults=[fault]) for fault in breaks.values()]
    return [len(mailbox(run, "bob")) for run in runs]


@hinted("Ask each time: has RELAY stored it? Has HOME its 250?")
def exercise_1(right: list[int], breaks: Mapping[str, FaultSpec]) -> Several:
    """Return these numbers of copies, one for each fault."""
    return Several(map(Number, right), breaks)


@hinted("What does RELAY do with a message whose 250 nobody waits for? What does HOME conclude?")
def exercise_2(bobs: list[str], notified: bool) -> Several:
    """Return the number of Bob's copies, give or take a fifth, and what Ann is told."""
    outcomes = ("nothing", "could not be sent")
    return Several(
        [Estimate(len(bobs), 0.2, units=["copy", "copies"]), Word(outcomes[notified], outcomes)],
        ["the number of copies", "what Ann is told"],
    )


@hinted("Where are the crosses in the picture above?")
def exercise_3(careful: Topology, careless: Topology, crash: FaultSpec) -> Fault:
    """Return the exercise for a fault at which only the careless host loses mail."""
    return Fault(lambda fault: _loses(fault, careful, careless, crash))


def _loses(fault: FaultSpec, careful: Topology, careless: Topology, crash: FaultSpec) -> Verdict:
    if (fault.host, fault.at, fault.when) == (crash.host, crash.at, crash.when):
        return "That is the crash in the text."
    if simulate(careful, faults=[fault]).summary["lost"]:
        return "The careful RELAY loses it as well. Tell us how!"
    counts = simulate(careless, faults=[fault]).summary
    return bool(counts["lost"]) or f"The message is not lost: {counts['delivered']} delivered."


@hinted("If no rule was broken, try more runs.")
def exercise_4() -> Network:
    """Return the exercise for a small network that loses mail because a host is careless."""
    return Network(_is_a_case)


def _is_a_case(case: Topology) -> Verdict:
    if len(case.hosts) > 3 or len(case.faults) > 1:
        return f"It has {len(case.hosts)} hosts and {len(case.faults)} faults. Shrink it."
    if not simulate(case).summary["lost"]:
        return "Nothing is lost in it."
    careful = {name: replace(host, careless=False) for name, host in case.hosts.items()}
    kept = not simulate(replace(case, hosts=careful)).summary["lost"]
    return kept or "It loses mail with careful hosts, too."


@hinted("Hosts put lines before a message on its way; all others are the writer's.")
def exercise_5(*doubled: Run) -> Function:
    """Return the exercise for a function that leaves out second copies, of these runs too."""
    file = topology("lessons/lost-250.toml")
    three = mailbox(simulate(from_text(file.read_text(encoding="utf-8") + _MORE)), "bob")
    return trials.unique([*(mailbox(run, "bob") for run in doubled), three[:1]], [three])
