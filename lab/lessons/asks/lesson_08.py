"""What lesson 8 asks for: notifications."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from lab.api.simulate import load, simulate
from lab.lessons import talk, topology
from lab.lessons.answers import Address, Commands, Host, Lines, Number, Several, Verdict, hinted

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.topology.model import Topology

FILE: Final = "lessons/returned.toml"


def mails(run: Run) -> list[tuple[int | None, str | None, str, str]]:
    """Return the MAIL commands of a run: session, sender, receiver, text."""
    commands = [e for e in run.trace if e.kind == "command" and e["verb"] == "MAIL"]
    return [(e.session, e.peer, e.host, e["text"]) for e in commands]


@hinted("Who had replied 250 to Ann's host? And who should be notified if this message fails too?")
def predict(run: Run, notice: Any) -> Several:
    """Return who wrote the first notification, and its reverse-path."""
    path = Address(mails(run)[2][3].removeprefix("MAIL FROM:"), null=True)
    return Several([Host(notice.host, run.topology.hosts), path], ["the host", "the reverse-path"])


@hinted("To whom would a notification about the notification go? Look at its reverse-path.")
def break_it(later: Iterable[Any]) -> Several:
    """Return how many notifications about the later message are written, and arrive."""
    kinds = [event.kind for event in later]
    counted = [Number(kinds.count(kind), units=["notification"]) for kind in ("notify", "deliver")]
    return Several(counted, ["how many are written", "how many end up in a mailbox"])


@hinted("Which host was the last to have the message?")
def exercise_1(network: Topology) -> Several:
    """Return who writes the notification in each of three cases."""
    writers = [
        writer_of(),
        writer_of("host.RELAY.ARPA.relay=false"),
        writer_of('mail.0.to=["@RELAY.ARPA:bob@FAR.ARPA"]'),
    ]
    return Several([Host(host, network.hosts).or_none() for host in writers], (1, 2, 3))


def writer_of(*sets: str) -> str | None:
    """Return the host that writes the first notification within ten seconds, or None."""
    trace = simulate(load(topology(FILE), sets), until=10).trace
    return next((event.host for event in trace if event.kind == "notify"), None)


@hinted("Which host sent you the message? It is the first to go back to.")
def exercise_2() -> Commands:
    """Return the first commands of a notification."""
    return Commands(["MAIL FROM:<>", "RCPT TO:<@B.ARPA,@A.ARPA:joe@HOME.ARPA>"])


@hinted("Only one command decides who is notified.")
def exercise_4(network: Topology) -> Lines:
    """Return the exercise for a session that gets Ann a notification."""
    return Lines(lambda lines: _blames_ann(lines, network))


def _blames_ann(lines: list[str], network: Topology) -> Verdict:
    session = talk(network, "RELAY.ARPA", quiet=True)
    session.say(*lines)
    trace = session.settle().trace
    written = {event.message for event in trace if event.kind == "notify"}
    if not written:
        return f"No notification was written; the replies were {session.codes}."
    hers = [e.message for e in trace if e.kind == "deliver" and e["user"] == "ann"]
    return any(message in written for message in hers) or "It did not reach Ann."
