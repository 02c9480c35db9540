"""The tracker, both engines and a script read every reply alike, at every stage."""

from __future__ import annotations

import pytest
from helpers.small_topologies import host, mail, run, wire

from lab.analysis.session_states import session_histories
from lab.hosts.scripted import ANSWERED, ScriptedReceiver
from lab.hosts.settings import HostSettings
from lab.protocol import TEXTS, Outgoing, Reply, SenderSMTP, State
from lab.protocol.dialogue import Dialogue, replies_to
from lab.testing import FakeAgenda, FakeInstallation, mail_to


class Polling(FakeAgenda):
    """An agenda that asks for mail by TURN, once."""

    turned = False

    def turns(self) -> bool:
        asks, self.turned = not self.turned, True
        return asks


def letters() -> list[Outgoing]:
    return [mail_to("Jones"), mail_to("Brown", verb="SOML"), mail_to("Jones", verb="SAML"),
            mail_to("Green"), mail_to("Jones", verb="SEND")]  # fmt: skip


@pytest.mark.parametrize("row", [row for row in ANSWERED if row not in ("EXPN", "VRFY", "HELP")])
@pytest.mark.parametrize("code", TEXTS)
@pytest.mark.rule("4.3-6", "E-1")
def test_states_and_buffers_are_those_of_the_engines(row: str, code: int) -> None:
    """Whatever a host is set to answer, and wherever: at each moment the tracker has the states of
    the engines, and the paths that are in the receiver's buffers.
    """
    post = FakeInstallation(Green=[550], TURN=[Reply(250, "OK")])
    receiver = ScriptedReceiver(post, HostSettings(name="BETA.ARPA", answers={row: code}), {})
    sender = SenderSMTP("ALPHA.ARPA", Polling(*letters()))
    dialogue = Dialogue()
    (_, octets), *_ = receiver.open()
    while octets:
        out = [(kind, crossed) for kind, crossed in sender.receive(octets) if kind != "reply"]
        dialogue.reply(octets)
        if sender.turned:
            assert dialogue.is_turned
            assert receiver.turned
            break
        assert not dialogue.is_turned
        if sender.closing and not out:
            break
        assert dialogue.sender.state is sender.state
        ((kind, crossed),) = out
        replies = [back for sort, back in receiver.receive(crossed) if sort == "reply"]
        octets = replies[0] if replies else b""
        answer = int(octets[:3]) if octets else None
        if kind == "data":
            dialogue.mail_data(crossed, answer)
            dialogue.stored()
        else:
            dialogue.command(crossed, answer)
        assert dialogue.sender.awaiting == sender.awaiting
        if not receiver.turned:
            assert dialogue.receiver.state is receiver.state
            paths = tuple(path.text for path in receiver.transaction.forward_paths)
            assert receiver.closing or dialogue.receiver.forward_paths == paths
    assert sender.closing, "the two wait for each other"


def test_a_tolerant_hosts_buffers_hold_the_paths_that_it_has_read() -> None:
    """4.1.2: blanks and missing brackets do not keep a path out of its buffer."""
    done = run(
        host("ONE.ARPA", "joe"), host("TWO.ARPA", "bob", grammar="tolerant"), mail=[],
        script=[{"from": "ONE.ARPA", "to": "TWO.ARPA", "lines": [
            "HELO one", "SOML FROM: joe@ONE.ARPA \t", "rcpt to:  <bob@TWO.ARPA>", "NOOP now"]}],
    )  # fmt: skip
    history = session_histories(done.trace)[1]
    last = history.snapshots[-2]
    assert (last.sender.verb, last.sender.reverse_path) == ("SOML", "<joe@ONE.ARPA>")
    assert last.receiver.forward_paths == last.sender.forward_paths == ("<bob@TWO.ARPA>",)


@pytest.mark.parametrize("lines", [["TURN", "NOOP"], ["QUIT", "NOOP", "QUIT"]])
@pytest.mark.parametrize("code", [211, 220, 221, 250, 251, 354, 421, 450, 502, 550])
def test_a_script_that_goes_on_after_turn_or_quit_ends_in_good_order(
    lines: list[str], code: int
) -> None:
    """Also where these draw a code that they never should: it counts by its first digit."""
    done = run(
        host("ONE.ARPA"), host("TWO.ARPA", turn=True, answers={lines[0]: code}), mail=[],
        script=[{"from": "ONE.ARPA", "to": "TWO.ARPA", "lines": ["HELO ONE.ARPA", *lines]}],
    )  # fmt: skip
    sent = [event["verb"] for event in done.trace if event.kind == "command"]
    granted = code // 100 == 2 or code == 421
    assert sent == ["HELO", lines[0]] if granted else ["HELO", *lines]
    assert [event.kind for event in done.trace].count("close") == 1


def test_mail_that_a_host_fetches_comes_by_any_2yz_to_turn() -> None:
    """3.8, appendix E: 251 to TURN is a success by its first digit, so roles change."""
    for code in (250, 251):
        done = run(
            host("ONE.ARPA", "joe"), host("TWO.ARPA", "bob", turn=True, holds=["ONE.ARPA"],
                                          answers={"TURN": code}),
            mail=[mail("bob@TWO.ARPA", "joe@ONE.ARPA")],
            poll=[{"at": "1 s", "from": "ONE.ARPA", "to": "TWO.ARPA"}],
        )  # fmt: skip
        assert done.summary["delivered"] == 1


def test_354_anywhere_but_after_data_is_no_request_for_mail_data() -> None:
    done = run(
        host("ONE.ARPA", "joe"), host("TWO.ARPA", "bob", answers={"RCPT": [354]}),
        mail=[mail("joe@ONE.ARPA", "bob@TWO.ARPA")], retry={"first": "30 s"},
    )  # fmt: skip
    history = session_histories(done.trace)[1]
    assert {snapshot.sender.state for snapshot in history.snapshots} == {
        State.OPENED, State.READY, State.MAIL, State.CLOSED}  # fmt: skip
    assert done.summary["delivered"] == 1
    rows = [event for event in done.trace if event.session == 1 and "octets" in event.extra]
    codes = replies_to((n, event.kind, event["octets"]) for n, event in enumerate(rows))
    assert [codes[n] for n, event in enumerate(rows) if event.kind == "command"] == [
        250, 250, 354, 250, 221]  # fmt: skip


# -- replies that the file or a fault sets


@pytest.mark.parametrize("row", [row for row in ANSWERED if row not in ("SEND", "SOML", "SAML")])
@pytest.mark.parametrize("code", [220, 221, 251, 421, 551])
@pytest.mark.rule("4.3-4", "3.2-1")
def test_set_replies_have_the_name_and_the_path_too(row: str, code: int) -> None:
    """4.2.2: 220, 221 and 421 begin with the official name, 251 and 551 tell a path; that which
    was asked about, so that nobody is sent elsewhere.
    """
    receiver = ScriptedReceiver(
        FakeInstallation(TURN=[Reply(250 if row == "TURN" else 502, "OK")]),
        HostSettings(name="BETA.ARPA", answers={row: code}),
        {},
    )
    sent = receiver.greet()
    lines = ["HELO A", "VRFY Jones", "EXPN x", "HELP", "NOOP", "MAIL FROM:<a@A>", "RSET",
             "MAIL FROM:<a@A>", "RCPT TO:<Jones@BETA.ARPA>", "DATA", "Hi\r\n.", "TURN",
             "QUIT"]  # fmt: skip
    for line in lines:
        if receiver.closing or sent.startswith(b"%d" % code):
            break
        sent = receiver.respond(line.encode() + b"\r\n")
    begins = {220: "220 BETA.ARPA ", 221: "221 BETA.ARPA ", 421: "421 BETA.ARPA ",
              251: "251 User not local; will forward to <",
              551: "551 User not local; please try <"}  # fmt: skip
    assert sent.decode().startswith(begins[code])
    if code in (251, 551):
        told = "<Jones@BETA.ARPA>" if row in ("RCPT", "VRFY") else "<postmaster@BETA.ARPA>"
        assert sent.endswith(f"{told}\r\n".encode())


@pytest.mark.parametrize(("line", "sent"), [
    ("421 no time", "421 TWO.ARPA no time"),
    ("421", "421 TWO.ARPA Service not available, closing transmission channel"),
    ("221 bye", "221 TWO.ARPA bye"),
    ("421 TWO.ARPA no time", "421 TWO.ARPA no time"),
    ("551", "551 User not local; please try <bob@TWO.ARPA>"),
    ("551 gone", "551 gone <bob@TWO.ARPA>"),
    ("551 try <bob@ONE.ARPA>", "551 try <bob@ONE.ARPA>"),
    ("550 gone", "550 gone"),
])  # fmt: skip
@pytest.mark.rule("4.3-4")
def test_changed_replies_have_the_name_and_the_path_too(line: str, sent: str) -> None:
    """So do those that a fault puts in the place of a host's own."""
    done = run(
        host("ONE.ARPA", "joe"), host("TWO.ARPA", "bob"),
        mail=[mail("joe@ONE.ARPA", "bob@TWO.ARPA")], retry={"first": "30 s"},
        fault=[{"kind": "change-reply", "host": "TWO.ARPA", "session": 1, "number": 4,
                "line": line}],
    )  # fmt: skip
    assert wire(done, "ONE.ARPA", "reply")[3] == sent


def test_a_2yz_set_for_the_mail_data_is_sent_once_the_mail_is_stored() -> None:
    """Appendix E: a success by its first digit, at once or when storing takes time."""
    for options in ({}, {"store": "5 s"}):
        two = host("TWO.ARPA", "bob", answers={"data": 211}, **options)
        done = run(host("ONE.ARPA", "joe"), two, mail=[mail("joe@ONE.ARPA", "bob@TWO.ARPA")])
        assert wire(done, "ONE.ARPA", "reply")[5][:3] == "211"
        assert done.summary["delivered"] == 1
