"""Two engines played against each other: each test a small story, compared as one log."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.protocol import (
    COMMAND_REPLIES,
    LATER,
    TEXTS,
    Limits,
    LineBuffer,
    MailData,
    Misuse,
    Outgoing,
    Path,
    ReceiverSMTP,
    Reply,
    SenderSMTP,
    State,
    parse_path,
    reply,
)
from lab.runtime.gc_pause import gc_pause
from lab.testing import (
    FakeAgenda,
    FakeInstallation,
    Pieces,
    Wire,
    by,
    bytewise,
    mail_to,
    outline,
    play,
    whole,
)

CHOPS = [whole, bytewise, by(3)]


def codes(outgoing: Outgoing) -> list[int]:
    return [code for code, _ in outgoing.answers]


# -- stories


@pytest.mark.parametrize("chop", CHOPS)
@pytest.mark.rule("2-1", "3.1-1", "3.5-1", "4.3-7")
def test_the_dialogue_of_section_3_1(chop: Pieces) -> None:
    """3.1: MAIL, one RCPT a recipient, DATA; a refused recipient does not stop the others."""
    post = FakeInstallation(Green=[reply(550, "No such user here")])
    mail = mail_to("Jones", "Green", "Brown", data=b"Blah\r\n.etc.\r\n")
    log, bag = play(post, mail, pieces=chop)
    assert log == [
        "R: 220 BETA.ARPA ready",
        "S: HELO ALPHA.ARPA",
        "R: 250 BETA.ARPA",
        "S: MAIL FROM:<Smith@ALPHA.ARPA>",
        "R: 250 OK",
        "S: RCPT TO:<Jones@BETA.ARPA>",
        "R: 250 OK",
        "S: RCPT TO:<Green@BETA.ARPA>",
        "R: 550 No such user here",
        "S: RCPT TO:<Brown@BETA.ARPA>",
        "R: 250 OK",
        "S: DATA",
        "R: 354 Start mail input; end with <CRLF>.<CRLF>",
        "S: Blah|..etc.|.",
        "R: 250 OK",
        "S: QUIT",
        "R: 221 BETA.ARPA closing",
    ]
    (outgoing,) = bag.finished
    assert (codes(outgoing), outgoing.answer) == ([250, 550, 250], (250, "OK"))
    assert [outgoing.taken(n) for n in range(3)] == [True, False, True]
    (stored,) = post.stored
    assert [*map(str, stored.forward_paths)] == ["<Jones@BETA.ARPA>", "<Brown@BETA.ARPA>"]
    assert stored.mail_data == b"Blah\r\n.etc.\r\n"


@pytest.mark.parametrize("chop", CHOPS)
@pytest.mark.rule("3.1-9", "F-2")
def test_no_recipient_taken_is_a_transaction_aborted(chop: Pieces) -> None:
    """3.1 and appendix F, scenario 2: RSET when every recipient was refused, then the next mail."""
    post = FakeInstallation(Green=[550])
    log, bag = play(post, mail_to("Green"), mail_to("Jones"), pieces=chop)
    wanted = "220 HELO 250 MAIL 250 RCPT 550 RSET 250 MAIL 250 RCPT 250 DATA 354 ... 250 QUIT 221"
    assert outline(log) == wanted
    assert [outgoing.answer for outgoing in bag.finished] == [None, (250, "OK")]
    assert len(post.stored) == 1


@pytest.mark.parametrize("chop", CHOPS)
@pytest.mark.rule("3.1-1")
def test_many_mails_in_one_session(chop: Pieces) -> None:
    """3.1: a session has as many transactions as there is mail; each begins with empty buffers."""
    post = FakeInstallation()
    mail = (mail_to("Jones"), mail_to("Brown", verb="SAML"), mail_to("Jones"))
    log, bag = play(post, *mail, pieces=chop)
    rest = "RCPT 250 DATA 354 ... 250"
    assert outline(log) == f"220 HELO 250 MAIL 250 {rest} SAML 250 {rest} MAIL 250 {rest} QUIT 221"
    assert [transaction.verb for transaction in post.stored] == ["MAIL", "SAML", "MAIL"]
    users = [[path.local for path in transaction.forward_paths] for transaction in post.stored]
    assert users == [["Jones"], ["Brown"], ["Jones"]]
    assert len(bag.finished) == 3


@pytest.mark.rule("3.5-2")
def test_no_mail_is_a_session_all_the_same() -> None:
    """3.5: HELO and QUIT."""
    assert outline(play(FakeInstallation())[0]) == "220 HELO 250 QUIT 221"


@pytest.mark.parametrize("chop", CHOPS)
@pytest.mark.rule("4.5.3-10")
def test_552_for_a_recipient_too_many_leaves_the_others(chop: Pieces) -> None:
    """Appendix F, scenario 10: what was taken is sent, the rest may go in another transaction."""
    post = FakeInstallation()
    log, bag = play(
        post, mail_to("Jones", "Brown", "Green"), mail_to("Green"),
        pieces=chop, limits=Limits(recipients=2),
    )  # fmt: skip
    assert outline(log) == (
        "220 HELO 250 MAIL 250 RCPT 250 RCPT 250 RCPT 552 DATA 354 ... 250 "
        "MAIL 250 RCPT 250 DATA 354 ... 250 QUIT 221"
    )
    assert codes(bag.finished[0]) == [250, 250, 552]
    assert [len(transaction.forward_paths) for transaction in post.stored] == [2, 1]


@pytest.mark.rule("3.2-1")
def test_251_takes_the_recipient() -> None:
    """3.2: at 251 "the receiver takes responsibility for delivering the message"."""
    told = reply(251, "User not local; will forward to <Postel@USC-ISIF.ARPA>")
    post = FakeInstallation(Postel=[told])
    log, bag = play(post, mail_to("Postel"))
    assert outline(log) == "220 HELO 250 MAIL 250 RCPT 251 DATA 354 ... 250 QUIT 221"
    assert bag.finished[0].taken(0)


def redirecting(*to: str) -> Outgoing:
    plain = mail_to(*to)
    return Outgoing(plain.reverse_path, plain.forward_paths, plain.mail_data, redirects=True)


@pytest.mark.rule("3.2-3")
def test_251_is_left_to_a_sender_that_redirects() -> None:
    """3.2: a sender that goes to the given path itself must not leave the mail here as well."""
    post = FakeInstallation(Postel=[251])
    log, bag = play(post, redirecting("Postel"))
    assert outline(log) == "220 HELO 250 MAIL 250 RCPT 251 RSET 250 QUIT 221"
    assert not bag.finished[0].any_taken
    assert post.stored == []


def test_251_among_others_when_the_sender_redirects() -> None:
    """3.2: a 251 is in the receiver's forward-path buffer; only RSET takes it out again, and the
    others go in a transaction of their own.
    """
    post = FakeInstallation(Postel=[251])
    log, bag = play(post, redirecting("Postel", "Jones"))
    assert outline(log) == "220 HELO 250 MAIL 250 RCPT 251 RCPT 250 RSET 250 QUIT 221"
    (outgoing,) = bag.finished
    assert (codes(outgoing), outgoing.answer) == ([251, 250], None)
    assert post.stored == []


# -- the sender and every permitted reply

ONE = "220 HELO 250 MAIL 250 RCPT 250 DATA 354 ... 250"
BEFORE = {
    "CONNECT": "",
    "HELO": "220 HELO",
    "MAIL": "220 HELO 250 MAIL",
    "RCPT": "220 HELO 250 MAIL 250 RCPT",
    "DATA": "220 HELO 250 MAIL 250 RCPT 250 DATA",
    "data": "220 HELO 250 MAIL 250 RCPT 250 DATA 354 ...",
    "RSET": "220 HELO 250 MAIL 250 RCPT 550 RSET",
    "QUIT": f"{ONE} MAIL 250 RCPT 250 DATA 354 ... 250 QUIT",
}
REST = "250 MAIL 250 RCPT 250 DATA 354 ... 250 QUIT 221"
AFTER_SUCCESS = {
    "CONNECT": f"HELO 250 MAIL 250 RCPT 250 DATA 354 ... {REST}",
    "HELO": f"MAIL 250 RCPT 250 DATA 354 ... {REST}",
    "MAIL": f"RCPT 250 DATA 354 ... {REST}",
    "RCPT": f"DATA 354 ... {REST}",
    "DATA": f"... {REST}",
    "data": REST.removeprefix("250 "),
    "RSET": REST.removeprefix("250 "),
    "QUIT": "",
}


class Scripted:
    """A receiver-SMTP's side that only says: success, but one code at one place."""

    ORDER: ClassVar = {"HELO": 250, "MAIL": 250, "RCPT": 250, "DATA": 354, "RSET": 250, "QUIT": 221}

    def __init__(self, row: str, code: int, refuse_first: bool = False) -> None:
        self.row, self.code = row, code
        self.refuse_first = refuse_first

    def play(self, *mail: Outgoing, lost_after: int | None = None) -> tuple[str, FakeAgenda]:
        bag = FakeAgenda(*mail)
        sender = SenderSMTP("ALPHA.ARPA", bag)
        words: list[str] = []
        row = "CONNECT"
        while not sender.closing:
            if lost_after is not None and len(words) >= lost_after:
                sender.end_of_input()
                break
            code = self._code(row)
            words.append(str(code))
            events = sender.receive(b"%d said\r\n" % code)
            out = next((octets for kind, octets in events if kind != "reply"), b"")
            if not out:
                break
            data = events[-1][0] == "data"
            words.append("..." if data else out[:4].decode())
            row = "data" if data else out[:4].decode()
        return " ".join(words), bag

    def _code(self, row: str) -> int:
        if row == self.row and self.code:
            code, self.code = self.code, 0
            return code
        if row == "RCPT" and self.refuse_first:
            self.refuse_first = False
            return 550
        return {"CONNECT": 220, "data": 250, **self.ORDER}[row]


PERMITTED = [
    (row, code) for row in BEFORE for code in COMMAND_REPLIES[row] if (row, code) != ("QUIT", 421)
]


def digit(row: str, code: int) -> str:
    """What appendix E's digits make of a code: taken, later, or never."""
    wanted = "3" if row == "DATA" else "2"
    first = str(code)[0]
    return "taken" if first == wanted else "never" if first == "5" else "later"


@pytest.mark.parametrize(("row", "code"), PERMITTED)
@pytest.mark.rule("4.3-5")
def test_the_next_step_after_each_permitted_reply(row: str, code: int) -> None:
    """4.3: success leads on; failure and error lead to the next mail by RSET, or out by QUIT; 421
    closes the channel.
    """
    scripted = Scripted(row, code, refuse_first=row == "RSET")
    log, bag = scripted.play(mail_to("Jones"), mail_to("Brown"))
    if row == "RSET":
        after = {"taken": "MAIL 250 RCPT 250 DATA 354 ... 250 QUIT 221"}.get(
            digit(row, code), "QUIT 221"
        )
    elif digit(row, code) == "taken":
        after = AFTER_SUCCESS[row]
    elif row in ("CONNECT", "HELO"):
        after = "QUIT 221"
    elif row == "QUIT":
        after = ""
    elif row == "data":
        after = "MAIL 250 RCPT 250 DATA 354 ... 250 QUIT 221"
    else:
        after = f"RSET {REST}"
    if code == 421:
        after = ""
    assert log == f"{BEFORE[row]} {code} {after}".strip()
    if code == 421 and row in ("MAIL", "RCPT", "DATA", "data"):
        assert bag.finished[0].answer == (421, "said")
        assert not any(outgoing.answer and outgoing.answer[0] == 250 for outgoing in bag.finished)


NOT_PERMITTED = [
    (row, code)
    for row in BEFORE
    for code in (*TEXTS, 199, 299, 399, 499, 599)
    if code not in COMMAND_REPLIES[row] and code != 421
]


@pytest.mark.parametrize(("row", "code"), NOT_PERMITTED)
@pytest.mark.rule("4.3-6", "E-1")
def test_a_code_that_is_not_permitted_counts_by_its_first_digit(row: str, code: int) -> None:
    """Appendix E: "an unsophisticated sender-SMTP will be able to determine its next action ... by
    simply examining this first digit".
    """
    peer = {"taken": {"DATA": 354}.get(row, 250), "later": 451, "never": 550}[digit(row, code)]
    peer = {"CONNECT": {250: 220}, "QUIT": {250: 221}}.get(row, {}).get(peer, peer)
    place = len(BEFORE[row].split())
    logs = []
    for each in (code, peer):
        log, bag = Scripted(row, each, row == "RSET").play(mail_to("Jones"), mail_to("Brown"))
        words = log.split()
        assert words[place] == str(each)
        del words[place]
        logs.append((words, len(bag.finished), len(bag.refusals)))
    assert logs[0] == logs[1]


@pytest.mark.parametrize("code", [code for code in COMMAND_REPLIES["RCPT"] if code != 421])
@pytest.mark.rule("3.1-3")
def test_a_recipient_refused_does_not_stop_the_others(code: int) -> None:
    """3.1: each RCPT has a reply of its own."""
    post = FakeInstallation(Green=[code])
    log, bag = play(post, mail_to("Green", "Jones"))
    assert outline(log) == f"220 HELO 250 MAIL 250 RCPT {code} RCPT 250 DATA 354 ... 250 QUIT 221"
    assert codes(bag.finished[0]) == [code, 250]
    assert bag.finished[0].taken(0) == (code < 300)


@pytest.mark.rule("4.3-4")
def test_421_at_a_recipient_ends_the_session_for_all_of_them() -> None:
    """4.3: after 421 there is nobody to talk to; what was answered before stays answered."""
    log, bag = play(FakeInstallation(Green=[421], Brown=[550]), mail_to("Jones", "Brown", "Green"))
    assert outline(log) == "220 HELO 250 MAIL 250 RCPT 250 RCPT 550 RCPT 421"
    (outgoing,) = bag.finished
    assert codes(outgoing) == [250, 550]
    assert (outgoing.answer, outgoing.failed_at) == ((421, "BETA.ARPA no"), "RCPT")


@pytest.mark.parametrize("wire", [b"hello\r\n", b"999 no\r\n", b"250-a\r\n251 b\r\n", b"\0\r\n"])
@pytest.mark.rule("4.2-3")
def test_a_peer_that_does_not_speak_smtp_is_left(wire: bytes) -> None:
    """4.2: what is no reply ends the session, with the mail kept for later (4xx)."""
    for chop in CHOPS:
        bag = FakeAgenda(mail_to("Jones"))
        sender = SenderSMTP("ALPHA.ARPA", bag)
        sender.receive(b"220 BETA.ARPA\r\n")
        sender.receive(b"250 BETA.ARPA\r\n")
        for piece in chop(wire):
            sender.receive(piece)
        assert sender.closing
        (outgoing,) = bag.finished
        assert outgoing.answer is not None
        assert outgoing.answer[0] == 451


@pytest.mark.rule("4.2-4", "E-2")
def test_replies_of_several_lines_are_one_reply() -> None:
    """Appendix E: the sender waits for the line whose code a space follows."""
    welcome = Reply(220, "BETA.ARPA", "welcome", "")
    post = FakeInstallation(CONNECT=[welcome], HELO=[Reply(250, "BETA", "hi")])
    for chop in CHOPS:
        log, _ = play(post, mail_to("Jones"), pieces=chop)
        assert outline(log) == f"{ONE} QUIT 221"


# -- the channel is lost

LENGTH = len(f"{ONE} QUIT 221".split())


@pytest.mark.parametrize("crossings", range(LENGTH + 1))
@pytest.mark.rule("4.1.1-19", "4.1.1-20")
def test_the_channel_is_lost_at_every_point(crossings: int) -> None:
    """4.1.1 QUIT: the receiver "should act as if a RSET command had been received"; the sender "as
    if the command or transaction in progress had received a temporary error (4xx)".
    """
    post, bag = FakeInstallation(), FakeAgenda(mail_to("Jones"))
    sender, receiver = SenderSMTP("ALPHA.ARPA", bag), ReceiverSMTP(post)
    log = Wire(sender, receiver).play(crossings=crossings)
    assert outline(log) == " ".join(f"{ONE} QUIT 221".split()[:crossings])
    assert receiver.closing
    assert sender.closing
    assert not receiver.transaction.is_begun
    words = outline(log).split()
    # the data has crossed: the receiver has answered for it, and the reply may be lost
    assert len(post.stored) == ("..." in words)
    if crossings < 3:  # before the reply to HELO there is no transaction
        assert (bag.finished, [code for code, _ in bag.refusals]) == ([], [451])
        return
    (outgoing,) = bag.finished
    assert bag.refusals == []
    assert outgoing.answer is not None
    confirmed = words.count("250") == 4
    assert outgoing.answer[0] == (250 if confirmed else 451)
    assert bool(outgoing.failed_at) == (not confirmed)


@given(st.integers(0, 300), st.integers(1, 9))
@pytest.mark.rule("4.1.1-2")
def test_the_channel_is_lost_within_a_line(sent: int, size: int) -> None:
    """4.1.1: no action is taken on a line, or on mail data, whose end has not come."""
    wire = (
        b"HELO ALPHA.ARPA\r\nMAIL FROM:<Smith@ALPHA.ARPA>\r\nRCPT TO:<Jones@BETA.ARPA>\r\n"
        b"DATA\r\nHi\r\n.\r\n"
    )
    post = FakeInstallation()
    receiver = ReceiverSMTP(post)
    receiver.open()
    replies = []
    for piece in by(size)(wire[:sent]):
        replies += [octets for kind, octets in receiver.receive(piece) if kind == "reply"]
    receiver.end_of_input()
    assert len(post.stored) == (sent >= len(wire))
    assert len(replies) == min(4, wire[:sent].count(b"\r\n")) + len(post.stored)
    assert receiver.receive(b"NOOP\r\n") == []


# -- any cut of the same bytes


SENT = st.lists(
    st.sampled_from([
        b"HELO ALPHA.ARPA\r\n", b"MAIL FROM:<Smith@ALPHA.ARPA>\r\n",
        b"RCPT TO:<Jones@BETA.ARPA>\r\n", b"DATA\r\n", b"Hi\r\n", b".\r\n", b"..\r\n",
        b"\r\n.\r\n", b"RSET\r\n", b"NOOP\r\n", b"QUIT\r\n", b"TURN\r\n",
        b"\r", b"\n", b"\0", b"NOOP\n", b"x" * 50, b"\x85\r\n",
    ]), max_size=16,
).map(b"".join)  # fmt: skip


@given(
    SENT, st.integers(1, 60), st.sampled_from([Limits(), Limits(line=40, message=9, text_line=30)])
)
@pytest.mark.rule("1-2")
def test_any_cut_of_the_same_bytes_gives_the_same_session(
    wire: bytes, size: int, limits: Limits
) -> None:
    """4.1.1 and 4.5.3: what arrives decides, and not in which pieces it came; nothing raises."""

    def session(chop: Pieces) -> object:
        post = FakeInstallation(TURN=[250, 502])
        receiver = ReceiverSMTP(post, limits)
        events = receiver.open()
        for piece in chop(b"HELO ALPHA.ARPA\r\n" + wire):
            events += receiver.receive(piece)
        shown = [octets for kind, octets in events if kind != "data"]
        data = b"".join(octets for kind, octets in events if kind == "data")
        return (
            shown,
            data,
            [transaction.mail_data for transaction in post.stored],
            receiver.state,
            receiver.turned,
        )

    assert session(whole) == session(bytewise) == session(by(size))


@given(SENT)
@pytest.mark.rule("4.2-1")
def test_every_command_has_one_reply_in_its_order(wire: bytes) -> None:
    """4.3: commands sent before the reply to the last are answered one at a time, in order."""
    receiver = ReceiverSMTP(FakeInstallation())
    receiver.open()
    events = receiver.receive(wire)
    kinds = [kind for kind, _ in events]
    for n, kind in enumerate(kinds):
        if kind == "command":
            assert kinds[n + 1] == "reply"
    ends = sum(kind == "reply" for kind in kinds) - kinds.count("command")
    # a reply that no command drew is that to the end of the mail data
    assert 0 <= ends <= kinds.count("data")


@pytest.mark.rule("4.2-1")
def test_commands_wait_while_a_verdict_is_open() -> None:
    """4.3: a command that follows the mail data is answered after the verdict on that."""

    class Slow(FakeInstallation):
        def accept(self, transaction: object) -> Reply:
            return LATER

    receiver = ReceiverSMTP(Slow())
    receiver.open()
    lines = b"HELO A\r\nMAIL FROM:<a@B>\r\nRCPT TO:<c@D>\r\nDATA\r\nHi\r\n.\r\nNOOP\r\n"
    assert [octets[:3] for kind, octets in receiver.receive(lines) if kind == "reply"] == [
        b"250", b"250", b"250", b"354",
    ]  # fmt: skip
    assert receiver.receive(b"QUIT\r\n") == []
    assert receiver.is_waiting
    events = receiver.answer(reply(452))
    assert not receiver.is_waiting
    assert [octets[:3] for kind, octets in events if kind == "reply"] == [b"452", b"250", b"221"]


def test_many_small_mails_in_one_chunk_take_linear_time() -> None:
    """4.5.3 and 4.3: a megabyte of pipelined mail is read once, not once a mail."""
    import time

    def taken(count: int) -> float:
        receiver = ReceiverSMTP(FakeInstallation())
        receiver.open()
        mail = b"MAIL FROM:<a@B>\r\nRCPT TO:<c@D>\r\nDATA\r\nHi\r\n.\r\n"
        with gc_pause():  # else the collector goes through what other tests have left in memory
            begun = time.process_time()
            receiver.receive(b"HELO A\r\n" + mail * count)
            return time.process_time() - begun

    few = min(taken(1500) for _ in range(3))
    # sixteen times as much; quadratic would be 256 times
    assert taken(24_000) < 60 * few + 0.05


# -- what may not be put on a wire


@pytest.mark.parametrize("bad", ["A\r\nRCPT TO:<evil@B>", "A\rB", "A\nB", "A\r\n"])
def test_the_sender_puts_no_line_end_from_a_name_or_a_path_on_the_wire(bad: str) -> None:
    """4.1.1: an argument cannot end its command and begin another."""
    with pytest.raises(Misuse, match="CR or LF"):
        SenderSMTP(bad, FakeAgenda()).receive(b"220 BETA.ARPA\r\n")
    for paths in (
        (Path((), "a", bad), Path((), "b", "C")),
        (Path((), "b", "C"), Path((), bad, "C")),
    ):
        sender = SenderSMTP("ALPHA.ARPA", FakeAgenda(Outgoing(paths[0], [paths[1]], b"")))
        sender.receive(b"220 BETA.ARPA\r\n")
        with pytest.raises(Misuse, match="CR or LF"):  # noqa: PT012  at MAIL, or at RCPT
            sender.receive(b"250 BETA.ARPA\r\n")
            sender.receive(b"250 OK\r\n")


@given(st.binary(max_size=40).filter(bytes.isascii))
@pytest.mark.rule("4.5.2-1")
def test_no_mail_data_can_smuggle_a_command(data: bytes) -> None:
    """4.5.2: whatever the mail data, the receiver takes it whole, none of it as a command."""
    post = FakeInstallation()
    _, bag = play(post, mail_to("Jones", data=data), mail_to("Brown"))
    assert len(bag.finished) == len(post.stored) == 2
    ended = data if not data or data.endswith(b"\r\n") else data + b"\r\n"
    assert post.stored[0].mail_data == ended
    assert [path.local for path in post.stored[1].forward_paths] == ["Brown"]


@pytest.mark.rule("2-5", "4.2.1-6")
def test_bytes_that_are_not_ascii_are_refused_whole() -> None:
    """2: mail data is 7-bit ASCII; 554, for to clear the bit could make a period or a CR of it."""
    for bad in (b"\x8d\x8a\xae\x8d\x8a", b"caf\xe9\r\n"):
        post = FakeInstallation()
        log, _ = play(post, mail_to("Jones", data=bad))
        assert outline(log) == "220 HELO 250 MAIL 250 RCPT 250 DATA 354 ... 554 QUIT 221"
        assert post.stored == []


# -- misuse by our own code


def test_misuse_of_the_receiver_raises() -> None:
    """A receiver never raises for what a peer sends, and does for what its own driver does."""
    receiver = ReceiverSMTP(FakeInstallation())
    with pytest.raises(Misuse, match="session"):
        receiver.command(b"NOOP\r\n")  # before open()
    receiver.open()
    with pytest.raises(Misuse, match="begun"):
        receiver.open()
    with pytest.raises(Misuse, match="verdict"):
        receiver.answer(reply(250))
    with pytest.raises(Misuse, match="whole line"):
        receiver.command(b"NOOP")
    receiver.receive(b"NOO")
    with pytest.raises(Misuse, match="when a command is due"):
        receiver.command(b"P\r\n")
    receiver.receive(b"P\r\nHELO A\r\nMAIL FROM:<a@B>\r\nRCPT TO:<c@D>\r\nDATA\r\n")
    with pytest.raises(Misuse, match="when a command is due"):
        receiver.command(b"NOOP\r\n")
    receiver.receive(b".\r\nQUIT\r\n")
    with pytest.raises(Misuse, match="goes on"):
        receiver.command(b"NOOP\r\n")


@pytest.mark.parametrize("end", ["421", "lost"])
@pytest.mark.rule("4.3-7")
def test_a_session_is_opened_once(end: str) -> None:
    """open() begins a session, and no engine has two of them."""
    receiver = ReceiverSMTP(FakeInstallation(CONNECT=[421] if end == "421" else [220]))
    receiver.open()
    if end == "lost":
        receiver.end_of_input()
    with pytest.raises(Misuse, match="begun"):
        receiver.open()


def test_misuse_of_the_sender_raises() -> None:
    """A transaction without a recipient cannot be made; one that is over is not settled again."""
    with pytest.raises(Misuse, match="forward-path"):
        Outgoing(parse_path("<a@B>"), [], b"")
    sender = SenderSMTP("ALPHA.ARPA", FakeAgenda())
    with pytest.raises(Misuse, match="no transaction"):
        sender._settle(sender._next)


def test_the_short_ways_are_the_long_ones() -> None:
    """command() and answer() do what receive() does with the same bytes."""
    post = FakeInstallation(Green=[550])
    bag = FakeAgenda(mail_to("Jones", "Green"), mail_to("Brown"))
    receiver, sender = ReceiverSMTP(post), SenderSMTP("ALPHA.ARPA", bag)
    words = []
    octets = receiver.open()[0][1]
    while octets:
        words.append(octets[:4].strip().decode())
        out = sender.answer(octets)
        assert out is not None
        if not out:
            break
        words.append(out[:4].decode("latin-1").strip())
        if receiver.state is State.DATA:
            octets = next(octets for kind, octets in receiver.receive(out) if kind == "reply")
        else:
            octets = receiver.command(out)
    long, _ = play(FakeInstallation(Green=[550]), mail_to("Jones", "Green"), mail_to("Brown"))
    assert [word for word in words if word != "Hi"] == outline(long).replace("...", "Hi").replace(
        "Hi ", ""
    ).split()
    assert sender.answer(b"250 OK\r\n") is None  # after the end
    fresh = SenderSMTP("ALPHA.ARPA", FakeAgenda())
    assert fresh.answer(b"220-two\r\n220 lines\r\n") is None
    assert fresh.answer(b"220 ha") is None


def test_the_engines_hold_nothing_after_a_session() -> None:
    """Buffers for half a line exist while there is half a line, and no longer."""
    post, bag = FakeInstallation(), FakeAgenda(mail_to("Jones"))
    sender, receiver = SenderSMTP("ALPHA.ARPA", bag), ReceiverSMTP(post)
    Wire(sender, receiver, bytewise).play()
    assert receiver._line is None
    assert receiver._data is None
    assert sender._parser is None
    assert not receiver.is_within_line
    assert (LineBuffer().is_fresh, MailData().octets) == (True, b"")


def test_a_line_that_no_crlf_has_ended_can_be_seen() -> None:
    """For the record of a session that ends there; mail data is not a line."""
    receiver = ReceiverSMTP(FakeInstallation())
    receiver.open()
    assert receiver.begun_line == b""
    receiver.receive(b"HELO ALPHA.ARPA\r\nMAIL FR")
    assert receiver.begun_line == b"MAIL FR"
    receiver.receive(b"OM:<a@ALPHA.ARPA>\r\nRCPT TO:<Jones@BETA.ARPA>\r\nDATA\r\nmail da")
    assert receiver.begun_line == b""


def test_the_senders_state_is_that_of_its_dialogue() -> None:
    """4.4: what a command leads to, a positive reply makes the state; RSET and mail lead back."""
    sender = SenderSMTP("ALPHA.ARPA", FakeAgenda(mail_to("Green"), mail_to("Jones")))
    replies = [220, 250, 250, 550, 250, 250, 250, 354, 250, 221]
    states = [sender.state]
    for code in replies:
        sender.receive(b"%d said\r\n" % code)
        states.append(sender.state)
    opened, ready, mail, rcpt = State.OPENED, State.READY, State.MAIL, State.RCPT
    assert states == [
        opened, opened, ready, mail, mail, ready, mail, rcpt, State.DATA, ready, State.CLOSED,
    ]  # fmt: skip


def test_a_reply_of_several_lines_is_kept_whole() -> None:
    """What is told about a recipient, or about the mail, has each of the lines."""
    bag = FakeAgenda(mail_to("Jones"))
    sender = SenderSMTP("ALPHA.ARPA", bag)
    for octets in (b"220 hi", b"250 hi", b"250 OK", b"250-taken\r\n250 for now", b"354 go on"):
        sender.receive(octets + b"\r\n")
    sender.receive(b"554-no\r\n554 never\r\n")
    (outgoing,) = bag.finished
    assert outgoing.answers == [(250, "taken\nfor now")]
    assert outgoing.answer == (554, "no\nnever")


def test_a_sender_that_waited_long_enough_has_a_temporary_error() -> None:
    """Whatever it waits for: 451 for the mail in progress, or for the session; once."""
    for heard in ([], [b"220 hi\r\n", b"250 hi\r\n", b"250 OK\r\n"]):
        bag = FakeAgenda(mail_to("Jones"))
        sender = SenderSMTP("ALPHA.ARPA", bag)
        for octets in heard:
            sender.receive(octets)
        sender.give_up("no reply in time")
        sender.give_up("and again")
        told_of_mail = [outgoing.answer for outgoing in bag.finished]
        assert told_of_mail + bag.refusals == [(451, "no reply in time")]
        assert sender.closing


def test_a_transaction_tells_of_itself() -> None:
    """What it is, from whom and to whom, and how long its mail data; and whether it has begun."""
    receiver = ReceiverSMTP(FakeInstallation())
    receiver.open()
    receiver.receive(b"HELO A\r\n")
    begun = [receiver.transaction.is_begun]
    for line in (b"MAIL FROM:<>\r\n", b"RCPT TO:<b@B>\r\n"):
        receiver.receive(line)
        begun.append(receiver.transaction.is_begun)
    assert repr(receiver.transaction) == "<MAIL <> to <b@B>: 0 bytes>"
    receiver.receive(b"MAIL FROM:<a@A>\r\n")
    begun.append(receiver.transaction.is_begun)
    assert begun == [False, False, True, True]
