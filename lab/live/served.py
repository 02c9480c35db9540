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

from lab.live.network import LiveNetwork
from lab.live.running import run_live
from lab.live.settings import Settings


def serve(request: dict[str, Any]) -> str:
    """Serve until asked to end, and write the trace to a file; return what failed, or ""."""
    storage = Path(request["storage"])
    settings = Settings(serve=True, speed=request["speed"], storage=storage)
    end = _End()
    try:
        trace, _ = run_live(request["topology"], request["seed"], settings, started=end.watch)
    except OSError as error:
        return str(error)
    if end.is_orphaned:
        shutil.rmtree(storage, ignore_errors=True)
        return "the program that started the network has gone"
    with open(request["trace"], "w", encoding="utf-8") as file:
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
        print(json.dumps({"ports": ports}), flush=True)

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
