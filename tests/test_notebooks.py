"""The lessons: published clean, they run as they are, and their solutions pass their checks.

A code cell with the tag "exercise" has one hole, a line ``name = ...``. A markdown cell further
down with the tag "solution" has a fenced block of Python that fills it: the n-th solution belongs
to the n-th exercise.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(HERE.glob("*.ipynb"))
HOLE = re.compile(r"^(\w+) = \.\.\..*$", re.MULTILINE)
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)

WRONG = {  # by notebook: an answer that is wrong for each exercise, in their order
    "01-first-mail": [
        "prediction = 1",
        "code = 450",
        "go_on = 250",
        'commands = ["MAIL FROM:<JOE@HOSTW.ARPA>", "RCPT TO:<SAM@HOSTZ.ARPA>"]',
        'to = ["@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA", "Smith@USC-ISIE.ARPA"]',
        'network = "no topology"',
    ],
}

# the kernel opens its sockets and event loops in ways of its own
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def tagged(notebook: nbformat.NotebookNode, tag: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]


def solutions(notebook: nbformat.NotebookNode) -> list[str]:
    blocks = [BLOCK.search(cell.source) for cell in tagged(notebook, "solution")]
    assert all(blocks)
    return [block[1].strip() for block in blocks if block]


def filled(notebook: nbformat.NotebookNode, answers: list[str]) -> nbformat.NotebookNode:
    for cell, answer in zip(tagged(notebook, "exercise"), answers, strict=True):
        assert len(HOLE.findall(cell.source)) == 1, cell.id
        cell.source = HOLE.sub(lambda _, answer=answer: answer, cell.source)
    return notebook


def states(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """What each check of the lesson found when the whole notebook ran in its own folder."""
    report = "import json; print(json.dumps({n: r.state for n, r in lessons.results.items()}))"
    notebook.cells.append(nbformat.v4.new_code_cell(report, id="report"))
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(HERE)}})
    # the lab of this tree, installed or not
    client.execute(env={**os.environ, "PYTHONPATH": str(HERE.parent)})
    found: dict[str, str] = json.loads(notebook.cells[-1].outputs[0].text)
    return found


each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@each
def test_a_notebook_is_published_clean(path: Path) -> None:
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert (raw["nbformat"], raw["nbformat_minor"]) == (4, 5)
    assert raw["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in raw["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9-]+", one) for one in ids), "cell ids are names given by hand"
    for cell in raw["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    nbformat.validate(read(path))


@each
def test_a_notebook_has_the_shape_of_a_lesson(path: Path) -> None:
    notebook = read(path)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "you will be able to" in text
    headings = re.findall(r"^## ([\w ]+)", text, re.MULTILINE)
    shape = [one for one in headings if one in ("Predict", "Run", "Explain", "Break it")]
    assert shape == ["Predict", "Run", "Explain", "Break it"]
    assert sum(one.startswith("Exercise") for one in headings) >= 3
    assert len(tagged(notebook, "exercise")) == len(tagged(notebook, "solution"))
    assert text.count("<details>") == len(tagged(notebook, "solution"))


@each
def test_a_function_in_a_lesson_is_short(path: Path) -> None:
    """A function longer than ten lines belongs in the library."""
    for cell in read(path).cells:
        if cell.cell_type == "code":
            for body in re.findall(
                r"^def .*\n((?: {4}.*\n?|\n(?= {4}))+)", cell.source, re.MULTILINE
            ):
                assert body.count("\n") <= 10, cell.id


@each
def test_a_notebook_runs_as_published(path: Path) -> None:
    notebook = read(path)
    assert set(states(notebook).values()) == {"not yet"}
    for cell in notebook.cells:
        if cell.cell_type == "code" and ".plot(" in cell.source:
            assert any("image/png" in output.get("data", {}) for output in cell.outputs), cell.id


@each
def test_the_solutions_pass_every_check(path: Path) -> None:
    notebook = read(path)
    found = states(filled(notebook, solutions(notebook)))
    assert len(found) == len(tagged(notebook, "exercise"))
    assert set(found.values()) == {"passed"}, found


@each
def test_wrong_answers_fail_every_check(path: Path) -> None:
    found = states(filled(read(path), WRONG[path.stem]))
    assert set(found.values()) == {"failed"}, found
