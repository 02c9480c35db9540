"""What a notebook shows of a run at the end of a cell: a small table and a picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from lab.analysis.alternatives import alternative
from lab.analysis.recipients import OUTCOMES
from lab.quantities import clock_time, count_noun, time_taken
from lab.runtime import extras
from lab.runtime.escaping import visible
from lab.trace.trace import Trace
from lab.views import plain, save, visual_language, why_unavailable

MOST_EVENTS: Final = 50_000
"""Events of a run that is drawn without being asked for: about a second of work."""


def run_line(summary: Mapping[str, Any]) -> str:
    """Return a run in a line: its title, seed, and what became of its mail."""
    title = visible(str(summary.get("title") or "untitled"))
    return f"<Run: {title}, seed {summary.get('seed', 0)}: {_outcomes(summary)}>"


def run_card(
    trace: Trace, summary: Mapping[str, Any], problems: Sequence[str], verdict: str
) -> str:
    """Return a run as HTML: a table of a few lines, and its timeline with a text alternative."""
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(visible(text))}</td></tr>'
        for name, text in _lines(summary, problems, verdict)
    )
    title = escape(visible(str(summary.get("title") or "A run")))
    caption = f'<caption style="text-align:left"><b>{title}</b></caption>'
    return f"<table>{caption}<tbody>{rows}</tbody></table>{_picture(trace)}"


def _lines(
    summary: Mapping[str, Any], problems: Sequence[str], verdict: str
) -> Iterator[tuple[str, str]]:
    for problem in problems:
        yield f"{visual_language.BROKEN.glyph} problem", problem
    yield "recipients", _outcomes(summary)
    spread = summary.get("delivery_seconds") or {}
    if summary.get("delivered") and spread:
        median, most = time_taken(spread["median"]), time_taken(spread["max"])
        yield "delivery", f"median {median}, at most {most}"
    if verdict:
        yield "verdict", verdict
    sessions = count_noun(summary.get("sessions", 0), "session")
    seconds = clock_time(float(summary.get("simulated_seconds", 0)), 1)
    yield "run", f"{sessions} in {seconds} of simulated time, seed {summary.get('seed', 0)}"


def _outcomes(summary: Mapping[str, Any]) -> str:
    """Return how many recipients there were and what became of them, with the signs of ends."""
    counts = [(name, summary.get(name, 0)) for name in OUTCOMES]
    words = [f"{count:,} {_outcome_in_words(name)}" for name, count in counts if count]
    if summary.get("duplicates"):
        sign = visual_language.ENDS["twice"].glyph
        words.append(f"{count_noun(summary['duplicates'], 'duplicate')} {sign}")
    return f"{count_noun(summary.get('submitted', 0), 'recipient')}: {', '.join(words) or 'none'}"


def _outcome_in_words(outcome: str) -> str:
    sign = visual_language.ENDS.get(outcome)
    words = "LOST" if outcome == "lost" else outcome.replace("_", " ")
    return f"{words} {sign.glyph}" if sign is not None else words


def _picture(trace: Trace) -> str:
    """Return the timeline as an image within the HTML; nothing for a run that is too long."""
    if len(trace) > MOST_EVENTS or why_unavailable(trace, "timeline"):
        return ""
    if not extras.is_installed("matplotlib"):
        return plain.as_html(trace, "timeline")
    file = io.BytesIO()
    save(trace, "timeline", file, dpi=72)
    coded = base64.b64encode(file.getvalue()).decode("ascii")
    text = escape(visible(alternative(trace, "timeline")), quote=True)
    return f'<img src="data:image/png;base64,{coded}" alt="{text}" style="max-width: 100%">'
