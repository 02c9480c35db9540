"""The widget: what it is without a browser, and what it does in a real JupyterLab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from helpers.browser import browser, needs_chromium
from helpers.notebook_server import run_all, server, started
from helpers.places import ROOT
from nbconvert import HTMLExporter

import lab
from lab.analysis.conditions import NoCondition

RELAYED = ROOT / "topologies/rfc821/scenario-03.toml"


def test_a_widget_steps_and_goes_back_within_the_run() -> None:
    """Its position is the number of events that have happened."""
    run = lab.simulate(RELAYED)
    widget = run.watch(position=2)
    widget.step()
    assert widget.position == 3
    widget.back()
    widget.back()
    widget.back()
    widget.back()
    assert widget.position == 0
    widget.position = len(run.trace)
    widget.step()
    assert widget.position == len(run.trace)


def test_breakpoints_are_the_events_that_a_condition_holds_of() -> None:
    """In words, or as a function of an event."""
    run = lab.simulate(RELAYED)
    widget = run.watch(breaks=["reply 354"])
    wanted = [event.seq for event in run.trace if event.kind == "reply" and event["code"] == 354]
    assert widget.breaks == wanted
    widget.break_at(lambda event: event.kind == "deliver")
    assert len(widget.breaks) == len(wanted) + 1
    with pytest.raises(NoCondition, match="is not a word of a condition"):
        widget.break_at("reply 354 nonsense")


def test_without_a_kernel_a_still_picture_is_there() -> None:
    """The output holds a PNG and a line of text beside the widget."""
    widget = lab.simulate(RELAYED).watch()
    found = widget._repr_mimebundle_()
    data = found[0] if isinstance(found, tuple) else found
    assert data["image/png"].startswith("iVBOR")
    assert "Relayed mail" in data["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in data


@needs_chromium
@pytest.mark.turns_of_files("browsers", 4)
def test_on_a_page_made_of_a_notebook_the_still_picture_is_seen(tmp_path: Path) -> None:
    """A page of a notebook with the widget in it, with no kernel and no network."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELLS[0])])
    nbclient.NotebookClient(made, kernel_name="python3", timeout=120).execute()
    body, _ = HTMLExporter(template_name="lab").from_notebook_node(made)
    (tmp_path / "watch.html").write_text(body, encoding="utf-8")
    with browser() as chromium:
        context = chromium.new_context(offline=True, viewport={"width": 1000, "height": 900})
        page = context.new_page()
        page.goto((tmp_path / "watch.html").as_uri(), wait_until="domcontentloaded")
        picture = page.locator(".lab-replay-still img")
        assert picture.evaluate("image => image.naturalWidth") > 500
        assert picture.bounding_box()["height"] > 100
        context.close()


CELLS = [
    f"import lab\nrun = lab.simulate({str(RELAYED)!r})\n"
    "widget = run.watch(breaks=['reply 354'])\nwidget",
    "print('position', widget.position)",
    "print('altered', widget.altered)",
]


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of Jupyter's of its own, with a notebook in it: its address."""
    here = tmp_path_factory.mktemp("jupyter")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, here / "watch.ipynb")
    with server(here) as address:
        yield address


@needs_chromium
@pytest.mark.turns_of_files("browsers", 4)
@pytest.mark.turns("notebooks in a browser", 2)
@pytest.mark.parametrize("notebook", ["lab/tree/watch.ipynb", "notebooks/watch.ipynb"])
def test_the_widget_plays_in_jupyterlab_and_in_notebook_7(jupyter: str, notebook: str) -> None:
    """Run the notebook; step, by button and by key; Python sees where the picture is."""
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 1300, "height": 1100})
        started(page, f"{jupyter}/{notebook}")
        run_all(page)
        page.wait_for_selector(".lab-replay button.step")
        page.wait_for_selector(".lab-replay-still", state="hidden")
        assert page.locator(".lab-replay-still").count() == 1
        for _ in range(4):
            page.click(".lab-replay button.step")
        page.wait_for_function("document.querySelector('.clock').textContent.includes('event 4 ')")
        page.locator(".lab-replay .slider").focus()
        page.keyboard.press("Shift+Tab")
        page.locator(".lab-replay button.back").press("ArrowRight")
        page.wait_for_function("document.querySelector('.clock').textContent.includes('event 5 ')")
        assert any(printed(page, 1) == "position 5\n" for _ in range(30))
        page.select_option(".lab-replay .speed", "50")
        page.click(".lab-replay button.play")
        said = "354 Start mail input"
        page.wait_for_function(
            f"document.querySelector('.lab-replay .now').textContent.includes('{said}')",
        )
        page.wait_for_timeout(400)  # and there it stays, for there is a breakpoint
        assert said in page.inner_text(".lab-replay .now")
        shown = page.locator(".lab-replay").bounding_box()
        assert shown["height"] > 500
        page.click(".lab-replay .acts button:has-text('crash')")  # and the kernel makes another run
        page.wait_for_selector(".lab-beside iframe")
        assert "crash" in page.inner_text(".lab-beside summary")
        assert "altered after event" in printed(page, 2)
        page.click(".lab-replay .acts button:has-text('undo')")
        page.wait_for_selector(".lab-beside iframe", state="detached")
        page.close()


def printed(page: Any, number: int) -> str:
    """What a cell prints, run now: the widget's own word may still be on its way to the kernel."""
    page.wait_for_timeout(300)
    return str(
        page.evaluate(
            """async number => {
              const content = jupyterapp.shell.currentWidget.content;
              content.activeCellIndex = number;
              await jupyterapp.commands.execute('notebook:run-cell');
              const outputs = content.widgets[number].model.outputs;
              return outputs.length ? outputs.get(0).toJSON().text : '';
            }""",
            number,
        )
    )
