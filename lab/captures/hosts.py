"""The names of the hosts in a capture: from a file like /etc/hosts, or as they call themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lab.captures.dialogues import Talk
from lab.captures.packets import Address, CaptureError
from lab.protocol.names import HostName, host_name

_NAME: Final = re.compile(r"[A-Za-z0-9_.#\[\]:-]*[A-Za-z0-9\]]")
_NO_NAMES: Final = frozenset(map(host_name, ("SMTP", "ESMTP", "localhost")))


def read_hosts(path: Path) -> dict[str, str]:
    """Return the names in a file like /etc/hosts, by address. Raises OSError and CaptureError."""
    names: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        words = line.partition("#")[0].split() if not line.startswith("#") else []
        if len(words) == 1:
            raise CaptureError(f"{path}, line {number}: an address without a name; write both")
        if words:
            names[words[0]] = words[1]
    return names


class Names:
    """The name of each end of each session.

    An address has one name: that of the file, or with which it greets, or by which it calls itself.
    Where both ends of a session have the same address (several programs on one machine) each goes
    by what it says there.
    """

    def __init__(self, talks: Sequence[Talk], known: Mapping[str, str]) -> None:
        self._known = known
        self._shared = {
            talk.connection.server.address[0]
            for talk in talks
            if talk.connection.client.address[0] == talk.connection.server.address[0]
        }
        self._spelt: dict[HostName, tuple[str, str]] = {}
        self._by_address: dict[str, str] = {}
        self._by_port: dict[Address, str] = {}
        for talk in talks:
            self._greets(talk.connection.server.address, _fit(talk.greeting))
        for talk in talks:
            ip = talk.connection.client.address[0]
            if ip not in self._shared and (name := _fit(talk.hello)):
                self._by_address.setdefault(ip, self._own(name, ip))

    def _greets(self, address: Address, name: str) -> None:
        ip = address[0]
        if not name:
            return
        if ip in self._shared:
            self._by_port.setdefault(address, self._own(name, ip))
        else:
            self._by_address.setdefault(ip, self._own(name, ip))

    def _own(self, name: str, ip: str) -> str:
        """Return a name as it was spelt first; with the address, if another one has that name."""
        spelt, owner = self._spelt.setdefault(host_name(name), (name, ip))
        return spelt if owner == ip else f"{name} ({ip})"

    def ends(self, talk: Talk) -> tuple[str, str]:
        """Return the names of client and server of a session."""
        client, server = talk.connection.client.address, talk.connection.server.address
        return self._client(client[0], _fit(talk.hello)), self._server(server)

    def _client(self, ip: str, hello: str) -> str:
        if ip in self._known:
            return self._known[ip]
        if ip in self._shared:
            return self._own(hello, ip) if hello else ip
        return self._by_address.get(ip, ip)

    def _server(self, address: Address) -> str:
        ip, port = address
        if ip in self._known:
            return self._known[ip]
        if ip in self._shared:
            return self._by_port.get(address, f"{ip}:{port}")
        return self._by_address.get(ip, ip)


def _fit(name: str) -> str:
    """Return a name if it can be that of a host; else ""."""
    is_name = len(name) <= 255 and _NAME.fullmatch(name) is not None
    return name if is_name and host_name(name) not in _NO_NAMES else ""
