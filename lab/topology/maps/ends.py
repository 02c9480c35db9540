"""What tables and other files call the two ends of a link, or of a demand for mail."""

from __future__ import annotations

from typing import Final

SOURCES: Final = (
    "source", "from", "src", "u", "start", "origin", "sender", "tail", "node1", "node_1", "node_a",
    "nodea", "host1", "host_1", "host_a", "fromnode", "from_node", "from_id", "source_id", "end1",
    "a", "i", "s",
)  # fmt: skip
"""Names of the first end, in small letters; the first of them that a file has counts."""

TARGETS: Final = (
    "target", "to", "dst", "dest", "destination", "v", "end", "receiver", "head", "node2",
    "node_2", "node_b", "nodeb", "host2", "host_2", "host_b", "tonode", "to_node", "to_id",
    "target_id", "end2", "b", "j", "t",
)  # fmt: skip
"""Names of the second end."""

WORDS: Final = tuple(tuple(name for name in names if len(name) > 1) for names in (SOURCES, TARGETS))
"""Those names of both ends that are words. A letter may be the name of a host as well."""


def place_of(header: list[str], names: tuple[str, ...]) -> int | None:
    """Return the place of the column whose name comes first among some; None if none has one."""
    low = [cell.strip().lower() for cell in header]
    return next((low.index(name) for name in names if name in low), None)
