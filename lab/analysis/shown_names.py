"""The names of hosts as people see them: the label of a host that has one, in any script.

Every picture, page and table takes them from here. What crossed the wire, and what other programs
read (JSON, CSV, mail, captures), has the names themselves.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lab.protocol import HostName
from lab.protocol.names import host_name
from lab.runtime.escaping import visible
from lab.trace.labels import label_key
from lab.trace.meta import Meta

_DOMAIN: Final = re.compile(r"(?<=@)[^\s@,:<>]+")
"""The domains of an address or a source route."""


_MOST_MARKS: Final = 4

_WORD: Final = re.compile(r"[^\s@,:;<>()]+")


class ShownNames(dict[str, str]):
    """The shown names of hosts, by their names; any other text is shown as it is.

    A label that several hosts have, or that is the name of another host, is shown with the name of
    its host in brackets. What cannot be shown in a label is an escape.
    """

    def __init__(self, labels: Iterable[tuple[str, str]] = ()) -> None:
        """Take the hosts as pairs of name and label; the label may be empty."""
        self._by_host_name: dict[HostName, str] = {}
        pairs = [(name, _shown(label)) for name, label in labels]
        named = [(name, label) for name, label in pairs if label and label != name]
        super().__init__()
        if not named:
            return
        count = Counter(map(_alike, (label for _, label in named)))
        names = {_alike(name): name for name, _ in pairs}
        for name, label in named:
            is_own = names.get(_alike(label), name) == name and count[_alike(label)] == 1
            self[name] = label if is_own else f"{label} ({name})"
            self._by_host_name[HostName(name)] = self[name]

    def __missing__(self, name: str) -> str:
        return name

    def path(self, text: str) -> str:
        """Return an address or a source route with the shown names of its hosts."""
        return _DOMAIN.sub(self._of_domain, text) if self else text

    def paths(self, texts: Sequence[str]) -> list[str]:
        """Return addresses or source routes with the shown names of their hosts."""
        return [self.path(text) for text in texts] if self else list(texts)

    def host(self, label: str) -> str | None:
        """Return the name of the host that is shown as this label, in any case; None if none is."""
        key = label_key(label)
        return next((name for name, shown in self.items() if label_key(shown) == key), None)

    def reason(self, text: str) -> str:
        """Return a reason that the lab gives with the shown names of its hosts; not a reply."""
        return text if not self or text[:3].isdigit() else _WORD.sub(self._of_domain, text)

    def rejection(self, text: str) -> str:
        """Return a reply of a user's own host, which never crosses a wire, with shown names."""
        return text[:4] + self.reason(text[4:])

    def beside(self, name: str, shown: str) -> None:
        """Show a host otherwise, where its label cannot be shown alone; in paths, by its name."""
        self[name] = shown
        self._by_host_name[HostName(name)] = name

    def words(self, text: str) -> str:
        """Return words that are names of hosts, with spaces between them, as people see them."""
        return " ".join(self[word] for word in text.split(" ")) if self else text

    def _of_domain(self, match: re.Match[str]) -> str:
        return self._by_host_name.get(host_name(match[0]), match[0])


def _shown(label: str) -> str:
    """Return a label with escapes, and with few marks on a letter: more would cover other lines."""
    if label.isascii():
        return visible(label)
    kept = (
        char
        for n, char in enumerate(label)
        if not unicodedata.combining(char)
        or not all(map(unicodedata.combining, label[max(0, n - _MOST_MARKS) : n]))
    )
    return visible("".join(kept))


NAMES: Final = ShownNames()
"""Shows each host by its name."""


def _alike(name: str) -> str:
    """Return what labels have in common that people take for the same."""
    return HostName(name).key if name.isascii() else name


def shown_names(meta: Meta | Mapping[str, object]) -> ShownNames:
    """Return the shown names of the hosts that ``trace.meta`` describes."""
    hosts: Iterable[Mapping[str, object]] = meta.get("hosts", ())  # type: ignore[assignment]
    return ShownNames((str(host["name"]), str(host.get("label") or "")) for host in hosts)
