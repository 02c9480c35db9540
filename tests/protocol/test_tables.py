"""The two tables that decide a session, against the RFC's pages and against the engine itself."""

from __future__ import annotations

import re

import pytest

from lab.protocol import (
    COMMAND_REPLIES,
    COMMANDS,
    TEXTS,
    TRANSITIONS,
    Buffers,
    Category,
    Path,
    ReceiverSMTP,
    Reply,
    Severity,
    State,
    Transaction,
    category_of,
    outcome,
    reply,
    severity_of,
)
from lab.protocol.states import MINIMUM

# Section 4.3 as printed, a row a line; DATA's second row is what follows its "354 -> data ->".
SECTION_4_3 = """
CONNECT  S: 220 F: 421
HELO  S: 250 E: 500, 501, 504, 421
MAIL  S: 250 F: 552, 451, 452 E: 500, 501, 421
RCPT  S: 250, 251 F: 550, 551, 552, 553, 450, 451, 452 E: 500, 501, 503, 421
DATA  I: 354 F: 451, 554 E: 500, 501, 503, 421
data  S: 250 F: 552, 554, 451, 452
RSET  S: 250 E: 500, 501, 504, 421
SEND  S: 250 F: 552, 451, 452 E: 500, 501, 502, 421
SOML  S: 250 F: 552, 451, 452 E: 500, 501, 502, 421
SAML  S: 250 F: 552, 451, 452 E: 500, 501, 502, 421
VRFY  S: 250, 251 F: 550, 551, 553 E: 500, 501, 502, 504, 421
EXPN  S: 250 F: 550 E: 500, 501, 502, 504, 421
HELP  S: 211, 214 E: 500, 501, 502, 504, 421
NOOP  S: 250 E: 500, 421
QUIT  S: 221 E: 500
TURN  S: 250 F: 502 E: 500, 503
"""


def printed_rows() -> dict[str, dict[int, str]]:
    rows: dict[str, dict[int, str]] = {}
    for line in SECTION_4_3.strip().splitlines():
        name, rest = line.split(maxsplit=1)
        groups = re.findall(r"([ISFE]): ([\d, ]+)", rest)
        rows[name] = {int(code): letter for letter, codes in groups for code in codes.split(",")}
    return rows


PRINTED = printed_rows()

SECTION_4_2_2 = (
    "211 214 220 221 250 251 354 421 450 451 452 500 501 502 503 504 550 551 552 553 554"
)


@pytest.mark.rule("4.3-1")
def test_the_rows_are_those_of_the_print() -> None:
    """4.3: one row for the connection, one for each command, one for the data after 354."""
    assert set(COMMAND_REPLIES) == set(PRINTED) == {"CONNECT", "data", *COMMANDS}


@pytest.mark.parametrize("row", PRINTED)
@pytest.mark.rule("4.3-1")
def test_a_row_permits_what_the_print_permits(row: str) -> None:
    """4.3: "The table below lists alternative success and failure replies for each command"."""
    found = {code: meaning.name for code, meaning in COMMAND_REPLIES[row].items()}
    # "421 may be given to any command": the print leaves it out of the row after the data
    wanted = PRINTED[row] | ({421: "E"} if row == "data" else {})
    assert found == wanted


@pytest.mark.rule("4.3-6")
def test_a_code_outside_its_row_has_no_meaning() -> None:
    """4.3: "These must be strictly adhered to"."""
    for row, permitted in PRINTED.items():
        for code in set(TEXTS) - set(permitted) - {421}:
            assert outcome(row, code) is None, (row, code)


@pytest.mark.rule("4.2.2-1", "E-1")
def test_the_codes_are_those_of_the_numeric_list() -> None:
    """4.2.2 lists 21 reply codes; 4.3 uses no other."""
    assert sorted(TEXTS) == [int(code) for code in SECTION_4_2_2.split()]
    assert {code for row in PRINTED.values() for code in row} <= set(TEXTS)


@pytest.mark.rule("4.1.2-1", "4.5.1-1")
def test_fourteen_commands_of_which_seven_are_the_minimum() -> None:
    """4.1.2 lists fourteen commands; 4.5.1 asks seven of every receiver-SMTP."""
    listed = "HELO MAIL RCPT DATA RSET SEND SOML SAML VRFY EXPN HELP NOOP QUIT TURN"
    assert " ".join(COMMANDS) == listed
    assert " ".join(MINIMUM) == "HELO MAIL RCPT DATA RSET NOOP QUIT"


# -- the transition table, row by row, as sections 3.1, 4.1.1 and 4.4 have it

# state  command  state after success  what becomes of the buffers; what is not here is out of order
SECTION_4_1_1 = """
opened  HELO                 ready   CLEAR
opened  NOOP HELP EXPN VRFY  opened  KEEP
opened  RSET                 opened  CLEAR
opened  QUIT                 closed  CLEAR
ready   HELO                 ready   CLEAR
ready   NOOP HELP EXPN VRFY  ready   KEEP
ready   RSET                 ready   CLEAR
ready   QUIT                 closed  CLEAR
ready   TURN                 opened  CLEAR
ready   MAIL SEND SOML SAML  mail    REVERSE_PATH
mail    HELO                 ready   CLEAR
mail    NOOP HELP EXPN VRFY  mail    KEEP
mail    RSET                 ready   CLEAR
mail    QUIT                 closed  CLEAR
mail    MAIL SEND SOML SAML  mail    REVERSE_PATH
mail    RCPT                 rcpt    FORWARD_PATH
rcpt    HELO                 ready   CLEAR
rcpt    NOOP HELP EXPN VRFY  rcpt    KEEP
rcpt    RSET                 ready   CLEAR
rcpt    QUIT                 closed  CLEAR
rcpt    MAIL SEND SOML SAML  mail    REVERSE_PATH
rcpt    RCPT                 rcpt    FORWARD_PATH
rcpt    DATA                 data    MAIL_DATA
data    data                 ready   CLEAR
"""


def rows_of_4_1_1() -> dict[str, dict[str, tuple[str, str]]]:
    rows: dict[str, dict[str, tuple[str, str]]] = {state.value: {} for state in State}
    for line in SECTION_4_1_1.strip().splitlines():
        state, *verbs, after, buffers = line.split()
        rows[state] |= dict.fromkeys(verbs, (after, buffers))
    return rows


@pytest.mark.rule("3.1-2", "3.1-12", "3.3-8", "3.4-4", "3.5-3", "4.1.1-4", "4.1.1-5", "4.1.1-6")
@pytest.mark.rule("4.1.1-13", "4.1.1-14", "4.1.1-15", "4.1.1-16", "4.1.1-17", "4.1.1-22")
@pytest.mark.rule("4.1.1-23", "4.4-1", "4.4-2")
@pytest.mark.parametrize("state", State)
def test_the_order_of_commands_is_that_of_the_rfc(state: State) -> None:
    """4.1.1: what may follow what, the state after success, and what the buffers hold then."""
    found = {verb: (row.next.value, row.buffers.name) for verb, row in TRANSITIONS[state].items()}
    assert found == rows_of_4_1_1()[state.value]


# -- the transition table, walked

YES = {"CONNECT": 220, "QUIT": 221, "HELP": 214, "DATA": 354}
LINES = {
    "HELO": b"HELO ALPHA.ARPA\r\n",
    "RCPT": b"RCPT TO:<Jones@BETA.ARPA>\r\n",
    "VRFY": b"VRFY Jones\r\n",
    "EXPN": b"EXPN People\r\n",
    **{verb: b"%b FROM:<Smith@ALPHA.ARPA>\r\n" % verb.encode() for verb in
       ("MAIL", "SEND", "SOML", "SAML")},
}  # fmt: skip
THE_WAY = {
    State.OPENED: "",
    State.READY: "HELO",
    State.MAIL: "HELO MAIL",
    State.RCPT: "HELO MAIL RCPT",
    State.DATA: "HELO MAIL RCPT DATA",
    State.CLOSED: "QUIT",
}


def line_of(verb: str) -> bytes:
    return LINES.get(verb, verb.encode() + b"\r\n")


class Says:
    """An installation that says one code to one command, and success to every other."""

    def __init__(self, verb: str = "", code: int = 0) -> None:
        self.replies = {verb: code}
        self.stored: list[Transaction] = []

    def say(self, verb: str) -> Reply:
        code = self.replies.get(verb) or YES.get(verb, 250)
        return reply(code, "<Jones@B>") if code in (251, 551) else reply(code)

    def greeting(self) -> Reply:
        return self.say("CONNECT")

    def hello(self, domain: str) -> Reply:
        return self.say("HELO")

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        return self.say(verb)

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        return self.say("RCPT")

    def accept(self, transaction: Transaction) -> Reply:
        self.stored.append(transaction)
        return self.say("data")

    def verify(self, string: str) -> Reply:
        return self.say("VRFY")

    def expand(self, string: str) -> Reply:
        return self.say("EXPN")

    def help(self, string: str) -> Reply:
        return self.say("HELP")

    def turn(self) -> Reply:
        return self.say("TURN")

    def goodbye(self) -> Reply:
        return self.say("QUIT")


def codes(events: list[tuple[str, bytes]]) -> list[int]:
    return [int(octets[:3]) for kind, octets in events if kind == "reply"]


def brought_to(state: State, installation: Says | None = None) -> ReceiverSMTP:
    receiver = ReceiverSMTP(installation or Says())
    receiver.open()
    for verb in THE_WAY[state].split():
        receiver.receive(line_of(verb))
    assert receiver.state is state
    return receiver


TALKING = [state for state in State if state not in (State.DATA, State.CLOSED)]
PAIRS = [(state, verb) for state in TALKING for verb in COMMANDS]


@pytest.mark.rule("3.1-5", "3.1-12", "3.4-4", "3.5-3", "4.1.1-13", "4.1.1-16", "4.1.1-22")
@pytest.mark.rule("4.1.1-23", "4.2.1-7", "4.4-2")
@pytest.mark.parametrize(("state", "verb"), PAIRS)
def test_a_command_draws_503_exactly_where_the_table_has_no_row(state: State, verb: str) -> None:
    """4.1.1: "There are restrictions on the order in which these command may be used"; 503."""
    receiver = brought_to(state)
    (code,) = codes(receiver.receive(line_of(verb)))
    transition = TRANSITIONS[state].get(verb)
    if transition is None:
        assert (code, receiver.state) == (503, state)
    else:
        assert (code, receiver.state) == (YES.get(verb, 250), transition.next)


@pytest.mark.parametrize(("state", "verb"), PAIRS)
@pytest.mark.rule("3.1-2", "3.3-8", "4.1.1-3", "4.1.1-5", "4.1.1-6")
@pytest.mark.rule("4.1.1-13", "4.1.1-14", "4.1.1-15", "4.1.1-16")
def test_a_command_does_to_the_buffers_what_the_table_says(state: State, verb: str) -> None:
    """4.1.1: three buffers, which commands clear, insert into, append to or leave alone."""
    receiver = brought_to(state)
    before = receiver.transaction
    held = (before.verb, before.reverse_path, list(before.forward_paths))
    receiver.receive(line_of(verb))
    after = receiver.transaction
    transition = TRANSITIONS[state].get(verb)
    buffers = Buffers.KEEP if transition is None else transition.buffers
    if buffers is Buffers.REVERSE_PATH:
        assert (after.verb, str(after.reverse_path)) == (verb, "<Smith@ALPHA.ARPA>")
        assert after.forward_paths == []
    elif buffers is Buffers.FORWARD_PATH:
        assert (after.verb, after.reverse_path) == held[:2]
        assert [*map(str, after.forward_paths)] == [*map(str, held[2]), "<Jones@BETA.ARPA>"]
    elif buffers is Buffers.CLEAR:
        assert not after.is_begun
        assert after.mail_data == b""
    else:
        assert (after.verb, after.reverse_path, after.forward_paths) == held


REFUSABLE = [
    (state, verb)
    for state, verb in PAIRS
    if verb in TRANSITIONS[state] and verb not in ("RSET", "NOOP", "DATA")  # the engine's own OK
]


@pytest.mark.parametrize(("state", "verb"), REFUSABLE)
@pytest.mark.rule("3.1-7", "4.1.1-24", "4.4-2")
def test_a_command_that_fails_leaves_all_as_it_was(state: State, verb: str) -> None:
    """4.1.1: a command has its effect when it "was successful"; each failure of 4.3 is tried."""
    for code, letter in PRINTED[verb].items():
        if letter in "SI" or code == 421:
            continue
        says = Says()
        receiver = brought_to(state, says)
        before = receiver.transaction
        held = (before.verb, before.reverse_path, list(before.forward_paths))
        says.replies = {verb: code}
        assert codes(receiver.receive(line_of(verb))) == [code]
        after = receiver.transaction
        assert receiver.state is state
        assert (after.verb, after.reverse_path, after.forward_paths) == held


@pytest.mark.parametrize("verb", [v for v in COMMANDS if 421 in PRINTED[v] and v not in
                                  ("RSET", "NOOP", "DATA")])  # fmt: skip
@pytest.mark.rule("4.3-3")
def test_421_closes_the_channel_whatever_drew_it(verb: str) -> None:
    """4.3: "The 421 reply ... may be given to any command if the SMTP-receiver knows it must shut
    down"; nothing is read after it.
    """
    state = next(state for state in reversed(TALKING) if verb in TRANSITIONS[state])
    says = Says()
    receiver = brought_to(state, says)
    says.replies = {verb: 421}
    assert codes(receiver.receive(line_of(verb) + b"NOOP\r\n")) == [421]
    assert receiver.closing
    assert receiver.receive(b"NOOP\r\n") == []


@pytest.mark.rule("4.3-3")
def test_421_after_the_mail_data_closes_too() -> None:
    """4.3: 421 to any command, the end of mail data among them."""
    receiver = brought_to(State.DATA, Says("data", 421))
    assert codes(receiver.receive(b"Hi\r\n.\r\nNOOP\r\n")) == [421]
    assert receiver.closing


@pytest.mark.rule("4.3-2")
def test_421_in_place_of_the_greeting() -> None:
    """4.3, CONNECTION ESTABLISHMENT: "S: 220  F: 421"."""
    receiver = ReceiverSMTP(Says("CONNECT", 421))
    assert codes(receiver.open()) == [421]
    assert receiver.closing
    assert receiver.receive(b"HELO ALPHA.ARPA\r\n") == []


@pytest.mark.parametrize("code", [250, 552, 554, 451, 452])
@pytest.mark.rule("4.1.1-9")
def test_the_end_of_mail_data_clears_the_buffers_success_or_not(code: int) -> None:
    """4.1.1 DATA: processing the data "causes the information in the reverse-path buffer,
    forward-path buffer, and mail data buffer to be cleared"; then 4.4's state before MAIL.
    """
    says = Says("data", code)
    receiver = brought_to(State.DATA, says)
    assert codes(receiver.receive(b"Hi\r\n.\r\n")) == [code]
    assert receiver.state is TRANSITIONS[State.DATA]["data"].next is State.READY
    assert not receiver.transaction.is_begun
    (stored,) = says.stored
    assert (str(stored.reverse_path), stored.mail_data) == ("<Smith@ALPHA.ARPA>", b"Hi\r\n")


@pytest.mark.parametrize("verb", COMMANDS)
@pytest.mark.rule("3.1-5", "4.1.1-8")
def test_within_mail_data_nothing_is_a_command(verb: str) -> None:
    """4.1.1 DATA: "the receiver treats the lines following the command as mail data"."""
    says = Says()
    receiver = brought_to(State.DATA, says)
    assert codes(receiver.receive(line_of(verb))) == []
    assert codes(receiver.receive(b".\r\n")) == [250]
    assert says.stored[0].mail_data == line_of(verb)


@pytest.mark.rule("4.1.1-17")
def test_after_quit_nothing_is_read() -> None:
    """4.1.1 QUIT: the receiver "must send an OK reply, and then close the transmission channel"."""
    for state in TALKING:
        receiver = brought_to(state)
        assert codes(receiver.receive(b"QUIT\r\nNOOP\r\n")) == [221]
        assert receiver.closing
        assert receiver.receive(b"NOOP\r\n") == []


@pytest.mark.rule("3.8-1", "4.1.1-21")
def test_turn_changes_the_roles_only_when_it_is_granted() -> None:
    """4.1.1 TURN: after 250 the receiver takes on the sender's role, "as after opening"."""
    receiver = brought_to(State.READY)
    assert codes(receiver.receive(b"TURN\r\nNOOP\r\n")) == [250]
    assert receiver.turned
    refusing = brought_to(State.READY, Says("TURN", 502))
    assert codes(refusing.receive(b"TURN\r\nNOOP\r\n")) == [502, 250]
    assert not refusing.turned


@pytest.mark.rule("3.5-3", "4.1.1-4")
def test_a_second_helo_is_an_initial_state_and_not_a_turn() -> None:
    """4.1.1 HELLO: OK confirms that "there is no transaction in progress"."""
    receiver = brought_to(State.RCPT)
    assert codes(receiver.receive(b"HELO GAMMA.ARPA\r\nDATA\r\nRCPT TO:<J@B>\r\n")) == [
        250,
        503,
        503,
    ]
    assert receiver.peer == "GAMMA.ARPA"
    assert not receiver.turned


@pytest.mark.rule("4.1.1-23", "4.4-1")
def test_each_row_of_the_transitions_names_its_section() -> None:
    """Every transition stands on a page of the RFC."""
    for row in TRANSITIONS.values():
        for transition in row.values():
            assert re.match(r"[34]\.\d", transition.section)


@pytest.mark.rule("E-1", "E-3")
@pytest.mark.parametrize(
    ("code", "severity", "category"),
    [
        (500, "PERMANENT", "SYNTAX"), (504, "PERMANENT", "SYNTAX"),
        (214, "COMPLETION", "INFORMATION"),
        (220, "COMPLETION", "CONNECTIONS"), (421, "TRANSIENT", "CONNECTIONS"),
        (354, "INTERMEDIATE", "MAIL_SYSTEM"), (250, "COMPLETION", "MAIL_SYSTEM"),
        (452, "TRANSIENT", "MAIL_SYSTEM"), (199, "PRELIMINARY", "UNSPECIFIED"),
        (530, "PERMANENT", "UNSPECIFIED"), (441, "TRANSIENT", "UNSPECIFIED"),
    ],
)  # fmt: skip
def test_the_first_two_digits_say_how_bad_it_is_and_what_it_is_about(
    code: int, severity: str, category: str
) -> None:
    """Appendix E; also of a code that RFC 821 does not have."""
    assert severity_of(code) is Severity[severity]
    assert category_of(code) is Category[category]
    if code in TEXTS:
        assert (reply(code).severity, reply(code).category) == (
            severity_of(code),
            category_of(code),
        )


@pytest.mark.parametrize("code", [0, 99, 600, 999])
def test_no_reply_begins_with_another_digit(code: int) -> None:
    with pytest.raises(ValueError, match="is not a valid Severity"):
        severity_of(code)
