"""A live network that another program has started, and serves as long as that program wants.

It is a process of its own, so that neither what the other program is nor how it is interrupted
matters here. It hears of the end by the end of its standard input, which comes also when the other
program is killed.
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


def serve(orders: dict[str, Any]) -> str:
    """Serve until it is told to end, and leave the trace in a file: what failed, or nothing."""
    storage = Path(orders["storage"])
    settings = Settings(serve=True, speed=orders["speed"], storage=storage)
    end = _End()
    try:
        trace, _ = run_live(orders["topology"], orders["seed"], settings, started=end.heed)
    except OSError as error:
        return str(error)
    if end.is_orphaned:
        shutil.rmtree(storage, ignore_errors=True)
        return "the program that started the network has gone"
    with open(orders["trace"], "w", encoding="utf-8") as file:
        trace.write_jsonl(file)
    return ""


class _End:
    """What standard input says: a byte to end in order; its end without one, to end at once."""

    def __init__(self) -> None:
        self.is_orphaned = False

    def heed(self, network: LiveNetwork) -> None:
        """Tell where the hosts listen, and heed from now on what is said."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, args=(network, loop), daemon=True).start()
        told = {name: handle.port for name, handle in network.hosts.items() if not handle.external}
        print(json.dumps({"ports": told}), flush=True)

    def _listen(self, network: LiveNetwork, loop: asyncio.AbstractEventLoop) -> None:
        self.is_orphaned = not sys.stdin.buffer.read(1)
        with suppress(RuntimeError):  # it has ended already
            for _ in range(1 + self.is_orphaned):  # at the second one it waits for nothing
                loop.call_soon_threadsafe(network.interrupt)


if __name__ == "__main__":
    failed = serve(pickle.load(sys.stdin.buffer))
    if failed:
        print(json.dumps({"failed": failed}), flush=True)
    sys.exit(bool(failed))
