"""What a case found: a breach of a rule, or a choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lab.judging.record import Line


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in a case, or chosen.

    ``kind`` is "breach" or "choice". ``signature`` is what is wrong apart from the case, so that
    cases that fail for the same cause are told; ``got`` and ``wanted`` are in words, ``sent`` is
    what was said. ``ladder`` is the whole dialogue, with the first wrong byte marked.
    ``has_extra``: there were more replies than commands.
    """

    case: str
    rule: str
    stage: int
    kind: str
    title: str
    signature: tuple[str, ...]
    sent: str
    observed: str
    wanted: str
    because: str = ""
    hint: str = ""
    ladder: tuple[Line, ...] = ()
    errors: str = ""
    has_extra: bool = False

    @property
    def section(self) -> str:
        """The section of RFC 821, or its appendix."""
        return self.rule.partition("-")[0]


@dataclass
class Judgement:
    """The result of a judging. ``cases`` were judged; ``left_out`` were not, each with the reason.
    A case of a network may have several findings.

    ``notes`` are sentences about all of it. ``command`` is what repeats it, without ``--case``.
    ``gave_up`` is why the rest was not judged, and "" if it was.
    ``mailboxes`` are those that a receiver took, ``is_of_today`` says whether it takes EHLO.
    """

    role: str
    program: str
    command: str
    cases: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    gave_up: str = ""
    mailboxes: tuple[str, ...] = ()
    is_of_today: bool = False

    @property
    def breaches(self) -> list[Finding]:
        """The findings that are breaches."""
        return [each for each in self.findings if each.kind == "breach"]

    @property
    def passed(self) -> int:
        """How many cases found nothing."""
        return len(set(self.cases) - {each.case for each in self.findings})


PLAIN: Final = frozenset({
    "greeting", "helo", "quit", "order-mail-rcpt", "data-plain", "noop", "rset", "end-one-reply",
})  # fmt: skip
"""The plainest cases: what is wrong in one of them is the cause where it is wrong in others too."""


def by_cause(findings: list[Finding]) -> list[list[Finding]]:
    """Return findings grouped by their cause, breaches first, in the order of the stages.

    ``signature`` begins with what is wrong and to which command. If that is wrong in a plain case,
    it has one cause, whatever rules the other cases are about. A random dialogue counts for a cause
    that is known already, if there is one.
    """
    ordered = sorted(
        findings,
        key=lambda known_group: (
            known_group.case not in PLAIN,
            _is_random(known_group),
            known_group.stage,
        ),
    )
    plain = {(each.kind, *each.signature[:2]) for each in ordered if each.case in PLAIN}
    doubled = next((known_group for known_group in plain if known_group[1] == "two replies"), None)
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for each in ordered:
        key = (each.kind, *each.signature[:2])
        whole = key if key in plain else (each.kind, *each.signature)
        if each.has_extra and doubled is not None:
            whole = doubled
        elif _is_random(each):
            known = [known_group for known_group in groups if known_group[0] == each.kind]
            whole = next(
                (known_group for known_group in known if known_group[:3] == key),
                known[0] if known else whole,
            )
        groups.setdefault(whole, []).append(each)
    return sorted(groups.values(), key=lambda group: (group[0].kind, group[0].stage))


def _is_random(each: Finding) -> bool:
    return each.case.startswith("dialogue-")
