"""What a host is, and what is wrong with it at present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab.hosts.directory import Directory
from lab.hosts.timeouts import TIMEOUTS, Timeouts
from lab.protocol import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What a host is: its name, its names elsewhere, its people and its settings.

    ``names`` are its names in environments where it has another (section 3.6). ``on_251``:
    "accept" leaves forwarding to the receiver, "redirect" sends to the given path instead, "learn"
    leaves it to the receiver this time and sends there itself "in the future"; ``on_551``:
    "redirect", or "return" an error to the originator (section 3.2). ``store``: seconds
    that it takes to put a message into stable storage; 250 is said after that, or, by a
    ``careless`` host, before. ``turn``: changes roles when asked by TURN (section 3.8). ``holds``:
    hosts that it does not call; mail for them waits until they call and TURN. ``patience``: how
    long it waits for a reply. ``grammar`` and ``eight_bit`` are the receiver-SMTP's;
    ``unimplemented`` and ``answers`` those of :mod:`lab.hosts.scripted`. ``unsophisticated``: its
    sender-SMTP goes by the first digit of a reply alone (appendix E).
    """

    name: str
    directory: Directory
    names: dict[str, str] = field(default_factory=dict)
    relay: bool = False
    limits: Limits = NO_LIMITS
    on_251: str = "accept"
    on_551: str = "return"
    store: float = 0.0
    careless: bool = False
    turn: bool = False
    holds: frozenset[str] = frozenset()
    patience: Timeouts = TIMEOUTS
    grammar: str = "standard"
    eight_bit: str = "refuse"
    unsophisticated: bool = False
    unimplemented: frozenset[str] = frozenset()
    answers: Mapping[str, int | Sequence[int]] = field(default_factory=dict)

    def name_in(self, environment: str) -> str:
        """The name by which the host is known in an environment."""
        return self.names.get(environment, self.name)


@dataclass(slots=True)
class HostFaults:
    """What is wrong with a host at present; each count is of the faults that say so.

    ``down``: it runs nothing. ``busy``: its mailboxes are (450). ``full``: it has no storage left
    (452, or 552 after the data). ``refusing``: it greets with 421. ``skew``: seconds that its clock
    is ahead. ``lives``: how often it has crashed; what was in memory belongs to one life.
    """

    down: int = 0
    busy: int = 0
    full: int = 0
    refusing: int = 0
    skew: float = 0.0
    lives: int = 0
