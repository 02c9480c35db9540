"""Paths and time stamp lines at their limits (sections 3.6, 4.1.2 and 4.5.3), and forwards that go
in a circle (3.2): what is just right, and what is one too many.
"""

from __future__ import annotations

import pytest
from helpers.small_topologies import counts, drops, mail, relay, run
from hypothesis import given
from hypothesis import strategies as st

from lab.hosts.destination import Destinations
from lab.hosts.directory import Directory, MailingList, Member, User
from lab.hosts.expansion import Expansion
from lab.hosts.paths import fits_path_limits, why_unsendable, why_unsendable_from
from lab.hosts.plan import MailPlan
from lab.hosts.received import visits, was_sent
from lab.hosts.routing import RoutingTable
from lab.protocol import HostName, Path, SyntaxFault, quote, unquote, with_relay
from lab.protocol.lines import MailData, fits_the_wire
from lab.protocol.syntax import parse_command, parse_path


def names(*texts: str) -> set[HostName]:
    return set(map(HostName, texts))


def path_of(size: int) -> Path:
    """A path whose text, with its brackets, has so many characters."""
    names = [f"H{n}.{'X' * 20}" for n in range(10)]
    path = Path((), "u", "Z")
    while len(path.text) + 24 <= size:
        path = with_relay(path, names.pop())
    path = Path(path.route, "u" * (1 + size - len(path.text)), "Z")
    assert len(path.text) == size
    return path


def text_of(path: Path, name: str = "") -> str:
    refused = why_unsendable_from(path, name) if name else why_unsendable(path)
    return "sent" if refused is None else f"{refused.code} {refused.lines[0]}"


@pytest.mark.rule("4.5.3-3")
def test_a_path_of_256_characters_is_sent_and_none_longer() -> None:
    """4.5.3: "The maximum total length of a reverse-path or forward-path is 256 characters"."""
    assert text_of(path_of(256)) == "sent"
    assert text_of(path_of(257)) == "550 The path is too long to be sent on"


@pytest.mark.rule("4.5.3-1")
def test_a_user_of_64_characters_is_sent_and_none_longer() -> None:
    """4.5.3: "The maximum total length of a user name is 64 characters"."""
    assert text_of(Path((), "u" * 64, "B")) == "sent"
    assert text_of(Path((), "u" * 65, "B")) == "550 The user name is too long to be sent on"


@pytest.mark.rule("4.5.3-2")
def test_a_domain_of_64_characters_is_sent_and_none_longer() -> None:
    """4.5.3: a domain's, of the path or of its source route."""
    refused = "550 A domain of the path is too long to be sent on"
    assert text_of(Path((), "u", "D" * 64)) == text_of(Path(("D" * 64,), "u", "B")) == "sent"
    assert text_of(Path((), "u", "D" * 65)) == text_of(Path(("D" * 65,), "u", "B")) == refused


@pytest.mark.parametrize("end", ["\r", "\n"])
def test_no_cr_or_lf_of_a_path_goes_on_a_wire(end: str) -> None:
    assert text_of(parse_path(f'<"a\\{end}b"@B>')).startswith("553 ")


def test_a_reverse_path_may_grow_to_256_characters() -> None:
    """3.6: each relay puts its name at the beginning; and 4.5.3's limit holds for the whole."""
    assert text_of(path_of(256 - len("@R.X,")), "R.X") == "sent"
    grown = "550 The reverse-path would grow too long"
    assert text_of(path_of(257 - len("@R.X,")), "R.X") == grown
    assert why_unsendable_from(path_of(256), "") is None
    assert why_unsendable_from(path_of(257), "") is not None
    assert why_unsendable_from(Path((), "", ""), "R" * 300) is None


def stamped(count: int, by: str = "B.ARPA") -> bytes:
    return b"".join(
        b"Received: FROM A.ARPA BY %s ; 24 Nov 81 10:00:%02d UT\r\n" % (by.encode(), n)
        for n in range(count)
    )


def test_the_visits_are_those_time_stamp_lines_that_a_host_wrote() -> None:
    lines = stamped(2) + stamped(3, "c.arpa")
    assert visits(lines, names("B.ARPA")) == 2
    assert visits(lines, names("C.ARPA")) == 3
    assert visits(lines, names("B.ARPA", "C.ARPA")) == 5
    assert visits(lines, names("A.ARPA")) == visits(b"", names("B.ARPA")) == 0
    assert visits(stamped(60), names("B.ARPA")) == 60
    # cut short by who forged it
    assert visits(b"Received: from A.ARPA by\r\n", names("B.ARPA")) == 0
    assert visits(b"Received: from A.ARPA by B.ARPA\r\n", names("B.ARPA")) == 1


def test_mail_was_sent_by_whom_a_time_stamp_line_has_it_from() -> None:
    assert was_sent(stamped(1), names("A.ARPA"))
    assert was_sent(stamped(2, "C.ARPA") + stamped(1), names("Z", "A.ARPA"))
    assert not was_sent(stamped(3), names("B.ARPA"))
    assert was_sent(b"Subject: x\r\n" + stamped(1), names("A.ARPA"))
    assert not was_sent(b"Subject: x\r\n\r\n" + stamped(1), names("A.ARPA"))


@pytest.mark.rule("3.3-7", "3.6-11")
@pytest.mark.parametrize(("before", "reached"), [(2, ["bob", "ann"]), (3, ["ann"])])
def test_a_list_takes_mail_that_was_here_twice_and_no_oftener(
    before: int, reached: list[str]
) -> None:
    """3.3: a host of one list that has forgotten it; who else is named gets the mail anyhow."""
    lines = ["HELO A", "MAIL FROM:<joe@A>", "RCPT TO:<all@B>", "RCPT TO:<ann@B>", "DATA"]
    lines += [*stamped(before, "B").decode().splitlines(), "", ".", "QUIT"]
    two = relay("B", "bob", "ann", list=[{"name": "all", "members": ["bob@B"]}])
    made = run(relay("A", "joe"), two, mail=[], script=[{"from": "A", "to": "B", "lines": lines}])
    assert [user for host, user in drops(made) if host == "B"] == reached


def test_a_host_remembers_so_many_messages_and_forgets_the_first() -> None:
    path = parse_path("<all@B>")
    directory = Directory(
        "B", (User("bob"),), (MailingList("all", (Member(parse_path("<bob@B>")),)),)
    )
    destinations = Destinations("B", ["B"], directory, RoutingTable(lambda host: (), set(), {}))
    expansion = Expansion("B", destinations)
    expansion.remembers = 2
    for message in (7, 8, 7, 9):
        plan = MailPlan(parse_path("<joe@A>"))
        expansion.expand(plan, message, [("1", destinations.of(path))])
        expansion.remember(message, plan.lists)
    assert expansion.lists_expanded == {8: {"all"}, 9: {"all"}}


@given(st.binary(max_size=60))
def test_no_line_that_a_sender_forged_stops_the_count(octets: bytes) -> None:
    """Whatever stands in a line that begins as a time stamp line does."""
    assert visits(b"Received: FROM A BY " + octets, names("B")) <= 1
    assert visits(b"Received: " + octets + b"\r\n" + stamped(1, "B"), names("B")) >= 0


def test_mail_is_sent_round_only_as_far_as_its_path_and_time_stamps_bear() -> None:
    """3.6 and 4.5.3: each host on the way but the last adds "@", its name and "," to the path."""
    way = ["FOUR", "SIX.SIX", "THE-LAST.ONE"]
    added = len("@FOUR,@SIX.SIX,")
    assert fits_path_limits(path_of(256 - added), way, 100)
    assert not fits_path_limits(path_of(257 - added), way, 100)
    assert fits_path_limits(path_of(256), way[-1:], 100)
    for stamps in range(23, 28):
        assert fits_path_limits(Path(("A",) * 3, "u", "B"), ["C"] * (stamps - 3), 25) == (
            stamps <= 25
        )


def test_a_list_with_forwards_in_a_circle_reaches_the_others() -> None:
    """3.2 and 3.3: a member who is nowhere is told of; the list comes to an end all the same."""
    made = run(
        relay("A", "ann"),
        relay(
            "B", "bill",
            list=[{"name": "all", "members": ["bob@B", "bill@B", "ben@B"]}],
            forward=[{"user": "bob", "to": "ben@B"}, {"user": "ben", "to": "bob@B"}],
        ),
        mail=[mail("ann@A", "all@B")],
    )  # fmt: skip
    assert drops(made)[0] == ("B", "bill")
    assert counts(made) == {"delivered": 1, "returned": 2}


@pytest.mark.rule("3.3-5")
def test_a_string_may_begin_with_any_sign() -> None:
    """3.3: only the space after the command is not of the string."""
    assert parse_command(b"VRFY   ?what").text == "?what"


def test_a_forward_that_leads_back_to_itself_is_a_user_that_does_not_exist() -> None:
    """3.2: each mail is forwarded to some other mailbox; one in a circle ends nowhere."""
    made = run(
        relay("A", "ann"),
        relay("B", forward=[{"user": "bob", "to": "ben@B"}, {"user": "ben", "to": "bob@B"}]),
        mail=[mail("ann@A", "bob@B")],
    )
    assert "delivered" not in counts(made)
    assert "lost" not in counts(made)
    assert [host for host, _ in drops(made)] == ["A"]


@given(st.text(st.characters(max_codepoint=127), min_size=1, max_size=20))
def test_a_user_name_quoted_and_unquoted_is_itself(user: str) -> None:
    """4.1.2: of any of the 128 characters, and only quoted where it has to be."""
    assert unquote(quote(user)) == user
    assert parse_path(f"<{quote(user)}@B>").user == user


@pytest.mark.rule("4.1.2-15")
@pytest.mark.parametrize(
    ("user", "local"),
    [
        ("bob", "bob"),
        ("bob.smith", "bob.smith"),
        ("bob smith", '"bob smith"'),
        ("a\\b", '"a\\\\b"'),
        ('a"b', '"a\\"b"'),
        ("a\rb\nc", '"a\\\rb\\\nc"'),
        ("a@b", '"a@b"'),
        (".", '"."'),
    ],
)
def test_a_user_name_is_quoted_only_where_the_grammar_asks(user: str, local: str) -> None:
    assert quote(user) == local
    assert unquote(local) == user


def test_a_quoted_pair_is_its_character_alone() -> None:
    """4.1.2: backslash "is used to indicate that the next character is to be used literally"."""
    assert unquote("J\\ oe") == "J oe"
    assert unquote('"a\\\nb\\\\"') == "a\nb\\"


@pytest.mark.parametrize("octets", [b"\xa0", b"\xff\xfe", b"HELO\xa0A", b"NOOP\xa0", b"\x85HELO"])
def test_octets_beyond_ascii_are_a_syntax_error_and_no_space(octets: bytes) -> None:
    """None of them is read as the character that some code page has there."""
    assert parse_command(octets).fault in (500, 501)
    assert parse_command(octets, "tolerant").fault in (500, 501)


@pytest.mark.parametrize(
    ("line", "as_standard"),
    [
        (b"QUIT \t ", b"QUIT"),
        (b"QUIT\t", b"QUIT"),
        (b"NOOP are you there", b"NOOP"),
        (b"MAIL FROM: <a@B> ", b"MAIL FROM:<a@B>"),
        (b"MAIL  FROM:   a@B", b"MAIL FROM:<a@B>"),
        (b"rcpt to:a@B\t ", b"RCPT TO:<a@B>"),
    ],
)
def test_what_a_tolerant_host_passes_over(line: bytes, as_standard: bytes) -> None:
    tolerant, standard = parse_command(line, "tolerant"), parse_command(as_standard)
    assert standard.fault is None or standard.fault == 0
    assert (tolerant.verb, tolerant.path) == (standard.verb, standard.path)
    assert tolerant.fault == standard.fault
    assert parse_command(line).fault not in (None, 0)


def test_a_line_of_mail_data_of_1000_octets_with_its_crlf_fits_the_wire() -> None:
    """4.5.3: "The maximum total length of a text line including the <CRLF>"; a dot that is doubled
    is "not counting".
    """
    assert fits_the_wire(b"x" * 998)
    assert fits_the_wire(b"x" * 998 + b"\r\n")
    assert not fits_the_wire(b"x" * 999)
    assert not fits_the_wire(b"x" * 999 + b"\r\n")
    assert fits_the_wire(b"\r\n" + b"x" * 998)
    assert not fits_the_wire(b"\r\n" + b"x" * 999)


@pytest.mark.parametrize("name", ["", "caf\xe9"])
def test_no_local_part_stands_for_nothing_or_for_what_is_not_ascii(name: str) -> None:
    with pytest.raises(SyntaxFault, match="one or more ASCII characters"):
        quote(name)


@pytest.mark.parametrize(("line", "grammar", "text"), [
    (b"EHLO ONE.ARPA", "standard", "Syntax error, command unrecognized"),
    (b"RCPT TO:<BOB>", "standard", "Syntax error: a path must have a mailbox, <user@domain>"),
    (b"VRFY who? \t ", "tolerant", "who?"),
])  # fmt: skip
def test_the_text_of_a_command_is_kept_and_that_of_a_fault_tells_why(
    line: bytes, grammar: str, text: str
) -> None:
    assert parse_command(line, grammar).text == text


@pytest.mark.parametrize(
    ("octets", "so_far"),
    [
        (b"ab", b"ab"),
        (b"ab\r", b"ab"),
        (b"ab\r\n.", b"ab"),
        (b"ab\r\n.\r", b"ab"),
        (b"ab\r\nc", b"ab\r\nc"),
    ],
)
def test_only_what_may_be_the_end_of_mail_data_is_held_back(octets: bytes, so_far: bytes) -> None:
    """The buffer of 4.1.1 has each octet as soon as it cannot belong to CRLF, period, CRLF."""
    data = MailData()
    assert data.feed(octets) is None
    assert data.octets == so_far
