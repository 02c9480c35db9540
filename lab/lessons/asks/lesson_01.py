"""What lesson 1 asks for: a first message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lab.api.simulate import load, simulate
from lab.lessons import topology
from lab.lessons.answers import Code, Commands, Judged, Number, PathText, Verdict, each, hinted
from lab.lessons.functions import Network

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.topology.model import Topology


def predict(run: Run) -> Number:
    """Return the number of sessions of a run."""
    return Number(run.summary["sessions"], units=["session"])


@hinted("It begins with a 5: no, and for good.")
def break_it(refused: int) -> Code:
    """Return the code by which the relay refuses."""
    return Code(refused)


@hinted("What comes right before the text?")
def exercise_1(codes: Iterable[int]) -> Code:
    """Return the code that begins with 3."""
    return Code(next(code for code in codes if code // 100 == 3))


def mail_and_rcpt() -> list[str]:
    """Return MAIL and RCPT of the second session of example 7."""
    run = simulate(topology("rfc821/example-07.toml"))
    second = [e for e in run.trace if e.kind == "command" and e.session == 2]
    return [e["octets"].decode().strip() for e in second if e["verb"] in ("MAIL", "RCPT")]


@hinted("The sending host is first in the reverse-path.")
def exercise_2(commands: Iterable[str]) -> Commands:
    """Return the two commands of the second session."""
    return Commands(commands)


def exercise_3() -> Judged:
    """Return the exercise for two recipients, of whom one gets the mail."""
    path = PathText(known=("MIT-AI.ARPA", "USC-ISIE.ARPA", "BBN-VAX.ARPA"))
    return Judged(_two_outcomes, each(path, 2, any_order=True))


def _two_outcomes(to: list[str]) -> Verdict:
    run = simulate(load(topology("rfc821/scenario-03.toml"), [f"mail.0.to={to}"]))
    if any(e.kind == "refuse" and e.peer == "USC-ISIE.ARPA" for e in run.trace):
        return "The relay refused one itself: whom does it relay for?"
    outcomes = sorted(r["outcome"] for r in run.summary["recipients"])
    sentence = f"Both were {outcomes[0]}." if outcomes[0] == outcomes[1] else (
        f"One was {outcomes[0]}, one {outcomes[1]}.")  # fmt: skip
    return outcomes == ["delivered", "returned"] or sentence


def exercise_4() -> Network:
    """Return the exercise for a network in which mail goes far, and other mail comes back."""
    return Network(_far_and_back)


def _far_and_back(network: Topology) -> Verdict:
    recipients = simulate(network).summary["recipients"]
    far = {r["message"] for r in recipients if r["outcome"] == "delivered" and r["hops"] >= 3}
    back = {r["message"] for r in recipients if r["outcome"] == "returned"}
    if not far:
        return "No mail was delivered after three sessions or more."
    if not back:
        return "No mail was returned."
    return len(far | back) > 1 or "Both happened to one message; it should be two."
