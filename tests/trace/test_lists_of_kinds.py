"""Lists of kinds of event, and of settings, that a new one may belong to.

Each list is compared with the declaration: whoever adds a kind or a setting decides here, for each
list, whether it is in.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Collection
from dataclasses import fields, replace
from io import StringIO
from typing import Any, Final

import pytest
from rich.console import Console

from lab.analysis import (
    account,
    channel_records,
    channels,
    conditions,
    itineraries,
    ladder_rows,
    narrative,
    session_states,
    spools,
    tallies,
)
from lab.experiments.storm.random_networks import random_network
from lab.hosts.settings import HostSettings
from lab.live import row_ring
from lab.simulation.partitioned import merged_results
from lab.topology.model import Environment, LinkBack, LinkSpec, Topology
from lab.trace.rows import CROSSING, KINDS
from lab.views.text.listing import listing


def named_in(function: Callable[..., Any]) -> set[str]:
    """Return the kinds of event that the text of a function names; CROSSING stands for three."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return (constants & KINDS.keys()) | (set(CROSSING) if "CROSSING" in names else set())


def handled_by(builder: type[Any]) -> set[str]:
    return {kind for kind in KINDS if hasattr(builder, kind)}


def private(module: Any, name: str) -> Any:
    return vars(module)[name]


LISTS: Final[dict[str, Collection[str]]] = {
    "itineraries": handled_by(private(itineraries, "_Builder")),
    "a message's story": private(narrative, "_IN_STORIES"),
    "the ladder": {*private(ladder_rows, "_MAKERS"), *private(ladder_rows, "_IN_HOSTS")},
    "the account": account.ACCOUNTED,
    "tallies": {*private(tallies, "_BEGIN"), *private(tallies, "_SETTLE")},
    "states of sessions": session_states.OF_SESSIONS,
    "spools": spools.KINDS,
    "what comes a way": channels.LEAVES,
    "what crossed, of a live host that was killed": private(row_ring, "_OF_THE_WIRE"),
    "the capture": named_in(private(channel_records, "_channels")),
    "numbers of a run on several processes": merged_results.NUMBERED,
}
LEFT_OUT: Final = {
    "itineraries": (
        "start plan late expand unreachable misnamed reply piece data close loss fault forget "
        "failure end"
    ),
    "a message's story": (
        "start plan late queue attempt unreachable open misnamed command reply piece data "
        "close loss fault failure end"
    ),
    "the ladder": "start plan late expand forward queue attempt misnamed transfer failure end",
    "the account": (
        "plan attempt unreachable misnamed command reply piece data close defer loss end"
    ),
    "tallies": (
        "start plan late forward queue attempt unreachable open misnamed command reply piece "
        "data close accept transfer refuse defer notify loss fault forget failure end"
    ),
    "states of sessions": (
        "start plan late submit reject expand forward queue attempt unreachable misnamed "
        "piece transfer refuse defer deliver terminal notify abandon loss fault forget "
        "failure end"
    ),
    "spools": (
        "start plan late submit reject expand attempt unreachable open misnamed command "
        "reply piece data close accept deliver terminal loss fault failure end"
    ),
    "what comes a way": (
        "start plan late submit reject expand forward queue attempt unreachable misnamed close "
        "accept transfer refuse defer deliver terminal notify abandon loss fault forget "
        "failure end"
    ),
    "what crossed, of a live host that was killed": (
        "start plan late submit reject expand forward queue unreachable misnamed accept "
        "transfer refuse defer deliver terminal notify abandon loss forget end"
    ),
    "the capture": (
        "start plan late submit reject expand forward queue misnamed accept transfer refuse "
        "defer deliver terminal notify abandon fault forget failure end"
    ),
    "numbers of a run on several processes": (
        "start plan reject expand forward queue attempt unreachable misnamed command "
        "reply piece data close accept transfer refuse defer deliver terminal abandon "
        "loss fault forget failure end"
    ),
}
"""The kinds that are not in a list. Think before you add one here: should the view have it?"""


@pytest.mark.parametrize("name", LISTS)
def test_each_kind_is_in_a_list_or_left_out_on_purpose(name: str) -> None:
    kinds, left_out = set(LISTS[name]), set(LEFT_OUT[name].split())
    assert not kinds & left_out
    assert kinds | left_out == KINDS.keys()


def test_what_crosses_a_channel_has_a_letter_and_a_time() -> None:
    assert set(CROSSING) == narrative.LETTERS.keys()
    assert all({"sent", "octets"} <= set(KINDS[kind]) for kind in CROSSING)
    assert set(CROSSING) == ladder_rows.CROSSINGS - {"error"}  # an error is a reply that refuses


def test_every_kind_has_a_verb_or_stands_for_itself() -> None:
    assert set(conditions.VERBS.values()) <= KINDS.keys()


# -- settings


LISTED: Final = {"jitter", "cost", "dist", "speed"}
"""Settings of a link that `lab show` leaves out: the map and the file have them."""

OTHER: Final[dict[str, Any]] = {
    "environment": "csnet", "latency": 3.0, "jitter": 0.5, "bandwidth": 300.0, "loss": 0.5,
    "cost": 7.0, "name": "satellite", "dist": 120.0, "speed": 1.0, "back": LinkBack(latency=1.0),
}  # fmt: skip
"""Another value of each setting of a link."""


def settings(cls: type[Any]) -> list[str]:
    return [field.name for field in fields(cls) if "kind" in field.metadata]


def shown(topology: Topology) -> str:
    console = Console(width=200, file=StringIO())
    console.print(listing(topology, []))
    text = console.file
    assert isinstance(text, StringIO)
    return text.getvalue()


@pytest.mark.parametrize("name", [name for name in settings(LinkSpec) if name != "a"])
def test_the_listing_shows_each_setting_of_a_link_or_leaves_it_out_on_purpose(name: str) -> None:
    link = LinkSpec("A", "B", "arpanet")
    environments = {name: Environment(name) for name in ("arpanet", "csnet")}
    hosts = {name: HostSettings(name) for name in "AB"}
    before = Topology(environments=environments, hosts=hosts, links=(link,))
    after = replace(before, links=(replace(link, **{name: OTHER[name]}),))
    assert (shown(before) == shown(after)) == (name in LISTED)


NOT_IN_STORMS: Final = {"environment", "cost", "dist", "speed", "name", "back"}
"""Settings of a link that random networks leave at their defaults."""


def test_random_networks_use_each_setting_of_a_link_or_leave_it_out_on_purpose() -> None:
    links = [link for number in range(300) for link in random_network(7, number).links]
    varied = {
        name
        for name in settings(LinkSpec)
        if len({repr(getattr(link, name)) for link in links}) > 1
    }
    assert varied | NOT_IN_STORMS == set(settings(LinkSpec))
    assert not varied & NOT_IN_STORMS
