"""Runs the cells of a notebook in this process, as a notebook's kernel would, without one."""

from __future__ import annotations

import base64
import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Any, Final

MOST_OUTPUT: Final = 100_000
"""Characters of a cell's output that are kept; more is discarded."""


class _Capped(io.StringIO):
    def write(self, text: str) -> int:
        if self.tell() < MOST_OUTPUT:
            super().write(text[:MOST_OUTPUT])
        return len(text)

    def isatty(self) -> bool:
        return False


class Shell:
    """A namespace in which cells run one after another, magics and ``await`` included."""

    def __init__(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        config: Any = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor" if _has_names() else "NoColor"
        self._shell: Any = InteractiveShell.instance(config=config)
        self.names: dict[str, Any] = self._shell.user_ns
        self.output = ""
        self.picture = ""
        """The last figure that a cell has made, as PNG in base 64; for :meth:`keep_pictures`."""
        self._keeps_pictures = False

    def keep_pictures(self) -> None:
        """Keep the last figure from now on."""
        self._keeps_pictures = True

    def run(self, source: str) -> str:
        """Run a cell; return the error that it raised in a line, or "". What it prints is kept."""
        me, page = os.getpid(), _Capped()
        with redirect_stdout(page), redirect_stderr(page):
            ran = self._shell.run_cell(source, store_history=False, silent=True)
        if os.getpid() != me:  # a process that the cell made must not go on with the next one
            os._exit(0)
        self.output = page.getvalue()
        self._close_figures()
        error = ran.error_before_exec or ran.error_in_exec
        return f"{type(error).__name__}: {error}"[:500] if error is not None else ""

    def _close_figures(self) -> None:
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        if self._keeps_pictures and pyplot.get_fignums():
            page = io.BytesIO()
            with suppress(Exception):  # a figure may be of anything
                pyplot.gcf().savefig(page, format="png", dpi=60)
                self.picture = base64.b64encode(page.getvalue()).decode()
        pyplot.close("all")


def _has_names() -> bool:
    import IPython

    return IPython.version_info[0] >= 9
