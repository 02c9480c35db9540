"""Commands of programs, with what they are told in their places and in their environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

VARIABLES: Final = {
    "mail": "LAB_MAIL", "host": "LAB_HOST", "users": "LAB_USERS", "port": "LAB_PORT",
    "next_host": "LAB_NEXT_HOST", "next_port": "LAB_NEXT_PORT", "queue": "LAB_QUEUE",
    "retry": "LAB_RETRY", "give_up": "LAB_GIVE_UP",
}  # fmt: skip
"""The variable in which a program finds what a place in its command has."""


def filled(command: Sequence[str], places: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return a command with its places filled in, and the same as variables."""
    words = list(command)
    for name, value in places.items():
        words = [word.replace(f"{{{name}}}", value) for word in words]
    return words, {VARIABLES[name]: value for name, value in places.items() if name in VARIABLES}
