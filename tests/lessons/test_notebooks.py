"""The lessons: published clean, they run as they are, and their solutions pass their checks.

A code cell with the tag "exercise" has one hole, a line ``name = ...`` or with the dots
within a list or the like. A markdown cell further
down with the tag "solution" has a fenced block of Python that fills it: the n-th solution belongs
to the n-th exercise. ``wrong_answers.toml`` has an answer to each that its check must not pass.

A lesson runs as published, then with its solutions; then wrong answers are checked; then it runs
backwards, and then with all names forgotten and its cells in an order of chance: so a lesson is
also run again and out of order. Two kernels run side by side, and each takes one lesson after
another: to start a kernel takes as long as to run a lesson. Between lessons it forgets all names.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import os
import random
import re
import tomllib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import nbformat
import pytest
from helpers.places import NOTEBOOKS
from nbclient import NotebookClient

from lab.lessons import clean, course, grading

HERE = NOTEBOOKS
NOTEBOOKS = sorted(HERE.glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.stem != course.INDEX]
HOLE = re.compile(r"^(\w[\w, ]*) = .*\.\.\..*$", re.MULTILINE)
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
WRONG: dict[str, dict[str, list[str]]] = tomllib.loads(
    Path(__file__).with_name("wrong_answers.toml").read_text(encoding="utf-8")
)
REPORT = "import json; print(json.dumps({n: r.state for n, r in lessons.results.items()}))"
SECONDS = 60
"""For a cell, on a machine that does other things too."""

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
    notebook = copy.deepcopy(notebook)
    for cell, answer in zip(tagged(notebook, "exercise"), answers, strict=True):
        assert len(HOLE.findall(cell.source)) == 1, cell.id
        cell.source = HOLE.sub(lambda _, answer=answer: answer, cell.source)
    return notebook


def answered(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells from each exercise to its check, for when the others have been run."""
    cells, wanted = [], False
    for cell in notebook.cells:
        wanted = wanted or "exercise" in cell.metadata.get("tags", ())
        if wanted:
            cells.append(cell)
        if cell.cell_type == "code" and "lessons.check(" in cell.source:
            wanted = False
    return cells


def anew() -> nbformat.NotebookNode:
    """A cell after which the kernel knows no name, as after a restart, but how to be kind."""
    forget = (
        "get_ipython().reset(new_session=False)\n"
        "import lab.lessons, matplotlib.pyplot\n"
        "lab.lessons.results.clear()\nmatplotlib.pyplot.close('all')\n"
        "del lab, matplotlib"
    )
    return nbformat.v4.new_code_cell(forget, id="anew")


def painted(formats: str) -> nbformat.NotebookNode:
    """A cell after which figures are painted, small, or not: painting takes most of the time."""
    source = (
        "from matplotlib_inline.config import InlineBackend\n"
        "backend = InlineBackend.instance(parent=get_ipython())\n"
        f"backend.figure_formats = {formats}\n"
        "backend.print_figure_kwargs = {'dpi': 30, 'bbox_inches': None}\n"
        "del InlineBackend, backend"
    )
    return nbformat.v4.new_code_cell(source, id="painted")


def shuffled(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The cells in an order of chance, the same each time."""
    return random.Random("a student in a hurry").sample(cells, len(cells))


@dataclass
class Ran:
    """A lesson that was run five times: its outputs as published, and what its checks found."""

    published: nbformat.NotebookNode
    states: dict[str, dict[str, str]]
    raised: list[str]
    """The tracebacks of a run in an order of chance."""


async def run_through(client: NotebookClient, path: Path) -> Ran:
    """Run a lesson five times in a kernel that has run others."""
    notebook = read(path)
    states: dict[str, dict[str, str]] = {}

    async def run(name: str, cells: list[nbformat.NotebookNode]) -> None:
        report = nbformat.v4.new_code_cell(REPORT, id="report")
        client.nb = nbformat.v4.new_notebook(cells=[*cells, report])
        for index, cell in enumerate(client.nb.cells):
            await client.async_execute_cell(cell, index)
        states[name] = json.loads(report.outputs[0].text)

    client.allow_errors = False
    for cell in (anew(), painted("{'png'}")):
        await client.async_execute_cell(cell, -1)
    await run("published", notebook.cells)
    await client.async_execute_cell(painted("set()"), -1)
    await run("solved", filled(read(path), solutions(notebook)).cells)
    await run("wrong", answered(filled(read(path), WRONG[path.stem]["answers"])))
    await run("backwards", read(path).cells[::-1])
    client.allow_errors = True  # what was explained in a sentence is an error all the same
    kind = nbformat.v4.new_code_cell("from lab import lessons", id="kind")
    await run("shuffled", [anew(), kind, *shuffled(read(path).cells)])
    outputs = [(cell.id, output) for cell in client.nb.cells for output in cell.get("outputs", ())]
    raised = [f"{cell}: {each.ename}" for cell, each in outputs if each.output_type == "error"]
    return Ran(notebook, states, raised)


async def run_lessons(paths: SimpleQueue[Path], found: dict[str, Future[Ran]]) -> None:
    """Run lessons in a kernel, as long as there are any; each result comes when it is there."""
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=[anew()]),
        timeout=SECONDS,
        resources={"metadata": {"path": str(HERE)}},
    )
    # the lab of this tree, installed or not
    async with client.async_setup_kernel(env={**os.environ, "PYTHONPATH": str(HERE.parent)}):
        while not paths.empty():
            path = paths.get()
            try:
                found[path.stem].set_result(await run_through(client, path))
            except Exception as problem:  # the tests of that lesson raise it
                found[path.stem].set_exception(problem)


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Ran]]]:
    """Every lesson that is asked for, as it runs; two at a time."""
    wanted = {
        item.callspec.params["path"]
        for item in request.session.items
        if "ran" in getattr(item, "fixturenames", ()) and item.fspath == request.fspath
    }
    found: dict[str, Future[Ran]] = {path.stem: Future() for path in wanted}
    paths: SimpleQueue[Path] = SimpleQueue()
    for path in sorted(wanted):
        paths.put(path)
    with ThreadPoolExecutor(2) as pool:
        kernels = [pool.submit(asyncio.run, run_lessons(paths, found)) for _ in range(2)]
        yield found
        for kernel in kernels:
            kernel.result()


@pytest.fixture
def ran(running: dict[str, Future[Ran]], path: Path) -> Ran:
    return running[path.stem].result(1200)


each = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
each_with_index = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@each_with_index
def test_a_notebook_is_published_clean(path: Path) -> None:
    """No outputs, no counts, and cell ids that are names given by hand."""
    text = path.read_text(encoding="utf-8")
    raw = json.loads(text)
    ids = [cell["id"] for cell in raw["cells"]]
    assert len(set(ids)) == len(ids)
    assert text == clean.written(clean.clean(raw)), "run: python -m lab.lessons.clean notebooks/*"
    nbformat.validate(read(path))


@each
def test_a_notebook_has_the_shape_of_a_lesson(path: Path) -> None:
    notebook = read(path)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    top = notebook.cells[0].source
    assert "you will be able to" in top
    assert re.search(r"about \d+ minutes", top)
    assert re.search(r"\bneeds?\b", top)
    headings = re.findall(r"^## ([\w ]+)", text, re.MULTILINE)
    shape = [
        heading for heading in headings if heading in ("Predict", "Run", "Explain", "Break it")
    ]
    assert shape == ["Predict", "Run", "Explain", "Break it"]
    assert sum(heading.startswith("Exercise") for heading in headings) >= 3
    assert len(tagged(notebook, "exercise")) == len(tagged(notebook, "solution"))
    assert text.count("<details>") == len(tagged(notebook, "solution"))


@each
def test_a_lesson_says_how_long_it_takes_and_what_it_builds_on(path: Path) -> None:
    """For `lab lessons` and the map: what it says at its top."""
    one = course.lesson(path.stem[:2])
    assert 20 <= one.minutes <= 45
    assert f"about {one.minutes} minutes" in read(path).cells[0].source
    assert all(need < one.number for need in one.needs)
    assert read(path).metadata["lab"]["lesson"] == path.stem


@pytest.mark.parametrize(
    ("path", "onward"), list(itertools.pairwise(LESSONS)), ids=lambda path: path.stem[:2]
)
def test_a_lesson_leads_to_the_next(path: Path, onward: Path) -> None:
    assert f"]({onward.name})" in read(path).cells[-1].source


@each
def test_a_function_in_a_lesson_is_short(path: Path) -> None:
    """A function longer than ten lines below its docstring belongs in the library."""
    for cell in read(path).cells:
        if cell.cell_type == "code":
            for body in re.findall(
                r"^def .*\n((?: {4}.*\n?|\n(?= {4}))+)", cell.source, re.MULTILINE
            ):
                below = re.sub(r'^ {4}""".*?"""\n', "", body, flags=re.DOTALL)
                assert below.count("\n") <= 10, cell.id


@each
def test_an_answer_has_a_cell_of_its_own(path: Path) -> None:
    """So that a check can be put back beside it when it is handed in."""
    assert all("lessons.check" not in cell.source for cell in tagged(read(path), "exercise"))


@each
def test_a_notebook_runs_as_published(path: Path, ran: Ran) -> None:
    assert set(ran.states["published"].values()) == {"not yet"}
    for cell in ran.published.cells:
        shown = [output.data for output in cell.get("outputs", ()) if "data" in output]
        assert all(data.get("text/plain", "").strip() for data in shown), f"{cell.id}: a blank"
        if cell.cell_type == "code" and re.search(r"\.plot\(", cell.source):
            assert any("image/png" in output.get("data", {}) for output in cell.outputs), cell.id


@each
def test_the_solutions_pass_every_check(path: Path, ran: Ran) -> None:
    assert len(ran.states["solved"]) == len(tagged(read(path), "exercise"))
    assert set(ran.states["solved"].values()) == {"passed"}, ran.states["solved"]
    checks = grading.checks_of(json.loads(path.read_text(encoding="utf-8")))
    assert checks == list(ran.states["solved"])


@each
def test_wrong_answers_fail_every_check(path: Path, ran: Ran) -> None:
    assert set(ran.states["wrong"].values()) == {"failed"}, ran.states["wrong"]


@each
def test_cells_may_be_run_again_and_in_another_order(path: Path, ran: Ran) -> None:
    """Backwards, once all have been run, no cell raises; in any order, when none has been run, a
    student reads sentences, and no traceback."""
    assert set(ran.states["backwards"]) == set(ran.states["published"])
    assert set(ran.states["shuffled"].values()) <= {"not yet"}
    assert ran.raised == []


def test_a_lesson_that_leads_on_leads_to_the_next() -> None:
    """Its last cell names it, with a link; the last lesson of all leads nowhere."""
    lessons = course.lessons()
    for each, following in zip(lessons, [*lessons[1:], None], strict=True):
        links = re.findall(r"Next: (\S+ \S+\))", read(each.path).cells[-1].source)
        if following is None:
            assert links == []
        elif links:
            assert links == [f"[lesson {following.number}]({following.path.name})"], each.path.stem
    assert sum("Next: " in read(lesson.path).cells[-1].source for lesson in lessons) >= 12


def test_the_index_leads_to_every_lesson() -> None:
    """The index notebook runs, and has a link to each lesson with its title and its minutes."""
    notebook = read(HERE / f"{course.INDEX}.ipynb")
    text = "\n".join(cell.source for cell in notebook.cells)
    for lesson in course.lessons():
        assert f"]({lesson.path.name})" in text
        assert re.search(rf"\({lesson.path.name}\).*\b{lesson.minutes}\b", text)
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(HERE)}}).execute(
        env={**os.environ, "PYTHONPATH": str(HERE.parent)}
    )
    shown: list[Any] = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", {}) for output in shown)
