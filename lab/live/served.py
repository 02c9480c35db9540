"""A live network that another program has started, and that runs until that program ends it.

It is a process of its own, so that it does not matter what the other program is, or how it is
interrupted. Its standard input ends when it is to end, also if the other program is killed.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import shutil
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.analysis.streaming import StreamingAnalysis
from lab.live.network import LiveNetwork
from lab.live.running import run_live
from lab.live.settings import Settings
from lab.trace.retention import live_retention
from lab.trace.trace import Trace


def serve(request: dict[str, Any]) -> str:
    """Serve until asked to end, and leave the trace in a folder; return what failed, or "".

    The trace is the file ``trace.jsonl`` or, if it is long, the folder ``trace.parquet``.
    """
    folder = Path(request["folder"])
    settings: Settings = request["settings"]
    retention = live_retention(settings.level, folder / "trace.parquet")
    analysis = StreamingAnalysis(Trace(), retention)
    end = _End()
    try:
        trace, _ = run_live(
            request["topology"], request["seed"], settings, until=request["until"],
            started=end.watch, analysis=analysis,
        )  # fmt: skip
    except OSError as error:
        return str(error)
    if end.is_orphaned:
        shutil.rmtree(folder, ignore_errors=True)
        return "the program that started the network has gone"
    if not (folder / "trace.parquet").exists():
        with open(folder / "trace.jsonl", "w", encoding="utf-8") as file:
            trace.write_jsonl(file)
    return ""


class _End:
    """Ends the run by its standard input: in order after a byte, at once if it ends without one."""

    def __init__(self) -> None:
        self.is_orphaned = False

    def watch(self, network: LiveNetwork) -> None:
        """Print where the hosts listen, and watch standard input from now on."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._wait, args=(network, loop), daemon=True).start()
        handles = network.hosts.values()
        ports = {handle.name: handle.port for handle in handles if not handle.external}
        print(json.dumps({"ports": ports, "page": network.page}), flush=True)

    def _wait(self, network: LiveNetwork, loop: asyncio.AbstractEventLoop) -> None:
        self.is_orphaned = not sys.stdin.buffer.read(1)
        with suppress(RuntimeError):  # the run has ended already
            for _ in range(1 + self.is_orphaned):  # a second request ends it at once
                loop.call_soon_threadsafe(network.interrupt)


if __name__ == "__main__":
    failed = serve(pickle.load(sys.stdin.buffer))
    if failed:
        print(json.dumps({"failed": failed}), flush=True)
    sys.exit(bool(failed))
