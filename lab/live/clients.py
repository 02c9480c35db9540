"""The callers of a host from outside, client by client: who is let in, who waits, who has to go."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import Final

from lab.live.budgets import Allowance, Budgets

_SMALL: Final = 1 << 16
"""Bytes of unfinished mail with which a session waits only if there is twice too much."""

_SILENT: Final = 1.0
"""Seconds of silence after which a client's own session may make room for its next one."""

_STALLED: Final = 5.0
"""Seconds for which a session may hold memory that others wait for, and send nothing."""

_LEAST: Final = 1 << 20
"""Bytes that it has to send within :data:`_MEASURED` while others wait."""

_MEASURED: Final = 10.0

_TOO_MANY: Final = "Too many channels of one client"

_MOST_CLIENTS: Final = 4096
"""Clients that are remembered; more, and those without sessions are forgotten."""


class Caller(ABC):
    """The session of a caller from outside, as the budgets see it.

    ``held`` is how many bytes of unfinished mail it has; ``last`` when something came from it.
    ``is_held_back``: nothing is read from it until there is room. ``mark`` is how many bytes it
    held at an earlier time.
    """

    client: Client | None = None
    held: int = 0
    last: float = 0.0
    is_held_back: bool = False
    mark: tuple[float, int] = (0.0, 0)

    @abstractmethod
    def hold_back(self) -> None:
        """Read nothing from now on."""

    @abstractmethod
    def release(self) -> None:
        """Read on."""

    @property
    @abstractmethod
    def is_storing(self) -> bool:
        """Whether its mail has come in full and is being stored."""

    @abstractmethod
    def make_room(self, why: str) -> None:
        """End the session with a 421."""


class Client:
    """One client: its sessions, the bytes they hold, and what it may do in a minute."""

    def __init__(self, budgets: Budgets) -> None:
        self.sessions: set[Caller] = set()
        self.held = 0
        self.calls = Allowance(budgets.client_calls)
        self.recipients = Allowance(budgets.client_recipients)

    def quietest(self, but: Caller) -> Caller | None:
        """Return the session from which nothing came for the longest time, but for one."""
        return min(self.sessions - {but}, key=lambda caller: caller.last, default=None)


class Clients:
    """All clients of a host. ``most`` is how many sessions the host takes in all."""

    def __init__(self, budgets: Budgets, most: int) -> None:
        self.budgets = budgets
        self._room = most - min(budgets.reserve, most // 10)
        self._clients: dict[str, Client] = {}
        self._sessions = 0
        self._held = 0
        self._holders: set[Caller] = set()
        self._waiting: set[Caller] = set()
        self._most_held = min(budgets.client_memory, budgets.memory)
        self._calls = Allowance(budgets.calls)
        self._recipients = Allowance(budgets.recipients)

    def __len__(self) -> int:
        return len(self._clients)

    # -- sessions -------------------------------------------------------------------------------

    def admit(self, caller: Caller, address: str) -> str:
        """Count a session; return why it is not served, or "" if it is.

        A client at its limit loses the session that was silent longest, and a client that has most
        of a full host's sessions one to a client that has fewer.
        """
        now = time.monotonic()
        caller.client = client = self._client(address, now)
        caller.last = now
        may_call = client.calls.take(now) & self._calls.take(now)
        client.sessions.add(caller)
        self._sessions += 1
        if not may_call:
            return "Too many calls in a minute"
        if len(client.sessions) > self.budgets.client_sessions:
            quietest = client.quietest(caller)
            if quietest is None or now - quietest.last < _SILENT:
                return _TOO_MANY
            quietest.make_room(_TOO_MANY)
        if self._sessions > self._room:
            greedy = max(self._clients.values(), key=lambda each: len(each.sessions))
            if len(greedy.sessions) <= len(client.sessions) + 1:
                return "Too many channels"
            quietest = greedy.quietest(caller)
            if quietest is not None:
                quietest.make_room(_TOO_MANY)
        return ""

    def leave(self, caller: Caller) -> None:
        """Count a session no more."""
        client = caller.client
        if client is not None and caller in client.sessions:
            self.hold(caller, 0)
            client.sessions.discard(caller)
            self._sessions -= 1

    def may_name(self, caller: Caller) -> bool:
        """Count a recipient that a caller names; return whether it is allowed."""
        now = time.monotonic()
        client = caller.client
        return client is None or client.recipients.take(now) & self._recipients.take(now)

    def _client(self, address: str, now: float) -> Client:
        name = client_of(address)
        client = self._clients.get(name)
        if client is None:
            if len(self._clients) >= _MOST_CLIENTS:
                self._forget(now)
            client = self._clients[name] = Client(self.budgets)
        return client

    def _forget(self, now: float) -> None:
        """Forget the clients of which nothing matters any more; or all without sessions."""
        idle = {name: client for name, client in self._clients.items() if not client.sessions}
        fresh = [name for name, client in idle.items() if client.calls.is_fresh(now)]
        for name in fresh or idle:
            del self._clients[name]

    # -- memory ---------------------------------------------------------------------------------

    def hold(self, caller: Caller, octets: int) -> None:
        """Note how many bytes of unfinished mail a session holds, and let others wait or go on."""
        change = octets - caller.held
        if not change or caller.client is None:
            return
        caller.held = octets
        caller.client.held += change
        self._held += change
        if octets:
            self._holders.add(caller)
        else:
            self._holders.discard(caller)
            self._release(caller)
        if self._held > self._most_held or self._waiting:
            self._balance()

    def _release(self, caller: Caller) -> None:
        if caller.is_held_back:
            self._waiting.discard(caller)
            caller.is_held_back = False
            caller.release()

    def _balance(self) -> None:
        """Let the largest mail of all go on in any case, others while there is room."""
        largest, of_clients = _largest(self._holders), {}
        for client in {caller.client for caller in self._holders if caller.client is not None}:
            of_clients[client] = _largest(client.sessions)
        pool = self._held - largest.held if largest is not None else 0
        for caller in list(self._holders):
            waits = caller is not largest and self._must_wait(caller, pool, of_clients)
            if not waits:
                self._release(caller)
            elif not caller.is_held_back:
                caller.is_held_back = True
                self._waiting.add(caller)
                caller.hold_back()

    def _must_wait(
        self, caller: Caller, pool: int, of_clients: dict[Client, Caller | None]
    ) -> bool:
        memory = self.budgets.memory
        if pool > (memory if caller.held > _SMALL else 2 * memory):
            return True
        client = caller.client
        own = of_clients.get(client) if client is not None else None
        if client is None or own is None or caller is own or caller.held <= _SMALL:
            return False
        return client.held - own.held > self.budgets.client_memory

    def sweep(self) -> None:
        """End the sessions that hold memory which others wait for, and send little or nothing."""
        now = time.monotonic()
        is_wanted = bool(self._waiting)
        for caller in list(self._holders):
            if caller.is_held_back or caller.is_storing or not is_wanted:
                caller.mark = now, caller.held
            elif now - caller.last >= _STALLED and caller.held > _SMALL:
                caller.make_room("Others wait for memory")
            elif now - caller.mark[0] >= _MEASURED:
                since, caller.mark = caller.mark, (now, caller.held)
                if caller.held > _SMALL and caller.held - since[1] < _LEAST:
                    caller.make_room("Others wait for memory")


def _largest(callers: Iterable[Caller]) -> Caller | None:
    return max(callers, key=lambda caller: caller.held, default=None)


def client_of(address: str) -> str:
    """Return the name of the client that an IP address belongs to."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64))
