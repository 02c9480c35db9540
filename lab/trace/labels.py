"""When two labels of hosts are the same, as people read them."""

from __future__ import annotations

import unicodedata


def label_key(label: str) -> str:
    """Return what all spellings of a label share: case, spaces and kinds of accent do not matter.

    >>> label_key("Zu\u0308rich ") == label_key("ZÜRICH")
    True
    """
    return " ".join(unicodedata.normalize("NFC", label).casefold().split())
