"""Sizes (section 4.5.3): what is taken, what is refused where a host says so, what is not sent."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.small_topologies import chain, counts, host, mail, relay, run, wire
from hypothesis import given, settings
from hypothesis import strategies as st

import lab
from lab.api.conversation import Conversation
from lab.protocol import Limits, dot_stuff, fits_the_wire
from lab.protocol.sizes import MINIMA
from lab.topology.model import from_dict

NAMES = ("user", "domain", "path", "line", "text_line", "recipients")


# -- what our own sender-SMTP sends


def long_name(size: int, end: str) -> str:
    return "H" + "x" * (size - len(end) - 1) + end


SIZES = st.integers(6, 64)
USERS = st.one_of(
    st.integers(1, 64).map("u".__mul__), st.integers(1, 62).map(lambda n: " " * n + "q")
)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """A chain of hosts with names and users of any size that a file may have."""
    count = draw(st.integers(2, 5))
    names = [long_name(draw(SIZES), f".{chr(65 + n)}RPA") for n in range(count)]
    users = [draw(USERS) for _ in names]
    members = [{"local": user, "domain": name} for user, name in zip(users, names, strict=True)]
    quoted = [f'"{member["local"]}"@{member["domain"]}' for member in members]
    hosts = [
        relay(name, user, list=[{"name": "all", "members": quoted}])
        for name, user in zip(names, users, strict=True)
    ]
    route = ",".join(f"@{name}" for name in names[1:-1])
    to = [quoted[-1], f"all@{names[-1]}", f'"{"n" * draw(st.integers(1, 80))}"@{names[-1]}']
    to += [f"{route}:{quoted[-1]}"] if route else []
    lengths = st.integers(0, 1100)
    text = "\n".join("." * draw(lengths) for _ in range(draw(st.integers(0, 3))))
    return {
        "host": hosts,
        "link": chain(*hosts),
        "mail": [{"from": quoted[0], "to": to, "text": text}],
        "retry": {"first": 10, "give_up": 60},
    }


@settings(max_examples=60, deadline=None)
@given(networks())
def test_our_sender_never_exceeds_a_size(tables: dict[str, Any]) -> None:
    """4.5.3: implementations "must not send objects larger than these sizes": no user, domain,
    path, command line, reply line, text line, and no transaction of more than 100 recipients.
    """
    done = lab.simulate(from_dict(tables))
    assert done.summary["lost"] == 0
    recipients = 0
    for event in done.trace:
        if event.kind in ("command", "reply"):
            octets = event["octets"]
            assert max(map(len, octets.splitlines(keepends=True))) <= 512
        if event.kind == "command" and event["verb"] in ("MAIL", "RCPT"):
            text = event["text"]
            path = lab.protocol.parse_path(text.partition(":")[2], null=True)
            assert len(path.text) <= 256
            assert len(path.user) <= 64
            assert max(map(len, (*path.route, path.domain))) <= 64
            recipients = 0 if event["verb"] == "MAIL" else recipients + 1
            assert recipients <= 100
        if event.kind == "command" and event["verb"] == "HELO":
            assert len(event["text"]) <= len("HELO ") + 64
        if event.kind == "data":
            for line in event["octets"].split(b"\r\n"):
                assert len(line.removeprefix(b".")) + 2 <= 1000


def test_the_lines_that_fit() -> None:
    """4.5.3: 1000 characters with the CRLF, the dot of transparency not counted."""
    line = b"x" * 998 + b"\r\n"
    assert all(map(fits_the_wire, (b"", line, line * 3 + b"x" * 998, b"." + line[1:])))
    assert not fits_the_wire(b"x" + line)
    assert not fits_the_wire(line + b"x" + line)
    assert not fits_the_wire(line + b"x" * 999)
    # a bare CR or LF ends no line, and counts
    assert not fits_the_wire(b"x" * 500 + b"\n" + b"x" * 498 + b"\r\n")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 1003), max_size=5), st.booleans())
def test_a_line_fits_by_its_length_alone(lengths: list[int], ended: bool) -> None:
    """The same as measuring each line."""
    data = b"\r\n".join(b"x" * length for length in lengths) + (b"\r\n" if ended else b"")
    assert fits_the_wire(data) == (max(lengths, default=0) <= 998)


def test_a_relay_gives_back_what_it_may_not_send_on() -> None:
    """4.5.3: it must take a text line of 1000 characters and may take more, but must not send more;
    nor may it change the mail. Who is here gets it; of the rest the originator is told.
    """
    hosts = (host("ONE.ARPA", "JOE"), relay("TWO.ARPA", "BOB"), host("Z.ARPA", "SAM"))
    talk = Conversation(from_dict({"host": list(hosts), "link": chain(*hosts)}), "TWO.ARPA")
    talk.open()
    to = b"RCPT TO:<BOB@TWO.ARPA>\r\nRCPT TO:<SAM@Z.ARPA>\r\n"
    talk.receive(b"HELO ONE.ARPA\r\nMAIL FROM:<JOE@ONE.ARPA>\r\n" + to + b"DATA\r\n")
    assert talk.receive(dot_stuff(b"x" * 2000 + b"\r\n")).startswith(b"250")
    talk.close()
    done = talk.finish().run
    assert counts(done) == {"delivered": 1, "returned": 1}
    assert wire(done, "Z.ARPA") == []
    (text,) = [event["octets"] for event in done.trace if event.kind == "deliver"][-1:]
    assert b"554 A text line is too long to be sent on" in text


def test_what_may_not_be_sent_on_is_given_back_for_each_next_host() -> None:
    """4.5.3 and 3.6: one notification tells of all whom the mail does not reach, if any other."""
    hosts = (
        host("ONE.ARPA", "JOE"), relay("TWO.ARPA", "BOB"), host("Y.ARPA", "SAM"),
        host("Z.ARPA", "SAM"),
    )  # fmt: skip
    links = [
        {"between": ["TWO.ARPA", host["name"]]} for host in hosts if host["name"] != "TWO.ARPA"
    ]
    talk = Conversation(from_dict({"host": list(hosts), "link": links}), "TWO.ARPA")
    talk.open()
    to = b"RCPT TO:<SAM@Y.ARPA>\r\nRCPT TO:<SAM@Z.ARPA>\r\n"
    begin = b"MAIL FROM:<JOE@ONE.ARPA>\r\n" + to
    talk.receive(b"HELO ONE.ARPA\r\n" + begin + b"DATA\r\n")
    long_line = dot_stuff(b"x" * 2000 + b"\r\n")
    assert talk.receive(long_line) == b"554 A text line is too long to be sent on\r\n"
    talk.receive(begin + b"RCPT TO:<BOB@TWO.ARPA>\r\nDATA\r\n")
    assert talk.receive(long_line) == b"250 OK\r\n"
    talk.close()
    done = talk.finish().run
    assert counts(done) == {"delivered": 1, "returned": 2}
    assert sum(event.kind == "notify" for event in done.trace) == 1


# -- many recipients


def test_ten_thousand_recipients_in_one_mail() -> None:
    """4.5.3: "no limits": 10,000 in one mail of ours go a hundred at a time, each once."""
    users = [f"u{n}" for n in range(10_000)]
    to = [f"{user}@TWO.ARPA" for user in users]
    # given whole: a memo header that names them all would be two hundred kilobytes
    one = {"from": "JOE@ONE.ARPA", "to": to, "mail_data": "Subject: all of you\n\nHi\n"}
    done = run(host("ONE.ARPA", "JOE"), host("TWO.ARPA", *users), mail=[one])
    assert counts(done) == {"delivered": 10_000}
    assert len(wire(done, "TWO.ARPA", "data")) == 100
    assert done.summary["sessions"] == 1


def test_ten_thousand_recipients_in_one_transaction() -> None:
    """4.5.3: our receiver-SMTP buffers as many as come, unless its host sets a limit."""
    users = [f"u{n}" for n in range(10_000)]
    talk = Conversation(from_dict({"host": [host("TWO.ARPA", *users)]}), "TWO.ARPA")
    talk.open()
    lines = [f"RCPT TO:<{user}@TWO.ARPA>\r\n" for user in users]
    chunk = "HELO ONE.ARPA\r\nMAIL FROM:<a@ONE.ARPA>\r\n" + "".join(lines) + "DATA\r\nHi\r\n.\r\n"
    answers = talk.receive(chunk.encode())
    assert answers.count(b"250 ") == 10_003
    talk.close()
    assert talk.finish().run.summary["delivered"] == 10_000


def test_a_list_of_ten_thousand() -> None:
    """3.3 and 4.5.3: a list stands for its members, however many, a copy a hundred."""
    users = [f"u{n}" for n in range(10_000)]
    lists = [{"name": "all", "members": [f"{user}@Z.ARPA" for user in users]}]
    done = run(
        host("ONE.ARPA", "JOE"), relay("TWO.ARPA", list=lists), host("Z.ARPA", *users),
        mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")],
    )  # fmt: skip
    assert counts(done) == {"delivered": 10_000}
    assert len(wire(done, "Z.ARPA", "data")) == 100


# -- limits that a host sets, and the minima


def test_the_minima_are_taken_without_a_setting() -> None:
    """4.5.3: "every implementation must be able to receive objects of at least these sizes"; ours
    sets no maximum: ten times as much is taken too.
    """
    for times in (1, 10):
        user, domain = "u" * 64 * times, long_name(64 * times, ".ARPA")
        talk = Conversation(from_dict({"host": [host("TWO.ARPA", "BOB")]}), "TWO.ARPA")
        talk.open()
        commands = (
            f"HELO {domain}\r\nMAIL FROM:<{user}@{domain}>\r\nRCPT TO:<BOB@TWO.ARPA>\r\nDATA\r\n"
        )
        codes = [line[:3] for line in talk.receive(commands.encode()).splitlines()]
        assert codes == [b"250", b"250", b"250", b"354"]
        assert talk.receive(b"x" * 998 * times + b"\r\n.\r\n").startswith(b"250")


@pytest.mark.parametrize(("limits", "line", "reply"), [
    ({"line": 512}, "HELO " + "x" * 506, "500 Line too long."),
    ({"line": 512}, "HELO " + long_name(505, ".ARPA"), "250"),
    ({"domain": 64}, f"HELO {long_name(65, '.ARPA')}", "501 Domain too long."),
    ({"domain": 64}, f"HELO {long_name(64, '.ARPA')}", "250"),
    ({"user": 64}, f"MAIL FROM:<{'u' * 65}@ONE.ARPA>", "501 User name too long"),
    ({"user": 64}, f"MAIL FROM:<{'u' * 64}@ONE.ARPA>", "250"),
    ({"path": 256}, f"MAIL FROM:<{'u' * 246}@ONE.ARPA>", "501 Path too long"),
    ({"path": 256}, f"MAIL FROM:<{'u' * 245}@ONE.ARPA>", "250"),
])  # fmt: skip
def test_a_limit_is_met_to_the_character(limits: Any, line: str, reply: str) -> None:
    """4.5.3: "Errors due to exceeding these limits may be reported by using the reply codes"."""
    talk = Conversation(from_dict({"host": [host("TWO.ARPA", limits=limits)]}), "TWO.ARPA")
    talk.open()
    talk.receive(b"HELO ONE.ARPA\r\n")
    assert talk.receive(line.encode() + b"\r\n").decode().startswith(reply)


@pytest.mark.rule("4.5.3-9")
@pytest.mark.parametrize(("limits", "code"), [
    ({"text_line": 1000}, b"552"), ({"message": 1100}, b"552"), ({"text_line": 1001}, b"250"),
    ({"message": 1200}, b"250"), ({}, b"250"),
])  # fmt: skip
def test_a_limit_of_mail_data_is_552(limits: Any, code: bytes) -> None:
    """4.5.3: "Too much mail data"; 4.3 has no 500 after the data, and 552 says what was too much.
    What follows in the session is as ever.
    """
    two = host("TWO.ARPA", "BOB", limits=limits)
    talk = Conversation(from_dict({"host": [two]}), "TWO.ARPA")
    talk.open()
    talk.receive(b"HELO ONE.ARPA\r\nMAIL FROM:<>\r\nRCPT TO:<BOB@TWO.ARPA>\r\nDATA\r\n")
    text = b"x" * 999 + b"\r\n" + b"y" * 140 + b"\r\n"
    assert talk.receive(text + b".\r\nNOOP\r\n").split(b"\r\n")[0][:3] == code
    assert talk.receive(b"NOOP\r\n")[:3] == b"250"


@pytest.mark.parametrize("key", NAMES)
def test_a_limit_below_the_minimum_is_worth_a_note(key: str) -> None:
    """4.5.3: a host may be set so, to see what comes of it; it is no implementation of RFC 821."""
    least = MINIMA[key]
    low, well = (
        from_dict({"host": [host("TWO.ARPA", limits={key: most})]}) for most in (least - 1, least)
    )
    (note,) = low.notes
    assert f"{least - 1} is less than {least}, which section 4.5.3 requires" in note
    assert well.notes == ()
    assert getattr(low.hosts["TWO.ARPA"].limits, key) == least - 1


def test_the_minima_are_those_of_the_section() -> None:
    """4.5.3: six objects that are received."""
    assert dict(zip(NAMES, (64, 64, 256, 512, 1000, 100), strict=True)) == MINIMA
    assert set(MINIMA) < set(Limits.__dataclass_fields__)


@pytest.mark.parametrize("about", [{"name": "H" * 65}, {"name": "A.ARPA", "users": ["u" * 65]}])
def test_a_name_that_could_not_be_sent_is_none_for_a_file(about: dict[str, Any]) -> None:
    """4.5.3: our host would have to say it in its commands."""
    with pytest.raises(lab.TopologyError, match=r"65 characters; section 4\.5\.3"):
        from_dict({"host": [about]})
