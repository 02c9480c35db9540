"""What lesson 3 asks for: what a sender does with replies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from lab.lessons.answers import Code, Number, Selection, Several, Table, Verdict, Word, hinted
from lab.lessons.functions import Replies
from lab.protocol import Category

if TYPE_CHECKING:
    from lab.api.run import Run

FATES: Final = ("delivered", "returned", "later")

MEANINGS: Final = {"2": "done", "3": "go on", "4": "later", "5": "give up"}


@hinted("Sort the codes by their first digit.")
def predict(fates: Mapping[int, str]) -> Table:
    """Return what became of the mail, by the code that RCPT drew."""
    return Table({code: Word(fate, FATES, {"queued": "later"}) for code, fate in fates.items()})


@hinted("What does a first digit of 5 mean to either?")
def break_it(simple: Run, clever: Run) -> Several:
    """Return how many recipients got the mail from either sender."""
    counted = [Number(run.summary["delivered"], units=["recipient"]) for run in (simple, clever)]
    return Several(counted, ["the one-digit sender", "the other sender"])


@hinted("The text is for people.")
def exercise_1(lines: Iterable[bytes]) -> Several:
    """Return what a sender does after each of these replies."""
    return Several(Word(MEANINGS[chr(line[0])], MEANINGS.values()) for line in lines)


def about(category: Category, codes: Iterable[int]) -> list[int]:
    """Return those of the codes whose second digit says that they are about this."""
    return [code for code in codes if code // 10 % 10 == category.value]


@hinted("Which digit says what a reply is about, and which value of it means the channel?")
def exercise_2(codes: Iterable[int]) -> Selection:
    """Return the codes that are about the channel, in any order."""
    return Selection(map(Code, codes))


def exercise_4(answered: Callable[[str], Run]) -> Replies:
    """Return the exercise for replies that keep the mail waiting for two days."""
    return Replies(lambda replies: _is_late(answered(replies)))


def _is_late(run: Run) -> Verdict:
    recipients = run.summary["recipients"]
    outcomes = [recipient["outcome"] for recipient in recipients]
    if outcomes != ["delivered", "delivered"]:
        return f"They were {' and '.join(outcomes)}."
    hours = max(recipient["settled_at"] or 0 for recipient in recipients) / 3600
    print(f"{hours:.1f} hours")
    return hours >= 48 or f"That took {hours:.1f} hours. Which reply makes a sender wait?"
