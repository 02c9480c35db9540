"""Names of hosts, and when two of them are the same (sections 2, 3.7 and 4.1.2).

Upper and lower case do not matter, and a number is the number that its digits represent: `#0123` is
`#123`, `[127.0.0.01]` is `[127.0.0.1]`. Wherever host names are compared or looked up they are
:class:`HostName`; text is only printed. Nothing else in the lab changes the case of a name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from lab.protocol.sizes import MAX_COMMAND_LINE

_ZEROS: Final = re.compile(r"(?<=[#.\[])0+(?=[0-9])")


class HostName:
    """The name of a host, equal to every other spelling of it.

    ``text`` is the name as it was written, ``key`` the spelling that all of them share. A text is
    not a host name: comparing one with a HostName raises :class:`TypeError`.

    >>> HostName("#0123.arpa") == HostName("#123.ARPA")
    True
    """

    __slots__ = ("key", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.key = canonical(text)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, HostName):
            return self.key == other.key
        if isinstance(other, str):
            raise TypeError(f"{other!r} is a text: compare HostName({other!r}) with a host name")
        return False

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"HostName({self.text!r})"

    def __reduce__(self) -> tuple[type[HostName], tuple[str]]:
        return HostName, (self.text,)


def canonical(text: str) -> str:
    """Return the spelling that all spellings of a host name share: capitals, no leading zeros.

    A text with characters beyond ASCII is not a name of RFC 821, and stays as it is.
    """
    if not text.isascii():
        return text
    text = text.upper()
    return _ZEROS.sub("", text) if "#" in text or "[" in text else text


def host_name(text: str) -> HostName:
    """Return the :class:`HostName` of a text: made once and shared, unless the text is long."""
    return _shared(text) if len(text) <= MAX_COMMAND_LINE else HostName(text)


@lru_cache(maxsize=16384)
def _shared(text: str) -> HostName:
    return HostName(text)
