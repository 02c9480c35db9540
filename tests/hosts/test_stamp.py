"""What the time stamp lines of a host say besides from, by and the date (section 4.1.2)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from helpers.small_topologies import counts, delivered, mail, relay, run

from lab import Run
from lab.hosts.stamp import PLAIN, Stamp
from lab.protocol import parse_path, parse_time_stamp_line
from lab.protocol.time_stamps import TimeStamp


def stamps(of: Run, user: str, mail: int = 0) -> list[TimeStamp]:
    """The time stamps of a mail that a user received, the latest first."""
    lines = re.findall(r"^Received: .*$", delivered(of, user)[mail], re.M)
    return [parse_time_stamp_line(line.encode()) for line in lines]


def relayed(stamp: dict[str, Any], *to: str, **options: Any) -> Run:
    return run(
        relay("A", "ann", **options),
        relay("B", "bob", "ben", stamp=stamp, zone="EST"),
        relay("C", "carl", zone="+0900"),
        mail=[mail("ann@A", *to)],
    )


@pytest.mark.rule("4.1.2-11")
def test_a_host_writes_what_its_settings_say() -> None:
    made = relayed({"via": "WIRE", "with": "SMTP", "id": "B.{message}", "for": "path"}, "carl@C")
    last, first = stamps(made, "carl")
    assert (last.received_by, last.link, last.id, last.forward_path) == ("C", "", "", "")
    assert (first.link, first.protocol, first.id) == ("WIRE", "SMTP", "B.1")
    assert first.forward_path == "<carl@C>"
    assert made.breaches == []


def test_the_recipient_is_left_out_if_there_are_several() -> None:
    """4.1.2: <for> has one <path>; and whoever reads it need not know of the others."""
    made = relayed({"for": "mailbox"}, "bob@B", "ben@B")
    assert [stamps(made, user)[0].forward_path for user in ("bob", "ben")] == ["", ""]
    assert stamps(relayed({"for": "mailbox"}, "bob@B"), "bob")[0].forward_path == "bob@B"


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("<@B:carl@C>", "carl@C"),
        ('<"a b"@C>', '<"a b"@C>'),
        ('<"a;b"@C>', '"a;b"@C'),
        ('<"a\\\tb"@C>', ""),
    ],
)
def test_the_recipient_is_one_word_or_a_path_in_its_brackets(path: str, written: str) -> None:
    options = Stamp(recipient="mailbox").options(1, [parse_path(path)])
    assert options == (f"for {written} " if written else "")
    line = f"Received: from A by B {options}; 1 Aug 82 00:00:00 UT\r\n".encode()
    assert parse_time_stamp_line(line).forward_path == written
    assert PLAIN.options(1, [parse_path(path)]) == ""


def test_mail_from_outside_has_its_number_when_it_has_one() -> None:
    """A script's mail is numbered only when the host has taken it."""
    lines = ["HELO A", "MAIL FROM:<x@A>", "RCPT TO:<bob@B>", "DATA", "hi", ".", "QUIT"]
    made = run(
        relay("A", "ann"),
        relay("B", "bob", stamp={"id": "{message}"}),
        mail=[mail("ann@A", "bob@B"), mail("ann@A", "bob@B", at=60)],
        script=[{"from": "A", "to": "B", "at": 30, "lines": lines}],
    )
    numbers = [stamps(made, "bob", n)[0].id for n in range(3)]
    assert sorted(numbers) == ["1", "2", "3"]
    accepted = [str(event.message) for event in made.trace if event.kind == "accept"]
    assert numbers == accepted


@pytest.mark.rule("4.1.2-12")
def test_each_host_s_clock_shows_its_own_time_zone() -> None:
    """4.1.2: <zone>; the order of the lines is that of the moments, whatever the zones."""
    made = relayed({}, "carl@C", zone="PDT")
    assert "Date: 31 Jul 82 17:00:00 PDT\n" in delivered(made, "carl")[0]
    last, first = stamps(made, "carl")
    assert first.daytime.startswith("31 Jul 82 19:00:0")
    assert first.daytime.endswith(" EST")
    assert last.daytime.startswith("1 Aug 82 09:00:0")
    assert last.daytime.endswith(" +0900")
    assert made.breaches == []
    assert counts(made) == {"delivered": 1}
