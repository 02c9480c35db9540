"""Three lessons as a student has them: in a real JupyterLab, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.browser import browser, needs_chromium
from helpers.notebook_server import ROOT, Cell, answer, cells, opened, run_all, server

pytestmark = [needs_chromium, pytest.mark.turns_of_files("browsers", 4)]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """JupyterLab at the size of a student's laptop, with the course in its folder."""
    here = tmp_path_factory.mktemp("course")
    for folder in ("notebooks", "topologies"):
        shutil.copytree(ROOT / folder, here / folder)
    with server(here) as address, browser() as chromium:
        page = chromium.new_page(viewport={"width": 1366, "height": 768})
        page.goto(f"{address}/lab/tree/notebooks")
        yield page


def lesson(page: Any, stem: str) -> dict[str, Cell]:
    """What the cells of a lesson show when it has been opened, and run from first to last."""
    opened(page, f"notebooks/{stem}.ipynb")
    run_all(page)
    return cells(page)


@pytest.mark.turns("lessons in JupyterLab", 3)
def test_lesson_1_runs_and_answers(page: Any) -> None:
    """No cell raises; every check says "Not yet"; then one is answered, wrong and right."""
    ran = lesson(page, "01-first-mail")
    assert all(cell.ran and not cell.errors for cell in ran.values())
    assert sum("Not yet" in cell.text for cell in ran.values()) == 6
    assert all(ran[name].pictures == 1 for name in ("map", "timeline"))
    assert "S: MAIL FROM:<JQP@MIT-AI.ARPA>" in ran["transcript"].text

    wrong = answer(page, "break-it", "code = 450", "break-it-check")
    assert "✗ Break it: Not right: you have 450. It begins with a 5" in wrong.text
    right = answer(page, "break-it", "code = 550", "break-it-check")
    assert "✓ Break it: Right." in right.text


@pytest.mark.turns("lessons in JupyterLab", 3)
def test_lesson_7_has_a_player_and_pictures(page: Any) -> None:
    """The player stands in the place of its still picture, and stops where the lesson says."""
    ran = lesson(page, "07-source-routes")
    assert all(cell.ran and not cell.errors for cell in ran.values())
    assert all(ran[name].pictures == 1 for name in ("run-map", "several-ladder"))

    player = page.locator(".lab-replay")
    player.wait_for()
    page.wait_for_selector(".lab-replay-still", state="hidden")
    page.locator(".lab-replay .speed").select_option("50")
    page.click(".lab-replay button.play")
    page.wait_for_function(
        "document.querySelector('.lab-replay .now').textContent.includes('EAST.ARPA')",
    )
    across = player.bounding_box()
    assert across["width"] < 1366
    assert across["height"] < 768

    wrong = answer(page, "predict", "hosts_in_mail, hosts_in_rcpt = 1, 1", "predict-check")
    assert "✗ Predict" in wrong.text
    assert "what did the relay do" in wrong.text
    right = answer(page, "predict", "hosts_in_mail, hosts_in_rcpt = 3, 1", "predict-check")
    assert "✓ Predict: Right." in right.text


@pytest.mark.turns("lessons in JupyterLab", 3)
def test_lesson_10_has_its_figures(page: Any) -> None:
    """Each as wide as it was drawn or as the page allows, and whole."""
    ran = lesson(page, "10-waiting")
    assert all(cell.ran and not cell.errors for cell in ran.values())
    figures = ("first-map", "run-timeline", "run-queues", "break-timeline")
    assert all(ran[name].pictures == 1 for name in figures)
    shown = page.locator(".jp-OutputArea-output img:visible")
    shown.nth(len(figures) - 1).wait_for()  # a figure may be there before the page shows it
    assert shown.count() == len(figures)
    for number in range(len(figures)):
        size = shown.nth(number).evaluate("i => [i.naturalWidth, i.width, i.height]")
        assert size[0] > 500
        assert 500 < size[1] <= 1100
        assert size[2] < 700

    wrong = answer(page, "exercise-2-answer", "arrivals = [10, 30, 31, 250]", "exercise-2-check")
    assert "Not right for 31." in wrong.text
    right = answer(page, "exercise-2-answer", "arrivals = [10, 30, 70, 250]", "exercise-2-check")
    assert "✓ Exercise 2: Right." in right.text
