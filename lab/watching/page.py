"""The page of a run that goes on: what it shows, and what its viewers may do."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

from lab.live.web import (
    IDLE,
    JSON,
    STILL_THERE,
    Answer,
    NotFound,
    NotPossible,
    PageServer,
    Send,
    as_json,
    page,
)
from lab.topology.model import Topology
from lab.trace.trace import Trace
from lab.views.replay.places import hosts_of, links_of
from lab.watching.changes import Change, Changes, NoChange
from lab.watching.feed import Feed
from lab.watching.growth import MOST_PIECES, Growth

_HERE: Final = Path(__file__).parent

_PAUSE: Final = 0.02
"""Seconds between two messages to a workbench, at least: it draws no more often."""

_TOLD: Final = ('{"change"', '{"speed"', '{"ended"')
"""How the items begin that a workbench gets besides the events."""

_MOST_USERS: Final = 500
"""Users whose addresses the page offers."""


class Watched(Protocol):
    """A run that goes on: simulated or live."""

    changes: Changes
    feed: Feed
    speed: float

    def trace(self) -> Trace:
        """Return the trace so far."""
        ...

    def change(self, wanted: Mapping[str, Any]) -> Change:
        """Make a change now; raises NoChange, or OSError if its file cannot be written."""
        ...

    def set_speed(self, speed: float) -> None:
        """Go on at another speed; raises NoChange if it has only one."""
        ...


class WatchPage(PageServer):
    """The server of the page of a run; ``url`` is its address."""

    def __init__(
        self, run: Watched, trace: Trace, names: list[str], address: str, port: int
    ) -> None:
        self._run = run
        self._about = about(run, trace, names)
        self._start = Trace(trace.rows[:1])
        super().__init__(address, port)

    def answer(self, name: str, query: dict[str, str]) -> Answer:
        """Return the page, or something that it shows."""
        run = self._run
        if name == "":
            return _with_its_script(self._growth.page)
        if name == "map":
            return page((_HERE / "watch.html").read_text(encoding="utf-8"))
        if name == "about":
            changed = [change.words for change in run.changes.made]
            return as_json({**self._about, "speed": run.speed, "changes": changed}), JSON
        if name == "hindsight":
            return self._growth.hindsight(run.trace()), JSON
        if name == "file":
            saved = run.changes.file.name if run.changes.file else "changed.toml"
            about = {"Content-Disposition": f'attachment; filename="{saved}"'}
            text = run.changes.text().encode()
            return text, {"Content-Type": "application/toml; charset=utf-8", **about}
        raise NotFound

    def take(self, name: str, content: Any) -> Answer:
        """Make a change, or go on at another speed."""
        try:
            if name == "change":
                return as_json({"change": self._run.change(content).words}), JSON
            if name == "speed":
                self._run.set_speed(_speed(content))
                return as_json({}), JSON
        except NoChange as why:
            raise NotPossible(str(why)) from None
        except OSError as error:
            reason = error.strerror or str(error)
            return as_json({"note": f"the change is made, but its file is not: {reason}"}), JSON
        raise NotFound

    def send_events(self, query: dict[str, str], send: Send) -> None:
        """Send all items from the first one on, or those after the last that a viewer has."""
        if query.get("of") == "workbench":
            self._send_growth(query, send)
            return
        feed = self._run.feed
        number = int(query.get("after", "-1")) + 1
        while True:
            items = feed.since(number, IDLE / 2)
            if items:
                number += len(items)
                send(f"id: {number - 1}\ndata: [{','.join(items)}]\n\n".encode())
            elif feed.ended:
                send(b"event: over\ndata: {}\n\n")
                return
            else:
                send(STILL_THERE)

    @cached_property
    def _growth(self) -> Growth:
        return Growth(self._start)

    def _send_growth(self, query: dict[str, str], send: Send) -> None:
        """Send a workbench all that happens; its place is a number of items and one of pieces."""
        feed = self._run.feed
        items, pieces = (int(number) + 1 for number in query.get("after", "-1.-1").split("."))
        while True:
            is_over = feed.ended
            new = feed.since(items, IDLE / 2)
            grown = self._growth.since(pieces, feed.rows)
            if new or grown:
                items, pieces = items + len(new), pieces + len(grown)
                reported = ",".join(item for item in new if item.startswith(_TOLD))
                send(
                    f'id: {items - 1}.{pieces - 1}\ndata: {{"pieces":[{",".join(grown)}],'
                    f'"told":[{reported}],"now":{feed.now},"due":{feed.due}}}\n\n'.encode()
                )
                time.sleep(0 if len(grown) == MOST_PIECES else _PAUSE)
            elif is_over:
                send(b"event: over\ndata: {}\n\n")
                return
            else:
                send(STILL_THERE)


def about(run: Watched, trace: Trace, names: list[str]) -> dict[str, Any]:
    """Return what the page shows of a topology: hosts and links with their places, and users."""
    topology: Topology = run.changes.topology
    start = Trace(trace.rows[:1], "none")
    users = [f"{user.name}@{host.name}" for host in topology.hosts.values() for user in host.users]
    return {
        "title": topology.title,
        "hosts": [
            {**host, "id": name}
            for host, name in zip(hosts_of(start.meta, names, {}), names, strict=True)
        ],
        "links": links_of(start, {name: number for number, name in enumerate(names)}),
        "users": users[:_MOST_USERS],
        "file": str(run.changes.file or ""),
    }


def _speed(content: Any) -> float:
    speed = content.get("speed") if isinstance(content, dict) else None
    if isinstance(speed, bool) or not isinstance(speed, (int, float)) or not 0 <= speed <= 1e6:
        raise NoChange("a speed is a number from 0, which pauses the run, to 1,000,000")
    return float(speed)


def _with_its_script(text: str) -> Answer:
    """Return the page of the workbench; its script is allowed by what it says itself."""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None, "the page has a policy"
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return text.encode(), {**headers, "Content-Security-Policy": policy[1]}
