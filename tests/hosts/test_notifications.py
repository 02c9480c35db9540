"""What a notification says: the path that the user wrote, no secrets, and not without end (3.6)."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.small_topologies import counts, delivered, host, relay, run

import lab
from lab.hosts.failed import FailedRecipient
from lab.hosts.notification import MOST_QUOTED, compose_notification
from lab.hosts.private_lists import for_members, sent_for
from lab.hosts.received import without_received
from lab.hosts.spool import QueuedMail
from lab.live.spool_rows import as_mail, as_text
from lab.protocol import HostName, parse_path

Z = host("Z.ARPA", "well", {"name": "full", "mailbox": "full-after-data"})
REFUSED = '  Z.ARPA said this:\n   "550 No such user here"\n'


def story(to: str, *, two: dict[str, Any], **options: Any) -> lab.Run:
    """Mail from JOE at ONE.ARPA to a recipient at TWO.ARPA, which may send it on to Z.ARPA."""
    one = host("ONE.ARPA", "JOE", **options.pop("one", {}))
    links = [{"between": pair} for pair in (
        ["ONE.ARPA", "TWO.ARPA"], ["TWO.ARPA", "Z.ARPA"], ["ONE.ARPA", "Z.ARPA"],
    )]  # fmt: skip
    letter = options.pop("letter", None) or {"text": "Hi"}
    letter = {"from": "JOE@ONE.ARPA", "to": to, **letter}
    return run(one, two, Z, links=links, mail=[letter], **options)


def told(done: lab.Run) -> str:
    """The text of the only notification that JOE gets."""
    (text,) = delivered(done, "JOE")
    return text.partition("\n\n")[2]


def lists(*members: str, private: bool = False, name: str = "all") -> dict[str, Any]:
    return {"name": name, "members": list(members), "private": private}


def forwards(to: str, mode: str = "forward") -> list[dict[str, str]]:
    return [{"user": "fred", "to": to, "mode": mode}]


@pytest.mark.parametrize(("to", "two", "one"), [
    ("fred@two.ARPA", {"forward": forwards("gone@Z.ARPA")}, {}),
    ("fred@TWO.ARPA", {"forward": forwards("gone@Z.ARPA")}, {"on_251": "redirect"}),
    ("@TWO.ARPA:fred@TWO.ARPA", {"forward": forwards("gone@Z.ARPA", "refer")}, {}),
    ("all@TWO.ARPA", {"list": [lists("gone@Z.ARPA")]}, {}),
    ("all@TWO.ARPA", {"list": [lists("fred@TWO.ARPA")], "forward": forwards("gone@Z.ARPA")}, {}),
    ("fred@TWO.ARPA", {"list": [lists("gone@Z.ARPA")], "forward": forwards("all@TWO.ARPA")}, {}),
    ("all@TWO.ARPA", {"list": [lists("in@TWO.ARPA"), lists("gone@Z.ARPA", name="in")]}, {}),
])  # fmt: skip
def test_it_names_the_path_that_the_user_wrote(
    to: str, two: dict[str, Any], one: dict[str, Any]
) -> None:
    """3.6: users know whom they wrote to, and not where lists and forwards send the mail."""
    done = story(to, two=relay("TWO.ARPA", **two), one=one)
    first = f"  Sorry JOE, your message to {to.rpartition(':')[2]} lost.\n"
    assert told(done) == first + "  It was sent on to gone@Z.ARPA.\n" + REFUSED
    assert counts(done) == {"returned": 1}
    assert done.breaches == []


@pytest.mark.parametrize("outer", [lists("in@TWO.ARPA"), lists("in@TWO.ARPA", private=True)])
@pytest.mark.parametrize(("member", "meaning"), [
    ("gone@Z.ARPA", "550 Requested action not taken: mailbox unavailable"),
    ("full@Z.ARPA", "552 Requested mail action aborted: exceeded storage allocation"),
    ("none@NOWHERE.ARPA", "550 Requested action not taken: mailbox unavailable"),
    ("nobody@TWO.ARPA", "550 Requested action not taken: mailbox unavailable"),
    ("fred@TWO.ARPA", "550 Requested action not taken: mailbox unavailable"),
])  # fmt: skip
def test_members_of_a_private_list_are_not_named(
    member: str, meaning: str, outer: dict[str, Any]
) -> None:
    """3.3: a list that EXPN does not show; neither the user nor the host of a member is told."""
    inner = lists(member, "BOB@TWO.ARPA", private=not outer["private"], name="in")
    two = relay("TWO.ARPA", "BOB", list=[outer, inner], forward=forwards("gone@Z.ARPA"))
    done = story("all@TWO.ARPA", two=two)
    assert told(done) == (
        "  Sorry JOE, your message to all@TWO.ARPA lost.\n"
        f'  A member of that list did not get it:\n   "{meaning}"\n'
    )
    assert counts(done) == {"delivered": 1, "returned": 1}


def test_members_of_a_private_list_are_not_named_when_they_cannot_be_reached() -> None:
    two = relay("TWO.ARPA", list=[lists("well@Z.ARPA", private=True)])
    down = [{"kind": "host-down", "host": "Z.ARPA", "at": 0}]
    done = story("all@TWO.ARPA", two=two, fault=down, retry={"first": "1 h", "give_up": "1 h"})
    assert told(done) == (
        "  Sorry JOE, your message to all@TWO.ARPA lost.\n"
        "  A member of that list did not get it:\n  it could not be reached\n"
    )


DOWN = {"kind": "host-down", "host": "FAR", "at": 0}
RELAYS = {"notification_quote": "2 kB", "stamp": {"for": "path"}}


@pytest.mark.parametrize("by", ["ann@HOME", "lee@LIST"])
@pytest.mark.parametrize("to", ["team@LIST", "club@R2"])
@pytest.mark.parametrize(
    ("far", "fault", "said"),
    [
        (["zed"], [], '   "550 Requested action not taken: mailbox unavailable"\n'),
        (["bob"], [DOWN], "  it could not be reached\n"),
        ([{"name": "bob", "mailbox": "full-after-data"}], [], '   "552 Requested mail action'),
    ],
)
def test_hosts_further_on_do_not_name_members_either(
    by: str, to: str, far: list[Any], fault: list[Any], said: str
) -> None:
    """However many relays lie between, and also where these quote the mail and write FOR: they find
    the list in the time stamp line of its host.
    """
    hosts = [
        host("HOME", "ann"),
        relay("LIST", "lee", list=[lists("bob@FAR", "lee@LIST", private=True, name="team")]),
        relay("R1", **RELAYS),
        relay("R2", list=[lists("team@LIST", private=True, name="club")], **RELAYS),
        host("FAR", *far),
    ]
    done = run(
        *hosts, mail=[{"from": by, "to": [to], "text": "Hi"}], fault=fault,
        retry={"first": "60 s", "give_up": "20 min"},
    )  # fmt: skip
    user = by.partition("@")[0]
    [notice] = [text for text in delivered(done, user) if "Sorry" in text]
    assert f"  Sorry {user}, your message to {to} lost.\n" in notice
    assert said in notice
    assert "bob" not in notice
    assert "FAR" not in notice
    assert to == "team@LIST" or "team" not in notice
    assert counts(done) == {"delivered": 1, "returned": 1}
    assert done.breaches == []


def test_a_private_list_has_a_copy_of_its_own() -> None:
    """One who is a member, and is written to besides, has a notification for each."""
    two = relay("TWO.ARPA", "BOB", list=[lists("gone@Z.ARPA", "BOB@TWO.ARPA", private=True)])
    done = run(
        host("ONE.ARPA", "JOE"), two, relay("MID.ARPA"), Z,
        mail=[{"from": "JOE@ONE.ARPA", "to": ["all@TWO.ARPA", "gone@Z.ARPA"], "text": "Hi"}],
    )  # fmt: skip
    notices = delivered(done, "JOE")
    assert sorted("your message to all@TWO.ARPA lost" in text for text in notices) == [False, True]
    assert done.breaches == []


@pytest.mark.parametrize(
    "above", [b"", b"Received: by some program\r\n", b"Received: from A by B ; x\r\n"]
)
def test_a_list_is_written_into_the_line_of_its_host_alone(above: bytes) -> None:
    """Where the first line is not that of the host, it gets one."""
    path = parse_path("<all@TWO>")
    made = for_members(above + b"Hi\r\n", path, "TWO", "1 Aug 82 00:00:00 UT")
    line = b"Received: from TWO by TWO for <all@TWO> ; 1 Aug 82 00:00:00 UT\r\n"
    assert made == line + above + b"Hi\r\n"


def test_a_notification_about_a_list_quotes_no_received_field() -> None:
    """However it is written; one below other fields is the originator's."""
    fields = b"Received: a\r\n b\r\n\tc\r\nRECEIVED : d\r\n"
    assert without_received(fields + b"Date: x\r\n" + fields) == b"Date: x\r\n" + fields
    assert without_received(b"Received: a") == b""


def test_lines_that_name_no_path_hide_nothing() -> None:
    gone = parse_path("<gone@Z>")
    begin = b"Received: from A by TWO "
    end = b"; 1 Aug 82 00:00:00 UT\r\n"
    for line in (b"", b"for <gone@z> ", b"for gone@Z ", b"for <@> ", b"id x "):
        assert sent_for(begin + line + end, gone, {HostName("Z")}) is None, line
    other = begin + b"for all@TWO " + end
    assert sent_for(other, gone, {HostName("Z")}) == parse_path("<all@TWO>")
    assert sent_for(other, gone, {HostName("TWO")}) is None


def test_the_reply_to_a_private_list_of_nobody_names_nobody() -> None:
    """4.1.1: all fail, so the reply to the mail data says why, and no more than that."""
    members = lists("none@NOWHERE.ARPA", "nobody@TWO.ARPA", private=True)
    done = story("all@TWO.ARPA", two=relay("TWO.ARPA", list=[members]))
    reply = "554 Transaction failed: Requested action not taken: mailbox unavailable"
    assert told(done) == (
        f'  Sorry JOE, your message to all@TWO.ARPA lost.\n  TWO.ARPA said this:\n   "{reply}"\n'
    )


def test_many_members_of_a_private_list_are_one_line() -> None:
    members = [f"gone{number}@Z.ARPA" for number in range(40)]
    two = relay("TWO.ARPA", "BOB", list=[lists(*members, "BOB@TWO.ARPA", private=True)])
    done = story("all@TWO.ARPA", two=two)
    assert told(done).count("lost.") == 1
    assert counts(done) == {"delivered": 1, "returned": 40}


# -- how long it is


def failures(count: int, reason: str, host: str = "Z.ARPA") -> list[FailedRecipient]:
    return [
        FailedRecipient(str(number), parse_path(f"<u{number}@Z.ARPA>"), host, reason)
        for number in range(count)
    ]


@pytest.mark.parametrize("said_by", ["Z.ARPA", ""])
@pytest.mark.parametrize("reason", [
    "550 " + "\n".join(f"line {number} " + "x" * 400 for number in range(10_000)),
    "550 " + "x" * 1_000_000,
    "550 No such user here",
])  # fmt: skip
def test_a_reply_is_quoted_as_far_as_it_fits(reason: str, said_by: str) -> None:
    """4.5.3: a reply may have any number of lines; each recipient is named all the same."""
    octets = compose_notification(
        "1 Aug 82 00:00:00 UT", "A", parse_path("<JOE@A>"), failures(100, reason, said_by)
    )
    assert len(octets) < 3 * MOST_QUOTED + 100 * 100
    for number in range(100):
        assert f"message to u{number}@Z.ARPA lost.".encode() in octets
    assert b"550 " in octets
    assert b"\n" not in octets.replace(b"\r\n", b"")


def test_what_is_left_out_of_a_reply_is_counted() -> None:
    reason = "550 " + "\n".join("x" * 999 for _ in range(10))
    octets = compose_notification("date", "A", parse_path("<JOE@A>"), failures(1, reason))
    lines = octets.decode().split("\r\n")
    assert lines[-2] == '    (and 2 more lines)"'


def test_more_than_a_hundred_are_told_in_several() -> None:
    """4.1.1: a notification "which lists all of the recipients that failed", or several."""
    members = [f"gone{number}@TWO.ARPA" for number in range(250)]
    two = relay("TWO.ARPA", "BOB", list=[lists(*members, "BOB@TWO.ARPA")])
    done = story("all@TWO.ARPA", two=two)
    texts = delivered(done, "JOE")
    assert [text.count("It was sent on to") for text in texts] == [100, 100, 50]
    assert all(sum(f"{member}.\n" in text for text in texts) == 1 for member in members)
    assert counts(done) == {"delivered": 1, "returned": 250}
    assert done.breaches == []


# -- what it quotes


LETTER = "Subject: Lunch\nDate: today\n\nFirst line.\nSecond line.\nThird line.\n"


@pytest.mark.parametrize(("most", "quoted"), [
    (0, ""),
    (30, "\n  It began:\n  > Subject: Lunch\n  > Date: today\n  (42 more bytes)\n"),
    (50, "\n  It began:\n  > Subject: Lunch\n  > Date: today\n  > \n  > First line.\n"
         "  (27 more bytes)\n"),
    (1000, "\n  It began:\n  > Subject: Lunch\n  > Date: today\n  > \n  > First line.\n"
           "  > Second line.\n  > Third line.\n"),
])  # fmt: skip
def test_it_quotes_the_header_and_the_text_as_far_as_it_fits(most: int, quoted: str) -> None:
    """A setting of the host; the RFC's example 7 quotes nothing, and so do we unless asked."""
    done = story(
        "gone@TWO.ARPA", two=relay("TWO.ARPA"), one={"notification_quote": most},
        letter={"mail_data": LETTER},
    )  # fmt: skip
    assert told(done) == (
        "  Sorry JOE, your message to gone@TWO.ARPA lost.\n"
        f'  TWO.ARPA said this:\n   "550 No such user here"\n{quoted}'
    )


def test_stable_storage_keeps_what_the_user_wrote() -> None:
    path = parse_path("<gone@Z.ARPA>")
    entry = QueuedMail(7, "MAIL", path, path, [("1.1", path), ("2", path)], b"Hi\r\n")
    entry.written = {"1.1": (parse_path("<all@TWO.ARPA>"), True), "9": (path, False)}
    entry.redirects = 3
    read = as_mail(as_text(entry), entry.mail_data)
    assert read.written == {"1.1": (parse_path("<all@TWO.ARPA>"), True)}
    assert read.redirects == 3
    (first, second) = read.failed(read.addressees, "Z.ARPA", "550 No")
    assert (first.written, first.is_private) == (parse_path("<all@TWO.ARPA>"), True)
    assert (second.written, second.is_private) == (None, False)


def test_only_time_stamp_lines_of_rfc_821_say_for_whom_mail_came() -> None:
    """Received fields of other programs are passed over; the path is that of the earliest host."""
    stamp = b"Received: from A by B FOR <list@B> ; 1 Aug 82 00:00:00 UT\r\n"
    other = b"Received: (from ann) by relay.example id 7; Sun, 1 Aug 1982 00:00:00 +0000\r\n"
    member = parse_path("<bob@C>")
    found = sent_for(other + stamp + b"\r\nHi\r\n", member, ())
    assert found is not None
    assert found.text == "<list@B>"
    assert sent_for(other + b"\r\nHi\r\n", member, ()) is None
