"""Build the environments and links of a file, and check that the ends exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.hosts.checked import of_valid
from lab.topology.diagnostics import Diagnostics
from lab.topology.hosts import Hosts, check_environment
from lab.topology.specs import Environment, LinkSpec


def build_environments(tables: Any, diagnostics: Diagnostics) -> dict[str, Environment]:
    """Return the environments by name, in the order of the file.

    Without any, there is one: "arpanet" over tcp.
    """
    environments: dict[str, Environment] = {}
    for number, table in enumerate(tables.environment):
        if table.name.lower() in {name.lower() for name in environments}:
            place = diagnostics.place("environment", number, "name")
            text = f"there is an environment {table.name} already; write another name"
            diagnostics.problem(place, text)
        else:
            environments[table.name] = Environment(**table.values())
    return environments or {"arpanet": Environment("arpanet", "tcp")}


def build_links(
    tables: Any, environments: Mapping[str, Environment], hosts: Hosts
) -> tuple[LinkSpec, ...]:
    """Return all links of the file or of its graph."""
    defaults = _defaults(tables.defaults.link, environments, hosts.diagnostics)
    numbers: dict[tuple[frozenset[str], str], int] = {}
    links = []
    for number, table in enumerate(tables.link):
        link = _link(table, number, defaults, environments, hosts)
        if link is None:
            continue
        ends = frozenset((link.a, link.b)), link.environment
        if ends in numbers:
            _is_there_twice(link, number, numbers[ends], hosts.diagnostics)
        else:
            numbers[ends] = number
            links.append(link)
    return tuple(links)


def _defaults(
    table: Any, environments: Mapping[str, Environment], diagnostics: Diagnostics
) -> dict[str, Any]:
    """Return [defaults.link], without an environment that does not exist."""
    given: dict[str, Any] = table.given()
    name = given.get("environment")
    if name is not None and name not in environments:
        place = ("defaults", "link", "environment")
        check_environment(name, place, environments, diagnostics)
        del given["environment"]
    return given


def _is_there_twice(link: LinkSpec, number: int, first: int, diagnostics: Diagnostics) -> None:
    earlier = f"link[{diagnostics.place('link', first)[1]}]"
    diagnostics.problem(
        diagnostics.place("link", number, "between"),
        f"{link.a} and {link.b} are joined in {link.environment} by {earlier} already; "
        "write one link, or another environment",
    )


def _link(
    table: Any,
    number: int,
    defaults: Mapping[str, Any],
    environments: Mapping[str, Environment],
    hosts: Hosts,
) -> LinkSpec | None:
    diagnostics = hosts.diagnostics
    values = table.values()
    values |= {key: value for key, value in defaults.items() if key not in table.fields_given}
    ends = values["a"]
    values["environment"] = values["environment"] or next(iter(environments))
    place = diagnostics.place("link", number, "environment")
    check_environment(values["environment"], place, environments, diagnostics)
    a, b = [
        hosts.existing(name, diagnostics.place("link", number, "between", i))
        for i, name in enumerate(ends)
    ]
    if a is None or b is None:
        return None
    if a is b:
        text = f"a link joins {a.name} to itself; write the names of two hosts"
        diagnostics.problem(diagnostics.place("link", number, "between"), text)
        return None
    return of_valid(LinkSpec, values | {"a": a.name, "b": b.name})
