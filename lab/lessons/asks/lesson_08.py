"""What lesson 8 asks for: notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.api.simulate import load, simulate
from lab.lessons import talk, topology
from lab.lessons.answers import Address, Commands, Host, Lines, Number, Several, Verdict, hinted

if TYPE_CHECKING:
    from lab.api.run import Run

FILE: Final = "lessons/returned.toml"


@hinted("Who had replied 250 to Ann's host? And who should be notified if this message fails too?")
def predict(run: Run) -> Several:
    """Return who wrote the first notification, and its reverse-path."""
    notice = next(e for e in run.trace if e.kind == "notify")
    mails = [e["text"] for e in run.trace if e.kind == "command" and e["verb"] == "MAIL"]
    path = Address(mails[2].removeprefix("MAIL FROM:"), null=True)
    return Several([Host(notice.host, run.topology.hosts), path], ["the host", "the reverse-path"])


@hinted("To whom would a notification about the notification go? Look at its reverse-path.")
def break_it(run: Run) -> Several:
    """Return how many notifications about the later message are written, and arrive."""
    later = [event.kind for event in run.trace if event.t > 10]
    counted = [Number(later.count(kind)) for kind in ("notify", "deliver")]
    return Several(counted, ["how many are written", "how many end up in a mailbox"])


@hinted("Which host was the last to have the message?")
def exercise_1() -> Several:
    """Return who writes the notification in each of three cases."""
    cases: tuple[list[str], ...] = (
        [],
        ["host.RELAY.ARPA.relay=false"],
        ['mail.0.to=["@RELAY.ARPA:bob@FAR.ARPA"]'],
    )
    return Several(map(_writer, cases), (1, 2, 3))


def _writer(sets: list[str]) -> Host:
    network = load(topology(FILE), sets)
    trace = simulate(network, until=10).trace
    host = next((event.host for event in trace if event.kind == "notify"), None)
    return Host(host, network.hosts).or_none()


@hinted("Which host sent you the message? It is the first to go back to.")
def exercise_2() -> Commands:
    """Return the first commands of a notification."""
    return Commands(["MAIL FROM:<>", "RCPT TO:<@B.ARPA,@A.ARPA:joe@HOME.ARPA>"])


@hinted("Only one command decides who is notified.")
def exercise_4() -> Lines:
    """Return the exercise for a session that gets Ann a notification."""
    return Lines(_blames_ann)


def _blames_ann(lines: list[str]) -> Verdict:
    quiet = load(topology(FILE), ['mail.0.to=["@RELAY.ARPA:bob@FAR.ARPA"]', "mail.0.at=1 h"])
    session = talk(quiet, "RELAY.ARPA", quiet=True)
    session.say(*lines)
    trace = session.settle().trace
    written = {event.message for event in trace if event.kind == "notify"}
    if not written:
        return f"No notification was written; the replies were {session.codes}."
    hers = [e.message for e in trace if e.kind == "deliver" and e["user"] == "ann"]
    return any(message in written for message in hers) or "It did not reach Ann."
