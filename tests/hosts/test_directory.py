"""VRFY, EXPN, HELP, sizes and transports as a host of a topology file has them."""

from __future__ import annotations

import pytest
from helpers.small_topologies import ANN_TO_BOB, TWO_HOSTS

import lab
from lab import lessons
from lab.api.conversation import Conversation
from lab.hosts.directory import Member
from lab.network.transport import TRANSPORTS
from lab.protocol import parse_path

DIRECTORY = """
[[host]]
name = "BETA.ARPA"
user = [
  { name = "Smith", full_name = "Sam Smith" },
  { name = "Smythe", full_name = "Sam Q. Smythe" },
  { name = "plain" },
  { name = "Fred Foe", full_name = "Fred Foe" },
]
[[host.list]]
name = "People"
members = ["Sam Smith <Smith@BETA.ARPA>", "<@ISIF.ARPA:Q-Smith@VAXA.ARPA>", "plain@BETA.ARPA"]
[[host.list]]
name = "Secret"
members = ["Smith@BETA.ARPA"]
private = true
[[host.forward]]
user = "gone"
to = "gone@OTHER.ARPA"
[[host.forward]]
user = "away"
to = "away@OTHER.ARPA"
mode = "refer"
"""


def answers(*lines: str, topology: str = DIRECTORY) -> list[str]:
    """The replies of BETA.ARPA to lines said one after the other, without greeting and HELO's."""
    conversation = Conversation(lessons.from_text(topology), "BETA.ARPA")
    said = conversation.open()
    for line in ("HELO X.ARPA", *lines):
        said += conversation.receive(line.encode("latin-1") + b"\r\n")
    conversation.close()
    whole, replies = said.decode("latin-1").splitlines(), [""]
    for line in whole:
        replies[-1] += line + "\n"
        if line[3:4] == " ":
            replies.append("")
    return [reply.rstrip("\n") for reply in replies[2:-1]]


@pytest.mark.rule("3.3-1")
def test_vrfy_finds_one_user_by_name_or_part_of_a_name() -> None:
    """3.3: the reply has the full name, where there is one, and the mailbox."""
    assert answers("VRFY Smith", "VRFY smythe", "VRFY plain", "VRFY Fred Foe") == [
        "250 Sam Smith <Smith@BETA.ARPA>",
        "250 Sam Q. Smythe <Smythe@BETA.ARPA>",
        "250 <plain@BETA.ARPA>",
        '250 Fred Foe <"Fred Foe"@BETA.ARPA>',
    ]


@pytest.mark.rule("3.3-2")
def test_vrfy_of_an_ambiguous_name_is_553_and_of_nobody_550() -> None:
    """3.3: "Sam" is two people here."""
    assert [reply[:3] for reply in answers("VRFY Sam", "VRFY Nobody", "VRFY People")] == [
        "553",
        "550",
        "550",
    ]


@pytest.mark.rule("3.3-1")
def test_vrfy_of_who_is_elsewhere_is_251_or_551() -> None:
    """3.3 and 4.3: VRFY has the replies of forwarding too."""
    assert answers("VRFY gone", "VRFY away") == [
        "251 User not local; will forward to <gone@OTHER.ARPA>",
        "551 User not local; please try <away@OTHER.ARPA>",
    ]


SMITHS = """
[[host]]
name = "BETA.ARPA"
verify_lists = {flag}
expand_users = {flag}
user = [
  { name = "Smith", full_name = "Fred Smith" },
  { name = "ASmith", full_name = "Adam Smith" },
  { name = "Jo.Brown" },
  { name = "Al.Brown" },
  { name = "Bo.Green" },
  { name = "full", mailbox = "full" },
]
[[host.list]]
name = "People"
members = ["Smith@BETA.ARPA", "ann@FAR.ARPA"]
[[host.list]]
name = "Broken"
members = ["Smith@BETA.ARPA", "nobody@BETA.ARPA"]
[[host.list]]
name = "Slow"
members = ["full@BETA.ARPA"]
[[host.list]]
name = "Secret"
members = ["Smith@BETA.ARPA"]
private = true
[[host]]
name = "FAR.ARPA"
users = ["ann"]
[[link]]
between = ["BETA.ARPA", "FAR.ARPA"]
"""


@pytest.mark.rule("3.3-2", "3.3-9")
def test_two_smiths_are_ambiguous_even_if_one_is_called_so() -> None:
    """3.3: "where there are two Smith's the response must be 553"; a mailbox is one of them."""
    here = SMITHS.replace("{flag}", "false")
    said = answers("VRFY Smith", "VRFY smith", "VRFY Brown", topology=here)
    assert said == ["553 User ambiguous"] * 3
    said = answers("VRFY Smith@BETA.ARPA", "VRFY <smith@beta.arpa>", "VRFY Adam", topology=here)
    smith = "250 Fred Smith <Smith@BETA.ARPA>"
    assert said == [smith, smith, "250 Adam Smith <ASmith@BETA.ARPA>"]
    assert answers("VRFY green", topology=here) == ["250 <Bo.Green@BETA.ARPA>"]
    assert answers("VRFY Jo.Brown", topology=here) == ["250 <Jo.Brown@BETA.ARPA>"]


@pytest.mark.rule("3.3-4", "3.3-12")
def test_vrfy_of_a_list_is_positive_only_if_everyone_is_reached() -> None:
    """3.3: "a positive response can be given if ... it will be delivered to everyone"."""
    lists = [f"VRFY {name}" for name in ("People", "people@BETA.ARPA", "Broken", "Slow", "Secret")]
    never = answers(*lists, topology=SMITHS.replace("{flag}", "false"))
    assert never == ["550 That is a mailing list, not a user"] * 5
    said = answers(*lists, topology=SMITHS.replace("{flag}", "true"))
    assert said == ["250 <People@BETA.ARPA>"] * 2 + ["550 That is a mailing list, not a user"] * 3


@pytest.mark.rule("3.3-4")
def test_expn_of_a_user_is_a_list_of_one_or_an_error() -> None:
    """3.3: "a positive response can be formed by returning a list containing one name"."""
    never = answers("EXPN Smith", topology=SMITHS.replace("{flag}", "false"))
    assert never == ["550 That is a user name, not a mailing list"]
    said = answers("EXPN Smith", "EXPN nobody", topology=SMITHS.replace("{flag}", "true"))
    assert [reply[:3] for reply in said] == ["250", "550"]
    assert said[0] == "250 Fred Smith <Smith@BETA.ARPA>"


@pytest.mark.rule("4.1.1-15")
def test_help_lists_what_the_host_has() -> None:
    """4.1.1, HELP: "helpful information"; what draws 502 is not."""
    few = """[[host]]
name = "BETA.ARPA"
unimplemented = ["EXPN", "SAML"]
turn = TURN"""
    for turn in ("true", "false"):
        every, expn, turning = answers(
            "HELP", "HELP EXPN", "HELP TURN", topology=few.replace("TURN", turn)
        )
        words = set(every.replace("214-", " ").split())
        assert words & {"EXPN", "SAML", "TURN", "VRFY"} == (
            {"TURN", "VRFY"} if turn == "true" else {"VRFY"}
        )
        assert expn == "504 EXPN is not implemented here; HELP alone lists the commands"
        assert turning[:3] == ("214" if turn == "true" else "504")


@pytest.mark.rule("3.3-3")
def test_expn_lists_members_a_line_each_source_routes_as_they_are() -> None:
    """3.3, example 6, and appendix E: a hyphen after each code but the last."""
    assert answers("EXPN People") == [
        "250-Sam Smith <Smith@BETA.ARPA>\n250-<@ISIF.ARPA:Q-Smith@VAXA.ARPA>\n250 <plain@BETA.ARPA>"
    ]


@pytest.mark.rule("3.3-4")
def test_expn_of_a_private_list_a_user_or_nothing_is_550() -> None:
    """3.3: a host may keep a list to itself."""
    replies = answers("EXPN Secret", "EXPN Smith", "EXPN Nothing")
    assert [reply[:3] for reply in replies] == ["550", "550", "550"]


@pytest.mark.rule("4.1.1-15", "4.2.1-7")
def test_help_tells_of_all_commands_or_of_one() -> None:
    """4.1.1, HELP: 214; 504 for an argument that it knows nothing about."""
    every, one, unknown = answers("HELP", "HELP MAIL", "HELP ME")
    assert every.startswith("214-")
    assert all(word in every for word in ("HELO", "QUIT", "SAML", "EXPN"))
    assert one.startswith("214 MAIL")
    assert unknown.startswith("504 ")


@pytest.mark.rule("4.5.3-1", "4.5.3-2")
def test_the_minima_are_taken_by_a_host_without_limits() -> None:
    """4.5.3: 64 characters of user and domain, a path of 256, a command line of 512, and more."""
    user, domain = "u" * 64, ".".join(["d" * 15] * 4)
    assert len(domain) == 63
    route = ",".join(["@" + "r" * 35 + ".ARPA"] * 2)
    path = f"<{route}:{user}@{domain}>"
    assert 200 < len(path) <= 256, len(path)
    longer = f"<{','.join(['@' + 'r' * 40 + '.ARPA'] * 9)}:{user}@{domain}>"
    text = "HELP " + "x" * 505
    replies = answers(f"MAIL FROM:{path}", "RSET", f"MAIL FROM:{longer}", text)
    assert [reply[:3] for reply in replies] == ["250", "250", "250", "504"]


@pytest.mark.rule("4.5.3-7")
def test_a_hundred_recipients_and_ten_thousand_are_taken() -> None:
    """4.5.3: at least 100; no fixed limit is the aim."""
    for count in (100, 10_000):
        rcpt = ["RCPT TO:<plain@BETA.ARPA>"] * count
        replies = answers("MAIL FROM:<a@X.ARPA>", *rcpt, "DATA", "Hi\r\n.")
        assert [reply[:3] for reply in replies] == ["250"] * (count + 1) + ["354", "250"]


ENVIRONMENT = """
[[environment]]
name = "net"
transport = "{transport}"
"""


def opened_at(transport: str) -> float:
    run = lab.simulate(
        lessons.from_text(
            ENVIRONMENT.format(transport=transport)
            + TWO_HOSTS
            + 'latency = "100 ms"\n'
            + ANN_TO_BOB
        )
    )
    assert run.summary["delivered"] == 1
    return next(event.t for event in run.trace if event.kind == "open")


@pytest.mark.parametrize(
    ("transport", "seconds"),
    [
        pytest.param("tcp", 0.3, id="tcp"),  # three segments of a handshake
        pytest.param("ncp", 0.5, id="ncp"),  # five messages of the initial connection protocol
        pytest.param("nits", 0.1, id="nits"),  # CONNECT; the receiver greets as it accepts
        pytest.param("x25", 1.1, id="x25"),  # a call, which the network takes a second to switch
        pytest.param("tcp-on-x25", 1.5, id="tcp-on-x25"),  # the call, its reply, and a handshake
    ],
)
@pytest.mark.rule("A-1", "B-1", "C-1", "D-1")
def test_a_transport_service_opens_a_channel_in_its_own_way(transport: str, seconds: float) -> None:
    """Appendices A to D: what crosses before the greeting differs, and the dialogue does not."""
    assert opened_at(transport) == pytest.approx(seconds)
    assert set(TRANSPORTS) == {"tcp", "ncp", "nits", "x25", "tcp-on-x25"}


def test_a_member_is_written_with_the_full_name_if_there_is_one() -> None:
    """3.3: as a line of the reply to EXPN has it."""
    path = parse_path("<Fonebone@USC-ISIQ.ARPA>")
    assert str(Member(path)) == "<Fonebone@USC-ISIQ.ARPA>"
    assert str(Member(path, "Fred Fonebone")) == "Fred Fonebone <Fonebone@USC-ISIQ.ARPA>"
