"""What crosses the channel, as the engines report it.

This module is never compiled: a compiled NamedTuple has no docstring.
"""

from __future__ import annotations

from typing import NamedTuple


class Crossing(NamedTuple):
    """An event of a session: what crossed the channel, or is to be sent.

    ``kind`` is "command" (a command line with its CRLF), "data" (mail data as it crosses, with
    doubled periods, perhaps only a piece of it) or "reply" (a reply, all of its lines). ``octets``
    are its bytes.
    """

    kind: str
    octets: bytes
