"""The lab in the browser, driven in chromium over ``python -m http.server``.

What it loads comes from npm and PyPI once: ``lab site`` keeps it in the user's cache, and without
that these tests are skipped.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import tomllib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers.axe import axe_violations, needs_axe
from helpers.browser import browser, needs_chromium
from helpers.notebook_page import NotebookPage
from helpers.places import ROOT

import lab
from lab.api.examples import examples, find
from lab.lessons import course
from lab.lessons.tasks import has_tag, text_of
from lab.site.browser import write_play
from lab.site.downloads import is_cached
from lab.site.lessons import FOLDER as LESSONS
from lab.site.lessons import STORE, why_not, write_lessons

pytestmark = [
    needs_chromium,
    pytest.mark.skipif(
        not is_cached(),
        reason="Pyodide is not in the cache: lab site DIR --only play fetches it from npm and PyPI",
    ),
    pytest.mark.turns_of_files("browsers", 4),
]
PATIENCE = 240_000
"""Milliseconds; on a busy machine Python takes long to start."""

HOLE = re.compile(r"^(\w[\w, ]*) = .*\.\.\..*$", re.MULTILINE)
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
WRONG: dict[str, dict[str, list[str]]] = tomllib.loads(
    (ROOT / "tests/lessons/wrong_answers.toml").read_text(encoding="utf-8")
)

NAMES = [each.name for each in examples() if not each.is_experiment]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site")
    write_play(made / "play")
    if not why_not():
        write_lessons(made / LESSONS)
    return made


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        found = re.search(r"port (\d+)", server.stdout.readline())
        assert found is not None
        yield f"http://127.0.0.1:{found[1]}/play/index.html"
        server.terminate()


class Visit:
    """A page that is ready and has made its first run, and what was loaded for it."""

    def __init__(self, context: Any, address: str) -> None:
        self.loaded: list[str] = []
        self.errors: list[str] = []
        context.on("request", lambda request: self.loaded.append(request.url))
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)
        self.until("lab.runs > 0")

    def until(self, condition: str) -> None:
        wanted = f"globalThis.lab !== undefined && ({condition})"
        self.page.wait_for_function(wanted, timeout=PATIENCE)

    def ask(self, do: str, **more: Any) -> Any:
        return self.page.evaluate("ask => lab.question(ask)", {"do": do, **more})

    def write(self, text: str) -> None:
        checked = self.page.evaluate("lab.checked || 0")
        self.page.fill("#source", text)
        self.until(f"(lab.checked || 0) > {checked}")

    def source(self) -> str:
        text = self.page.input_value("#source")
        assert isinstance(text, str)
        return text


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def visit(chromium: Any, address: str) -> Iterator[Visit]:
    context = chromium.new_context(bypass_csp=True, viewport={"width": 1366, "height": 768})
    yield Visit(context, address)
    context.close()


def test_the_first_run_is_the_native_one_and_nothing_else_is_asked(
    visit: Visit, address: str
) -> None:
    native = lab.simulate(find("rfc821/scenario-03")[0].path).digest
    assert visit.page.evaluate("lab.digest") == native
    own = address.rpartition("play/")[0]
    others = [url for url in visit.loaded if not url.startswith((own, "blob:", "data:"))]
    assert others == []
    assert visit.errors == []


def test_the_lab_of_the_site_is_small(folder: Path) -> None:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    lessons = sum(path.stat().st_size for path in (folder / LESSONS).rglob("*") if path.is_file())
    assert size - lessons < 60e6


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.turns("digests in a browser", 12)
def test_a_shipped_topology_has_the_native_digest(visit: Visit, name: str) -> None:
    native = lab.simulate(find(name)[0].path).digest
    assert visit.ask("digest", name=name) == {"value": native}


def test_a_problem_is_told_with_its_line_and_work_outlives_a_reload(visit: Visit) -> None:
    original = visit.source()
    visit.write(original.replace("relay = true", "relay = 3"))
    line = original.splitlines().index("relay = true") + 1
    assert f"line {line}" in visit.page.inner_text("#problems li")
    assert visit.page.inner_text(".gutter .bad") == f"✖ {line}"
    visit.page.reload()
    visit.until("lab.checked > 0")
    assert "relay = 3" in visit.source()
    visit.page.click("#reset")
    assert visit.source() == original
    visit.page.click("#said button")  # undo
    assert "relay = 3" in visit.source()
    visit.page.click("#reset")
    visit.until("!lab.problems.length")


def test_a_network_is_drawn_by_mouse_and_the_text_follows(visit: Visit) -> None:
    page = visit.page
    before = visit.source()
    page.click("#tab-network")
    page.click("[data-mode=host]")
    page.locator("#drawing").click(position={"x": 60, "y": 40})
    page.wait_for_selector("[data-host='3']")
    assert '[[host]]\nname = "HOST-4.ARPA"\n' in visit.source()
    page.click("[data-mode=link]")
    page.locator("[data-host='3'] circle").click()
    page.locator("[data-host='0'] circle").click()
    page.wait_for_selector("[data-link='2']", state="attached")
    assert 'between = ["HOST-4.ARPA", "MIT-AI.ARPA"]' in visit.source()
    latency = page.locator("#key-latency")
    latency.fill("2 s")
    latency.press("Enter")
    page.wait_for_function("document.getElementById('source').value.includes('\"2 s\"')")
    box = page.locator("[data-host='0'] circle").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_function("document.getElementById('source').value.includes('position')")
    page.click("#tab-text")
    page.click("#reset")
    assert visit.source() == before


def test_a_click_cuts_a_link_and_the_runs_are_compared(visit: Visit) -> None:
    page = visit.page
    runs, digest = page.evaluate("[lab.runs, lab.digest]")
    page.click("#run")
    visit.until(f"lab.runs > {runs}")
    for _ in range(6):
        page.click(".controls .step")
    acts = page.evaluate("lab.acts || 0")
    page.click(".acts button >> nth=0")
    visit.until(f"(lab.acts || 0) > {acts}")
    assert page.evaluate("lab.digest") != digest
    page.wait_for_selector(".lab-beside iframe")
    page.click("#compare")
    visit.until("'compared' in lab")
    assert page.evaluate("lab.compared") is True


def test_a_file_travels_in_a_link(visit: Visit, address: str) -> None:
    page = visit.page
    page.click("#share")
    visit.until("lab.address")
    shared = page.evaluate("lab.address")
    packed = shared.partition("#file=")[2]
    content = zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), -15)
    assert json.loads(content)["text"] == visit.source()
    text = visit.source()
    page.goto(f"{address}?again#file={packed}")
    visit.until("lab.runs > 0")
    assert visit.source() == text
    assert "from a link" in page.locator("#files option:checked").inner_text()


def test_completion_writes_what_is_chosen(visit: Visit) -> None:
    page = visit.page
    page.click("#source")
    page.keyboard.press("Control+End")
    page.keyboard.type("\n[[fau")
    page.wait_for_selector("#choices li")
    page.keyboard.press("Tab")
    assert visit.source().endswith("\n[[fault]]")
    page.click("#reset")


@needs_axe
def test_the_page_keeps_nobody_out(visit: Visit) -> None:
    assert axe_violations(visit.page) == []
    visit.page.click("#tab-network")
    assert axe_violations(visit.page) == []
    visit.page.click("#tab-text")


def test_the_run_has_pictures_without_matplotlib(visit: Visit) -> None:
    """Each as SVG with its words; a change by clicking draws it again."""
    page = visit.page
    page.select_option("#picture", "map")
    page.wait_for_function("document.querySelector('#drawn img').naturalWidth > 0")
    assert page.get_attribute("#drawn img", "alt").startswith("Map: ")
    page.select_option("#picture", "latency")
    page.wait_for_function("document.querySelector('#drawn img').alt.startsWith('Latency: ')")
    assert "<svg" in page.evaluate("lab.picture.svg")
    page.select_option("#picture", "")
    page.wait_for_selector("#drawn", state="hidden")


# -- the lessons ------------------------------------------------------------------------------

needs_lessons = pytest.mark.skipif(bool(why_not()), reason=why_not())
PATHS = [each.path for each in course.lessons()]


@contextmanager
def lesson_of(chromium: Any, address: str, path: Path) -> Iterator[NotebookPage]:
    """A lesson on the page of a browser that knows nothing yet; nothing else may be asked."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    loaded: list[str] = []
    context.on("request", lambda request: loaded.append(request.url))
    missing: list[str] = []
    context.on("response", lambda found: found.status >= 400 and missing.append(found.url))
    where = address.replace("index.html", f"lessons/notebooks/index.html?path={path.name}")
    yield NotebookPage(context.new_page(), where)
    own = address.rpartition("play/")[0]
    assert [url for url in loaded if not url.startswith((own, "blob:", "data:"))] == []
    assert missing == []
    context.close()


def filled(notebook: dict[str, Any], answers: Sequence[str]) -> dict[str, str]:
    """The sources of the cells that an answer stands in, by the ids of these."""
    cells = [cell for cell in notebook["cells"] if has_tag(cell, "exercise")]
    return {
        cell["id"]: HOLE.sub(lambda _, answer=answer: answer, text_of(cell))
        for cell, answer in zip(cells, answers, strict=True)
    }


@needs_lessons
@pytest.mark.turns("lessons in a browser", len(PATHS))
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_lesson_takes_its_solutions_and_no_wrong_answers(
    chromium: Any, address: str, path: Path
) -> None:
    notebook = course.read(path)
    told = [text_of(cell) for cell in notebook["cells"] if has_tag(cell, "solution")]
    right = [BLOCK.findall(text)[0].strip() for text in told]
    with lesson_of(chromium, address, path) as lesson:
        for answers, state in ((right, "passed"), (WRONG[path.stem]["answers"], "failed")):
            lesson.fill(filled(notebook, answers))
            lesson.run()
            assert lesson.errors() == []
            found = lesson.states()
            assert set(found.values()) == {state}, found
            assert len(found) == len(answers)
            lesson.tell("lessons.results.clear()")
        shown = json.dumps(lesson.cells())
    assert ("data:image/svg+xml" in shown) is (
        ".plot(" in shown or ".draw(" in shown or "sketch(" in shown
    )


@needs_lessons
@pytest.mark.turns("lessons in a browser", 2)
def test_the_index_draws_its_map(chromium: Any, address: str) -> None:
    with lesson_of(chromium, address, PATHS[0].with_name(f"{course.INDEX}.ipynb")) as index:
        index.run()
        assert index.errors() == []
        assert "data:image/svg+xml" in json.dumps(index.cells())


@needs_lessons
@pytest.mark.turns("lessons in a browser", 2)
def test_work_on_a_lesson_outlives_a_reload_and_an_update(
    chromium: Any, address: str, folder: Path
) -> None:
    """What was kept of an older lesson stays, whatever the new one has."""
    published = folder / LESSONS / "files" / PATHS[0].name
    before = published.read_text(encoding="utf-8")
    with lesson_of(chromium, address, PATHS[0]) as lesson:
        lesson.fill({"predict": "prediction = 2  # mine"})
        lesson.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
        stores = lesson.page.evaluate("indexedDB.databases().then(all => all.map(one => one.name))")
        assert STORE in stores
        try:
            published.write_text(before.replace("prediction = ...", "prediction = 0"), "utf-8")
            lesson.page.reload()
            lesson.ready()
        finally:
            published.write_text(before, encoding="utf-8")
        sources = {cell["id"]: text_of(cell) for cell in lesson.cells()}
    assert sources["predict"] == "prediction = 2  # mine"
