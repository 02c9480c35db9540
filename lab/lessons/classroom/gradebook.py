"""The marks of a class: rows, a table for Moodle and Canvas, and a matrix to look at."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Any

from lab.runtime.escaping import csv_cell, visible


@dataclass
class ExerciseMark:
    """What a student got for an exercise; ``credit`` is from 0 to 1."""

    name: str
    points: float
    state: str = "not reached"
    message: str = ""
    credit: float = 0.0
    answer: str = ""
    is_hidden: bool = False
    hints: list[str] = field(default_factory=list)
    picture: str = ""

    @property
    def earned(self) -> float:
        """The points that the student got."""
        return round(self.points * self.credit, 2)


@dataclass
class Row:
    """The marks of a submission. ``penalty`` is the share that is taken off because it was late.

    One that could not be marked ``is_graded`` no more than one that is still to come: Moodle and
    Canvas get no points.
    """

    student: str
    file: str
    lesson: str = ""
    marks: list[ExerciseMark] = field(default_factory=list)
    problem: str = ""
    penalty: float = 0.0
    is_graded: bool = True

    @property
    def most(self) -> float:
        """The points that there are."""
        return sum(mark.points for mark in self.marks)

    @property
    def points(self) -> float:
        """The points that the student got."""
        return round(sum(mark.earned for mark in self.marks) * (1 - self.penalty), 2)

    @property
    def percent(self) -> float:
        """The share of the points, in percent."""
        return round(100 * self.points / self.most, 1) if self.most else 0.0


def columns(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Return the exercises of some rows, each with its lesson, in order."""
    exercises = {(row.lesson, mark.name): None for row in rows for mark in row.marks}
    return sorted(exercises, key=lambda pair: pair[0])


def heading(column: tuple[str, str], every: list[tuple[str, str]]) -> str:
    """Return the heading of an exercise: with its lesson, if there are several lessons."""
    lesson, name = column
    return name if len({each for each, _ in every}) <= 1 else f"{lesson}: {name}"


def as_csv(rows: list[Row]) -> str:
    """Return ``grades.csv``: student, file, points for each exercise, points, percent, problem."""
    every = columns(rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    titles = [heading(each, every) for each in every]
    writer.writerow(
        [csv_cell(each) for each in ("student", "file", *titles, "points", "percent", "problem")]
    )
    for row in rows:
        earned = {(row.lesson, mark.name): mark.earned for mark in row.marks}
        cells: list[Any] = [row.student, row.file, *(number(earned.get(each)) for each in every)]
        cells += [number(row.points), number(row.percent), row.problem]
        writer.writerow([csv_cell(visible(str(cell))) for cell in cells])
    return out.getvalue()


def number(value: float | None) -> str:
    """Return a number without needless digits; "" for None."""
    return "" if value is None else f"{value:g}"


def for_canvas(rows: list[Row], students: dict[str, dict[str, str]]) -> str:
    """Return a table that Canvas imports: its own columns, and one for each notebook.

    The second line says how many points there are: Canvas takes them for a new assignment. ``ID``
    is Canvas's own number of a user, so it is filled in only if the roster comes from Canvas.
    """
    lessons = _lessons(rows)
    own = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
    most = [max(row.most for row in rows if row.lesson == lesson) for lesson in lessons]
    table: list[list[object]] = [[*own, *lessons]]
    table.append(["    Points Possible", "", "", "", "", *map(number, most)])
    for student in dict.fromkeys(row.student for row in rows):
        known = students.get(student, {})
        is_of_canvas = "sis login id" in known  # there, "Student" is a name
        cells = [known.get(column.lower(), "") for column in own] if is_of_canvas else [""] * 5
        cells[0] = cells[0] or known.get("name", "") or student
        cells[3] = cells[3] or student
        cells[4] = cells[4] or known.get("section", "")
        table.append([*cells, *(number(_best(rows, student, lesson)) for lesson in lessons)])
    return _written(table)


def for_moodle(rows: list[Row], students: dict[str, dict[str, str]]) -> str:
    """Return a table that Moodle imports: who somebody is, and a column for each notebook.

    A student has one line. "-" is Moodle's own sign for no grade; an empty cell is an error there.
    """
    lessons = _lessons(rows)
    table: list[list[object]] = [["Username", "ID number", "Email address", *lessons]]
    for student in dict.fromkeys(row.student for row in rows):
        known = students.get(student, {})
        email = known.get("email address") or known.get("email", "")
        cells = [known.get("username") or student, known.get("id number") or student, email]
        points = (number(_best(rows, student, lesson)) or "-" for lesson in lessons)
        table.append([*cells, *points])
    return _written(table)


def _lessons(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(row.lesson for row in rows if row.lesson))


def _best(rows: list[Row], student: str, lesson: str) -> float | None:
    """Return the points of a student for a lesson; the best, if several files were handed in."""
    own = [row for row in rows if (row.student, row.lesson) == (student, lesson)]
    return max((row.points for row in own if row.is_graded), default=None)


def _written(table: list[list[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for cells in table:
        # "-" by itself is no formula, and is read by Moodle
        shown = ["-" if cell == "-" else csv_cell(visible(str(cell))) for cell in cells]
        writer.writerow(shown)
    return out.getvalue()


def as_matrix(rows: list[Row], title: str) -> str:
    """Return a page with the class by exercise."""
    every = columns(rows)
    head = "".join(f"<th>{escape(heading(each, every))}</th>" for each in every)
    body = []
    for row in rows:
        by_name = {(row.lesson, mark.name): mark for mark in row.marks}
        cells = "".join(_cell(by_name.get(each)) for each in every)
        body.append(
            f"<tr><th>{escape(visible(row.student))}</th>{cells}<td>{number(row.points)}</td>"
            f"<td>{number(row.percent)} %</td><td>{escape(visible(row.problem))}</td></tr>"
        )
    shares = "".join(f"<td>{_share(rows, each)}</td>" for each in every)
    foot = f"<tr><th>passed</th>{shares}<td></td><td></td><td></td></tr>"
    table = (
        f"<table><thead><tr><th>student</th>{head}<th>points</th><th></th><th>problem</th></tr>"
        f"</thead><tbody>{''.join(body)}</tbody><tfoot>{foot}</tfoot></table>"
    )
    return page(title, f"<h1>{escape(title)}</h1>{table}")


def _share(rows: list[Row], column: tuple[str, str]) -> str:
    marks = [m for row in rows for m in row.marks if (row.lesson, m.name) == column]
    passed = sum(mark.credit >= 1 for mark in marks)
    return f"{passed} of {len(marks)}"


def _cell(mark: ExerciseMark | None) -> str:
    if mark is None:
        return "<td></td>"
    kind = "right" if mark.credit >= 1 else "partly" if mark.credit > 0 else "none"
    kind = "open" if mark.state in ("not yet", "not reached") else kind
    return f'<td class="{kind}" title="{escape(mark.state)}">{number(mark.earned)}</td>'


STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .25rem .6rem; border: 1px solid #8886; }
thead th, tbody th, tfoot th { text-align: left; }
.right { background: #2a94; } .partly { background: #db03; } .none { background: #d333; }
.open { background: #8882; } pre { white-space: pre-wrap; overflow-wrap: anywhere; }
section { border-left: .4rem solid #888; padding: .1rem 1rem; margin: 1.2rem 0; }
section.right { border-color: #2a9; background: none; } section.partly { border-color: #db0; }
section.partly, section.none, section.open { background: none; }
section.none { border-color: #d33; }
img { max-width: 100%; background: white; }
"""


def page(title: str, body: str) -> str:
    """Return a page that needs nothing but itself."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>{body}</body></html>\n"
    )
