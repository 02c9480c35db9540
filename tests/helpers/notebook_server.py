"""A JupyterLab server for the tests, and actions on a page of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.places import ROOT

_KERNEL = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run Jupyter on a folder, without the user's settings; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    process = subprocess.Popen(
        [
            sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--allow-root",
            "--IdentityProvider.token=", "--ServerApp.password=", "--expose-app-in-browser",
            "--JupyterNotebookApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}",
        ],
        cwd=folder, env=os.environ | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):  # a busy machine takes its time
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/api", timeout=1).close()
                break
            time.sleep(0.1)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def started(page: Any, address: str) -> None:
    """Open JupyterLab or Notebook 7 at a notebook's address, and wait until its kernel is there."""
    page.goto(address)
    page.wait_for_function("window.jupyterapp !== undefined")
    page.wait_for_selector(".jp-Notebook")
    page.wait_for_function(f"() => {_KERNEL} === 'idle'")


def opened(page: Any, path: str) -> None:
    """Open a notebook in the JupyterLab of a page, and wait until its kernel is there."""
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate(
        """async path => {
          await jupyterapp.restored;
          const panel = await jupyterapp.commands.execute('docmanager:open', {path});
          await panel.context.ready;
        }""",
        path,
    )
    page.wait_for_function(
        f"path => jupyterapp.shell.currentWidget.context.path === path && {_KERNEL} === 'idle'",
        arg=path,
    )  # fmt: skip


def run_all(page: Any) -> None:
    """Run every cell, as the command of JupyterLab does: the menu would race the kernel."""
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")


@dataclass(frozen=True)
class Cell:
    """What a code cell of an open notebook shows."""

    ran: bool
    text: str
    errors: list[str]
    pictures: int


def cells(page: Any) -> dict[str, Cell]:
    """The code cells of the open notebook, by their ids, with their outputs."""
    code_cells = page.evaluate(
        """() => jupyterapp.shell.currentWidget.content.widgets
          .filter(widget => widget.model.type === 'code')
          .map(({model}) => [model.id, model.executionCount !== null, model.outputs.toJSON()])"""
    )
    return {name: _cell(ran, outputs) for name, ran, outputs in code_cells}


def _cell(ran: bool, outputs: list[dict[str, Any]]) -> Cell:
    texts = [out.get("text") or out.get("data", {}).get("text/plain", "") for out in outputs]
    return Cell(
        ran,
        "\n".join("".join(text) for text in texts),
        [out["ename"] for out in outputs if out["output_type"] == "error"],
        sum("image/png" in out.get("data", {}) for out in outputs),
    )


def answer(page: Any, name: str, text: str, check: str) -> Cell:
    """Type an answer into a cell, run the cell and its check; return the cell of the check."""
    for cell in (name, check):
        page.evaluate(
            """async name => {
              const notebook = jupyterapp.shell.currentWidget.content;
              const found = notebook.widgets.findIndex(widget => widget.model.id === name);
              notebook.activeCellIndex = found;
              await notebook.scrollToItem(found, 'center');
            }""",
            cell,
        )
        editor = page.locator(".jp-mod-active .cm-content:visible")
        editor.click()
        if cell == name:
            page.keyboard.press("Control+a")
            page.keyboard.insert_text(text)
        before = _count(page, cell)
        page.keyboard.press("Shift+Enter")
        page.wait_for_function(f"{_COUNT}({cell!r}) > {before}")
    # the count appears when a cell begins; its output is complete when the kernel is idle
    page.wait_for_function(f"{_KERNEL} === 'idle'")
    return cells(page)[check]


_COUNT = (
    "(name => jupyterapp.shell.currentWidget.content.widgets"
    ".find(widget => widget.model.id === name).model.executionCount || 0)"
)


def _count(page: Any, name: str) -> int:
    return int(page.evaluate(_COUNT, name))
