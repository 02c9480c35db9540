"""What a lesson says it needs is what it needs: nothing is used before it has been explained."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from lab.lessons import course

COURSE = {lesson.number: lesson for lesson in course.lessons()}

WORDS = {
    "reverse-path|forward-path": 1,
    "notification|notify|notifies|transaction": 1,
    r"buffers?|RSET|lessons\.talk": 2,
    "spools?": 3,
    "transparency|dot_stuff|CRLF": 4,
    "VRFY|EXPN|mailing lists?|551": 5,
    "SEND|SOML|SAML": 6,
    "source routes?": 7,
    "null reverse-path": 8,
    "gateway|transport service": 9,
    "retry|retries": 10,
    r"duplicates?|careless (?:host|RELAY)|lab\.Fault|lab\.explore|lab\.storm": 11,
    "TURN|polling": 12,
    "betweenness|confidence interval": 13,
    r"EHLO|lab\.serve|MX records?|domain name system": 15,
    "envelope|Message-ID": 17,
    "SPF|DKIM|MIME|STARTTLS|AUTH": 18,
}
"""Words and names, and the lesson that explains them."""

LATER = {
    (2, "TURN"), (2, "SEND"), (2, "EHLO"),  # among odd commands, in a solution
    (2, "551"), (2, "VRFY"), (2, "EXPN"), (1, "551"),  # in tables, which lessons go into later
    (15, "STARTTLS"),  # a word that a host of 1982 does not know
}  # fmt: skip
"""What is seen before it is explained, and need not be understood there."""

each = pytest.mark.parametrize("number", COURSE)


def needed(number: int) -> set[int]:
    """The lessons that one builds on, and those that these build on."""
    return {number}.union(*(needed(need) for need in COURSE[number].needs))


def texts(path: Path) -> list[str]:
    """What a lesson says, without its top, which may say what it leads to, and its end."""
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells[1:-1] if cell.cell_type == "markdown"]


@each
def test_the_top_of_a_lesson_names_what_the_course_knows_that_it_needs(number: int) -> None:
    lesson = COURSE[number]
    top = nbformat.read(lesson.path, as_version=4).cells[0].source
    said = re.search(r"needs? lessons? ([^.]*)\.", top)
    numbers = tuple(map(int, re.findall(r"\d+", said[1]))) if said else ()
    assert numbers == lesson.needs


@each
def test_a_lesson_speaks_of_earlier_ones_that_it_needs(number: int) -> None:
    spoken = {int(n) for n in re.findall(r"[Ll]esson (\d+)", "\n".join(texts(COURSE[number].path)))}
    assert {other for other in spoken if other < number} <= needed(number)


@each
def test_a_word_is_used_where_it_has_been_explained(number: int) -> None:
    text = "\n".join(texts(COURSE[number].path))
    early = set()
    for words, lesson in WORDS.items():
        found = set(re.findall(rf"\b(?:{words})\b", text)) if lesson not in needed(number) else ()
        early |= {word for word in found if (number, word) not in LATER}
    assert early == set()


def test_what_is_explained_in_bold_is_explained_once() -> None:
    """A word in bold is one that a lesson defines, tables apart; others use it as it is."""
    names = re.compile(rf"\*\*({'|'.join(WORDS)})\*\*")
    places = {
        (number, word)
        for number, lesson in COURSE.items()
        for word in names.findall(re.sub(r"(?m)^\|.*", "", "\n".join(texts(lesson.path))))
    }
    assert len(places) == len({word for _, word in places}), sorted(places)


def test_the_spool_is_explained_in_lesson_3() -> None:
    text = "\n".join(texts(COURSE[3].path))
    assert "**spool**, the place where a host keeps mail that it still has to send" in text
