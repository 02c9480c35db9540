"""The page of a run that goes on: what it shows, and what its viewers may do."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
from lab.views.replay import replay_page
from lab.views.replay.places import hosts_of, links_of
from lab.watching.changes import Change, Changes, NoChange
from lab.watching.feed import Feed

_HERE: Final = Path(__file__).parent

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
        super().__init__(address, port)

    def answer(self, name: str, query: dict[str, str]) -> Answer:
        """Return the page, or something that it shows."""
        run = self._run
        if name == "":
            return page((_HERE / "watch.html").read_text(encoding="utf-8"))
        if name == "about":
            changed = [change.words for change in run.changes.made]
            return as_json({**self._about, "speed": run.speed, "changes": changed}), JSON
        if name == "workbench":
            return _workbench(run.trace())
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


def _workbench(trace: Trace) -> Answer:
    """Return the page that plays the run so far; its script is allowed by what it says itself."""
    text = replay_page(trace)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None, "the page has a policy"
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return text.encode(), {**headers, "Content-Security-Policy": policy[1]}
