"""The members of private lists, and hosts further on that have to return mail for them.

The host of a private list tells an originator of neither (section 3.3). But a host further on knows
only the path of a member. So the host of the list writes the list, as the originator wrote it, into
the time stamp line of the mail that it sends to members: as FOR, "the path" that the mail came for
(section 4.1.2). A host that finds there another mailbox than it was given names that, and not the
member.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lab.hosts.received import received_fields
from lab.protocol import (
    HostName,
    Path,
    SyntaxFault,
    TimeStamp,
    parse_path,
    parse_time_stamp_line,
    stamp_options,
    time_stamp_line,
)


def for_members(mail_data: bytes, written: Path, host: str, daytime: str) -> bytes:
    """Return mail with a private list, as it was written, in the time stamp line of its host.

    Mail that a user of the host has submitted has no such line yet, and gets one.
    """
    first, _, below = mail_data.partition(b"\r\n")
    stamp = _stamp_of(first)
    if stamp is None or HostName(stamp.received_by) != HostName(host):
        stamp, below = TimeStamp(host, host, daytime), mail_data
    options = stamp_options(stamp.link, stamp.protocol, stamp.id, written.text)
    return time_stamp_line(stamp.sent_by, stamp.received_by, stamp.daytime, options) + below


def sent_for(mail_data: bytes, path: Path, own_names: Collection[HostName]) -> Path | None:
    """Return the path for which mail came to an earlier host, if it has another mailbox than
    ``path``, which this host was given; None if no time stamp line says so.
    """
    sender_list = None
    for stamp in _stamps(mail_data):
        if not stamp.forward_path or HostName(stamp.received_by) in own_names:
            continue
        earlier = _path_in(stamp.forward_path)
        if earlier is not None and earlier.mailbox_key != path.mailbox_key:
            sender_list = earlier
    return sender_list


def _stamps(mail_data: bytes) -> Iterator[TimeStamp]:
    """Yield the time stamp lines of mail, the latest first, without those of other programs."""
    for value in received_fields(mail_data):
        stamp = _stamp_of(b"Received:" + value)
        if stamp is not None:
            yield stamp


def _stamp_of(line: bytes) -> TimeStamp | None:
    try:
        return parse_time_stamp_line(line)
    except SyntaxFault:
        return None


def _path_in(text: str) -> Path | None:
    try:
        return parse_path(text if text.startswith("<") else f"<{text}>")
    except SyntaxFault:
        return None
