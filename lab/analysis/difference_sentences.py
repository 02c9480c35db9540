"""The comparison of two runs in sentences, for tables, pages and pictures alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from lab.analysis.differences import Differences, RecipientPair
from lab.analysis.phase_changes import largest
from lab.analysis.recipients import Recipient
from lab.quantities import clock_time, count_noun, time_taken


def verdict(differences: Differences) -> str:
    """Return in a sentence or two whether two runs are the same, and how recipients fared."""
    everybody = count_noun(len(differences.pairs), "recipient")
    if differences.same:
        aside = ", times aside" if differences.times_aside else ""
        return f"The runs are the same{aside}: {everybody}."
    begin = "The runs differ."
    if differences.first is not None:
        begin = f"The runs part at {clock_time(differences.first.t)}."
    movers = differences.movers()
    if not movers:
        return f"{begin} No recipient fared otherwise." if differences.pairs else begin
    how = "; ".join(_how(movers))
    return f"{begin} {len(movers):,} of {everybody} fared otherwise: {how}."


def _how(movers: Sequence[RecipientPair]) -> Iterator[str]:
    kinds: Counter[str] = Counter()
    changes: list[float] = []
    for pair in movers:
        outcomes = [_outcome(each) for each in pair]
        if outcomes[0] != outcomes[1]:
            kinds[f"{outcomes[0]} in A and {outcomes[1]} in B"] += 1
        elif pair.change:
            changes.append(pair.change)
        else:
            kinds["handed in or relayed otherwise, and as quick"] += 1
    for words, count in kinds.most_common():
        yield f"{count:,} {words}"
    for word, seconds in (
        ("later", [each for each in changes if each > 0]),
        ("sooner", [-each for each in changes if each < 0]),
    ):
        if seconds:
            least, most = time_taken(min(seconds)), time_taken(max(seconds))
            span = most if least == most else f"{least} to {most}"
            yield f"{len(seconds):,} {word} in B by {span}"


def _outcome(recipient: Recipient | None) -> str:
    if recipient is None:
        return "absent"
    outcome = "notification lost" if recipient.outcome == _UNDELIVERABLE else recipient.outcome
    return f"{outcome} twice" if recipient.deliveries > 1 else outcome


_UNDELIVERABLE: Final = "undeliverable_notifications"


def fate(recipient: Recipient | None) -> str:
    """Return what became of a recipient in one of two runs: "delivered after 12.1 s"."""
    if recipient is None:
        return "not there"
    seconds = recipient.seconds
    return _outcome(recipient) + ("" if seconds is None else f" after {time_taken(seconds)}")


def change(pair: RecipientPair) -> str:
    """Return how much later or sooner a recipient was settled in the second run."""
    if not pair.change:
        return ""
    return f"{time_taken(abs(pair.change))} {'later' if pair.change > 0 else 'sooner'}"


IN_PHASES: Final = {
    "spool": "in spools", "retry": "waiting for a retry", "opening": "opening channels",
    "line": "waiting for a line", "sending": "sending mail data", "dialogue": "in dialogues",
}  # fmt: skip
"""What mail does in each phase, after "it spent 3 s more"."""


def phase_sentence(differences: Differences) -> str:
    """Return in a sentence what B spent more, and less, in each phase; "" if that is unknown."""
    spent = [(phase, seconds) for phase, seconds in differences.phase_totals().items() if seconds]
    spent.sort(key=lambda each: -abs(each[1]))
    parts = [
        f"{time_taken(abs(seconds))} {'more' if seconds > 0 else 'less'} {IN_PHASES[phase]}"
        for phase, seconds in spent
    ]
    return f"In all, mail in B spent {', '.join(parts)}." if parts else ""


def mostly(differences: Differences, pair: RecipientPair) -> str:
    """Return what did most to the change of a recipient, and why: "+35 s line: behind ..."."""
    if not pair.change:
        return ""
    change = largest(differences.phase_changes(pair), pair.change)
    if change is None:
        return ""
    sign = "+" if change.change > 0 else "-"
    return f"{sign}{time_taken(abs(change.change))} {change.phase}: {change.because}"


def message_numbers(pair: RecipientPair) -> str:
    """Return the number of a message, or both if they differ: "3 (B: 4)"."""
    a, b = (each.message if each is not None else None for each in pair)
    if a is None:
        return f"B: {b}"
    return str(a) if b in (a, None) else f"{a} (B: {b})"
