"""The summary as a table for the terminal, drawn with rich."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.analysis.recipients import OUTCOMES
from lab.analysis.shown_names import ShownNames
from lab.analysis.summary import FailureSummary, RecipientSummary, Summary
from lab.quantities import clock_time, count_noun
from lab.views.visual_language import TERMINAL

ROWS: Final = 20
"""Recipients that are shown; the others are counted."""

_STYLES: Final = {
    "delivered": TERMINAL["delivered"],
    "returned": TERMINAL["returned"],
    "rejected": TERMINAL["rejected"],
    "queued": TERMINAL["open"],
    "undeliverable_notifications": TERMINAL["lost"],
    "discarded": TERMINAL["lost"],
    "lost": f"bold {TERMINAL['lost']}",
}


def summary_table(
    summary: Summary, *, rows: int = ROWS, verdict: str = "", captured: bool = False
) -> RenderableType:
    """Return a summary (as ``lab run --json`` prints it) as something that rich prints.

    ``verdict`` is a sentence about what took so long; ``captured``: it was read from a capture.
    """
    shown = ShownNames(summary.get("labels", {}).items())
    parts: list[RenderableType] = [_heading(summary, captured), _counts(summary, shown, verdict)]
    if summary.get("careless"):
        careless, unlisted = summary["careless"][:5], len(summary["careless"]) - 5
        names = ", ".join(shown[host] for host in careless)
        names += f" and {unlisted} more" if unlisted > 0 else ""
        shout = f"CARELESS: {names} replies 250 BEFORE the mail is stored; a crash then loses it"
        parts.append(Text(shout, style="bold red"))
    if summary.get("cut_off"):
        waits = summary.get("queued", 0)
        cut_off_in_words = (
            f"{summary['cut_off']}; {count_noun(waits, 'recipient')} left"
            if waits
            else summary["cut_off"]
        )
        parts.append(Text(cut_off_in_words, style="yellow"))
    if summary.get("peer_breaches"):
        parts.append(_peer_breaches(summary, shown))
    parts += [_failure(failure, shown) for failure in summary.get("failures", ())]
    if summary.get("recipients"):
        parts.append(_recipients(summary["recipients"], rows, shown))
    if summary.get("digest"):
        parts.append(Text(f"digest {summary['digest']}", style="dim"))
    return Group(*parts)


def _heading(summary: Mapping[str, Any], captured: bool) -> Text:
    heading = Text(str(summary.get("title") or "untitled"), style="bold")
    seed, seconds = summary.get("seed", 0), float(summary.get("simulated_seconds", 0))
    origin = (
        f"{_seconds(seconds)} captured"
        if captured
        else f"seed {seed} · {_seconds(seconds)} simulated"
    )
    return heading.append(f"  {origin}", style="not bold dim")


def _counts(summary: Mapping[str, Any], shown: ShownNames, verdict: str) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="left", style="dim")
    table.add_column(justify="left")
    table.add_row("recipients", _outcomes(summary))
    sessions, hops = summary.get("sessions", 0), summary.get("hops", 0)
    table.add_row("sessions", f"{count_noun(sessions, 'session')}, {count_noun(hops, 'hop')}")
    if summary.get("rejections"):
        table.add_row("rejected", Text(_rejections(summary, shown)))
    spread = summary.get("delivery_seconds") or {}
    if summary.get("delivered") and spread:
        names = (("min", "least"), ("median", "median"), ("p95", "95 %"), ("max", "most"))
        values = (f"{text} {_seconds(spread[n])}" for n, text in names if spread.get(n) is not None)
        table.add_row("delivery", " · ".join(values))
    if verdict:
        table.add_row("verdict", Text(verdict))
    return table


REASONS: Final = 3
"""Reasons of rejections that are shown; the others are counted."""


def _rejections(summary: Mapping[str, Any], names: ShownNames) -> str:
    """Return why recipients were rejected, the most frequent reasons first."""
    reasons = summary["rejections"]
    shown = [
        f"{count} · {names.rejection(reason)}" for reason, count in list(reasons.items())[:REASONS]
    ]
    beyond = summary["rejected"] - sum(list(reasons.values())[:REASONS])
    return "\n".join([*shown, f"{beyond} · for other reasons like these"] if beyond else shown)


def _peer_breaches(summary: Mapping[str, Any], shown: ShownNames) -> Text:
    """Return who else broke the protocol, and how: the first breach, and how many there are."""
    count, first = summary["peer_breach_count"], summary["peer_breaches"][0]
    hosts = ", ".join(dict.fromkeys(shown[breach["host"]] for breach in summary["peer_breaches"]))
    times = "once" if count == 1 else f"{count} times"
    sentence = (
        f"{hosts} broke RFC 821 {times}, which is not a fault of the lab: {first['sentence']}"
    )
    return Text(sentence, style="yellow")


_FAILED: Final = {
    "session": ("a session failed", "sessions failed", ", and was ended"),
    "storage": ("its storage failed", "its storage failed", ""),
    "host": ("something failed", "something failed", ", and it went on"),
    "trace": ("its part of the trace has a gap", "its part of the trace has gaps", ""),
    "process": ("its process ended", "its process ended", ", and was started again"),
    "down": ("its process cannot be started", "its process cannot be started", ""),
    "network": ("something failed", "something failed", ", and the run went on"),
}
"""What each name of a failure means: once, several times, and what followed."""


def _failure(failure: FailureSummary, shown: ShownNames) -> Text:
    """Return what failed while a live run went on, how often, and why."""
    once, often, then = _FAILED.get(failure["name"], (failure["name"], failure["name"], ""))
    where, count = shown[failure["host"]] or "the network", failure["count"]
    event = f"{once}{then}" if count == 1 else f"{often} {count} times{then}"
    why = shown.reason(failure["reason"])
    why = why if count == 1 else f"the first time: {why}"
    return Text(f"{where}: {event}; {why}", style="yellow")


def _outcomes(summary: Mapping[str, Any]) -> Text:
    """Return how many were submitted and what became of them; zeros are left out."""
    text = Text(f"{summary.get('submitted', 0)} submitted")
    for name in OUTCOMES[:-1]:  # the last is "lost", which stands out below
        if summary.get(name) or name == "delivered":
            words = name.replace("_", " ")
            text.append(f" · {summary.get(name, 0)} ").append(words, style=_STYLES[name])
    if summary.get("duplicates"):
        text.append(f" · {summary['duplicates']} duplicates", style="yellow")
    if summary.get("not_handed_in"):
        text.append(f" · {summary['not_handed_in']} not handed in", style="yellow")
    if summary.get("lost"):
        text.append(f" · {summary['lost']} LOST", style=_STYLES["lost"])
    return text


def _recipients(
    recipients: Sequence[RecipientSummary], rows: int, shown: ShownNames
) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    table.add_column("message", justify="right")
    table.add_column("recipient", overflow="fold")
    table.add_column("outcome")
    table.add_column("submitted at", justify="right", no_wrap=True)
    table.add_column("settled at", justify="right", no_wrap=True)
    table.add_column("hops", justify="right")
    for recipient in recipients[:rows]:
        table.add_row(*_recipient(recipient, shown))
    if len(recipients) > rows:
        return Group(table, Text(f"... and {len(recipients) - rows} more\n", style="dim"))
    return table


def _recipient(recipient: Mapping[str, Any], shown: ShownNames) -> tuple[str | Text, ...]:
    outcome = str(recipient.get("outcome", ""))
    words = outcome.replace("_", " ")
    if recipient.get("reason"):
        words += f": {shown.rejection(recipient['reason'])}"
    return (
        str(recipient.get("message", "")),
        # a Text: brackets in a path are not markup
        Text(shown.path(str(recipient.get("recipient", "")))),
        Text(words, style=_STYLES.get(outcome, "")),
        _seconds(recipient.get("submitted_at")),
        _seconds(recipient.get("settled_at")),
        str(recipient.get("hops", "")),
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else clock_time(value)
