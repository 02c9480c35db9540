"""Names and labels of hosts that come from the nodes of a graph.

The label is what people see, in any script: the ``label`` of the node, its ``name`` or, without
either, the node itself. A label that is only a number gives way to one that is not.

The name is what hosts say to each other. An id such as MIT-AI.ARPA, a domain of several parts, is
the name of its host. Any other host is named by its label. A label that is a domain by the grammar
of RFC 821 is the name, unless another node has it. Any other label is written in ASCII letters, as
anyascii does it ("Zürich" is "Zurich", "東京" is "DongJing"), and split at its periods. In each
part, each run of characters other than letters, digits and hyphens becomes a hyphen, hyphens at the
ends are removed, and an H is put before a leading digit. Empty parts are left out. If no part is
left, the node's own id is taken instead of its label, and then "H". A name is cut after 64
characters.

If several nodes would have the same name in any case, -2, -3 and so on is appended, in the order of
their labels and ids. So the order of the nodes in a file does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lab.protocol import HostName, SyntaxFault, parse_domain

LONGEST_NAME: Final = 64
"""The length of a domain that every receiver-SMTP must accept (section 4.5.3)."""

_NAMES_ITSELF: Final = ("label", "name")
"""Attributes that have the label of a node, the first one first."""

_NUMBERS: Final = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True)
class NodeName:
    """How a node is called.

    ``written`` is its label or id as the graph has it, ``name`` that of its host, ``label`` what
    people see in place of the name; it is empty if that would be the name, or only a number.
    """

    written: str
    name: str
    label: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether the name is not what the graph says."""
        return self.name != self.written


def names_of_nodes(
    nodes: Iterable[tuple[Hashable, Mapping[Any, Any]]],
) -> dict[Hashable, NodeName]:
    """Return names for the nodes of a graph, given with their attributes, in the same order.

    No two names are the same in any case.
    """
    written: dict[Hashable, str] = {}
    labels: dict[Hashable, str] = {}
    for node, attributes in nodes:
        label = label_of(node, attributes)
        written[node] = id_text(node) if _is_host(node, attributes) else label
        labels[node] = label if isinstance(node, str) or label != id_text(node) else ""
    names = to_rfc821_names(written)
    return {
        node: NodeName(
            text, names[node], labels[node] if _is_told(labels[node], names[node]) else ""
        )
        for node, text in written.items()
    }


def _is_host(node: Hashable, attributes: Mapping[Any, Any]) -> bool:
    """Return whether a node has the name of a host as its id, whatever its label."""
    # "host": in graphs that a topology was made to
    is_ours = attributes.get("host", "") == node or "spec" in attributes
    return is_ours or (isinstance(node, str) and "." in node and _is_valid(node))


def _is_told(label: str, name: str) -> bool:
    """Return whether a label says more than the name does."""
    return label not in ("", name) and not label.isdigit()


def label_of(node: Hashable, attributes: Mapping[Any, Any]) -> str:
    """Return the label of a node: what people call it."""
    named = {str(key).lower(): value for key, value in attributes.items()}
    words = [*(_text(named.get(key)) for key in _NAMES_ITSELF), id_text(node)]
    words = [word for word in words if word]
    return next((word for word in words if not word.isdigit()), words[0] if words else "")


def _text(value: Any) -> str:
    """Return an attribute as a label, empty if it is not one."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return _whole(str(value))


def id_text(node: Any) -> str:
    """Return the id of a node as a text: the parts of a tuple are joined by hyphens."""
    if isinstance(node, (tuple, list)):
        return "-".join(map(id_text, node))
    return _whole(str(node))


def _whole(text: str) -> str:
    """Return a text on one line, without halves of characters, which no file can hold."""
    text = " ".join(text.split())
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def to_rfc821_names(labels: Mapping[Any, str]) -> dict[Any, str]:
    """Return a valid name by RFC 821's grammar for each node, no two the same in any case."""
    taken: set[HostName] = set()
    names: dict[Any, str] = {}
    stems: list[tuple[str, Any]] = []
    for node, label in sorted(labels.items(), key=_in_order):
        valid = _is_valid(label)
        if valid and HostName(label) not in taken:
            taken.add(HostName(label))
            names[node] = label
        else:
            # nothing can be appended to "#7" and "[10.0.0.1]"
            can_grow = valid and not {*"#["} & {*label}
            stems.append((label if can_grow else _stem(label, id_text(node)), node))
    tails: dict[HostName, int] = {}
    for stem, node in stems:
        names[node] = _free(stem, tails, taken)
    return {node: names[node] for node in labels}


def _free(stem: str, tails: dict[HostName, int], taken: set[HostName]) -> str:
    """Return a name with that stem that no other node has, and take it."""
    name, tail = stem, tails.get(HostName(stem), 1)
    while HostName(name) in taken:
        tail += 1
        name = f"{stem[: LONGEST_NAME - len(str(tail)) - 1].rstrip('-.')}-{tail}"
    tails[HostName(stem)] = tail
    taken.add(HostName(name))
    return name


def _in_order(named: tuple[Any, str]) -> tuple[str, list[Any]]:
    """Return what nodes with their labels are sorted by: of the ids, 9 comes before 10."""
    node, label = named
    parts = _NUMBERS.split(id_text(node))
    return label, [
        (len(part.lstrip("0")), part) if number % 2 else part for number, part in enumerate(parts)
    ]


def _is_valid(label: str) -> bool:
    try:
        parse_domain(label)
    except SyntaxFault:
        return False
    return len(label) <= LONGEST_NAME


def _stem(label: str, id: str) -> str:
    return _in_ascii(label) or _in_ascii(id) or "H"


def to_rfc821_name(label: str) -> str:
    """Turn a label into a domain by the rule in this module's description."""
    return _stem(label, "")


def _in_ascii(label: str) -> str:
    text = label[: 4 * LONGEST_NAME]
    if not text.isascii():
        from anyascii import anyascii

        text = anyascii(text)
    elements = (_element(element) for element in text.split("."))
    name = ".".join(element for element in elements if element)
    return name[:LONGEST_NAME].rstrip("-.")


def _element(text: str) -> str:
    name = re.sub(r"[^A-Za-z0-9-]+", "-", text).strip("-")
    return "H" + name if name[:1].isdigit() else name
