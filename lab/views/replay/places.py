"""What a page holds of hosts and links: where they lie on the map, and what is said of a host."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lab.analysis import map_layout
from lab.analysis.link_use import LinkUse, link_use
from lab.analysis.short_names import short_names
from lab.analysis.shown_names import ShownNames, shown_names
from lab.quantities import count_noun
from lab.trace.levels import includes
from lab.trace.meta import Meta
from lab.trace.trace import Trace

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


def hosts_of(
    meta: Meta, names: Sequence[str], crossings: Mapping[tuple[str, str], int]
) -> list[dict[str, Any]]:
    """Return the hosts of a page, in the order of ``names``: those of the topology come first.

    ``load`` is how often something crossed a link to or from the host (``crossings``, by link).
    """
    load: Counter[str] = Counter()
    for ends, count in crossings.items():
        load.update(dict.fromkeys(ends, count))
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
            "load": load[str(host["name"])],
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


def links_of(trace: Trace, number: Mapping[str | None, int]) -> list[dict[str, Any]]:
    """Return the links of a page; ``number`` is that of each host, by its name.

    ``bytes`` crossed the link in both directions; ``busy`` is the larger share of the run in which
    one of its directions was sending, None without a bandwidth.
    """
    meta = trace.meta
    links = meta.get("links", ())
    names = [str(environment["name"]) for environment in meta.get("environments", ())]
    places = {name: n for n, name in enumerate(names)}
    use = _use_of(trace)
    return [
        {
            "a": number[str(link["a"])],
            "b": number[str(link["b"])],
            "bend": bend,
            "environment": places.get(str(link.get("environment")), 0),
            **_load(use, link),
        }
        for link, bend in zip(links, map_layout.bends(links), strict=True)
    ]


_Use = Mapping[tuple[str, str, str], list[LinkUse]]
"""What crossed links, by their two ends in both orders, and their name."""


def _use_of(trace: Trace) -> _Use:
    uses: dict[tuple[str, str, str], list[LinkUse]] = defaultdict(list)
    for use in link_use(trace) if includes(trace.level, "wire") else ():
        uses[use["host"], use["peer"], use["name"]].append(use)
        uses[use["peer"], use["host"], use["name"]].append(use)
    return uses


def _load(use: _Use, link: Mapping[str, Any]) -> dict[str, Any]:
    """Return what crossed a link."""
    of_link = use.get((str(link["a"]), str(link["b"]), str(link.get("name") or "")), [])
    shares = [
        link_use["utilisation"] for link_use in of_link if link_use["utilisation"] is not None
    ]
    return {
        "bytes": sum(link_use["bytes"] for link_use in of_link),
        "busy": round(max(shares), 4) if shares else None,
    }
