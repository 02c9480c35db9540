"""A judgement as text, JSON, and JUnit XML."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final
from xml.etree import ElementTree

from lab.judging.finding import Finding, Judgement, by_cause
from lab.judging.record import Line
from lab.quantities import count_noun
from lab.rfc import Rule, rules
from lab.runtime.escaping import visible

_WIDTH: Final = 96
_NAMED: Final = 8
_LADDER: Final = 14
_SHOWN: Final = 76


def rule_of(number: str) -> Rule:
    """Return a rule of RFC 821 by its number."""
    return next(rule for rule in rules() if rule.number == number)


def lines(judgement: Judgement, *, choices: bool = True) -> Iterator[str]:
    """Yield a judgement as lines of text: the figures, then each cause once."""
    groups = by_cause(judgement.findings)
    yield heading(judgement)
    yield figures(judgement)
    yield from (f"note: {note}" for note in judgement.notes)
    for group in groups:
        if group[0].kind == "breach":
            yield ""
            yield from _breach(group, judgement)
    chosen = [group for group in groups if group[0].kind == "choice"]
    if chosen and choices:
        yield ""
        yield "choices: RFC 821 says otherwise, and the program may have its reasons"
        for group in chosen:
            yield from _wrapped(choice_in_words(group), "  ")
    yield ""
    yield verdict(judgement)


def heading(judgement: Judgement) -> str:
    """Return who was judged as what."""
    role = {"receiver": "a receiver-SMTP", "sender": "a sender-SMTP", "relay": "a relay",
            "network": "hosts of a network"}  # fmt: skip
    return f"{visible(judgement.program)} as {role[judgement.role]}"


def figures(judgement: Judgement) -> str:
    """Return how many cases passed."""
    failed = {each.case for each in judgement.breaches}
    choices = len(judgement.cases) - judgement.passed - len(failed)
    text = (
        f"{count_noun(len(judgement.cases), 'case')} in {judgement.seconds:.1f} s: "
        f"{judgement.passed} passed, {len(failed)} failed, "
        f"{count_noun(choices, 'choice')}"
    )
    if judgement.left_out:
        text += f"; {len(judgement.left_out)} not judged"
    return text


def verdict(judgement: Judgement) -> str:
    """Return the judgement in a sentence."""
    causes = [group for group in by_cause(judgement.findings) if group[0].kind == "breach"]
    if not causes:
        return "No breach of RFC 821."
    named = ", ".join(dict.fromkeys(group[0].rule for group in causes))
    noun = count_noun(len(causes), "breach", "breaches")
    return f"{noun} of RFC 821: {named}."


def choice_in_words(group: Sequence[Finding]) -> str:
    """Return a choice as one line."""
    first = group[0]
    unlisted = f" (and {count_noun(len(group) - 1, 'case')} more)" if len(group) > 1 else ""
    why = f": {first.because}" if first.because else ""
    return (
        f"{first.rule} {first.case}: {first.sent or 'the opening'} -> {first.observed}; "
        f"RFC 821: {first.wanted}{why}{unlisted}"
    )


def _breach(group: list[Finding], judgement: Judgement) -> Iterator[str]:
    first = group[0]
    rule = rule_of(first.rule)
    yield f"BREACH {rule.number}  {rule.rule}"
    for quote in rule.quotes[:1]:
        yield from _wrapped(f'RFC 821, {rule.section}: "{quote}"', "  ")
    yield from _wrapped(f"case {first.case} (stage {first.stage}): {first.title}", "  ")
    yield ""
    yield from (f"    {line}" for line in ladder_lines(first.ladder))
    yield ""
    yield from _wrapped(f"wanted: {first.wanted}", "  ")
    yield from _wrapped(f"got:    {first.observed}", "  ")
    if first.hint:
        yield from _wrapped(f"hint:   {first.hint}", "  ")
    if first.errors.strip():
        last = first.errors.strip().splitlines()[-1]
        yield from _wrapped(f"it wrote on stderr: {visible(last)}", "  ")
    yield f"  again:  {again(first, judgement)}"
    if any(each.case != first.case for each in group):
        yield from _wrapped(f"{also(group)}", "  ")


def also(group: Sequence[Finding]) -> str:
    """Return the other cases that fail for the same cause."""
    names = list(dict.fromkeys(each.case for each in group if each.case != group[0].case))
    unlisted = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    noun = count_noun(len(names), "other case")
    return f"probably the same cause in {noun}: {', '.join(names[:_NAMED])}{unlisted}"


def again(each: Finding, judgement: Judgement) -> str:
    """Return the command that repeats a case."""
    before, dashes, command = judgement.command.partition(" -- ")
    return f"{before} --case {each.case}{dashes}{command}"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent + "        ",
        break_on_hyphens=False,
    )  # fmt: skip


def ladder_lines(ladder: Sequence[Line]) -> list[str]:
    """Return a dialogue as lines, with a mark under the first wrong byte.

    A long one begins in the middle, before what is marked.
    """
    lines: list[str] = []
    marked = next((n for n, each in enumerate(ladder) if each.mark >= 0), len(ladder))
    begin = max(0, marked - _LADDER + 2) if len(ladder) > _LADDER else 0
    end = marked + 2
    if begin:
        lines.append(f"... {begin} lines before")
    for each in ladder[begin:end]:
        lines += _ladder_line(each)
    if end < len(ladder):
        lines.append(f"... {len(ladder) - end} lines more")
    return lines


def _ladder_line(each: Line) -> list[str]:
    """Return a line of a ladder, cut where it is long, and the mark below it."""
    parts = each.octets.splitlines(keepends=True) if each.octets else [b""]
    lines: list[str] = []
    at = 0
    for number, part in enumerate(parts):
        holds_mark = 0 <= each.mark - at < len(part) or (
            each.mark == at + len(part) == len(each.octets) and each.mark > 0
        )
        if number >= 6 and number < len(parts) - 2 and not holds_mark:
            if number == 6:
                lines.append(f"{each.who}: ... {len(parts) - 8} lines more")
            at += len(part)
            continue
        lines.append(f"{each.who}: {octets_in_line(part)}")
        if each.mark >= 0 and holds_mark:
            before = octets_in_line(part[: each.mark - at], ends=True)
            lines.append(f"   {' ' * min(len(before), _SHOWN)}^ first wrong byte")
        at += len(part)
    return lines


def octets_in_line(octets: bytes, *, ends: bool = False) -> str:
    r"""Return octets as text on a line: CRLF at its end is left out, any other end is shown."""
    text = octets.decode("latin-1")
    if text.endswith("\r\n") and not ends:
        text = text[:-2]
    elif octets and not ends and text.endswith(("\n", "\r")):
        pass
    text = visible(text.replace("\r", "\\r").replace("\n", "\\n"))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def as_json(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as the contract of ``--json`` has it."""
    return {
        "role": judgement.role,
        "cases": len(judgement.cases),
        "passed": judgement.passed,
        "failed": [
            {
                "case": each.case, "rule": each.rule, "section": each.section, "kind": each.kind,
                "sent": each.sent, "got": each.observed, "wanted": each.wanted, "stage": each.stage,
                "because": each.because, "hint": each.hint, "cause": number,
                "again": again(each, judgement),
            }
            for number, group in enumerate(by_cause(judgement.findings), 1) for each in group
        ],
        "not_judged": judgement.left_out,
        "notes": judgement.notes,
        "seconds": round(judgement.seconds, 3),
    }  # fmt: skip


def junit(judgement: Judgement) -> str:
    """Return a judgement as JUnit XML: a breach is a failure, a choice is noted in its output."""
    suite = ElementTree.Element(
        "testsuite", name=f"lab judge: {judgement.role}",
        tests=str(len(judgement.cases) + len(judgement.left_out)),
        failures=str(len({each.case for each in judgement.breaches})), errors="0",
        skipped=str(len(judgement.left_out)),
        time=f"{judgement.seconds:.3f}",
    )  # fmt: skip
    for name in judgement.cases:
        test = ElementTree.SubElement(suite, "testcase", classname=judgement.role, name=name)
        for each in judgement.findings:
            if each.case == name:
                _junit_finding(test, each)
    for name, why in judgement.left_out.items():
        test = ElementTree.SubElement(suite, "testcase", classname=judgement.role, name=name)
        ElementTree.SubElement(test, "skipped", message=why)
    ElementTree.indent(suite)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, "unicode") + "\n"
    )


def _junit_finding(test: ElementTree.Element, each: Finding) -> None:
    text = "\n".join(
        [*ladder_lines(each.ladder), f"wanted: {each.wanted}", f"got: {each.observed}"]
    )
    message = f"{each.rule} {rule_of(each.rule).rule}"
    if each.kind == "breach":
        node = ElementTree.SubElement(test, "failure", type=each.rule, message=message)
    else:
        node = ElementTree.SubElement(test, "system-out")
        text = f"a choice: {message}\n{each.because}\n{text}"
    node.text = text
