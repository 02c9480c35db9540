"""What the network's side of a live host must have, as live sessions and faults call it."""

from __future__ import annotations

import ast

from helpers.places import ROOT

from lab.live.host_handle import HostHandle


def asked_of_hosts() -> set[str]:
    """The methods of a host that live sessions and faults call."""
    calls = set()
    for module in ("live/relayed.py", "simulation/faults.py"):
        source = ROOT / "lab" / module  # compiled modules have none
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                of = node.func.value
                name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
                if name in ("host", "peer"):
                    calls.add(node.func.attr)
    return calls


def test_a_live_host_answers_to_all_that_sessions_and_faults_call() -> None:
    asked = asked_of_hosts()
    assert {"send", "join", "resume"} <= asked
    assert asked <= {name for name in dir(HostHandle) if not name.startswith("_")}
