"""Short names of hosts, for pictures, maps and pages that have no room for the names in full."""

from __future__ import annotations

from collections.abc import Iterable

from lab.analysis.shown_names import NAMES, ShownNames


def short_names(names: Iterable[str], shown: ShownNames = NAMES) -> dict[str, str]:
    """Return names without their domains, by the names; in full if these would not differ.

    An address such as "[10.0.0.1]" stays whole, and so does the label of a host that has one.
    """
    short = {
        name: shown[name] if name[:1] == "[" or name in shown else name.partition(".")[0]
        for name in names
    }
    return (
        short if len(set(short.values())) == len(short) else {name: shown[name] for name in short}
    )
