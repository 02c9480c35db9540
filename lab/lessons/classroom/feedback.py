"""The page that a student reads: what was right, what was not, hints, and pictures."""

from __future__ import annotations

import re
from html import escape

from lab.lessons.classroom.gradebook import ExerciseMark, Row, number, page
from lab.runtime.escaping import visible, visible_lines

_STATES = {
    "passed": "right", "failed": "not right", "not yet": "no answer", "not reached": "not reached",
}  # fmt: skip


def feedback(student: str, rows: list[Row], pictures: dict[tuple[str, str], str]) -> str:
    """Return a student's page. ``pictures`` are PNG files in base 64, by lesson and exercise."""
    parts = [f"<h1>{escape(visible(student))}</h1>"]
    for row in rows:
        parts.append(
            f"<h2>{escape(visible(row.lesson or row.file))}: {number(row.points)} of "
            f"{number(row.most)} points</h2>"
        )
        if row.problem:
            parts.append(f"<p><strong>{escape(visible(row.problem))}</strong></p>")
        if row.penalty:
            parts.append(f"<p>{row.penalty:.0%} of the points are taken off: it was late.</p>")
        parts += [
            _section(mark, mark.picture or pictures.get((row.lesson, mark.name), ""))
            for mark in row.marks
        ]
    return page(f"Feedback for {student}", "\n".join(parts))


def _section(mark: ExerciseMark, picture: str) -> str:
    kind = "right" if mark.credit >= 1 else "partly" if mark.credit > 0 else "none"
    kind = "open" if mark.state in ("not yet", "not reached") else kind
    state = "partly right" if kind == "partly" else _STATES.get(mark.state, mark.state)
    lines = [
        f'<section class="{kind}"><h3>{escape(mark.name)}: {escape(state)} '
        f"({number(mark.earned)} of {number(mark.points)})</h3>"
    ]
    if mark.answer and mark.state not in ("not yet", "not reached"):
        lines.append(f"<pre>{escape(visible_lines(mark.answer))}</pre>")
    if kind != "right":
        if mark.message and not mark.is_hidden:
            lines.append(f"<p>{escape(visible(mark.message))}</p>")
        hints = [hint for hint in mark.hints if hint not in mark.message]
        if hints and kind != "open" and not mark.is_hidden:
            lines.append("<ul>" + "".join(f"<li>{escape(hint)}</li>" for hint in hints) + "</ul>")
        if picture and re.fullmatch(r"[A-Za-z0-9+/=]+", picture):
            lines.append(f'<img alt="what the lesson shows" src="data:image/png;base64,{picture}">')
    return "\n".join([*lines, "</section>"])
