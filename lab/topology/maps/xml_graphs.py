"""GraphML, GEXF, and the XML of SNDlib and fnss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lab.quantities import count_noun
from lab.topology.maps.map import GraphFault, Map, number_or_text
from lab.topology.maps.xml_elements import Element, Takers, parse

_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


def read_xml(octets: bytes) -> Map:
    """Return the map of an XML file whose outermost element is that of a known format."""
    made = Map("")

    def takers(root: Element) -> Takers:
        known = _ROOTS.get(root.tag)
        if known is None:
            raise GraphFault(
                f"<{root.tag[:60]}> is not a graph; write <graphml>, <gexf>, SNDlib's <network> or "
                "fnss's <topology>"
            )
        made.kind = known[0]
        return known[1](made, root)

    parse(octets, takers)
    return made


def _value(text: str, kind: str) -> Any:
    """Return the value of a text of that type; the text itself if it is not of that type."""
    text = text.strip()
    try:
        if kind in ("int", "long", "integer", "short", "byte", "biginteger"):
            return int(text)
        if kind in ("float", "double", "bigdecimal"):
            return float(text)
    except ValueError:
        return text
    if kind in ("boolean", "bool"):
        return _TRUTHS.get(text.lower(), text)
    return text


# -- GraphML ------------------------------------------------------------------------------------


def _graphml(made: Map, root: Element) -> Takers:
    names: dict[str, tuple[str, str, str]] = {}  # by key: the name, its type, for what it is
    defaults: dict[str, dict[str, Any]] = {"node": {}, "edge": {}, "graph": {}}
    hyperedges: list[int] = []
    groups: list[str] = []

    def key(element: Element, holder: Element) -> None:
        name = element.get("attr.name") or element.get("yfiles.type") or element.get("id")
        names[element.get("id")] = name, element.get("attr.type", "string"), element.get("for")
        default = element.first("default")
        if default is not None:
            value = _value(default.text, element.get("attr.type"))
            for part in [element.get("for")] if element.get("for") in defaults else defaults:
                defaults[part][name] = value

    def values(element: Element) -> dict[str, Any]:
        attributes = dict(defaults[element.tag])
        for data in element.children:
            if data.tag == "data":
                name, kind, _ = names.get(data.get("key"), (data.get("key"), "string", ""))
                if data.children:
                    _drawn(data, attributes)
                else:
                    attributes[name] = _value(data.text, kind)
        return attributes

    def node(element: Element, holder: Element) -> None:
        if not element.get("id") and "id" not in element.attributes:
            raise GraphFault("a <node> has no id")
        made.add_node(element.get("id"), values(element))
        if element.get("yfiles.foldertype"):
            groups.append(element.get("id"))

    def edge(element: Element, holder: Element) -> None:
        ends = element.attributes.get("source"), element.attributes.get("target")
        if None in ends:
            raise GraphFault("an <edge> has no source or no target")
        if element.get("directed") == "true" or holder.get("edgedefault") == "directed":
            made.directed = True
        made.add_edge(ends[0], ends[1], values(element))

    def hyperedge(element: Element, holder: Element) -> None:
        hyperedges.append(1)
        made.remarks[:] = [f"{len(hyperedges)} hyperedges were left out"]

    def graph(element: Element, holder: Element) -> None:
        if holder is root:
            made.attributes.update(values(element))
            _drop_groups(made, groups)

    return {"key": key, "node": node, "edge": edge, "hyperedge": hyperedge, "graph": graph}


def _drop_groups(made: Map, groups: list[str]) -> None:
    """Leave out what yEd draws around nodes, unless an edge ends there."""
    ends = {end for a, b, _ in made.edges for end in (a, b)}
    alone = [group for group in groups if group not in ends]
    for group in alone:
        made.nodes.pop(group, None)
    if alone:
        made.remarks.append(f"{count_noun(len(alone), 'group')} of nodes, without edges, left out")


def _drawn(data: Element, attributes: dict[str, Any]) -> None:
    """Take the label and the place that yEd draws for a node."""
    geometry, label = data.find("Geometry"), data.find("NodeLabel")
    if geometry is not None and geometry.get("x") and geometry.get("y"):
        x, y = number_or_text(geometry.get("x")), number_or_text(geometry.get("y"))
        # pictures have y downwards, maps upwards
        attributes.setdefault("drawn at", [x, -y] if isinstance(y, (int, float)) else [x, y])
    if label is not None and label.text.strip():
        attributes.setdefault("label", " ".join(label.text.split()))
    line = data.find("EdgeLabel")
    if line is not None and line.text.strip():
        attributes.setdefault("label", " ".join(line.text.split()))


# -- GEXF ---------------------------------------------------------------------------------------


def _gexf(made: Map, root: Element) -> Takers:
    titles: dict[str, dict[str, tuple[str, str]]] = {"node": {}, "edge": {}}
    defaults: dict[str, dict[str, Any]] = {"node": {}, "edge": {}}
    times: list[str] = []

    def attributes(element: Element, holder: Element) -> None:
        # those of nodes and of edges may have the same ids
        if element.get("class") in titles:
            for each in element.children:
                title = each.get("title") or each.get("id"), each.get("type", "string")
                titles[element.get("class")][each.get("id")] = title
                if default := each.text_of("default"):
                    defaults[element.get("class")][title[0]] = _value(default, title[1])

    def values(element: Element) -> dict[str, Any]:
        attributes = dict(defaults[element.tag])
        below = element.first("attvalues")
        if not _SPANS.isdisjoint(element.attributes) or element.first("spells"):
            times.append(element.tag)
        for each in below.children if below is not None else ():
            if not _SPANS.isdisjoint(each.attributes):
                times.append(each.tag)
            name = each.get("for") or each.get("id")
            title, kind = titles[element.tag].get(name, (name, "string"))
            attributes[title] = _value(each.get("value"), kind)
        return attributes

    def node(element: Element, holder: Element) -> None:
        attributes = values(element)
        label, place = element.get("label"), element.first("position")
        if label and label != element.get("id"):
            attributes.setdefault("label", label)
        if place is not None:
            attributes.setdefault("pos", [number_or_text(place.get(axis, "0")) for axis in "xy"])
        made.add_node(element.get("id"), attributes)

    def edge(element: Element, holder: Element) -> None:
        attributes = values(element)
        if element.get("weight"):
            attributes.setdefault("weight", number_or_text(element.get("weight")))
        if element.get("label"):
            attributes.setdefault("label", element.get("label"))
        if not (element.get("source") and element.get("target")):
            raise GraphFault("an <edge> has no source or no target")
        if element.get("type") == "directed":
            made.directed = True
        made.add_edge(element.get("source"), element.get("target"), attributes)

    def edges(element: Element, holder: Element) -> None:
        made.directed |= holder.get("defaultedgetype") == "directed"

    def graph(element: Element, holder: Element) -> None:
        if times:
            made.remarks.append(
                f"{count_noun(len(times), 'span')} of time not used: what is there at some time "
                "is there always, with the last of its values"
            )

    return {
        "attributes": attributes, "node": node, "edge": edge, "edges": edges, "graph": graph,
    }  # fmt: skip


_SPANS: Final = frozenset(("start", "end", "startopen", "endopen", "timestamp"))
"""Attributes of GEXF that say when something is there."""


# -- SNDlib and fnss ----------------------------------------------------------------------------


def _sndlib(made: Map, root: Element) -> Takers:
    unit: list[str] = []

    def node(element: Element, holder: Element) -> None:
        x, y = (element.text_of("coordinates", axis) for axis in "xy")
        place = {"pos": [number_or_text(x), number_or_text(y)]} if x and y else {}
        made.add_node(element.get("id"), place)

    def link(element: Element, holder: Element) -> None:
        attributes = {"id": element.get("id")}
        capacity = element.text_of("preInstalledModule", "capacity")
        if not capacity or number_or_text(capacity) == 0:
            capacity = element.text_of("additionalModules", "addModule", "capacity")
        if capacity:
            attributes["capacity"] = number_or_text(capacity)
        for name in ("routingCost", "setupCost"):
            if text := element.text_of(name):
                attributes[name] = number_or_text(text)
        made.add_edge(*_ends(element), attributes)

    def demand(element: Element, holder: Element) -> None:
        value = number_or_text(element.text_of("demandValue"))
        if isinstance(value, (int, float)):
            made.demands.append((*_ends(element), float(value)))

    def meta(element: Element, holder: Element) -> None:
        unit[:] = [element.text_of("unit")]
        made.attributes["capacity_unit"] = unit[0]

    return {"node": node, "link": link, "demand": demand, "meta": meta}


def _ends(element: Element) -> tuple[str, str]:
    source, target = element.text_of("source"), element.text_of("target")
    if not source or not target:
        raise GraphFault(f"<{element.tag}> {element.get('id')!r} has no source or no target")
    return source, target


def _fnss(made: Map, root: Element) -> Takers:
    made.directed = root.get("linkdefault") == "directed"

    def values(element: Element) -> dict[str, Any]:
        return {
            each.get("name"): _value(each.text, each.get("type"))
            for each in element.children
            if each.tag == "property"
        }

    def node(element: Element, holder: Element) -> None:
        made.add_node(element.get("id"), values(element))

    def link(element: Element, holder: Element) -> None:
        ends = element.text_of("from"), element.text_of("to")
        if not all(ends):
            raise GraphFault("a <link> has no <from> or no <to>")
        made.add_edge(*ends, values(element))

    def of_the_graph(element: Element, holder: Element) -> None:
        if holder is root:
            made.attributes[element.get("name")] = _value(element.text, element.get("type"))
        else:
            holder.children.append(element)

    return {"node": node, "link": link, "property": of_the_graph}


_ROOTS: Final[dict[str, tuple[str, Callable[[Map, Element], Takers]]]] = {
    "graphml": ("GraphML", _graphml),
    "gexf": ("GEXF", _gexf),
    "network": ("SNDlib XML", _sndlib),
    "topology": ("fnss XML", _fnss),
}
"""The outermost elements, the format of each, and what takes its elements."""
