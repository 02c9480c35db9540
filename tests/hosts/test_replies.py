"""Every reply of sections 4.2 and 4.3, drawn from a host that a topology file describes.

Each line of ``SITUATIONS`` is one small network: what the host TWO.ARPA is like, and what is said
to it; the last reply is the one that is meant. The replies that our receiver-SMTP never has a
reason to give can be set (``answers``), so that every pair of 4.3's table is said by some host.
"""

from __future__ import annotations

from typing import Any

import pytest
from helpers.small_topologies import counts, drops, host, mail, run, wire

import lab
from lab.hosts.scripted import ANSWERED, OPTIONAL
from lab.protocol import COMMAND_REPLIES, TEXTS
from lab.protocol.replies import MAIL_DATA, Outcome

HELO = "HELO ONE.ARPA"
BEGIN = [HELO, "MAIL FROM:<JOE@ONE.ARPA>"]
TAKEN = [*BEGIN, "RCPT TO:<BOB@TWO.ARPA>"]
GOING = [*TAKEN, "DATA"]
MAILED = [*GOING, "Hi", "."]
LONG = "X" * 600
LIMITED = {"limits": {"line": 512}}
FORWARD = {"forward": [{"user": "fred", "to": "JOE@ONE.ARPA"}]}
REFER = {"forward": [{"user": "paul", "to": "JOE@ONE.ARPA", "mode": "refer"}]}
SMITHS = [{"name": "FSmith", "full_name": "Fred Smith"}, {"name": "JSmith", "full_name": "J Smith"}]
LIST = {"list": [{"name": "all", "members": ["BOB@TWO.ARPA", "Joe Jones <JOE@ONE.ARPA>"]}]}
PRIVATE = {"list": [{"name": "all", "members": ["BOB@TWO.ARPA"], "private": True}]}
FULL = {"fault": [{"kind": "storage-full", "host": "TWO.ARPA", "at": 0}]}
REFUSING = {"fault": [{"kind": "refuse", "host": "TWO.ARPA", "at": 0}]}


def said(
    lines: list[str], *users: Any, options: dict[str, Any] | None = None, **about: Any
) -> list[str]:
    """The replies of TWO.ARPA to a script."""
    script = [{"at": 1, "from": "ONE.ARPA", "to": "TWO.ARPA", "lines": [*lines, "QUIT"]}]
    two = host("TWO.ARPA", "BOB", *users, **about)
    done = run(host("ONE.ARPA", "JOE"), two, mail=[], script=script, until=60, **(options or {}))
    assert done.breaches == []
    return [line for line in wire(done, "ONE.ARPA", "reply") if line[:3] != "221"]


def mailbox(name: str, **about: Any) -> dict[str, Any]:
    return {"name": name, **about}


def too_long(verb: str, before: list[str]) -> tuple[list[str], list[Any], dict[str, Any]]:
    return [*before, f"{verb} {LONG}"], [], LIMITED


BEFORE = {"RCPT": BEGIN, "DATA": TAKEN}
Situation = tuple[list[str], list[Any], dict[str, Any]]
SITUATIONS: dict[tuple[str, int], Situation] = {
    ("CONNECT", 220): ([], [], {}),
    ("CONNECT", 421): ([], [], {"options": REFUSING}),
    ("HELO", 250): ([HELO], [], {}),
    ("HELO", 501): (["HELO one two"], [], {}),
    ("MAIL", 250): (BEGIN, [], {}),
    ("MAIL", 452): (BEGIN, [], {"options": FULL}),
    ("MAIL", 501): ([HELO, "MAIL FROM:JOE"], [], {}),
    ("RCPT", 250): (TAKEN, [], {}),
    ("RCPT", 251): ([*BEGIN, "RCPT TO:<fred@TWO.ARPA>"], [], FORWARD),
    ("RCPT", 450): ([*BEGIN, "RCPT TO:<x@TWO.ARPA>"], [mailbox("x", mailbox="busy")], {}),
    ("RCPT", 451): ([*BEGIN, "RCPT TO:<x@TWO.ARPA>"], [mailbox("x", mailbox="broken")], {}),
    ("RCPT", 452): ([*BEGIN, "RCPT TO:<x@TWO.ARPA>"], [mailbox("x", mailbox="full")], {}),
    ("RCPT", 501): ([*BEGIN, "RCPT TO:<>"], [], {}),
    ("RCPT", 503): ([HELO, "RCPT TO:<BOB@TWO.ARPA>"], [], {}),
    ("RCPT", 550): ([*BEGIN, "RCPT TO:<nobody@TWO.ARPA>"], [], {}),
    ("RCPT", 551): ([*BEGIN, "RCPT TO:<paul@TWO.ARPA>"], [], REFER),
    ("RCPT", 552): ([*TAKEN, "RCPT TO:<x@TWO.ARPA>"], ["x"], {"limits": {"recipients": 1}}),
    ("RCPT", 553): ([*BEGIN, "RCPT TO:<SMITH@TWO.ARPA>"], ["Smith", "smith"], {}),
    ("DATA", 354): (GOING, [], {}),
    ("DATA", 501): ([*TAKEN, "DATA now"], [], {}),
    ("DATA", 503): ([*BEGIN, "DATA"], [], {}),
    (MAIL_DATA, 250): (MAILED, [], {}),
    (MAIL_DATA, 552): ([*GOING, "x" * 90, "."], [], {"limits": {"message": 50}}),
    (MAIL_DATA, 554): ([*GOING, "caf\xe9", "."], [], {}),
    ("RSET", 250): ([*TAKEN, "RSET"], [], {}),
    ("RSET", 501): ([*TAKEN, "RSET now"], [], {}),
    ("VRFY", 250): ([HELO, "VRFY Fred"], SMITHS, {}),
    ("VRFY", 251): ([HELO, "VRFY fred"], [], FORWARD),
    ("VRFY", 550): ([HELO, "VRFY nobody"], [], {}),
    ("VRFY", 551): ([HELO, "VRFY paul"], [], REFER),
    ("VRFY", 553): ([HELO, "VRFY Smith"], SMITHS, {}),
    ("VRFY", 501): ([HELO, "VRFY"], [], {}),
    ("EXPN", 250): ([HELO, "EXPN all"], [], LIST),
    ("EXPN", 550): ([HELO, "EXPN all"], [], PRIVATE),
    ("EXPN", 501): ([HELO, "EXPN"], [], {}),
    ("HELP", 211): ([HELO, "HELP STATUS"], [], {}),
    ("HELP", 214): ([HELO, "HELP"], [], {}),
    ("HELP", 501): ([HELO, "HELP caf\xe9"], [], {}),
    ("HELP", 504): ([HELO, "HELP WIZARD"], [], {}),
    ("NOOP", 250): ([HELO, "NOOP"], [], {}),
    ("NOOP", 500): ([HELO, "NOOP now"], [], {}),
    ("QUIT", 500): ([HELO, "QUIT now"], [], {}),
    ("TURN", 250): ([HELO, "TURN"], [], {"turn": True}),
    ("TURN", 500): ([HELO, "TURN now"], [], {}),
    ("TURN", 502): ([HELO, "TURN"], [], {}),
    ("TURN", 503): ([*BEGIN, "TURN"], [], {"turn": True}),
    **{
        (verb, 500): too_long(verb, BEFORE.get(verb, [HELO]))
        for verb in ("HELO", "MAIL", "RCPT", "DATA", "RSET", "SEND", "SOML", "SAML",
                     "VRFY", "EXPN", "HELP")
    },
    **{
        (verb, code): situation
        for verb in ("SEND", "SOML", "SAML")
        for code, situation in {
            250: ([HELO, f"{verb} FROM:<JOE@ONE.ARPA>"], [], {}),
            452: ([HELO, f"{verb} FROM:<JOE@ONE.ARPA>"], [], {"options": FULL}),
            501: ([HELO, f"{verb} FROM:JOE"], [], {}),
        }.items()
    },
    **{
        (verb, 502): ([HELO, f"{verb} whatever"], [], {"unimplemented": [verb]})
        for verb in OPTIONAL
        if verb != "TURN"
    },
}  # fmt: skip

NEVER_OF_ITSELF = {
    # "may be given to any command if the SMTP-receiver knows it must shut down": ours does not
    # begin what it will not end, and says so in place of the greeting
    **{row: {421} for row in COMMAND_REPLIES if 421 in COMMAND_REPLIES[row] and row != "CONNECT"},
    # what it has no parameter for draws 501
    "RSET": {421, 504}, "HELO": {421, 504}, "VRFY": {421, 504}, "EXPN": {421, 504},
    # storage that is full is 452 before there is data, and 552 after
    "MAIL": {421, 451, 552}, "SEND": {421, 451, 552}, "SOML": {421, 451, 552},
    "SAML": {421, 451, 552}, MAIL_DATA: {421, 451, 452},
    # 4.1.1: no recipient is out of order (503); a transaction that may go on gets its 354
    "DATA": {421, 451, 554},
}  # fmt: skip
"""What our receiver-SMTP has no reason to say, by row: only where ``answers`` has it so."""


@pytest.mark.parametrize(("row", "code"), SITUATIONS, ids=str)
def test_a_host_says_it_of_itself(row: str, code: int) -> None:
    """4.2 and 4.3: a situation that a topology file sets up draws the reply."""
    lines, users, about = SITUATIONS[row, code]
    about = dict(about)
    replies = said(lines, *users, options=about.pop("options", None), **about)
    assert replies[-1][:3] == str(code)
    assert code in COMMAND_REPLIES[row]


def test_every_code_has_a_situation() -> None:
    """4.2.2: the twenty-one codes, 221 among them, which ends every script here."""
    assert {code for _, code in SITUATIONS} | {221} == set(TEXTS)


def test_every_pair_has_a_situation_or_a_reason() -> None:
    """4.3: what is permitted is said somewhere, or is told of as never said."""
    pairs = {(row, code) for row, codes in COMMAND_REPLIES.items() for code in codes}
    never = {(row, code) for row, codes in NEVER_OF_ITSELF.items() for code in codes}
    assert pairs - set(SITUATIONS) - {("QUIT", 221)} == never


# -- answers that are set


WAY = {
    "CONNECT": [], "HELO": [HELO], "MAIL": BEGIN, "RCPT": TAKEN, "DATA": GOING, MAIL_DATA: MAILED,
    "RSET": [*TAKEN, "RSET"], "VRFY": [HELO, "VRFY BOB"], "EXPN": [HELO, "EXPN all"],
    "HELP": [HELO, "HELP"], "NOOP": [HELO, "NOOP"], "QUIT": [HELO], "TURN": [HELO, "TURN"],
    **{verb: [HELO, f"{verb} FROM:<JOE@ONE.ARPA>"] for verb in ("SEND", "SOML", "SAML")},
}  # fmt: skip
PAIRS = [(row, code) for row, codes in COMMAND_REPLIES.items() for code in codes]


@pytest.mark.parametrize(("row", "code"), PAIRS, ids=str)
def test_every_permitted_reply_can_be_had(row: str, code: int) -> None:
    """4.3, row for row: a host that is set so says the code, and the session goes on from there."""
    two = host("TWO.ARPA", "BOB", answers={row: code}, turn=True, **LIST)
    script = [{"at": 1, "from": "ONE.ARPA", "to": "TWO.ARPA", "lines": [*WAY[row], "QUIT"]}]
    done = run(host("ONE.ARPA", "JOE"), two, mail=[], script=script, until=60)
    replies = wire(done, "ONE.ARPA", "reply")
    meant = [reply for reply in replies if reply[:3] != "221" or row == "QUIT"]
    assert meant[-1][:3] == str(code)
    done_it = row == MAIL_DATA and COMMAND_REPLIES[row][code] is Outcome.S
    assert (drops(done) == [("TWO.ARPA", "BOB")]) == done_it


def test_an_answer_that_is_set_for_once_is_used_up() -> None:
    """``answers``: a list is said one after the other, over all sessions of the host."""
    two = host("TWO.ARPA", "BOB", answers={"RCPT": [451, 450]})
    done = run(
        host("ONE.ARPA", "JOE"), two, mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA")],
        retry={"first": 10},
    )  # fmt: skip
    codes = [line[:3] for line in wire(done, "ONE.ARPA", "reply") if line[0] == "4"]
    assert codes == ["451", "450"]
    assert counts(done) == {"delivered": 1}


@pytest.mark.rule("3.3-11", "4.2.1-7", "4.5.1-1")
def test_the_minimum_implementation() -> None:
    """4.5.1: HELO, MAIL, RCPT, DATA, RSET, NOOP and QUIT will do; 502 to the others, at any time,
    in whatever case and form.
    """
    replies = said(
        [*(f"{verb} x" for verb in OPTIONAL), "vrfy", "SENDX", *MAILED], unimplemented=[*OPTIONAL]
    )
    codes = [line[:3] for line in replies]
    assert codes == ["220", *["502"] * 8, "500", "250", "250", "250", "354", "250"]


def test_answers_are_of_the_rows_of_4_3() -> None:
    """The rows that may be set are those of the table."""
    assert set(ANSWERED) == set(COMMAND_REPLIES)


# -- VRFY, EXPN, HELP (section 3.3; appendix E)


def test_a_list_is_expanded_a_mailbox_a_line() -> None:
    """3.3 and appendix E: "exactly one mailbox is to be specified on each line"; every line but the
    last has a hyphen after its code; full names where they are known; source routes as they are.
    """
    members = ["Jon Postel <Postel@ISIF.ARPA>", "Q <@ISIF.ARPA:Q-Smith@VAXA.ARPA>", "joe@foo.ARPA"]
    (reply,) = said([HELO, "EXPN all"], list=[{"name": "all", "members": members}])[2:]
    assert reply.split("\r\n") == [
        "250-Jon Postel <Postel@ISIF.ARPA>",
        "250-Q <@ISIF.ARPA:Q-Smith@VAXA.ARPA>",
        "250 <joe@foo.ARPA>",
    ]


def test_a_full_name_that_has_no_room_is_left_out() -> None:
    """4.5.3 and 3.3: a reply line has 512 characters, and "must give the mailboxes"."""
    members = [f"{'Long ' * 110}<joe@foo.ARPA>", "ann@foo.ARPA"]
    (reply,) = said([HELO, "EXPN all"], list=[{"name": "all", "members": members}])[2:]
    assert reply.split("\r\n") == ["250-<joe@foo.ARPA>", "250 <ann@foo.ARPA>"]
    long = {"name": "joe", "full_name": "Long " * 110}
    assert said([HELO, "VRFY joe"], long)[-1] == "250 <joe@TWO.ARPA>"


@pytest.mark.rule("3.3-1", "3.3-2", "3.3-4", "3.3-12")
@pytest.mark.parametrize(("line", "reply"), [
    ("VRFY BOB", "250 <BOB@TWO.ARPA>"),                       # a user without a full name
    ("VRFY FSmith", "250 Fred Smith <FSmith@TWO.ARPA>"),
    ("VRFY Fred Smith", "250 Fred Smith <FSmith@TWO.ARPA>"),  # "other strings as user names"
    ("VRFY smith", "553 User ambiguous"),
    ("VRFY all", "550 That is a mailing list, not a user"),
    ("EXPN BOB", "550 That is a user name, not a mailing list"),
    ("EXPN nothing", "550 String does not match anything."),
    ("VRFY odd name", '250 <"odd name"@TWO.ARPA>'),
])  # fmt: skip
def test_verifying_and_expanding(line: str, reply: str) -> None:
    """3.3, examples 3 and 4: the mailbox always, the full name where it is known."""
    assert said([HELO, line], *SMITHS, "odd name", **LIST)[-1] == reply


@pytest.mark.parametrize("string", [
    "<Smith@TWO.ARPA>", "Smith@two.arpa", '"Smith"', '"Smith"@TWO.ARPA', "S\\mith",
])  # fmt: skip
@pytest.mark.rule("3.3-9")
def test_a_mailbox_is_a_user_name_however_it_is_written(string: str) -> None:
    """3.3: "at least local mailboxes must be recognized as 'user names'"; a bare "Smith" means
    every Smith, and draws 553 where there are two.
    """
    people = ["Smith", "smith", {"name": "b", "full_name": "Fred Smith"}]
    lists = [{"name": "Smiths", "members": ["b@TWO.ARPA"]}]
    about: dict[str, Any] = {"list": lists}
    assert said([HELO, f"VRFY {string}"], *people, **about)[-1] == "250 <Smith@TWO.ARPA>"
    expanded = said([HELO, f"EXPN {string.replace('mith', 'miths')}"], *people, **about)[-1]
    assert expanded == "250 <b@TWO.ARPA>"


@pytest.mark.parametrize("string", ["Smith@ONE.ARPA", "<@ONE.ARPA:Smith@TWO.ARPA>", "Smith@", "<>"])
@pytest.mark.rule("3.3-9")
def test_a_mailbox_elsewhere_is_no_user_name(string: str) -> None:
    """3.3: a user name is asked of the host that has the user."""
    assert said([HELO, f"VRFY {string}"], "Smith")[-1] == "550 String does not match anything."


LINE_END = '"a\\\r\\\nRSET"@ONE.ARPA'


@pytest.mark.rule("3.3-10")
def test_a_path_with_a_line_end_is_not_told() -> None:
    """4.1.2's <x> and 4.2: no reply has a line end within, nor a path that is not the one meant."""
    about: dict[str, Any] = {
        "list": [{"name": "all", "members": [f"Ann <{LINE_END}>", "BOB@TWO.ARPA"]}],
        "forward": [{"user": "f", "to": LINE_END}, {"user": "r", "to": LINE_END, "mode": "refer"}],
    }
    replies = said(
        [HELO, "EXPN all", "VRFY f", "VRFY r", *BEGIN[1:], "RCPT TO:<r@TWO.ARPA>"], **about
    )
    hidden = "a path that holds the end of a line"
    assert replies[2:] == [
        f"250-Ann {hidden}\r\n250 <BOB@TWO.ARPA>",
        "250 <f@TWO.ARPA>",
        "550 User not local, and the new path cannot be written in a reply",
        "250 OK",
        "550 User not local, and the new path cannot be written in a reply",
    ]
    two = host("TWO.ARPA", "BOB", **about)
    done = run(
        host("ONE.ARPA", "JOE", on_251="learn"), two,
        mail=[mail("JOE@ONE.ARPA", "f@TWO.ARPA", "r@TWO.ARPA", "all@TWO.ARPA")],
    )  # fmt: skip
    assert counts(done) == {"delivered": 1, "returned": 3}
    assert done.breaches == []


@pytest.mark.parametrize("grammar", ["strict", "standard", "tolerant"])
def test_help_about_a_word_with_a_line_end(grammar: str) -> None:
    """4.1.2's <x> once more: what a peer says comes back in a reply of one line, or not at all."""
    replies = said([HELO, "HELP a\\\x00b", "HELP a\\\x7f"], grammar=grammar)
    assert [line[:3] for line in replies[2:]] == ["504", "504"]
    assert all(line.isprintable() for line in replies)


@pytest.mark.rule("3.3-2")
def test_an_ambiguous_list_draws_what_4_3_permits() -> None:
    """3.3 has 553 for an ambiguous request; 4.3 gives EXPN no 553: 550 says it."""
    lists = [{"name": name, "members": ["BOB@TWO.ARPA"]} for name in ("All", "all")]
    assert said([HELO, "EXPN ALL"], list=lists)[-1] == "550 User ambiguous"
    assert said([HELO, "VRFY ALL"], list=lists)[-1] == "553 User ambiguous"


@pytest.mark.parametrize(("path", "reply"), [
    ("x@NOWHERE.ARPA", "550 No host NOWHERE.ARPA is known here"),
    ("@NOWHERE.ARPA:BOB@TWO.ARPA", "550 No host NOWHERE.ARPA is known here"),
    ("x@ISLAND.ARPA", "550 No route to ISLAND.ARPA"),
])  # fmt: skip
def test_a_host_that_cannot_be_sent_to(path: str, reply: str) -> None:
    """3.6: 550, and why: nobody has heard of the host, or no way leads there."""
    lines = [*BEGIN, f"RCPT TO:<{path}>", "QUIT"]
    script = [{"at": 1, "from": "ONE.ARPA", "to": "TWO.ARPA", "lines": lines}]
    hosts = (host("ONE.ARPA", "JOE"), host("TWO.ARPA", "BOB", relay=True), host("ISLAND.ARPA", "x"))
    done = run(*hosts, links=[{"between": ["ONE.ARPA", "TWO.ARPA"]}], mail=[], script=script)
    assert wire(done, "ONE.ARPA", "reply")[3] == reply


@pytest.mark.rule("3.3-2")
def test_mail_to_an_ambiguous_name_goes_back() -> None:
    """3.3: of two Smiths, ours guesses at none: 553, and the originator is told so."""
    two = host("TWO.ARPA", "Smith", "smith")
    done = run(host("ONE.ARPA", "JOE"), two, mail=[mail("JOE@ONE.ARPA", "SMITH@TWO.ARPA")])
    assert "553 User ambiguous" in wire(done, "ONE.ARPA", "reply")
    assert counts(done) == {"returned": 1}


def test_a_script_that_asks_to_change_roles_hangs_up() -> None:
    """3.8: after its 250 there is nobody to be the receiver-SMTP; no line of the script is sent."""
    script = [{"from": "ONE.ARPA", "to": "TWO.ARPA", "lines": [HELO, "TURN", "NOOP", "QUIT"]}]
    done = run(host("ONE.ARPA", "JOE"), host("TWO.ARPA", "BOB", turn=True), mail=[], script=script)
    assert wire(done, "TWO.ARPA") == [HELO, "TURN"]
    assert [event["reason"] for event in done.trace if event.kind == "close"] == ["closed"]


@pytest.mark.rule("4.1.1-15")
def test_the_status_tells_of_sessions_and_of_the_spool() -> None:
    """4.2.1, 211: "System status, or system help reply"."""
    reply = said([HELO, "HELP STATUS"])[-1]
    assert reply == "211 TWO.ARPA at 1 Aug 82 00:00:01 UT: 1 open here, 0 in the spool"


def test_a_host_with_answers_that_4_3_does_not_permit_is_no_breach_of_ours() -> None:
    """The rules are held against every host but one that is set to break them."""
    two = host("TWO.ARPA", "BOB", answers={"NOOP": 354})
    script = [{"from": "ONE.ARPA", "to": "TWO.ARPA", "lines": [HELO, "NOOP", "QUIT"]}]
    done: lab.Run = run(host("ONE.ARPA", "JOE"), two, mail=[], script=script)
    assert done.breaches == []
    assert "354" in [line[:3] for line in wire(done, "ONE.ARPA", "reply")]


# -- settings of the receiver-SMTP


@pytest.mark.parametrize(("grammar", "codes"), [
    ("strict", ["501", "250", "501", "500"]),
    ("standard", ["250", "250", "501", "500"]),
    ("tolerant", ["250", "250", "250", "250"]),
])  # fmt: skip
def test_a_host_reads_by_its_grammar(grammar: str, codes: list[str]) -> None:
    """4.1.2: strict, standard or tolerant, as the host is set; the module syntax has the table."""
    lines = ["HELO UK", HELO, "MAIL FROM: JOE@ONE.ARPA", "NOOP please"]
    assert [line[:3] for line in said(lines, grammar=grammar)[1:]] == codes


def test_every_setting_is_written_and_read_back() -> None:
    """A topology writes itself as a file with what its hosts are set to."""
    from lab.topology.model import from_dict
    from lab.topology.write import to_toml

    settings = {
        "grammar": "strict", "eight_bit": "clear", "on_251": "learn", "unsophisticated": True,
        "unimplemented": ["VRFY"], "answers": {"RCPT": [451, 250], "data": 554},
    }  # fmt: skip
    topology = from_dict({"host": [host("TWO.ARPA", "BOB", **settings)]})
    import tomllib

    again = from_dict(tomllib.loads(to_toml(topology)))
    assert again.hosts == topology.hosts
    spec = again.hosts["TWO.ARPA"]
    assert (spec.unimplemented, spec.answers) == (("VRFY",), {"RCPT": (451, 250), "data": 554})
