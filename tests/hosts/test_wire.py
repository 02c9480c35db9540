"""Bytes through a relay: what comes in goes out, whatever they look like, and as one mail."""

from __future__ import annotations

import pytest
from helpers.small_topologies import chain, counts, delivered, drops, host, mail, relay, run, wire
from hypothesis import given, settings
from hypothesis import strategies as st

import lab
from lab.api.conversation import Conversation
from lab.protocol import Calendar, Misuse, SenderSMTP, dot_stuff, dot_unstuff, parse_path
from lab.topology.model import DEFAULT_START, from_dict

HOSTS = (host("ONE.ARPA", "JOE"), relay("TWO.ARPA"), host("Z.ARPA", "SAM"))
BEGIN = b"HELO ONE.ARPA\r\nMAIL FROM:<JOE@ONE.ARPA>\r\nRCPT TO:<SAM@Z.ARPA>\r\nDATA\r\n"
EVIL = b"MAIL FROM:<EVIL@ONE.ARPA>\r\nRCPT TO:<SAM@Z.ARPA>\r\nDATA\r\nsmuggled\r\n.\r\n"


def network(**about: object) -> lab.Topology:
    hosts = [HOSTS[0], {**HOSTS[1], **about}, HOSTS[2]]
    return from_dict({"host": hosts, "link": chain(*HOSTS)})


def relayed(wire_data: bytes, **about: object) -> tuple[bytes, lab.Run]:
    """The replies of the relay to mail data that are put on the wire as they are, and the run."""
    conversation = Conversation(network(**about), "TWO.ARPA")
    conversation.open()
    replies = conversation.receive(BEGIN) and conversation.receive(wire_data)
    replies += conversation.receive(b"QUIT\r\n")
    conversation.close()
    return replies, conversation.finish().run


def texts(done: lab.Run) -> list[bytes]:
    """What SAM got, without the three trace lines above it."""
    return [
        event["octets"].split(b"\r\n", 3)[3]
        for event in done.trace
        if event.kind == "deliver" and event["user"] == "SAM"
    ]


SMUGGLING = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\r\r\n",
    b"\n.\n\r\n",
    b"\n\n.\r\n", b"\r\r\n..\r\n", b"\n\r.\r\n", b"\r\n.\x00\r\n", b"\r\n\x00.\r\n", b"\x00\r\n.\n",
    b"\r\n .\r\n", b"\r\n. \r\n", b"\r\n..\r\n", b"\r\n\t.\r\n", b"\x1a.\r\n", b"\x0b.\x0b",
]  # fmt: skip


@pytest.mark.parametrize("end", SMUGGLING, ids=repr)
def test_no_end_but_crlf_period_crlf(end: bytes) -> None:
    """4.1.1 DATA and 4.5.2: what only looks like the end of the mail data is data, at the relay and
    at the host behind it: one mail goes in, the same goes out, and nothing that it holds is obeyed.
    """
    data = b"first\r\n" + b"text" + end + EVIL
    replies, done = relayed(data)
    assert [line[:3] for line in replies.splitlines()] == [b"250", b"221"]
    assert texts(done) == [dot_unstuff(data[: -len(b".\r\n")])]
    assert [line[:4] for line in wire(done, "Z.ARPA")] == ["HELO", "MAIL", "RCPT", "DATA", "QUIT"]
    assert counts(done) == {"delivered": 1}
    assert done.breaches == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"\0", b"a", b"QUIT"])))
def test_what_goes_in_comes_out(pieces: list[bytes]) -> None:
    """4.5.2: "the user's text"; whatever is made of line ends, periods and NUL comes out."""
    data = b"".join(pieces) + b"\r\n"
    replies, done = relayed(dot_stuff(data))
    assert replies.splitlines()[0][:3] == b"250"
    assert texts(done) == [data]


@pytest.mark.rule("4.5.2-4")
def test_all_128_characters_are_delivered() -> None:
    """4.1.1 DATA: "The mail data may contain any of the 128 ASCII character codes"."""
    data = bytes(range(128)) + b"\r\n" + bytes(reversed(range(128))) + b"\r\n"
    _, done = relayed(dot_stuff(data))
    assert texts(done) == [data]


# -- the high-order bit (section 2, appendices A to C)


EIGHT = b"x\r\n\xae\r\ncaf\xe9\x8d\x8a.\x8d\x8aQUIT\x8d\x8a\r\n.\r\n"


def test_the_high_order_bit_is_refused() -> None:
    """Appendix A: "with the high-order bit cleared": who sends it set has sent no RFC 821 data."""
    replies, done = relayed(EIGHT)
    said = replies.split(b"\r\n")[0]
    assert said.startswith(b"554 Mail data holds bytes that are not ASCII")
    assert b"encode the text as quoted-printable or base64" in said
    assert texts(done) == []


@pytest.mark.rule("2-5")
def test_the_high_order_bit_is_cleared() -> None:
    """``eight_bit = "clear"``: each byte becomes one of the 128, when the lines have been told
    apart: none becomes a line end or a period that ends the mail, here or at the next host.
    """
    replies, done = relayed(EIGHT, eight_bit="clear")
    assert [line[:3] for line in replies.splitlines()] == [b"250", b"221"]
    assert texts(done) == [b"x\r\n.\r\ncafi\r\n.\r\nQUIT\r\n\r\n"]
    assert counts(done) == {"delivered": 1}


@pytest.mark.parametrize("eight_bit", ["refuse", "clear"])
@pytest.mark.parametrize("line", [b"\xce\xcf\xcf\xd0", b"NOOP\x8d", b"HELO \xcf\xce\xc5"])
def test_a_command_with_the_high_order_bit_is_none(eight_bit: str, line: bytes) -> None:
    """2: commands are ASCII; a byte is not made into another that would be obeyed."""
    conversation = Conversation(network(eight_bit=eight_bit), "TWO.ARPA")
    conversation.open()
    assert conversation.receive(line + b"\r\n")[:3] in (b"500", b"501")


# -- line ends in names and paths


INJECTIONS = ['"a\\\rb"@Z.ARPA', '"a\\\nb"@Z.ARPA', '"a\\\r\\\nRSET"@Z.ARPA', "a\\\nb@Z.ARPA"]


@pytest.mark.parametrize("path", INJECTIONS, ids=repr)
def test_a_line_end_in_a_forward_path_is_not_sent_on(path: str) -> None:
    """4.1.2 lets a backslash quote any character; none of ours puts CR or LF within a command."""
    done = run(*HOSTS, mail=[mail("JOE@ONE.ARPA", path, "SAM@Z.ARPA")])
    assert counts(done) == {"delivered": 1, "rejected": 1}
    (reason,) = [event["reason"] for event in done.trace if event.kind == "reject"]
    assert reason == "553 A path with CR or LF is not sent on"
    lines = [line for host in HOSTS for line in wire(done, str(host["name"]))]
    assert not any("\r" in line or "\n" in line for line in lines)


@pytest.mark.parametrize("path", INJECTIONS, ids=repr)
def test_a_relay_takes_no_path_with_a_line_end(path: str) -> None:
    """3.6: refused at RCPT, where the originator can be told: 553, whichever path it is."""
    for reverse, forward in ((path, "SAM@Z.ARPA"), ("JOE@ONE.ARPA", path)):
        conversation = Conversation(network(), "TWO.ARPA")
        conversation.open()
        commands = f"HELO ONE.ARPA\r\nMAIL FROM:<{reverse}>\r\nRCPT TO:<{forward}>\r\n"
        codes = [line[:3] for line in conversation.receive(commands.encode()).splitlines()]
        assert codes == [b"250", b"250", b"553"]


def test_a_list_member_with_a_line_end_is_told_of() -> None:
    """3.3 and 3.6: taken for the list, undeliverable to the one; the others have their mail."""
    lists = [{"name": "all", "members": [INJECTIONS[0], "SAM@Z.ARPA"]}]
    hosts = (host("ONE.ARPA", "JOE"), relay("TWO.ARPA", list=lists), host("Z.ARPA", "SAM"))
    done = run(*hosts, mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")])
    assert counts(done) == {"delivered": 1, "returned": 1}
    assert "553 A path with CR or LF is not sent on" in delivered(done, "JOE")[0]


def test_a_notification_to_a_name_with_a_line_end_has_the_lines_it_should() -> None:
    """3.6: a user name cannot write lines of a notification."""
    from lab.hosts.failed import FailedRecipient
    from lab.hosts.notification import compose_notification

    to = parse_path('<"x\\\r\\\nX-Header: y"@ONE.ARPA>')
    loss = FailedRecipient("1", to, "Z.ARPA", "550 No")
    octets = compose_notification(Calendar(DEFAULT_START).daytime(0), "TWO.ARPA", to, [loss])
    assert not any(line.startswith(b"X-Header") for line in octets.split(b"\r\n"))


@pytest.mark.parametrize("name", ["ONE\r\nQUIT", "ONE\nQUIT", "ONE\r"])
def test_no_host_says_a_line_end_in_helo(name: str) -> None:
    """4.1.1: a name that could end the command is refused in a file, and by the engine."""
    with pytest.raises(lab.TopologyError):
        from_dict({"host": [{"name": name}]})
    with pytest.raises(Misuse):
        SenderSMTP(name, None).receive(b"220 ready\r\n")  # type: ignore[arg-type]


def test_a_user_name_with_a_line_end_is_no_name_for_a_file() -> None:
    """The same of users: their names would stand in every command about them."""
    with pytest.raises(lab.TopologyError, match="contains a line end"):
        from_dict({"host": [{"name": "ONE.ARPA", "users": ["a\r\nRSET"]}]})


# -- pipelining


@pytest.mark.rule("4.1.1-2", "4.2-1")
def test_commands_in_one_chunk_are_answered_one_at_a_time_in_order() -> None:
    """4.3: "the sender must wait for this response before sending further commands"; where one does
    not, each command has its reply all the same, in order, mail among them.
    """
    conversation = Conversation(network(), "TWO.ARPA")
    conversation.open()
    one = BEGIN[len(b"HELO ONE.ARPA\r\n") :] + b"text\r\n.\r\n"
    chunk = b"HELO ONE.ARPA\r\n" + one * 2 + b"NOOP\r\nFOO\r\nRCPT TO:<x@y>\r\nQUIT\r\nNOOP\r\n"
    codes = [line[:3].decode() for line in conversation.receive(chunk).splitlines()]
    mailed = ["250", "250", "354", "250"]
    assert codes == ["250", *mailed * 2, "250", "500", "503", "221"]
    conversation.close()
    done = conversation.finish().run
    assert drops(done) == [("Z.ARPA", "SAM")] * 2


def test_data_that_was_refused_is_read_as_commands() -> None:
    """4.3: what follows a DATA that drew 503 is commands, and none of it mail."""
    conversation = Conversation(network(), "TWO.ARPA")
    conversation.open()
    answers = conversation.receive(b"HELO ONE.ARPA\r\nDATA\r\ntext\r\n.\r\nNOOP\r\n")
    assert [line[:3] for line in answers.splitlines()] == [b"250", b"503", b"500", b"500", b"250"]
