"""The grammar of section 4.1.2, generated production by production and read back."""

from __future__ import annotations

import re
import tracemalloc

import pytest
from helpers.places import ROOT
from hypothesis import given
from hypothesis import strategies as st

from lab.protocol import (
    COMMAND_REPLIES,
    COMMANDS,
    NULL_PATH,
    Command,
    HostName,
    Path,
    SyntaxFault,
    parse_command,
    parse_domain,
    parse_path,
    quote,
    unquote,
)
from lab.protocol.syntax import GRAMMARS, path_in, verb_of

# -- the productions of 4.1.2, as generators

SPECIAL = '<>()[]\\.,;:@"'
ASCII = [chr(n) for n in range(128)]
C = st.sampled_from([c for c in ASCII if c not in SPECIAL and c != " " and " " < c < "\x7f"])
X = st.sampled_from(ASCII)
Q = st.sampled_from([c for c in ASCII if c not in '\r\n"\\'])


def joined(parts: st.SearchStrategy[str], size: int, by: str = "") -> st.SearchStrategy[str]:
    return st.lists(parts, min_size=1, max_size=size).map(by.join)


PAIR = X.map("\\{}".format)
STRING = joined(C | PAIR, 6)
DOT_STRING = joined(STRING, 3, ".")
QUOTED_STRING = joined(Q | PAIR, 6).map('"{}"'.format)
LOCAL_PART = DOT_STRING | QUOTED_STRING
NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{1,6}[A-Za-z0-9]", fullmatch=True)
SHORT_NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9]?", fullmatch=True)
NUMBER = st.integers(0, 10**12).map("#{}".format)
DOTNUM = st.lists(st.integers(0, 255).map(str), min_size=4, max_size=4).map(".".join)
STRICT_ELEMENT = NAME | NUMBER | DOTNUM.map("[{}]".format)
STRICT_DOMAIN = joined(STRICT_ELEMENT, 3, ".")
DOMAIN = joined(STRICT_ELEMENT | SHORT_NAME, 3, ".")


def paths_of(domain: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    mailbox = st.tuples(LOCAL_PART, domain).map("@".join)
    route = st.just("") | joined(domain.map("@{}".format), 4, ",").map("{}:".format)
    return st.tuples(route, mailbox).map(lambda parts: f"<{parts[0]}{parts[1]}>")


PATHS = paths_of(DOMAIN)
STRICT_PATHS = paths_of(STRICT_DOMAIN)


# -- what the grammar generates is read, and written back as it was


@given(PATHS)
@pytest.mark.rule("3.6-1", "4.1.2-2", "4.1.2-9")
def test_a_path_is_written_as_it_was_read(text: str) -> None:
    """4.1.2 <path>: parse and format are inverse; case, quotes and backslashes are kept."""
    path = parse_path(text)
    assert str(path) == text
    assert parse_path(Path(path.route, path.local, path.domain).text) == path


@given(STRICT_PATHS)
@pytest.mark.rule("4.1.2-4")
def test_the_grammar_as_printed_is_read_strictly(text: str) -> None:
    """4.1.2 <name> ::= <a> <ldh-str> <let-dig>, three characters at least."""
    assert parse_path(text, strict=True) == parse_path(text)


@pytest.mark.rule("4.1.2-2", "4.1.2-14")
@given(st.lists(DOMAIN, max_size=4), LOCAL_PART, DOMAIN)
def test_a_path_is_taken_apart_at_its_own_signs(route: list[str], local: str, domain: str) -> None:
    """4.1.2 <path> ::= "<" [ <a-d-l> ":" ] <mailbox> ">": a quoted @, comma or colon is no sign."""
    path = parse_path(Path(tuple(route), local, domain).text)
    assert (list(path.route), path.local, path.domain) == (route, local, domain)
    assert path.first == [*route, domain][0]
    assert path.mailbox == (local, domain)


@given(st.text(st.sampled_from(ASCII), min_size=1, max_size=12))
@pytest.mark.rule("4.1.2-6")
def test_every_user_name_has_a_local_part(user: str) -> None:
    """4.1.2: quoting and the backslash let a local part stand for any ASCII user name."""
    local = quote(user)
    assert unquote(local) == user
    assert parse_path(f"<{local}@BETA.ARPA>").user == user


@given(LOCAL_PART)
@pytest.mark.rule("4.1.2-8")
def test_a_local_part_means_the_same_however_it_was_quoted(local: str) -> None:
    """4.1.2: backslash "is used to indicate that the next character is to be used literally"."""
    assert unquote(quote(unquote(local))) == unquote(local)


@pytest.mark.rule("4.1.2-7", "4.1.2-8")
def test_the_examples_of_the_grammar() -> None:
    """4.1.2: "Joe\\,Smith" may be written to mean a nine character string with a comma."""
    path = parse_path("<Joe\\,Smith@BETA.ARPA>")
    assert path.user == "Joe,Smith"
    assert len(path.user) == 9
    assert quote("Joe,Smith") == '"Joe,Smith"'
    assert parse_path('<"Joe,Smith"@BETA.ARPA>').user == "Joe,Smith"


@given(DOMAIN)
@pytest.mark.rule("3.7-1", "4.1.2-3")
def test_a_domain_is_read_as_it_stands(text: str) -> None:
    """4.1.2 <domain> ::= <element> | <element> "." <domain>."""
    assert parse_domain(text) == text


# -- what it does not generate is refused


@pytest.mark.parametrize("text", [
    "", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "1a", "#", "#a", "[1.2.3]", "[1.2.3.256]",
    "[1.2.3.4", "[1.2.3.4.5]", "[1.2.3.0400]", "a b", "a\0", "é", "a\n", "a\r\n", "[]", "a,b", "#١",
])  # fmt: skip
@pytest.mark.rule("4.1.2-3", "4.1.2-4", "4.1.2-5")
def test_what_is_no_domain(text: str) -> None:
    """4.1.2 <name>, <number> and <dotnum>; nothing may follow, not even a line end."""
    with pytest.raises(SyntaxFault):
        parse_domain(text)


@pytest.mark.rule("4.1.2-15")
@pytest.mark.parametrize("number", range(128))
def test_which_characters_a_local_part_holds_as_they_are(number: int) -> None:
    """4.1.2 <q>: all of ASCII but CR, LF, quote and backslash. <c>: all but <special> and <SP>, and
    a <special> is one of a few signs, or a control character. A period parts <string>s, and a
    backslash begins a quoted pair.
    """
    sign = chr(number)
    special = sign in '<>()[]\\.,;:@" ' or number < 32 or number == 127
    for local, is_read in ((f"a{sign}b", not special or sign in ".\\"),
                           (f'"{sign}"', sign not in '\r\n"\\')):  # fmt: skip
        if is_read:
            assert parse_path(f"<{local}@c>").local == local
        else:
            with pytest.raises(SyntaxFault):
                parse_path(f"<{local}@c>")


@pytest.mark.rule("4.1.2-2", "4.1.2-6", "4.1.2-14", "4.1.2-15")
@pytest.mark.parametrize("text", [
    "", "<", "<>", "<a>", "<a@>", "<@b>", "a@b", "<a@b", "a@b>", "<<a@b>>", "< a@b>", "<a@b >",
    "<a@b>x", "<a@b>\n", "<a b@c>", "<a@b@c>", "<@x:a@b", "<@x,@y>", "<@x,y:a@b>", "<@x,:a@b>",
    "<:a@b>", "<x:a@b>", "<@x a@b>", '<"@b>', '<""@b>', '<"a"b@c>', '<a"b"@c>', "<.a@b>", "<a.@b>",
    "<a..b@c>", "<a\r@b>", "<a\n@b>", '<"a\r"@b>', '<"a\n"@b>', "<a\0@b>", "<a\x7f@b>", "<é@b>",
    "<a@b.>", "<@x@y:a@b>",
    "<a@[1.2.3.999]>", "<a@b\\>", "<a\\@b>", "<(a)@b>", "<a;b@c>", "<a@b,c@d>",
])  # fmt: skip
def test_what_is_no_path(text: str) -> None:
    """4.1.2 <path>: what no production generates is refused, with a reason."""
    with pytest.raises(SyntaxFault) as refused:
        parse_path(text)
    assert str(refused.value)


@pytest.mark.rule("3.6-10")
def test_the_null_path_is_a_reverse_path_only() -> None:
    """3.6: "MAIL FROM:<>"; no mail goes to nobody."""
    assert parse_path("<>", null=True) is NULL_PATH
    command = parse_command(b"MAIL FROM:<>")
    assert (command.fault, command.path) == (0, NULL_PATH)
    assert parse_command(b"RCPT TO:<>").fault == 501


@pytest.mark.rule("3.7-4")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("#007", "#7"), ("#0", "#000"), ("A.#010", "a.#10"), ("[010.0.0.052]", "[10.0.0.52]"),
        ("[000.00.0.1].ARPA", "[0.0.0.1].arpa"), ("a0.b-00", "A0.B-00"), ("x.#1.y", "X.#01.Y"),
    ],
)  # fmt: skip
def test_spellings_of_one_domain_are_the_same_host_name(one: str, other: str) -> None:
    assert parse_domain(one) == one
    assert HostName(one) == HostName(other)
    assert hash(HostName(one)) == hash(HostName(other))
    assert str(HostName(one)) == one


@pytest.mark.rule("3.7-4")
def test_other_numbers_are_other_domains() -> None:
    """The last: of which network # is the address, the RFC does not say."""
    names = ["#7", "#70", "#700", "#1", "[0.0.0.7]", "[7.0.0.0]", "[0.7.0.0]", "A7", "A.#7", "#0",
             "#10.#7", "[10.0.0.52]", "#167772212"]  # fmt: skip
    assert len(set(map(HostName, names))) == len(names)
    assert all(HostName(HostName(name).key) == HostName(name) for name in names)


@pytest.mark.rule("3.7-2")
def test_short_names_are_read_unless_strict() -> None:
    """3.7's own example is Fred.Cambridge.UK, which 4.1.2's <name> does not generate."""
    assert parse_domain("Fred.Cambridge.UK") == "Fred.Cambridge.UK"
    with pytest.raises(SyntaxFault):
        parse_domain("Fred.Cambridge.UK", strict=True)
    assert parse_command(b"HELO ONE", "strict").fault == 0
    assert parse_command(b"HELO UK", "strict").fault == 501


# -- command lines

VERBS_WITH_PATHS = {
    "MAIL": "FROM:",
    "SEND": "FROM:",
    "SOML": "FROM:",
    "SAML": "FROM:",
    "RCPT": "TO:",
}


@pytest.mark.rule("2-4", "4.1.2-10")
@given(st.sampled_from(sorted(VERBS_WITH_PATHS)), PATHS, st.data())
def test_a_command_word_is_read_in_any_case(verb: str, path: str, data: st.DataObject) -> None:
    """4.1.2 and 2: "Commands and replies are not case sensitive"; local parts keep theirs."""
    word = f"{verb} {VERBS_WITH_PATHS[verb]}"
    mixed = "".join(c.lower() if data.draw(st.booleans()) else c for c in word)
    command = parse_command((mixed + path).encode("ascii"))
    assert (command.verb, command.fault, str(command.path)) == (verb, 0, path)


@given(st.integers(1, 9), DOMAIN)
@pytest.mark.rule("4.1.1-1")
def test_one_or_more_spaces_before_an_argument(spaces: int, domain: str) -> None:
    """4.1.2: "the argument field ... separated by one or more <SP>"."""
    command = parse_command(b"HELO" + b" " * spaces + domain.encode())
    assert (command.verb, command.text, command.fault) == ("HELO", domain, 0)


@given(
    st.binary(max_size=40)
    | st.sampled_from(COMMANDS).flatmap(
        lambda verb: st.binary(max_size=20).map(lambda tail: verb.encode() + tail)
    )
)
@pytest.mark.rule("4.1.2-1", "4.1.2-10", "4.3-1")
def test_any_line_is_a_command_or_a_permitted_fault(line: bytes) -> None:
    """4.1.2 and 4.3: the parser never raises; a fault is a code that the command's row permits."""
    command = parse_command(line)
    assert isinstance(command, Command)
    if command.fault and command.verb:
        assert command.fault in COMMAND_REPLIES[command.verb]
    elif command.fault:
        assert command.fault == 500
    else:
        assert command.verb == line[:4].decode().upper()
    assert not re.search(r"[\r\n]", command.text) or not command.fault


@pytest.mark.rule("4.1.1-1", "4.1.2-1", "4.1.2-10", "4.2.1-1", "4.2.1-2")
@pytest.mark.parametrize(("line", "fault"), [
    (b"", 500), (b"EHLO A", 500), (b"HEL", 500), (b"HELOA", 500), (b"MAILFROM:<a@b>", 500),
    (b"MAIL\tFROM:<a@b>", 501), (b"NOOP\t", 500), (b"MAIL", 501), (b"HELO-A", 501),
    (b" NOOP", 500), (b"NOOP x", 500), (b"QUIT x", 500), (b"TURN x", 500), (b"RSET x", 501),
    (b"DATA x", 501), (b"HELO", 501), (b"HELO a b", 501), (b"VRFY", 501),
    (b"EXPN", 501), (b"HELP", 0), (b"HELP MAIL", 0), (b"RCPT FROM:<a@b>", 501),
    (b"VRFY a\xff", 501), (b"MAIL FROM:<a@b> SIZE=1", 501), (b"MAIL FROM :<a@b>", 501),
    (b"\0NOOP", 500), (b"NOOP\0", 500),
])  # fmt: skip
def test_the_fault_of_a_line(line: bytes, fault: int) -> None:
    """4.2.1: 500 unrecognized, 501 parameters; a code is four letters; a row without 501
    (NOOP, QUIT, TURN) draws 500.
    """
    assert parse_command(line).fault == fault


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20))
@pytest.mark.rule("3.3-5")
def test_the_string_of_vrfy_and_expn_is_kept(string: str) -> None:
    """3.3: "the character string arguments of the VRFY and EXPN commands cannot be further
    restricted due to the variety of implementations".
    """
    for verb in ("VRFY", "EXPN", "HELP"):
        command = parse_command(f"{verb} {string}".encode())
        assert (command.text, command.fault) == (string, 0)


@pytest.mark.rule("4.1.2-7")
def test_a_quoted_pair_may_hold_any_character() -> None:
    """4.1.2 <x> ::= any one of the 128 ASCII characters (no exceptions)."""
    for number in range(128):
        path = parse_path(f"<a\\{chr(number)}b@BETA.ARPA>")
        assert path.user == f"a{chr(number)}b"


# -- sizes


def test_a_path_of_many_hops_is_read_in_linear_time() -> None:
    """4.5.3: no fixed limits; the expression does not go back and forth over a long path."""
    for size in (10, 20_000):
        route = ",".join(f"@HOST{n}.ARPA" for n in range(size))
        path = parse_path(f"<{route}:Sam@DELTA.ARPA>")
        assert len(path.route) == size
    for nearly in ("<" + "a" * 200_000, "<" + "a." * 100_000 + "@b>", '<"' + "a" * 200_000,
                   "<@" + "a." * 100_000, "<" + "\\a" * 100_000):  # fmt: skip
        with pytest.raises(SyntaxFault):
            parse_path(nearly)


def test_long_lines_are_not_remembered() -> None:
    """4.5.3: what a peer sends is not kept when it has been answered, however long."""
    tracemalloc.start()
    try:
        for number in range(30):
            name = f"A{number}" + "x" * 200_000
            for line in (
                f"HELO {name}",
                f"RCPT TO:<{name}@b>",
                f"RCPT TO:<a@{name}>",
                f"VRFY {name}",
            ):
                assert parse_command.__wrapped__(line.encode()).fault == 0
        assert tracemalloc.get_traced_memory()[0] < 3_000_000
    finally:
        tracemalloc.stop()


# -- strict, standard, tolerant


READINGS = {
    # what comes: the fault by each grammar, 0 for what is read
    b"HELO UK": (501, 0, 0),
    b"MAIL FROM:<a@B>": (501, 0, 0),
    b"VRFY Fred Q. Smith": (501, 0, 0),
    b"EXPN people@ONE": (501, 0, 0),
    b"HELP two words": (501, 0, 0),
    b"VRFY Fred\\ Smith": (0, 0, 0),
    b"MAIL FROM: <a@ONE>": (501, 501, 0),
    b"rcpt to:   <a@ONE>": (501, 501, 0),
    b"MAIL FROM:a@ONE": (501, 501, 0),
    b"MAIL FROM: @ONE,@TWO:a@ABC": (501, 501, 0),
    b"RCPT TO:<a@ONE> \t": (501, 501, 0),
    b"NOOP ": (500, 500, 0),
    b"QUIT\t": (500, 500, 0),
    b"DATA  ": (501, 501, 0),
    b"NOOP are you there?": (500, 500, 0),
    b"HELO 4f3c2a": (501, 501, 0),
    b"HELO my_host.local": (501, 501, 0),
    b"MAIL FROM: <>": (501, 501, 0),
    b"VRFY Smith ": (501, 0, 0),
    b"VRFY Smith\t": (501, 501, 0),
    b"HELP ": (0, 0, 0),
    b"VRFY a\\\x00b": (0, 0, 0),
    b"VRFY a\x00b": (501, 501, 501),
    b"HELO 10.0.0.52": (501, 501, 0),
    b"HELO a--b.ONE": (0, 0, 0),
    b"HELO a_.ONE": (501, 501, 501),
    b"HELO a..ONE": (501, 501, 501),
    # and what none of them reads
    b"MAIL FROM:<a@ONE": (501, 501, 501),
    b"MAIL FROM:a@ONE>": (501, 501, 501),
    b"MAIL FROM:a@ONE b@TWO": (501, 501, 501),
    b"MAIL FROM:<a@ONE> SIZE=10": (501, 501, 501),
    b"MAIL FROM:": (501, 501, 501),
    b"RCPT TO: <>": (501, 501, 501),
    b"MAIL FROM: Postmaster": (501, 501, 501),
    b"RCPT TO:<a@my_host>": (501, 501, 501),
    b"QUIT now": (500, 500, 500),
    b"MAILFROM:<a@ONE>": (500, 500, 500),
    b" NOOP": (500, 500, 500),
    b"HELO -one": (501, 501, 501),
    b"HELO a b": (501, 501, 501),
    b"RCPT TO:<\xe1@ONE>": (501, 501, 501),
}


@pytest.mark.parametrize("line", READINGS, ids=repr)
def test_the_table_of_the_three_grammars(line: bytes) -> None:
    """4.1.2 to the letter, as the RFC's own text needs it, and as careless senders have it."""
    assert tuple(parse_command(line, grammar).fault for grammar in GRAMMARS) == READINGS[line]


@pytest.mark.parametrize(("careless", "meant"), [
    (b"MAIL FROM: <a@ONE> ", b"MAIL FROM:<a@ONE>"), (b"rcpt to:a@ONE", b"RCPT TO:<a@ONE>"),
    (b"SOML FROM:  @ONE:a@TWO", b"SOML FROM:<@ONE:a@TWO>"), (b"NOOP x", b"NOOP"),
    (b'RCPT TO: "a b"@ONE', b'RCPT TO:<"a b"@ONE>'), (b"MAIL FROM: <>", b"MAIL FROM:<>"),
])  # fmt: skip
def test_a_tolerant_host_reads_what_was_meant(careless: bytes, meant: bytes) -> None:
    """What is passed over is passed over: the command is that of the standard grammar."""
    read = parse_command(careless, "tolerant")
    assert (read.verb, read.path) == (parse_command(meant).verb, parse_command(meant).path)


SPOILT = st.tuples(
    st.sampled_from(list(READINGS)), st.integers(0, 30), st.integers(0, 2),
    st.binary(max_size=3) | st.sampled_from([b"\\\x00", b"\\ ", b" ", b"\t", b".", b'"']),
).map(lambda one: one[0][: one[1]] + one[3] + one[0][one[1] + one[2] :])  # fmt: skip


@given(st.binary(max_size=40) | st.sampled_from(list(READINGS)) | SPOILT)
def test_each_grammar_reads_what_the_stricter_one_reads(line: bytes) -> None:
    """What is read is the same in all of them; the looser ones only read more."""
    strict, standard, tolerant = (parse_command(line, grammar) for grammar in GRAMMARS)
    if not strict.fault:
        assert standard == strict
    if not standard.fault and not line.endswith((b" ", b"\t")):
        assert (tolerant.verb, tolerant.path) == (standard.verb, standard.path)
        assert not tolerant.fault


def test_the_table_of_grammars_in_the_guide_is_what_is_tried_here() -> None:
    """Every row of it, with the replies that it says, under each of the three grammars."""
    tried: dict[str, bytes] = {
        "a name of one": b"HELO AB",
        "VRFY, EXPN": b"VRFY Fred Foo",
        "a space after": b"MAIL FROM: <joe@HOST>",
        "a path without": b"MAIL FROM:joe@HOST",
        "spaces and TABs": b"MAIL FROM:<joe@HOST> ",
        "an argument of NOOP": b"NOOP now",
        "a HELO name": b"HELO 3com_x",
    }
    guide = (ROOT / "lab/help/rfc-choices.md").read_text(encoding="utf-8")
    table = guide.split("| what comes |")[1].split("\n\n")[0].splitlines()[2:]
    assert len(table) == len(tried)
    for row, (begins, line) in zip(table, tried.items(), strict=True):
        construct, *said = (cell.strip() for cell in row.strip("|").split("|"))
        assert construct.startswith(begins)
        for grammar, cell in zip(GRAMMARS, said, strict=True):
            fault = parse_command(line, grammar).fault
            assert (str(fault) in cell) if fault else cell in ("read", "passed over")


@pytest.mark.parametrize(("text", "path"), [
    ("User not local; please try <Jones@USC-ISI.ARPA>", "<Jones@USC-ISI.ARPA>"),
    ('try <"a>b"@THREE.ARPA> instead', '<"a>b"@THREE.ARPA>'),
    (r"try <a\>b@THREE.ARPA>", r"<a\>b@THREE.ARPA>"),
    ('a < b, <x y>, then <"<"@A,> or <@ONE,@TWO:"q\\"r"@THREE>', '<@ONE,@TWO:"q\\"r"@THREE>'),
    ("first\nsecond <a@B>\n<c@D>", "<a@B>"),
    ("moved to <<a@B>>", "<a@B>"),
    ("<>", None), ("<a@B", None), ("a@B", None), ("", None), ('<"a>b@C>', None),
    ("<" * 1_000_000, None), ("<\\" * 500_000, None),
])  # fmt: skip
@pytest.mark.rule("3.2-1")
def test_a_told_path_is_read_by_the_grammar(text: str, path: str | None) -> None:
    """3.2: the path in a 251 or 551, whatever is in its quotes."""
    read = path_in(text)
    assert (read and read.text) == path


@pytest.mark.parametrize("octets", [b"\xb5", b"\xff", b"\xdf", b"a\xb5\xffz"])
def test_letters_beyond_ascii_have_no_capitals(octets: bytes) -> None:
    """Of some bytes, read as Latin-1, the capital is no byte at all, or two letters."""
    verb = verb_of(octets + b"\r\n")
    assert verb.encode("latin-1") == (octets + b"\r\n")[:4].upper()
