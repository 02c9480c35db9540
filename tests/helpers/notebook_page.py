"""A lesson of JupyterLite in a browser: its cells are filled, run and read."""

from __future__ import annotations

import json
from typing import Any

PATIENCE = 400_000
"""Milliseconds; on a busy machine Python takes long to start, and some lessons to run."""

_IDLE = """() => {
  const session = [...jupyterapp.shell.widgets("main")][0]?.context?.sessionContext?.session;
  return session?.kernel?.connectionStatus === "connected" && session.kernel.status === "idle";
}"""

_FILL = """sources => {
  const [page] = jupyterapp.shell.widgets("main");
  for (const cell of page.content.widgets)
    if (cell.model.id in sources) cell.model.sharedModel.setSource(sources[cell.model.id]);
}"""

_TELL = """async code => {
  const [page] = jupyterapp.shell.widgets("main");
  const asked = page.context.sessionContext.session.kernel.requestExecute({ code });
  const said = [];
  asked.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream") said.push(content.text);
    if (header.msg_type === "error") said.push(content.ename, content.evalue);
  };
  await asked.done;
  return said.join("");
}"""

_CELLS = """() => {
  const [page] = jupyterapp.shell.widgets("main");
  return page.context.model.toJSON().cells;
}"""

_REPORT = "import json; print(json.dumps({n: r.state for n, r in lessons.results.items()}))"


class NotebookPage:
    """A page of the site on which a lesson is open, once its kernel is there."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        page.goto(address)
        self.ready()

    def ready(self) -> None:
        """Wait until the kernel waits."""
        self.page.wait_for_function("globalThis.jupyterapp", timeout=PATIENCE)
        self.page.wait_for_function(_IDLE, timeout=PATIENCE)

    def fill(self, sources: dict[str, str]) -> None:
        """Put sources into cells, by their ids."""
        self.page.evaluate(_FILL, sources)

    def run(self) -> None:
        """Run all cells."""
        self.page.set_default_timeout(PATIENCE)
        self.page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")

    def tell(self, code: str) -> str:
        """Have the kernel run code that is not of the notebook; return what it prints."""
        said = self.page.evaluate(_TELL, code)
        assert isinstance(said, str)
        return said

    def states(self) -> dict[str, str]:
        """Return what the checks of the lesson found."""
        found: dict[str, str] = json.loads(self.tell(_REPORT))
        return found

    def cells(self) -> list[dict[str, Any]]:
        """Return the cells with their sources and outputs."""
        found: list[dict[str, Any]] = self.page.evaluate(_CELLS)
        return found

    def errors(self) -> list[str]:
        """Return each error that a cell shows."""
        return [
            f"{cell['id']}: {output['ename']}: {output['evalue']}"
            for cell in self.cells()
            for output in cell.get("outputs", ())
            if output["output_type"] == "error"
        ]
