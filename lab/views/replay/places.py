"""What a page holds of hosts and links: where they lie on the map, and what is said of a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lab.analysis import map_layout
from lab.analysis.short_names import short_names
from lab.analysis.shown_names import ShownNames, shown_names
from lab.quantities import count_noun
from lab.trace.meta import Meta

_KINDS: Final = {
    "host": "a host", "relay": "a host that relays", "router": "a router: it speaks no SMTP",
}  # fmt: skip


def _about(host: Mapping[str, Any], shown: ShownNames) -> str:
    """Return what is said of a host beside its name."""
    users = map_layout.users_of(host)
    words = [
        _KINDS[map_layout.kind_of(host)],
        str(host.get("title") or ""),
        f"in SMTP {host['name']}" if host["name"] in shown else "",
        count_noun(users, "user") if users else "",
        "careless: it replies 250 before the mail is stored" if host.get("careless") else "",
    ]
    return " · ".join(filter(None, words))


def hosts_of(meta: Meta, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the hosts of a page, in the order of ``names``: those of the topology come first."""
    described: list[Mapping[str, Any]] = list(meta.get("hosts", ()))
    described += [{"name": name} for name in names[len(described) :]]
    places = map_layout.places(described, meta.get("links", ()))
    shown = shown_names(meta)
    short = short_names((str(host["name"]) for host in described), shown)
    return [
        {
            "name": shown[str(host["name"])],
            "short": short[str(host["name"])],
            "kind": map_layout.kind_of(host),
            "about": _about(host, shown),
            "x": round(float(x), 5),
            "y": round(float(y), 5),
        }
        for host, (x, y) in zip(described, places, strict=True)
    ]


def labelled_of(
    meta: Meta, names: Sequence[str], crossings: Mapping[tuple[str, str], int]
) -> list[int]:
    """Return the numbers of the hosts that may have a name on the map, the busiest first."""
    return map_layout.labelled([{"name": name} for name in names], meta.get("links", ()), crossings)


def links_of(meta: Meta, number: Mapping[str | None, int]) -> list[dict[str, Any]]:
    """Return the links of a page; ``number`` is that of each host, by its name."""
    links = meta.get("links", ())
    names = [str(environment["name"]) for environment in meta.get("environments", ())]
    places = {name: n for n, name in enumerate(names)}
    return [
        {
            "a": number[str(link["a"])],
            "b": number[str(link["b"])],
            "bend": bend,
            "environment": places.get(str(link.get("environment")), 0),
        }
        for link, bend in zip(links, map_layout.bends(links), strict=True)
    ]
