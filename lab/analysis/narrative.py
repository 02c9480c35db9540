"""Events, times and sizes in words: an event of the trace is one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lab.quantities import clock_time, count_noun
from lab.trace.rows import Event

_ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 256))}


def address(path: str) -> str:
    """A path without its source route: the user at the host that it is for; "<>" for the null."""
    bare = path.removeprefix("<").removesuffix(">")
    if not bare:
        return "<>"
    return bare.rpartition(":")[2] if bare.startswith("@") else bare


def lines_of(octets: bytes) -> list[str]:
    """The lines of what crossed the wire, without their ends, control bytes escaped."""
    text = octets.decode("latin-1").removesuffix("\r\n")
    return [line.translate(_ESCAPES) for line in text.split("\r\n")]


def gist(kind: str, octets: bytes) -> str:
    """What a command, a reply or mail data says, in a line."""
    if kind == "data":
        return f"mail data, {count_noun(len(octets), 'octet')}"
    first, *more = lines_of(octets)
    return f"{first} (+{count_noun(len(more), 'line')})" if more else first


def sentence(event: Event) -> str:
    """An event in a sentence."""
    words = _SENTENCES.get(event.kind)
    text = words(event) if words else f"{event.kind} at {event.host}."
    text = " ".join(text.split("\r\n")).translate(_ESCAPES)
    return text[:-1] if text.endswith("..") else text


def _gist(event: Event) -> str:
    return gist(event.kind, event["octets"])


def _submit(e: Event) -> str:
    to = [address(path) for path in e["recipients"]]
    listed = ", ".join(to[:3]) + (f" and {len(to) - 3:,} more" if len(to) > 3 else "")
    return f"{address(e['reverse_path'])} hands mail {e.message} to {e.host}, for {listed}."


def _forward(e: Event) -> str:
    old, new = address(e["old"]), address(e["new"])
    if e["mode"] == "redirect":
        return f"{e.host} sends mail {e.message} to {new} in place of {old}."
    return f"{e.host} takes mail {e.message} for {old} on to {new}."


def _close(e: Event) -> str:
    if e["reason"] == "quit":
        return f"Session {e.session} is over."
    return f"Session {e.session} between {e.host} and {e.peer} ends: {e['reason']}."


def _defer(e: Event) -> str:
    until = "" if e["retry_at"] is None else f" until {clock_time(e['retry_at'], 1)}"
    return f"{e.host} keeps mail {e.message} for {e.peer}{until}: {e['reason']}."


def _notify(e: Event) -> str:
    about = f"mail {e['about']} cannot be delivered: {e['reason']}"
    originator = address(str(e["path"]))
    return f"{e.host} writes a notification, mail {e.message}, to {originator}: {about}."


def _fault(e: Event) -> str:
    if e["name"] in ("change-reply", "change-command"):
        verb = "answers" if e["name"] == "change-reply" else "says to"
        return f"By hand: what {e.host} {verb} {e.peer} now is {e['what']}."
    where = (f" at {e.host}" if e.host else "") + (f" – {e.peer}" if e.peer else "")
    what = f" ({e['what']})" if e["what"] else ""
    return f"Fault {'begins' if e['on'] else 'ends'}: {e['name']}{where}{what}."


def _end(e: Event) -> str:
    return "Nothing is left to do." if e["reason"] == "settled" else "The run was stopped here."


_SENTENCES: Final[dict[str, Callable[[Event], Any]]] = {
    "start": lambda e: "The run begins.",
    "plan": lambda e: "A way that mail is to take.",
    "submit": _submit,
    "reject": lambda e: (
        f"{e.host} does not take mail {e.message} for {address(str(e['path']))}: {e['reason']}."
    ),
    "expand": lambda e: (
        f"{e.host} expands the mailing list {e['name']}: mail {e.message} is for "
        f"{count_noun(len(e['members']), 'member')}."
        if e["members"]
        else f"{e.host} does not expand the mailing list {e['name']} again: mail {e.message} has "
        "been there."
    ),
    "forward": _forward,
    "queue": lambda e: f"{e.host} puts mail {e.message} into its spool, for {e.peer}.",
    "attempt": lambda e: f"{e.host} begins to open a transmission channel to {e.peer}.",
    "unreachable": lambda e: f"{e.host} cannot reach {e.peer}: {e['reason']}.",
    "open": lambda e: (
        f"Session {e.session} is open, from {e.host} to {e.peer}, over {e['transport']}."
    ),
    "command": lambda e: f"{e.peer} says to {e.host}: {_gist(e)}",
    "reply": lambda e: f"{e.peer} answers {e.host}: {_gist(e)}",
    "data": lambda e: f"{e.peer} sends {e.host} the {_gist(e)}, of mail {e.message}.",
    "close": _close,
    "accept": lambda e: f"{e.host} has stored mail {e.message} and is responsible for it now.",
    "transfer": lambda e: f"{e.host} strikes mail {e.message} from its spool: {e.peer} has it.",
    "refuse": lambda e: (
        f"{e.peer or e.host} refuses mail {e.message} for good: {lines_of(e['reply'].encode())[0]}."
    ),
    "defer": _defer,
    "deliver": lambda e: f"{e.host} delivers mail {e.message} into the mail drop of {e['user']}.",
    "terminal": lambda e: f"{e.host} shows mail {e.message} on the terminal of {e['user']}.",
    "notify": _notify,
    "abandon": lambda e: f"{e.host} gives up mail {e.message}, and tells nobody: {e['reason']}.",
    "loss": lambda e: f"A segment is lost between {e.host} and {e.peer}; it is sent again.",
    "fault": _fault,
    "forget": lambda e: f"{e.host} crashed before it had stored mail {e.message}.",
    "end": _end,
}
