"""Mail whose host is never back, in a run on several processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.partitions_in_threads import in_parts, threads  # noqa: F401
from helpers.small_topologies import A_AND_B

import lab

NEVER = f"""{A_AND_B}
[[mail]]
at = "3 s"
from = "bob@B.ARPA"
to = ["ann@A.ARPA"]
[[fault]]
kind = "host-down"
host = "B.ARPA"
at = "2 s"
"""


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("level", ["wire", "none"])
def test_it_is_counted_whatever_is_kept(level: str, tmp_path: Path) -> None:
    """The parts and the one process agree, also where a trace keeps almost nothing."""
    path = tmp_path / "never.toml"
    path.write_text(NEVER)
    shared = in_parts(lab.load(path), {"A.ARPA": 0, "B.ARPA": 1}, 0, level=level)
    many = lab.Run(shared.topology, shared.run(), shared)
    one = lab.simulate(path)
    assert many.digest == one.digest
    assert many.summary == one.summary
    assert (one.summary["submitted"], one.summary["not_handed_in"]) == (0, 1)
