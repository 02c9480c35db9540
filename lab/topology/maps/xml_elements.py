"""XML, read with bounds: no entities, no more than so deep, and a piece at a time.

expat calls back for every element. An element that a reader has asked for is given to it as soon as
it ends, and then dropped, so that a large file does not become a large tree. A file that declares
entities is refused, whether they are its own or somebody else's; what stands outside the file is
never opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from lab.topology.maps.map import GraphFault

DEEPEST: Final = 200
MOST_KEPT: Final = 500_000
"""Elements within elements, and elements that no reader takes."""

LONGEST_TEXT: Final = 1_000_000
"""Characters of the text of an element."""


@dataclass(slots=True)
class Element:
    """An element: its tag and attributes without prefixes, its text, and what it contains."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def get(self, name: str, otherwise: str = "") -> str:
        """Return an attribute."""
        return self.attributes.get(name, otherwise)

    def first(self, *tags: str) -> Element | None:
        """Return the first element below one another with these tags."""
        element: Element | None = self
        for tag in tags:
            assert element is not None
            element = next((child for child in element.children if child.tag == tag), None)
            if element is None:
                return None
        return element

    def text_of(self, *tags: str) -> str:
        """Return the text of the first element below one another with these tags."""
        element = self.first(*tags)
        return "" if element is None else element.text.strip()

    def find(self, tag: str) -> Element | None:
        """Return the first element with a tag, however deep."""
        for child in self.children:
            element = child if child.tag == tag else child.find(tag)
            if element is not None:
                return element
        return None


Takers = Mapping[str, Callable[[Element, Element], None]]
"""What is called with an element of a tag, and with what holds it, when it ends."""


def parse(octets: bytes, takers: Callable[[Element], Takers]) -> None:
    """Read XML; ``takers`` is asked when the outermost element begins."""
    reader = _Reader(takers)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.EntityDeclHandler = _refuse_entity
    parser.Parse(octets, True)


def _refuse_entity(name: str, *details: object) -> None:
    raise GraphFault(f"it declares the entity {name[:60]!r}; write the text itself in its place")


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


class _Reader:
    def __init__(self, takers: Callable[[Element], Takers]) -> None:
        self._takers_of = takers
        self._takers: Takers = {}
        self._open: list[Element] = []
        self._kept = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        element = Element(_local(tag), {_local(name): each for name, each in attributes.items()})
        if self._open:
            self._kept += 1
            if len(self._open) >= DEEPEST:
                raise GraphFault(f"elements are nested more than {DEEPEST} deep")
            if self._kept > MOST_KEPT:
                raise GraphFault(f"it has more than {MOST_KEPT:,} elements that are no graph's")
        else:
            self._takers = self._takers_of(element)
        self._open.append(element)

    def end(self, tag: str) -> None:
        element = self._open.pop()
        if not self._open:
            return
        holder = self._open[-1]
        taker = self._takers.get(element.tag)
        if taker is None:
            holder.children.append(element)
        else:
            taker(element, holder)
            self._kept -= 1 + len(element.children)

    def data(self, text: str) -> None:
        element = self._open[-1]
        element.text += text
        if len(element.text) > LONGEST_TEXT:
            raise GraphFault(
                f"<{element.tag[:60]}> has a text of more than {LONGEST_TEXT:,} letters"
            )
