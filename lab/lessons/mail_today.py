"""What later standards added to SMTP, in outline: signatures as DKIM has them, and who may send.

These are small enough to be read in a lesson and are not safe to use: real signatures pad what they
sign, have keys that are drawn at random, and name the fields that they cover.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from email import message_from_bytes
from email.policy import SMTP
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple

EXPONENT: Final = 65537

SIGNED: Final = ("from", "to", "subject")
"""The fields of the header that a signature covers; it covers the whole text too."""


class PublicKey(NamedTuple):
    """What a domain publishes, for anybody to verify its signatures."""

    modulus: int


class PrivateKey(NamedTuple):
    """What only the mail hosts of a domain have."""

    modulus: int
    exponent: int


def keys() -> tuple[PrivateKey, PublicKey]:
    """Return a pair of keys of RSA, made from two primes that everybody knows."""
    p, q = 2**521 - 1, 2**607 - 1
    return PrivateKey(p * q, pow(EXPONENT, -1, (p - 1) * (q - 1))), PublicKey(p * q)


def sign(message: str, key: PrivateKey) -> int:
    """Return the signature of a message: a number that only this key makes."""
    return pow(_hash_of(message), key.exponent, key.modulus)


def is_signed(message: str, signature: int, key: PublicKey) -> bool:
    """Return whether a signature belongs to a message as it is now."""
    return pow(signature, EXPONENT, key.modulus) == _hash_of(message)


def _hash_of(message: str) -> int:
    header, _, text = message.replace("\r\n", "\n").partition("\n\n")
    fields = [line.partition(":") for line in header.splitlines()]
    covered = [f"{name.lower()}:{value.strip()}" for name, _, value in fields
               if name.lower() in SIGNED]  # fmt: skip
    whole = "\n".join([*sorted(covered), "", text.rstrip("\n")])
    return int.from_bytes(hashlib.sha256(whole.encode()).digest(), "big")


def may_send(record: str, address: str) -> str:
    """Return what an SPF record says of an address: "pass", "fail", "softfail" or "neutral".

    The terms are tried from left to right, and the first that fits decides. The ones known here are
    ``ip4:`` with an address or a network, and ``all``.
    """
    meanings = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
    for term in record.split()[1:]:
        sign, name = (term[0], term[1:]) if term[0] in meanings else ("+", term)
        if name == "all" or ip_address(address) in _network(name):
            return meanings[sign]
    return "neutral"


def _network(term: str) -> Iterable[object]:
    return ip_network(term.removeprefix("ip4:"))


def as_read(message: bytes) -> str:
    """Return the text of a message as a mail program of today shows it."""
    body = message_from_bytes(message, policy=SMTP).get_body(("plain", "html"))
    if body is None:
        return ""
    return str(body.get_content()).replace("\r\n", "\n")
