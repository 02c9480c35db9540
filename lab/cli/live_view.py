"""What ``lab live --serve`` shows while it goes on: a table in a terminal, or lines of JSON."""

from __future__ import annotations

import ipaddress
import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab.analysis.shown_names import ShownNames
from lab.cli.common import echo, exit_with_error, print_error
from lab.quantities import clock_time, count_noun, single_line

if TYPE_CHECKING:
    from lab.live.network import LiveNetwork
    from lab.live.watch import Show, State

_MAILS = 5
"""How many of the newest messages the table shows."""

_OTHER_LINES = 10 + _MAILS
"""Lines of the terminal that are not for hosts."""


def parse_page(serve: bool, option: str | None, none: bool) -> tuple[str, int] | None:
    """Return the address and port of the page, from --page and --no-page; None for no page."""
    if option is not None and none:
        exit_with_error("--page and --no-page exclude each other; use one of them")
    if none or (option is None and not serve):
        return None
    address, _, port = (option or "0").rpartition(":")
    address = address.strip("[]") or "127.0.0.1"
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        known = None
    if known is None or not (port.isdecimal() and int(port) < 65536):
        exit_with_error(f"--page {option}: expected a port, or IP:PORT, for example 127.0.0.1:8025")
    if not known.is_loopback:
        print_error(
            f"warning: {address} is not a loopback address: anybody who has the address of the "
            "page can read all mail, and it crosses the network unencrypted"
        )
    return address, int(port)


class RunView:
    """Shows the states of a run that serves: as lines of JSON, as a table, or not at all.

    ``show`` takes a state; it is None where nothing is to be shown.
    """

    def __init__(self, serve: bool, as_json: bool, loud: bool) -> None:
        self._live: Live | None = None
        self._as_json = serve and as_json
        self.show: Show | None = None
        if self._as_json:
            self.show = _print_json
        elif serve and loud and sys.stderr.isatty():
            # no refresh by itself: that would cost more than the run does
            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self.show = self._update

    @property
    def has_table(self) -> bool:
        """Whether a table is on the terminal, which other lines would disturb."""
        return self._live is not None

    def begin(self, network: LiveNetwork) -> None:
        """Say where the hosts listen, in JSON."""
        if self._as_json:
            hosts = {
                name: dict(zip(("address", "port"), _place(network, name), strict=True))
                for name in network.hosts
            }
            _print_json({"event": "start", "hosts": hosts, "page": network.page})

    def _update(self, state: State) -> None:
        assert self._live is not None
        self._live.start()
        lines = self._live.console.height
        self._live.update(state_table(state, max(1, lines - _OTHER_LINES)), refresh=True)

    def end(self) -> None:
        """Take the table away; nothing is shown from now on."""
        if self._live is not None:
            self._live.stop()


def _place(network: LiveNetwork, name: str) -> tuple[str, int]:
    handle = network.hosts[name]
    return handle.external or (network.settings.address, handle.port)


def _print_json(about: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):  # the summary finds out that nobody reads
        echo(json.dumps({"event": "state", **about}))
        sys.stdout.flush()


def state_table(state: State, most: int) -> RenderableType:
    """Return the table of a state: some hosts, those with mail first, and the newest mail."""
    shown = ShownNames(state["labels"].items())
    hosts = Table(box=None, title_justify="left", title=f"t = {clock_time(state['t'], 0)}")
    for name in ("host", "listens at", "sessions", "waiting", "in mailboxes"):
        hosts.add_column(name, justify="right" if name in ("sessions", "waiting") else "left")
    busy = sorted(state["hosts"], key=_is_quiet) if len(state["hosts"]) > most else state["hosts"]
    for host in busy[:most]:
        where = f"{host['address']}:{host['port']}" if host["up"] else "down"
        waiting = ", ".join(f"{n} for {shown[name]}" for name, n in host["queues"].items())
        boxes = ", ".join(f"{user} {n}" for user, n in host["mailboxes"].items())
        row = (shown[host["host"]], where, str(host["sessions"]), waiting, boxes)
        hosts.add_row(*[Text(single_line(text), overflow="ellipsis", no_wrap=True) for text in row])
    parts: list[RenderableType] = [hosts]
    if len(busy) > most:
        parts.append(Text(f"... and {count_noun(len(busy) - most, 'host')} more"))
    if state["newest"]:
        parts.append(_newest(state, shown))
    return Group(*parts)


def _is_quiet(host: State) -> bool:
    return not (host["queues"] or host["mailboxes"] or host["sessions"])


def _newest(state: State, shown: ShownNames) -> Table:
    table = Table(box=None, title="newest mail", title_justify="left")
    for name in ("stored", "mailbox", "from", "subject"):
        table.add_column(name)
    for mail in state["newest"][:_MAILS]:
        where = f"{mail['user']} at {shown[mail['host']]}"
        row = (mail["stored_at"][11:19], where, shown.path(mail["from"]) or "<>", mail["subject"])
        table.add_row(*[Text(single_line(text), overflow="ellipsis", no_wrap=True) for text in row])
    return table
