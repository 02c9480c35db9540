"""The types of what a trace says of the topology that its run was made from: plain JSON."""

from __future__ import annotations

from typing import TypedDict


class HostMeta(TypedDict, total=False):
    """A host or router; ``users`` is how many users it has. What was not set may be missing."""

    name: str
    kind: str
    relay: bool
    users: int
    careless: bool
    relay_for: list[str] | None
    names: dict[str, str]
    holds: list[str]
    eight_bit: str
    answers: list[str]
    reply: list[str]
    position: list[float] | None
    title: str
    label: str
    external: str


class LinkMeta(TypedDict, total=False):
    """A link between hosts ``a`` and ``b``; latency and jitter are seconds, bandwidth is bit/s.

    ``jitter`` may be a distribution and ``loss`` a model, as tables of a topology file. ``back``
    has what differs from ``b`` to ``a``; ``name`` tells it from other links between the two.
    """

    a: str
    b: str
    environment: str
    latency: float
    jitter: float | dict[str, object]
    bandwidth: float | None
    loss: float | dict[str, object]
    cost: float | None
    name: str
    back: dict[str, object]


class EnvironmentMeta(TypedDict):
    """An environment and its transport service."""

    name: str
    transport: str


class PluginMeta(TypedDict, total=False):
    """A plug-in that a run has called; ``kind`` is "routing", "retry", "behaviour" or "fault".

    ``settings`` are the arguments it was made with, as far as they are plain values; ``hosts`` is
    the name or glob of the hosts that a behaviour is for.
    """

    kind: str
    name: str
    version: str
    settings: dict[str, bool | int | float | str | None]
    hosts: str


class Meta(TypedDict, total=False):
    """What a run was made from; ``start`` is a date in ISO format. Empty in a trace without it.

    ``expect`` has what the file says that the counts of the summary will be.
    ``live`` is set where the hosts were processes, which mail programs of others may have called.
    """

    title: str
    seed: int
    start: str
    live: bool
    expect: dict[str, int]
    environments: list[EnvironmentMeta]
    hosts: list[HostMeta]
    links: list[LinkMeta]
    plugins: list[PluginMeta]
