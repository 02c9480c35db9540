"""Test your own programs against RFC 821's engines, without a network.

:class:`Wire` plays a sender-SMTP against a receiver-SMTP: whole, byte by byte, cut anywhere, and
keeps a log. :class:`FakeInstallation` gives the replies that you list, :class:`FakeAgenda` sends
the mail that you list. The tests of the lab use them too.
"""

from lab.testing.fakes import FakeAgenda, FakeInstallation, mail_to
from lab.testing.wire import (
    Pieces,
    ReceivingSide,
    SendingSide,
    Wire,
    at,
    by,
    bytewise,
    every_loss,
    outline,
    play,
    whole,
)

__all__ = [
    "FakeAgenda",
    "FakeInstallation",
    "Pieces",
    "ReceivingSide",
    "SendingSide",
    "Wire",
    "at",
    "by",
    "bytewise",
    "every_loss",
    "mail_to",
    "outline",
    "play",
    "whole",
]
