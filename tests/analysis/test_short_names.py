"""Short names of hosts: one rule for pictures, maps and the page."""

from __future__ import annotations

import pytest

from lab.analysis.short_names import short_names


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["MIT-AI.ARPA", "BBN-VAX.ARPA"], ["MIT-AI", "BBN-VAX"]),
        (["A.MIT.ARPA", "A.BBN.ARPA", "B.ARPA"], ["A.MIT.ARPA", "A.BBN.ARPA", "B.ARPA"]),
        (["[10.0.0.1]", "[10.0.0.2]", "#7", "X.ARPA"], ["[10.0.0.1]", "[10.0.0.2]", "#7", "X"]),
        (["A.ARPA", "A.ARPA"], ["A"]),
        ([], []),
    ],
)
def test_the_domain_is_left_out_where_names_still_differ(
    names: list[str], short: list[str]
) -> None:
    assert list(short_names(names).values()) == short
