"""Run a notebook cell by cell in a kernel of its own, and hear after each check what it found.

What was found is kept as it comes: a cell that never ends, or a kernel that dies, takes away
nothing that was found before, and a later cell changes nothing of it.
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
    "_said = {n: [r.state, r.message] for n, r in _course.results.items()}\n"
    "print('LAB-RESULTS', _json.dumps([_own, _said]))"
)
REPLACED: Final = "it puts something else in the place of the course's checks"

Found = dict[str, tuple[str, str]]
"""The state and the message of each check, by its name."""


async def run(
    notebook: dict[str, Any],
    folder: Path,
    timeout: float,
    checks: dict[str, list[str]],
    found: Found,
) -> str:
    """Run a notebook, and keep in ``found`` what its checks find; what hindered it, or "".

    ``checks`` has the names of the checks in a cell, by the cell's id; ``timeout`` is in seconds,
    for the whole notebook; ``folder`` is that of the published lesson.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    node = _node(notebook)
    root = Path(__file__).resolve().parents[2]
    settings = {**os.environ, "PYTHONPATH": str(root), "MPLBACKEND": "agg"}
    with _a_place_like(folder) as place:
        client = _client()(
            node, timeout=60, allow_errors=True, resources={"metadata": {"path": str(place)}}
        )
        async with client.async_setup_kernel(env=settings, stderr=subprocess.DEVNULL):
            await _ask(client, _BEFORE)
            deadline = time.monotonic() + timeout
            for index, cell in enumerate(node.cells):
                client.timeout = max(1, round(deadline - time.monotonic()))
                try:
                    await client.async_execute_cell(cell, index)
                    if names := checks.get(cell.get("id", "")):
                        genuine, said = json.loads(await _ask(client, _REPORT) or "[true, {}]")
                        if not genuine:
                            return REPLACED
                        found.update({name: tuple(said[name]) for name in names if name in said})
                except CellTimeoutError:
                    return f"stopped after {timeout:g} s in the cell {_called(cell, index)}"
                except DeadKernelError:
                    return f"its kernel died in the cell {_called(cell, index)}"
    return ""


def _client() -> Any:
    """nbclient's, but for what cells put out: of that nothing is kept, however much it is."""
    from nbclient import NotebookClient

    class Client(NotebookClient):
        def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
            if cell_index < 0:
                return super().output(outs, msg, display_id, cell_index)
            return None

    return Client


async def _ask(client: Any, source: str) -> str:
    """What the kernel prints behind the mark when it runs a cell of ours."""
    told: dict[str, Any] = {"metadata": {}, "outputs": [], "execution_count": None}
    cell = _node({"cell_type": "code", "id": "report", "source": source, **told})
    client.nb.cells.append(cell)
    try:
        await client.async_execute_cell(cell, -1)
    finally:
        client.nb.cells.pop()
    text = "".join(output.get("text", "") for output in cell.outputs)
    said = re.search(r"LAB-RESULTS (.*)", text)
    return said[1] if said else ""


def _called(cell: Any, index: int) -> str:
    name = cell.get("id")
    return repr(name) if name else f"number {index + 1}"


def _node(of: dict[str, Any]) -> Any:
    """As nbformat holds it, with its texts in one piece."""
    from nbformat.notebooknode import from_dict

    as_node: Callable[[dict[str, Any]], Any] = from_dict
    for cell in of.get("cells", [of]):
        cell["source"] = "".join(cell["source"])
    return as_node(of)


@contextmanager
def _a_place_like(folder: Path) -> Iterator[Path]:
    """A folder in which a lesson finds what it finds in its own, and where it can do no harm."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        place = Path(made, folder.name)
        place.mkdir()
        with suppress(OSError):  # without links a lesson finds the topologies beside the package
            Path(made, "topologies").symlink_to(folder.parent / "topologies")
        yield place


class Runner:
    """Several notebooks at a time, in an event loop beside this thread.

    So that Ctrl-C, which is heard here, ends the kernels there, and what was found is kept.
    """

    def __init__(self, at_a_time: int) -> None:
        self._at_a_time = at_a_time
        self.interrupted = False

    def each(
        self, work: Sequence[Callable[[], Any]], progress: Callable[[int], None] | None
    ) -> None:
        """Await what each call gives; KeyboardInterrupt when it was heard and all has ended."""
        from threading import Thread

        loop = asyncio.new_event_loop()
        beside = Thread(target=loop.run_forever, daemon=True)
        beside.start()
        waiting = asyncio.run_coroutine_threadsafe(self._all(work, progress), loop)
        try:
            waiting.result()
        except KeyboardInterrupt:
            self.interrupted = True
            waiting.cancel()
            ended = asyncio.run_coroutine_threadsafe(_others(), loop)
            ended.result(30)
            raise
        finally:
            loop.call_soon_threadsafe(loop.stop)
            beside.join(30)
            loop.close()

    async def _all(
        self, work: Sequence[Callable[[], Any]], progress: Callable[[int], None] | None
    ) -> None:
        gate = asyncio.Semaphore(self._at_a_time)
        done = 0

        async def one(make: Callable[[], Any]) -> None:
            nonlocal done
            async with gate:
                await make()
            done += 1
            if progress is not None:
                progress(done)

        await asyncio.gather(*map(one, work))


async def _others() -> None:
    """Wait until the tasks that were cancelled have ended their kernels."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*rest, return_exceptions=True)
