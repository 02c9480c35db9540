"""The rules of what mail looks like: its text, time stamp lines and reverse-path."""

from __future__ import annotations

from datetime import datetime

from lab.analysis.invariants.breach import ORDER, ROUTE, STAMPS, TEXT, Findings, of_message
from lab.analysis.invariants.copies import (
    Arrived,
    Came,
    GrowingText,
    KnownBytes,
    Mail,
    has_single_period,
    text_of,
)
from lab.analysis.invariants.timestamps import own_stamp, seconds, stamps_above, time_stamps
from lab.protocol import HostName, dot_stuff, dot_unstuff
from lab.trace.meta import Meta
from lab.trace.rows import (
    ACCEPT_REVERSE_PATH,
    ACCEPT_SIZE,
    DELIVER_OCTETS,
    HOST,
    MESSAGE,
    PEER,
    SESSION,
    Row,
)


class FormRules:
    """Checks mail where it arrives and where it is delivered; adds to the ``findings``.

    ``environments`` are those of open sessions, needed where a host has another name in each
    (``has_names``). ``altered`` are the sessions whose dialogue a fault has changed, ``skewed`` the
    hosts whose clock is wrong.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._names: dict[HostName, str] = {}
        self._elsewhere: dict[str, dict[str, str]] = {}
        self._external: set[str] = set()
        self._century = 1900
        self.environments: dict[int | None, str] = {}
        self.altered: set[int | None] = set()
        self._after_altered: set[int | None] = set()
        self.skewed: set[str] = set()

    @property
    def has_names(self) -> bool:
        """Whether a host has another name in each environment."""
        return bool(self._elsewhere)

    def start(self, meta: Meta) -> None:
        """Take what the trace says of the hosts."""
        for host in meta.get("hosts", ()):
            for name in (host["name"], *(host.get("names") or {}).values()):
                self._names[HostName(name)] = host["name"]
            if host.get("names"):
                self._elsewhere[host["name"]] = host["names"]
            if host.get("external"):
                self._external.add(host["name"])
        if meta.get("start"):
            self._century = datetime.fromisoformat(meta["start"]).year

    def check_arrival(self, row: Row, mail: Mail, octets: Arrived, foreign: bool) -> None:
        """Check text, time stamp lines and reverse-path of mail that a host has just accepted."""
        if row[SESSION] in self.altered:  # a fault may have changed the name in HELO
            self._after_altered.add(row[MESSAGE])
        if mail.was_changed:
            return
        host, peer, reverse_path = row[HOST], row[PEER], row[ACCEPT_REVERSE_PATH]
        origin, text = mail.origin, mail.text
        if isinstance(octets, GrowingText):  # it comes from outside: there is nothing above it
            mail.text = octets.finish()
            if origin[2] not in (-1, row[ACCEPT_SIZE]):
                how = f"{origin[2]} bytes were submitted but {row[ACCEPT_SIZE]} arrived"
                self._changed(row, mail, how)
            mail.arrived.setdefault(host, []).append((reverse_path, 1))
            return
        if foreign and has_single_period(octets):
            # a sender outside the lab need not have doubled a period before more text (4.5.2)
            octets = dot_stuff(dot_unstuff(bytes(octets[:-3])))
        own = own_stamp(octets, peer) if peer == origin[0] else b""
        if own:
            octets = octets[len(own) :]
        if text is None:
            text = mail.text = text_of(octets)
            size = row[ACCEPT_SIZE] - len(own)
            if origin[2] >= 0 and size != origin[2]:
                self._changed(row, mail, f"{origin[2]} bytes were submitted but {size} arrived")
        stamps = stamps_above(octets, text.sent)
        if stamps < 0:
            self._changed(row, mail, "what arrived is not the text below time stamp lines")
            stamps = 0
        arrived = (reverse_path, stamps)
        straight = peer == origin[0] and peer not in self._elsewhere and arrived == (origin[1], 0)
        if not (foreign or straight):
            self._check_way(row, arrived, mail)
        mail.arrived.setdefault(host, []).append((reverse_path, stamps + 1 + bool(own)))

    def _check_way(self, row: Row, arrived: Came, mail: Mail) -> None:
        peer: str = row[PEER]
        before, origin = mail.arrived.get(peer, ()), mail.origin
        environment = self.environments.get(row[SESSION], "")
        name = self._elsewhere.get(peer, {}).get(environment, peer)
        possible = [(_prefixed(path, name), stamps) for path, stamps in before]
        if peer == origin[0]:
            possible.append((self._own_path(origin[1], peer, name), 0))
        if arrived in possible or row[SESSION] in self.altered:
            return
        path, stamps = arrived
        if path not in [possible_path for possible_path, _ in possible]:
            rule, manner = ROUTE, f"as <{path}>"
            ways = " or ".join(f"<{each}>" for each, _ in possible) or "not at all"
        else:
            rule, manner = STAMPS, f"with {stamps} time stamp lines"
            ways = " or ".join(str(count) for _, count in possible)
        difference = f" came from {peer} to {row[HOST]} {manner}, not {ways}"
        self._findings.add(rule, row, "message ", of_message(row[MESSAGE]), difference)

    def _own_path(self, path: str, host: str, name: str) -> str:
        """Return the path of a host's user by the name of the host where it sends to (3.6)."""
        local, _, domain = path.rpartition("@")
        own = host in self._elsewhere and self._names.get(HostName(domain)) == host
        return f"{local}@{name}" if own and not path.startswith("@") else path

    def check_delivery(self, row: Row, mail: Mail) -> None:
        """Check return path line, time stamp lines and text of mail as it lies in a mailbox."""
        host, message, octets = row[HOST], row[MESSAGE], row[DELIVER_OCTETS]
        if host in self._external or mail.was_changed:
            return  # a server outside the lab may do what it likes with its mail
        origin = mail.origin
        end = octets.find(b"\r\n") + 2
        first = octets[:end]
        if mail.text is None:
            text = KnownBytes(octets[end:])
            mail.text = text_of(dot_stuff(octets[end:]))
        else:
            text = mail.text.kept
        stamps = stamps_above(octets, text, end)
        arrived = mail.arrived.get(host, [])
        if host == origin[0]:
            arrived = [*arrived, (origin[1], 0)]
        if stamps < 0:
            self._changed(row, mail, "what was delivered is not the text below time stamp lines")
        elif not any(first == b"Return-Path: <%b>\r\n" % path.encode() for path, _ in arrived):
            self._findings.add(
                ROUTE,
                row,
                "message ",
                of_message(message),
                f" lies at {host} under {first.decode('latin-1').strip()!r}",
            )
        elif not any(stamps == count for _, count in arrived):
            self._findings.add(
                STAMPS,
                row,
                "message ",
                of_message(message),
                f" lies at {host} with {stamps} time stamp lines",
            )
        elif stamps > 1:
            self._check_order(row, octets[end : len(octets) - text.size])

    def _check_order(self, row: Row, above: bytes) -> None:
        """Check that no time stamp line is earlier than the one below, unless a clock is wrong."""
        later: float | None = None
        onward = None
        for stamp in time_stamps(above) or ():
            host = self._host(stamp.received_by)
            is_named = row[MESSAGE] not in self._after_altered
            if onward is not None and host != onward and is_named:
                self._findings.add(
                    STAMPS,
                    row,
                    "message ",
                    of_message(row[MESSAGE]),
                    f" came from {onward}, but the time stamp line below is by {host}",
                )
            onward = self._host(stamp.sent_by)
            if host in self.skewed:
                continue
            at = seconds(stamp.daytime, self._century)
            if later is not None and at > later:
                self._findings.add(
                    ORDER,
                    row,
                    "message ",
                    of_message(row[MESSAGE]),
                    f" passed {host} at {stamp.daytime}, later than a host that comes after it",
                )
            later = at

    def _host(self, name: str) -> str:
        return self._names.get(HostName(name), name)

    def _changed(self, row: Row, mail: Mail, how: str) -> None:
        if row[SESSION] in self.altered:
            mail.was_changed = True
            return
        self._findings.add(
            TEXT, row, "message ", of_message(row[MESSAGE]), f" at {row[HOST]}: {how}"
        )


def _prefixed(path: str, name: str) -> str:
    """Return a reverse-path, without brackets, with a relay at its beginning (section 3.6)."""
    if not path:
        return path  # the null one of a notification stays null
    return f"@{name}{',' if path.startswith('@') else ':'}{path}"
