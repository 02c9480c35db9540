"""How much of a host one client may take, and how much all of them together."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final

from lab.hosts.setting import setting
from lab.quantities import parse_rate, parse_size
from lab.runtime.arguments import shown

_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Budgets:
    """What callers from outside may take of a live host; the topology's own hosts may take more.

    A client is an IPv4 address, or an IPv6 network of 64 bits. Each field is an option of
    ``lab live --budget`` and a key of ``lab.serve(budgets=...)``. Sizes are bytes, rates calls or
    recipients a second.
    """

    client_sessions: int = field(
        default=1500, metadata=setting("ordinal", "Channels that one client may have open.")
    )
    client_memory: int = field(
        default=8 << 20,
        metadata=setting(
            "size", "Bytes of unfinished mail that one client may have, besides its largest mail."
        ),
    )
    client_calls: float = field(default=2000.0, metadata=setting("rate", "Calls of one client."))
    client_recipients: float = field(
        default=10_000.0, metadata=setting("rate", "Recipients that one client may name.")
    )
    memory: int = field(
        default=16 << 20,
        metadata=setting("size", "The same of all clients of a host, besides the largest mail."),
    )
    queued: int = field(
        default=96 << 20,
        metadata=setting("size", "Bytes of mail that wait for next hosts; more draws 452."),
    )
    calls: float = field(
        default=4000.0, metadata=setting("rate", "Calls of all clients of a host.")
    )
    recipients: float = field(
        default=20_000.0, metadata=setting("rate", "Recipients that all clients may name.")
    )
    reserve: int = field(
        default=100,
        metadata=setting(
            "count",
            "Channels of a host that are kept for the topology's own hosts, but at most a tenth.",
        ),
    )


DEFAULTS: Final = Budgets()


def names() -> list[str]:
    """Return the names of all budgets, as options write them."""
    return [each.name.replace("_", "-") for each in fields(Budgets)]


def explained() -> str:
    """Return what budgets there are, with their defaults, in one sentence for each."""
    parts = []
    for each, name in zip(fields(Budgets), names(), strict=True):
        parts.append(f"{name} (default {_shown(each.metadata['kind'], each.default)})")
    return ", ".join(parts)


def _shown(kind: str, value: Any) -> str:
    if kind == "size":
        return f"{value >> 20} MiB"
    return f"{value:g} /s" if kind == "rate" else str(value)


def budgets_of(values: dict[str, object]) -> Budgets:
    """Return the budgets of texts or numbers, by their names; raises ValueError in a sentence."""
    known = {each.name: each.metadata["kind"] for each in fields(Budgets)}
    made: dict[str, Any] = {}
    for name, value in values.items():
        key = str(name).replace("-", "_")
        if key not in known:
            raise ValueError(f"there is no budget {name!r}; there are {', '.join(names())}")
        made[key] = _read(name, known[key], value)
    return Budgets(**made)


def _read(name: str, kind: str, value: object) -> int | float:
    least = 1 if kind == "ordinal" else 0
    try:
        number = parse_rate(value) if kind == "rate" else parse_size(value)
    except ValueError as why:
        raise ValueError(f"budget {name}: {why}") from None
    if number < least or (kind == "rate" and number <= 0):
        least_words = "more than 0" if kind == "rate" else f"{least} or more"
        raise ValueError(f"budget {name}: use {least_words}, not {shown(value)}")
    return number


class Allowance:
    """How many things of a kind somebody may do within a minute, at a rate in the second."""

    __slots__ = ("_begun", "_count", "rate")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._begun = 0.0
        self._count = 0

    def take(self, now: float) -> bool:
        """Count one thing more, at a time in seconds; return whether it is allowed."""
        if now - self._begun >= _MINUTE:
            self._begun, self._count = now, 0
        self._count += 1
        return self._count <= max(1.0, self.rate * _MINUTE)

    def is_fresh(self, now: float) -> bool:
        """Whether nothing that was counted matters any more."""
        return now - self._begun >= _MINUTE
