"""Helpers for the notebooks: find a file, be the sender-SMTP, check an answer.

A lesson leaves a gap, ``answer = ...`` (the three dots are Python's Ellipsis), and checks it::

    from lab import lessons

    sessions = ...
    lessons.check("Exercise 1", sessions, run.summary["sessions"])

The right answer is computed from a run wherever possible, so that reading the check gives nothing
away. A check never raises, so a notebook always runs to its end. Its result has one of these
states:

- "not yet": the gap is not filled;
- "passed";
- "failed": the message shows the answer and says what is wrong with it;
- "handed in": the teacher judges the answer, and the notebook has no check (:func:`hand_in`).

:data:`results` keeps the last result of every check of this process under its name, for programs
that grade notebooks (:mod:`lab.lessons.grading`).
"""

from __future__ import annotations

from collections.abc import Iterable
from sys import modules
from textwrap import fill
from typing import Final

from lab.lessons import answers as answers
from lab.lessons import functions as functions
from lab.lessons import trials as trials
from lab.lessons.checks import Problem as Problem
from lab.lessons.checks import Result as Result
from lab.lessons.checks import State as State
from lab.lessons.checks import check as check
from lab.lessons.checks import close_to as close_to
from lab.lessons.checks import hand_in as hand_in
from lab.lessons.checks import is_unanswered as is_unanswered
from lab.lessons.checks import results as results
from lab.lessons.exercises import Exercise as Exercise
from lab.lessons.exercises import ExerciseError as ExerciseError
from lab.lessons.exercises import Material as Material
from lab.lessons.exercises import exercise as exercise
from lab.lessons.networks import draw as draw
from lab.lessons.networks import mailbox as mailbox
from lab.lessons.networks import talk as talk
from lab.lessons.networks import topology as topology
from lab.lessons.own_code import OwnFault as OwnFault
from lab.lessons.plain import WrongForm as WrongForm
from lab.lessons.texts import from_text as from_text
from lab.lessons.typed_session import TypedSession as TypedSession

_WIDTH: Final = 96
"""Characters of a line of a notebook's page."""


def tell(sentences: Iterable[str]) -> None:
    """Print sentences, such as the story of a message, one below another.

    A sentence longer than a page of a notebook is wide goes on below, between two words.
    """
    for sentence in sentences:
        print(fill(sentence, _WIDTH, subsequent_indent="    ", break_long_words=False))


def _install_friendly_errors() -> None:
    """In a notebook, replace the tracebacks of everyday mistakes by sentences."""
    from importlib import import_module

    if "IPython" in modules:
        import_module("lab.lessons.friendly_errors").install()


_install_friendly_errors()
