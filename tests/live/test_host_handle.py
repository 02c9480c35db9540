"""What the network's side of a live host must answer to, for sessions ask it as they ask a host."""

from __future__ import annotations

import ast

from helpers.places import ROOT

from lab.hosts.host import Host
from lab.live.host_handle import HostHandle
from lab.live.relayed import LiveSession


def asked_of_hosts() -> set[str]:
    """The methods of a host that sessions and faults call."""
    calls = set()
    for module in ("session", "faults"):
        source = ROOT / "lab" / "simulation" / f"{module}.py"  # compiled modules have none
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                of = node.func.value
                name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
                if name in ("host", "peer"):
                    calls.add(node.func.attr)
    return calls


def test_a_live_host_answers_to_all_that_sessions_and_faults_call() -> None:
    asked = asked_of_hosts()
    assert {"defer_all", "session_over", "resume"} <= asked
    assert asked <= {name for name in dir(Host) if not name.startswith("_")}
    assert asked <= {name for name in dir(HostHandle) if not name.startswith("_")}
    # a live session derives from the plain Session, where the compiled one is another class
    assert "Session" in {base.__name__ for base in LiveSession.__mro__}
