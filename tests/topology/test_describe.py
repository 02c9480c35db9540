"""What a trace says of its topology: the settings that are declared with ``trace``."""

from __future__ import annotations

import json

from lab.topology.declarations import settings_of
from lab.topology.describe import describe, describe_live
from lab.topology.model import from_dict
from lab.topology.specs import HostSpec, LinkSpec
from lab.trace.meta import HostMeta, LinkMeta


def test_hosts_and_links_are_described_as_plain_json() -> None:
    topology = from_dict({
        "title": "Two",
        "host": [
            {"name": "A", "users": ["ann", "bob"], "position": [1, 2], "answers": {"RCPT": 450}},
            {"name": "B", "holds": ["A"], "eight_bit": "clear", "names": {"arpanet": "BEE"}},
        ],
        "link": [{"between": ["A", "B"], "cost": 3}],
    })  # fmt: skip
    described = describe(topology, 7)
    assert json.loads(json.dumps(described)) == described
    usual = {"kind": "host", "relay": False, "careless": False, "title": ""}
    assert described == {
        "title": "Two",
        "seed": 7,
        "start": "1982-08-01T00:00:00+00:00",
        "environments": [{"name": "arpanet", "transport": "tcp"}],
        "hosts": [
            usual | {"name": "A", "users": 2, "position": [1, 2], "names": {}, "answers": ["RCPT"]},
            usual
            | {"name": "B", "users": 0, "position": None, "names": {"arpanet": "BEE"}}
            | {"holds": ["A"], "eight_bit": "clear"},
        ],
        "links": [
            {"a": "A", "b": "B", "environment": "arpanet", "latency": 0.01, "jitter": 0.0}
            | {"bandwidth": None, "loss": 0.0, "cost": 3.0}
        ],
    }


def test_the_types_of_a_trace_have_the_settings_that_are_declared_with_trace() -> None:
    """A link also has its two ends; which hosts are external, a live run adds."""
    assert HostMeta.__annotations__.keys() == {"external"} | in_a_trace(HostSpec)
    assert LinkMeta.__annotations__.keys() == {"a", "b"} | in_a_trace(LinkSpec)


def in_a_trace(spec: type) -> set[str]:
    return {setting.key for setting in settings_of(spec) if setting.trace}


def test_a_live_run_also_says_which_hosts_are_external() -> None:
    topology = from_dict({
        "host": [{"name": "A"}, {"name": "B", "external": "127.0.0.1:2525"}],
        "link": [{"between": ["A", "B"]}],
    })  # fmt: skip
    described, live = describe(topology, 7), describe_live(topology, 7)
    assert live["live"] is True
    assert [host.pop("external", "") for host in live["hosts"]] == ["", "127.0.0.1:2525"]
    assert live == {**described, "live": True}
