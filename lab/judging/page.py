"""A judgement as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from lab.judging.finding import Finding, Judgement, by_cause
from lab.judging.record import Line
from lab.judging.report import (
    again,
    also,
    choice_in_words,
    figures,
    heading,
    ladder_lines,
    rule_of,
    verdict,
)

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff }
h1 { font-size: 1.5rem; overflow-wrap: anywhere } h2 { font-size: 1.15rem; margin-top: 2.2rem }
blockquote { margin: .5rem 0; padding-left: 1rem; border-left: 3px solid #888; font-style: italic }
pre { background: #f4f4f4; padding: .8rem; overflow-x: auto; font-size: .85rem; line-height: 1.4 }
mark { background: #ffd0d0; color: #900; font-weight: bold }
dt { font-weight: bold } dd { margin: 0 0 .4rem 1rem; overflow-wrap: anywhere }
.good { color: #06601f } .bad { color: #a00000 }
.rule { font-family: ui-monospace, monospace; color: #a00000 }
table { border-collapse: collapse } td, th { padding: .2rem .7rem; border: 1px solid #bbb;
  text-align: left; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #e6e6e6 }
  pre { background: #22262c } mark { background: #5a1d1d; color: #ffc9c9 }
  .good { color: #6fd08c } .bad, .rule { color: #ff9c9c } }
"""


def page(judgement: Judgement) -> str:
    """Return the page."""
    return "\n".join(_parts(judgement))


def _parts(judgement: Judgement) -> Iterator[str]:
    groups = by_cause(judgement.findings)
    breaches = [group for group in groups if group[0].kind == "breach"]
    choices = [group for group in groups if group[0].kind == "choice"]
    title = escape(heading(judgement))
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main>"
    )
    yield f"<h1>{title}</h1>"
    kind = "bad" if breaches else "good"
    yield f'<p class="{kind}"><strong>{escape(verdict(judgement))}</strong></p>'
    yield f"<p>{escape(figures(judgement))}</p>"
    yield from (f"<p>{escape(note)}</p>" for note in judgement.notes)
    for group in breaches:
        yield from _breach(group, judgement)
    if choices:
        yield "<h2>Choices</h2><p>RFC 821 says otherwise; the program may have its reasons.</p><ul>"
        yield from (f"<li>{escape(choice_in_words(group))}</li>" for group in choices)
        yield "</ul>"
    yield from _cases(judgement)
    yield "</main></body></html>"


def _breach(group: Sequence[Finding], judgement: Judgement) -> Iterator[str]:
    first = group[0]
    rule = rule_of(first.rule)
    yield f'<h2><span class="rule">{rule.number}</span> {escape(rule.rule)}</h2>'
    for quote in rule.quotes[:1]:
        yield f"<blockquote>{escape(quote)} <small>(RFC 821, {rule.section})</small></blockquote>"
    yield f"<p>Case <code>{first.case}</code>, stage {first.stage}: {escape(first.title)}.</p>"
    yield f'<pre tabindex="0" aria-label="The dialogue">{_ladder(first.ladder)}</pre>'
    facts = {"wanted": first.wanted, "got": first.observed, "hint": first.hint}
    yield "<dl>"
    yield from (f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items() if text)
    yield f"<dt>again</dt><dd><code>{escape(again(first, judgement))}</code></dd></dl>"
    if len(group) > 1:
        yield f"<p>{escape(also(group))}</p>"


def _ladder(ladder: Sequence[Line]) -> str:
    lines = []
    for line in ladder_lines(ladder):
        text = escape(line)
        lines.append(f"<mark>{text}</mark>" if line.endswith("^ first wrong byte") else text)
    return "\n".join(lines)


def _cases(judgement: Judgement) -> Iterator[str]:
    findings = {each.case: each for each in judgement.findings}
    yield "<details><summary>All cases</summary><table><tr><th>case</th><th>result</th></tr>"
    for name in judgement.cases:
        each = findings.get(name)
        result = f"{each.kind} of {each.rule}" if each else "passed"
        yield f"<tr><td>{escape(name)}</td><td>{escape(result)}</td></tr>"
    for name, why in judgement.left_out.items():
        yield f"<tr><td>{escape(name)}</td><td>not judged: {escape(why)}</td></tr>"
    yield "</table></details>"
