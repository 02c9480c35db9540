"""Every check of every lesson, tried with right answers in other forms and with near misses.

``bank/NN.toml`` has for each check answers that are ``right``, ``wrong`` in their content, of a
wrong ``form``, and ``code`` of a student's own that fails. The solution of the lesson has been run
before them, so they may use its names. No kernel is needed: see ``helpers/lesson_checks.py``.
"""

from __future__ import annotations

import re
import tomllib
import warnings
from functools import cache
from pathlib import Path

import pytest
from helpers.lesson_checks import Checks, checks_of
from helpers.places import NOTEBOOKS

BANK = Path(__file__).with_name("bank")
KINDS = {"right": "", "wrong": "content", "form": "form", "code": "code"}
LIVE = {("15", "Exercise 3")}
"""What is tried on live hosts, which take seconds to start: one answer of each kind is enough."""
OURS = re.compile(
    r"<lambda>|<locals>|lab[./]lessons|Traceback|_judge|WrongForm|OwnFault|object at 0x"
)
"""What no message may show: names of the lab's own code."""

NAMES = {
    "01": "refused codes said",
    "02": "nobody hasty again HELLO",
    "03": "right meanings Category codes_given channel answered simple clever humour",
    "04": "on_the_wire more careless right crossed_bytes final TEXT",
    "05": "crossings sams strings asked found redirected seen",
    "06": "away outcome VERBS commands old_host",
    "07": "paths last closed refusal cat CASES crossings counted send",
    "08": "mails notice later writer_of quiet",
    "09": "there NAMES broken mails helos opening over",
    "10": "attempts hasty waiting arrival threes DOWN",
    "11": "bobs told right notified impatient explored broken replace",
    "12": "calls asked reply fates each polled replace",
    "13": "Counter relayed chains chain altogether expected loads seen interval",
    "14": "nx graph alone came_back broken more reference big busy",
    "15": "socket smtplib NETWORK HUB live run said both routed hosts_of answered held dropped",
    "16": "nx combinations every tree pairs slow_ring cut rows hops rings two_rings with_hubs",
}
"""Names that cells define, and that the answers that teachers keep use: do not rename them."""

each = pytest.mark.parametrize("path", sorted(BANK.glob("*.toml")), ids=lambda path: path.stem)


@cache
def lesson(path: Path) -> Checks:
    """A lesson's checks; they are made once for all tests of it."""
    return checks_of(next(NOTEBOOKS.glob(f"{path.stem}-*.ipynb")))


@each
def test_answers_are_judged_by_what_they_say(path: Path) -> None:
    """Right ones pass; of the others the message tells a wrong form from a wrong content."""
    checks = lesson(path)
    bank: dict[str, dict[str, list[str]]] = tomllib.loads(path.read_text(encoding="utf-8"))
    assert set(checks.states.values()) == {"passed"}
    assert list(bank) == list(checks.states)
    unlike = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an answer may be any code
        for name, kinds in bank.items():
            for kind, sources in kinds.items():
                for source in sources[:1] if (path.stem, name) in LIVE else sources:
                    result = checks.tried(name, source)
                    if result.problem != KINDS[kind] or OURS.search(result.message):
                        unlike.append(f"{name}, {kind}: {source}\n    {result!r}")
    assert not unlike, "\n".join(unlike)


@each
def test_a_check_is_tried_with_five_right_and_five_wrong_answers(path: Path) -> None:
    for name, kinds in tomllib.loads(path.read_text(encoding="utf-8")).items():
        assert len(kinds["right"]) >= 5, name
        assert len(kinds["wrong"]) >= 5, name
        assert kinds["form"], name


@each
def test_names_that_answers_use_are_those_of_the_cells(path: Path) -> None:
    """A teacher's collection of answers stays good when a lesson is edited."""
    assert set(NAMES.get(path.stem, "").split()) - set(lesson(path).names) == set()
