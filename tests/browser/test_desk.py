"""Python's side of the lab in the browser, which needs no browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.api.examples import find
from lab.browser.desk import ANSWERS, Desk
from lab.site import browser
from lab.site.browser import LEFT_OUT, PURE
from lab.site.downloads import WHEELS
from lab.views import PICTURES

NAME = "rfc821/scenario-03"


class Asked:
    """A desk that is asked with keywords."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)

    def __call__(self, do: str, **more: Any) -> Any:
        return json.loads(self.desk.answer(json.dumps({"do": do, **more})))


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    monkeypatch.chdir(tmp_path)  # the desk reads files where they lie
    return Asked(tmp_path / "work")


@pytest.fixture
def text(ask: Asked) -> str:
    opened = ask("opened", name=NAME)["value"]["text"]
    assert isinstance(opened, str)
    return opened


def test_a_run_has_the_digest_of_lab_simulate(ask: Asked, text: str) -> None:
    made = ask("run", text=text, origin=NAME)["value"]
    assert made["summary"]["digest"] == lab.simulate(find(NAME)[0].path).digest


def test_a_file_is_read_beside_those_that_it_names(ask: Asked) -> None:
    opened = ask("opened", name="faults/schedule")["value"]["text"]
    assert ask("checked", text=opened, origin="faults/schedule")["value"]["problems"] == []


def test_a_problem_has_its_line(ask: Asked, text: str) -> None:
    wrong = ask("checked", text=text.replace("relay = true", "relay = 3"))["value"]
    [problem] = wrong["problems"]
    assert text.splitlines()[problem["line"] - 1] == "relay = true"
    assert "write relay = true or relay = false" in problem["text"]


def test_a_change_by_clicking_makes_the_run_again_and_compares(ask: Asked, text: str) -> None:
    before = ask("run", text=text, origin=NAME)["value"]["summary"]
    cut = {"act": "cut", "a": "MIT-AI.ARPA", "b": "USC-ISIE.ARPA", "n": 5}
    acted = ask("acted", change=cut)["value"]
    assert acted["summary"]["digest"] != before["digest"]
    assert "link-down" in acted["words"]
    assert "<html" in acted["comparison"]
    again = ask("run", text=ask("altered")["value"]["text"])["value"]["summary"]
    assert again["digest"] == acted["summary"]["digest"]


def test_what_is_not_possible_is_said(ask: Asked, text: str) -> None:
    assert "run the file first" in ask("acted", change={"act": "undo"})["why"]
    assert "nothing has been run" in ask("page")["why"]
    ask("run", text=text, origin=NAME)
    assert "nothing was changed" in ask("altered")["why"]
    cut = {"act": "cut", "a": "MIT-AI.ARPA", "b": "BBN-VAX.ARPA"}
    assert "no link joins" in ask("acted", change=cut)["why"]
    assert "line 1" in ask("run", text="[[")["why"]


def test_the_comparison_with_the_original(ask: Asked, text: str) -> None:
    assert ask("compared", text=text, original=text, origin=NAME)["value"]["same"]
    slow = text.replace('"100 ms"', '"3 s"')
    assert not ask("compared", text=slow, original=text, origin=NAME)["value"]["same"]


def test_the_run_as_a_page_and_its_sessions(ask: Asked, text: str) -> None:
    ask("run", text=text, origin=NAME)
    assert "<canvas" in ask("page")["value"]["page"]
    assert ask("transcript")["value"]["text"].startswith("== session 1")


def test_a_run_has_pictures_with_words(ask: Asked, text: str) -> None:
    """As SVG, of each kind that the page offers."""
    page = (Path(browser.__file__).parent / "play/index.html").read_text(encoding="utf-8")
    kinds = re.findall(r"<option>(\w+)</option>", page)
    assert {"timeline", "ladder", "map", "queues", "latency"} <= set(kinds) <= set(PICTURES)
    assert "nothing has been run yet" in ask("picture", kind="map")["why"]
    ask("run", text=text)
    for kind in kinds:
        made = ask("picture", kind=kind)["value"]
        assert "<svg" in made["svg"]
        assert made["words"].startswith(f"{kind.capitalize()}: ")


def test_every_shipped_topology_is_offered_and_no_experiment(ask: Asked) -> None:
    names = {each["name"] for each in ask("shipped")["value"]}
    assert {NAME, "campus", "faults/crash"} <= names
    assert "experiments/map-of-200" in names
    assert "experiments/retry-policy" not in names


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ("[[ho", "[[host]]"),
        ("[[host]]\nre", "relay = "),
        ("[[host]]\nrelay = ", "true"),
        ("[[fault]]\nkind = ", '"crash"'),
        ('[[link]]\nbetween = ["MIT-AI.ARPA", "B', '"BBN-VAX.ARPA"'),
        ("[host.limits]\nrec", "recipients = "),
        ("ti", "title = "),
    ],
)
def test_what_may_be_written_next(ask: Asked, text: str, before: str, wanted: str) -> None:
    offered = ask("completed", text=text, before=before)["value"]
    assert wanted in [each["insert"] for each in offered]
    assert all(before.endswith(each["typed"]) and each["help"] for each in offered)


ALONE = """
import sys
from pathlib import Path

class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        left_out = name.split(".")[:1] == ["lab"] and name.split(".")[1:2] in {left_out!r}
        if left_out or top not in {there!r} and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"{{name}} is not in the browser")

sys.meta_path.insert(0, Only())
import json
from lab.browser.desk import Desk

desk = Desk(Path("work").absolute())
for question in json.loads({questions!r}):
    answer = json.loads(desk.answer(json.dumps(question)))
    assert "value" in answer, (question, answer)
"""


def test_every_question_is_answered_with_what_the_page_has(
    ask: Asked, text: str, tmp_path: Path
) -> None:
    """The packages that are installed here and not there are not needed."""
    there = {*PURE, *(name.replace("-", "_") for name in WHEELS), "lab", "__main__"}
    file = {"text": text, "origin": NAME}
    host = {"table": "host", "number": 0}
    crash = {"act": "crash", "host": "USC-ISIE.ARPA", "n": 6}
    slow = text.replace('"100 ms"', '"3 s"')
    remove = {"do": "remove", **host}
    questions = [
        {"do": "shipped"},
        {"do": "opened", "name": NAME},
        {"do": "checked", **file},
        {"do": "run", **file},
        {"do": "transcript"},
        {"do": "page"},
        *({"do": "picture", "kind": kind} for kind in ("map", "queues", "latency", "states")),
        {"do": "acted", "change": crash},
        {"do": "altered"},
        {"do": "compared", **file, "original": slow},
        {"do": "keys", **file, **host},
        {"do": "completed", "text": text, "before": "[[fau"},
        {"do": "edited", "text": text, "edit": remove},
        {"do": "digest", "name": "campus"},
    ]
    assert {question["do"] for question in questions} == set(ANSWERS)
    program = ALONE.format(
        there=there, left_out=[[each] for each in LEFT_OUT], questions=json.dumps(questions)
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
