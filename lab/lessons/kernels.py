"""Run a notebook cell by cell in a kernel of its own, and read the result of each check.

Results are read right after the cell with the check. A cell that never ends, a kernel that dies or
a later cell cannot change them.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

_BEFORE: Final = (
    "from lab import lessons as _course\n"
    "_course.genuine = (_course.check, _course.check.__code__, _course._judge.__code__)"
)
_REPORT: Final = (
    "import json as _json\nfrom lab import lessons as _course\n"
    "_own = (_course.check, _course.check.__code__, _course._judge.__code__) == _course.genuine\n"
    "_results = {n: [r.state, r.message] for n, r in _course.results.items()}\n"
    "print('LAB-RESULTS', _json.dumps([_own, _results]))"
)
REPLACED: Final = "it replaces the checks of the course"

Results = dict[str, tuple[str, str]]
"""The state and the message of each check, by its name."""


async def run(
    notebook: dict[str, Any],
    folder: Path,
    timeout: float,
    checks: dict[str, list[str]],
    results: Results,
) -> str:
    """Run a notebook, and add the results of its checks to ``results``.

    Return a sentence if it could not be run to its end, otherwise "". ``checks`` maps the id of a
    cell to the names of its checks; ``timeout`` is in seconds, for the whole notebook; ``folder``
    is that of the published lesson.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    node = _node(notebook)
    root = Path(__file__).resolve().parents[2]
    settings = {**os.environ, "PYTHONPATH": str(root), "MPLBACKEND": "agg"}
    with _temporary_folder(folder) as directory:
        client = _client()(
            node, timeout=60, allow_errors=True, resources={"metadata": {"path": str(directory)}}
        )
        async with client.async_setup_kernel(env=settings, stderr=subprocess.DEVNULL):
            await _execute(client, _BEFORE)
            deadline = time.monotonic() + timeout
            for index, cell in enumerate(node.cells):
                client.timeout = max(1, round(deadline - time.monotonic()))
                try:
                    await client.async_execute_cell(cell, index)
                    if names := checks.get(cell.get("id", "")):
                        output = await _execute(client, _REPORT)
                        genuine, reported = json.loads(output or "[true, {}]")
                        if not genuine:
                            return REPLACED
                        results |= {n: tuple(reported[n]) for n in names if n in reported}
                except CellTimeoutError:
                    return f"stopped after {timeout:g} s in the cell {_cell_name(cell, index)}"
                except DeadKernelError:
                    return f"its kernel died in the cell {_cell_name(cell, index)}"
    return ""


def _client() -> Any:
    """Return nbclient's class, changed to discard the output of cells, however much it is."""
    from nbclient import NotebookClient

    class Client(NotebookClient):
        def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
            if cell_index < 0:
                return super().output(outs, msg, display_id, cell_index)
            return None

    return Client


async def _execute(client: Any, source: str) -> str:
    """Run a cell of the lab in the kernel, and return what it prints after "LAB-RESULTS"."""
    empty: dict[str, Any] = {"metadata": {}, "outputs": [], "execution_count": None}
    cell = _node({"cell_type": "code", "id": "report", "source": source, **empty})
    client.nb.cells.append(cell)
    try:
        await client.async_execute_cell(cell, -1)
    finally:
        client.nb.cells.pop()
    text = "".join(output.get("text", "") for output in cell.outputs)
    match = re.search(r"LAB-RESULTS (.*)", text)
    return match[1] if match else ""


def _cell_name(cell: Any, index: int) -> str:
    name = cell.get("id")
    return repr(name) if name else f"number {index + 1}"


def _node(content: dict[str, Any]) -> Any:
    """Return a notebook or a cell as an object of nbformat, with each text as one string."""
    from nbformat.notebooknode import from_dict

    as_node: Callable[[dict[str, Any]], Any] = from_dict
    for cell in content.get("cells", [content]):
        cell["source"] = "".join(cell["source"])
    return as_node(content)


@contextmanager
def _temporary_folder(folder: Path) -> Iterator[Path]:
    """Make a temporary folder to run a lesson in, with a link to the topologies beside it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as parent:
        directory = Path(parent, folder.name)
        directory.mkdir()
        with suppress(OSError):  # without links, a lesson finds the topologies next to the package
            Path(parent, "topologies").symlink_to(folder.parent / "topologies")
        yield directory


class Runner:
    """Runs several notebooks at the same time, in an event loop in another thread.

    Ctrl-C reaches this thread, which then stops the kernels; the results until then are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.interrupted = False

    def run_all(
        self, tasks: Sequence[Callable[[], Any]], progress: Callable[[int], None] | None
    ) -> None:
        """Await what each call returns; raises KeyboardInterrupt after all kernels have ended."""
        from threading import Thread

        loop = asyncio.new_event_loop()
        thread = Thread(target=loop.run_forever, daemon=True)
        thread.start()
        future = asyncio.run_coroutine_threadsafe(self._run_all(tasks, progress), loop)
        try:
            future.result()
        except KeyboardInterrupt:
            self.interrupted = True
            future.cancel()
            asyncio.run_coroutine_threadsafe(_wait_for_cancelled(), loop).result(30)
            raise
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(30)
            loop.close()

    async def _run_all(
        self, tasks: Sequence[Callable[[], Any]], progress: Callable[[int], None] | None
    ) -> None:
        free = asyncio.Semaphore(self._limit)
        done = 0

        async def run_task(task: Callable[[], Any]) -> None:
            nonlocal done
            async with free:
                await task()
            done += 1
            if progress is not None:
                progress(done)

        await asyncio.gather(*map(run_task, tasks))


async def _wait_for_cancelled() -> None:
    """Wait until the cancelled tasks have stopped their kernels."""
    cancelled = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*cancelled, return_exceptions=True)
