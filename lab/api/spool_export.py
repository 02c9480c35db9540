"""Writes what a spool folder holds as Maildirs, which open in any mail reader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lab.live.spool_folder import HostSpool
from lab.views.files.maildrops import file_name


def export_spool(hosts: Sequence[HostSpool], out: Path) -> int:
    """Write all mail beneath a directory, every byte as it is; return how many messages.

    ``mail/HOST/USER`` is a mail drop, ``queue/HOST/NEXT-HOST`` the mail that waits for a next host.
    From whom and for whom that is, says ``envelopes.json`` in the same directory.
    """
    count = 0
    for host in hosts:
        for drop in host.drops:
            maildir = out / "mail" / file_name(host.host) / file_name(drop.user)
            _put(maildir, drop.stored_at, drop.number, drop.octets)
            count += 1
        envelopes: dict[Path, dict[str, object]] = {}
        for mail in host.waiting:
            maildir = out / "queue" / file_name(host.host) / file_name(mail.next_host)
            name = _put(maildir, mail.stored_at, mail.number, mail.octets)
            envelope = {"from": mail.reverse_path, "to": list(mail.recipients)}
            envelopes.setdefault(maildir, {})[name] = envelope
            count += 1
        for maildir, described in envelopes.items():
            (maildir / "envelopes.json").write_text(json.dumps(described, indent=1) + "\n")
    return count


def _put(maildir: Path, stored_at: float, number: int, octets: bytes) -> str:
    """Put a message into a Maildir, as a reader expects it: written in tmp, then moved to new."""
    for part in ("tmp", "new", "cur"):
        (maildir / part).mkdir(parents=True, exist_ok=True)
    name = f"{int(stored_at)}.Q{number}.smtp-lab"
    (maildir / "tmp" / name).write_bytes(octets)
    (maildir / "tmp" / name).replace(maildir / "new" / name)
    return name
