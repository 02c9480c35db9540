"""Rosters: the students of a class, from a CSV file of one's own or of Moodle or Canvas."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

_ID: Final = ("student", "id", "username", "login", "sis login id", "id number", "email address")
_NAME: Final = ("name", "full name", "student name")
_EMAIL: Final = ("email", "email address", "e-mail")


class RosterFault(ValueError):
    """Raised when a roster cannot be used; the text says in which line, and what would be right."""


@dataclass(frozen=True)
class Student:
    """A student: ``name`` is their folder's too. ``due`` is a date of their own, or ""."""

    name: str
    full_name: str = ""
    email: str = ""
    due: str = ""
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> set[str]:
        """What the name of a handed-in file may call them."""
        names = (self.name, self.full_name, self.email, self.email.partition("@")[0])
        turned = " ".join(reversed(self.full_name.split()))
        return {simple(each) for each in (*names, turned) if simple(each)}


def simple(text: str) -> str:
    """Return the letters and digits of a text, for comparison."""
    return re.sub(r"[\W_]+", "", text).casefold()


def read_roster(path: Path) -> list[Student]:
    """Return the students of a roster; raises RosterFault, OSError.

    Its first line names the columns: ``student`` (or ``id``, ``username``, or what Moodle and
    Canvas call it), and if you like ``name``, ``email`` and ``due``. A file with one column and no
    such line is a list of students.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise RosterFault(f"{path}: not text in UTF-8") from None
    separator = (
        ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    )
    rows = [row for row in csv.reader(text.splitlines(), delimiter=separator) if _is_about_one(row)]
    if not rows:
        raise RosterFault(f"{path}: there are no students in it")
    head = [cell.strip().lower() for cell in rows[0]]
    if not set(head) & {*_ID, *_NAME, *_EMAIL}:
        if len(head) != 1:
            raise RosterFault(f"{path}: no column is called student; the first line must say so")
        head, rows = ["student"], [["student"], *rows]
    students = [_student(dict(zip(head, row, strict=False)), f"{path}, line {number}")
                for number, row in enumerate(rows[1:], 2)]  # fmt: skip
    seen: dict[str, int] = {}
    for number, student in enumerate(students, 2):
        if student.name in seen:
            raise RosterFault(
                f"{path}, line {number}: {student.name} is in line {seen[student.name]}"
            )
        seen[student.name] = number
    return students


def _is_about_one(row: list[str]) -> bool:
    """Return whether a line is not one of Canvas's: how many points there are, how marks are shown.

    The first of them begins with "    Points Possible"; in the other, only such words are found.
    """
    cells = [cell.strip() for cell in row if cell.strip()]
    is_posting = all(cell == "Muted" or cell.startswith("Manual Posting") for cell in cells)
    return bool(cells) and not is_posting and cells[0] != "Points Possible"


def _student(row: dict[str, str], where: str) -> Student:
    cells = {key: value.strip() for key, value in row.items()}
    full = next((cells[key] for key in _NAME if cells.get(key)), "")
    full = full or f"{cells.get('first name', '')} {cells.get('last name', '')}".strip()
    email = next((cells[key] for key in _EMAIL if cells.get(key)), "")
    name = next((cells[key] for key in _ID if cells.get(key)), "") or full or email
    folder = re.sub(r"[^\w.@+-]+", "-", name).strip("-.")[:80]
    if not folder:
        raise RosterFault(f"{where}: this student has no name")
    if "sis login id" in cells and not full:
        full = cells.get("student", "")
    due = cells.get("due", "")
    if due:
        read_date(due, where)
    return Student(folder, full, email, due, cells)


def read_date(text: str, where: str) -> datetime:
    """Return a date and time; raises RosterFault."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise RosterFault(f"{where}: {text!r} is not a date such as 2026-12-01T18:00") from None
