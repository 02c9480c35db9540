"""Cases about mail data, sizes, pieces, floods and cuts."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lab.judging.cases import AFTER, Case, Say, case, line, raw, text

_MAIL: Final = "MAIL FROM:<{from}>"
_RCPT: Final = "RCPT TO:<{to}>"
_TAKEN: Final = "250 552 554 451 452"
_SMUGGLED: Final = "MAIL FROM:<evil@ALPHA.ARPA>\r\nRCPT TO:<{to}>\r\nDATA\r\ntwo\r\n.\r\n"
_TODAY: Final = "servers of today answer so"
_STUFFED: Final = "Look for the end before you take a period away: '..' is a line of the text."
_END: Final = (
    "Only CR LF . CR LF ends mail data. Split lines at CRLF, not with readline() or splitlines()."
)


def _mail(
    name: str, rule: str, title: str, body: str, answer: str = "250", **fields: object
) -> Case:
    """Return a case that sends a text; it must be in the mail drop as it was before stuffing."""
    lines = body.split("\r\n")
    stuffed = "\r\n".join(f".{part}" if part.startswith(".") else part for part in lines)
    octets = f"Subject: {{token}}\r\n\r\n{stuffed}end {{token}}\r\n.\r\n"
    fields = {"stage": 5, "mail": body, "owns_extra": True, **fields}
    stage = fields.pop("stage")
    assert isinstance(stage, int)
    return case(f"data-{name}", rule, stage, title, "data", text(octets, answer), **fields)


TRANSPARENCY: Final = [
    _mail("plain", "4.1.1-8", "a text ends with a line that is a period", "Hello\r\n", stage=4,
          owns_extra=False, hint="After 354, read lines up to a line that is '.' alone."),
    _mail("empty", "4.1.1-8", "a text may have an empty line only", "\r\n", stage=4),
    _mail("dot-word", "4.5.2-2", "a period before a word", ".word\r\n",
          hint="Take the first period away from a line that begins with one and has more."),
    _mail("dot-line", "4.5.2-3", "a line of the text that is a period", ".\r\n",
          hint=_STUFFED),
    _mail("two-dots", "4.5.2-2", "two periods", "..\r\n"),
    _mail("three-dots", "4.5.2-2", "three periods and a word", "...x\r\n"),
    _mail("dots-many", "4.5.2-3", "many lines with periods", ".\r\n..\r\n...\r\n.a\r\na.\r\n" * 5,
          hint=_STUFFED),
    _mail("dot-space", "4.5.2-3", "a period and a space", ". \r\n"),
    _mail("dot-at-end", "4.5.2-3", "periods at the ends of lines", "a.\r\nb..\r\n"),
    _mail("space-dot", "4.5.2-3", "a space and a period", " .\r\n"),
    _mail("commands", "3.1-5", "commands in the text are text",
          "QUIT\r\nRSET\r\nMAIL FROM:<x@Y.ARPA>\r\nDATA\r\nHELO x\r\n", stage=4,
          hint="Between 354 and the period, no line is a command."),
    _mail("replies", "3.1-5", "replies in the text are text", "250 OK\r\n354 go\r\n221 bye\r\n",
          stage=4),
    _mail("blank-lines", "4.5.2-4", "empty lines stay", "\r\n\r\n\r\nx\r\n\r\n"),
    _mail("spaces", "4.5.2-4", "spaces at the ends of lines stay", "a  \r\n  b\t\r\n\t\r\n"),
    _mail("printable", "4.5.2-4", "every printable character",
          "".join(map(chr, range(32, 127))).replace("{", "{ ").replace("}", " }") + "\r\n"),
    _mail("controls", "4.5.2-4", "control characters are delivered",
          "".join(map(chr, (*range(1, 10), 11, 12, *range(14, 32), 127))) + "\r\n",
          "250 ~554 ~550", because="some servers refuse control characters"),
    _mail("nul", "4.5.2-4", "NUL is one of the 128 characters", "a\0b\r\n", "250 ~554 ~550",
          because="many servers refuse NUL, or take it out"),
    _mail("header-only", "3.1-6", "a text may look like header fields", "A: b\r\nC: d\r\n"),
]  # fmt: skip


def _smuggling(name: str, end: str, title: str, **fields: object) -> Case:
    """Return a case in which only a wrong end of mail data lets what follows be commands."""
    octets = f"one{end}{_SMUGGLED}"
    fields = {"owns_extra": True, "hint": _END, **fields}
    answer = str(fields.pop("answer", f"{_TAKEN} ~550 ~500 ~501 ~421 ~521"))
    return case(f"end-{name}", "4.5.2-3", 5, title, "data", text(octets, answer),
                tags=("smuggling", "may-close"), **fields)  # fmt: skip


ENDS: Final = [
    _smuggling("lf-dot-lf", "\n.\n", "LF . LF does not end the mail"),
    _smuggling("lf-dot-crlf", "\n.\r\n", "LF . CRLF does not end the mail"),
    _smuggling("crlf-dot-lf", "\r\n.\n", "CRLF . LF does not end the mail"),
    _smuggling("cr-dot-cr", "\r.\r", "CR . CR does not end the mail"),
    _smuggling("cr-dot-crlf", "\r.\r\n", "CR . CRLF does not end the mail"),
    _smuggling("crlf-dot-cr", "\r\n.\r", "CRLF . CR does not end the mail"),
    _smuggling("nul", "\r\n.\0\r\n", "a period and a NUL do not end the mail"),
    _smuggling("space", "\r\n. \r\n", "a period and a space do not end the mail"),
    _smuggling("tab", "\r\n.\t\r\n", "a period and a tab do not end the mail"),
    _smuggling("space-first", "\r\n .\r\n", "a space and a period do not end the mail"),
    _smuggling("stuffed", "\r\n..\r\n", "two periods do not end the mail",
               hint=_STUFFED),
    _smuggling("form-feed", "\x0c.\x0c", "form feeds are not line ends"),
    _smuggling("vertical-tab", "\x0b.\x0b", "vertical tabs are not line ends"),
    _smuggling("nel", "\x85.\x85", "0x85 is not a line end"),
    _smuggling("separators", "\x1c.\x1d", "separators are not line ends"),
    _smuggling("high-dot", "\r\n\xae\r\n", "a period with its high bit set ends nothing",
               hint="Do not clear the high bit before you look for the end."),
    _smuggling("high-crlf", "\x8d\x8a.\x8d\x8a", "CR and LF with their high bits set end nothing"),
    _smuggling("long-line", "x" * 4094 + ".\r\n", "a period after a long line ends nothing",
               hint="Do not cut long lines into pieces that look like lines."),
    case("end-crcrlf", "4.1.1-8", 5, "CR CRLF . CRLF ends the mail", "data",
         text("one\r\r\n.\r\n", f"{_TAKEN} ~550"), because=_TODAY,
         hint="The five characters CR LF . CR LF end the mail, whatever comes before."),
    case("end-at-once", "4.1.1-8", 4, "a text may be empty", "data",
         text(".\r\n", f"{_TAKEN} ~550"), because=_TODAY,
         hint="The CRLF of the DATA line is the first of the five characters."),
    case("end-one-reply", "4.2-1", 4, "mail data has one reply", "rcpt",
         line("RCPT TO:<{to2}>", "250 251"), line("DATA", "354"),
         text("a\r\nb\r\nc\r\n.\r\n", _TAKEN), line("NOOP", "250"),
         hint="One reply to all of the text, not one to each line or recipient."),
    case("end-cut-in-two", "4.1.1-8", 4, "the end may come in two pieces", "data",
         text("Hi\r\n.\r\n", pieces=(5, 2)), line("NOOP", "250")),
    case("end-byte-by-byte", "4.1.1-8", 4, "a text may come byte by byte", "data",
         text("Hi\r\n..x\r\n.\r\n", pieces=(1,)), line("NOOP", "250")),
    case("end-then-command", "4.2-1", 4, "what follows the end is the next command", "data",
         text("Hi\r\n.\r\n", is_joined=True), line("NOOP", "250"),
         hint="Keep what you have read beyond the end."),
    case("data-eight-bit", "2-5", 5, "data with high bits is refused or kept", "data",
         text("caf\xe9\r\n.\r\n", f"{_TAKEN} ~550 ~500"), line("NOOP", "250"), because=_TODAY),
    case("data-lf", "4.5.2-3", 5, "a bare LF is a character of the text", "data",
         text("a\nb\r\n.\r\n", f"{_TAKEN} ~550 ~500 ~421"), because=_TODAY, tags=("may-close",)),
    case("data-cr", "4.5.2-3", 5, "a bare CR is a character of the text", "data",
         text("a\rb\r\n.\r\n", f"{_TAKEN} ~550 ~500 ~421"), because=_TODAY, tags=("may-close",)),
    case("data-refused-lines", "3.1-5", 6, "without 354, what follows are commands", "helo",
         line("DATA", "503 ~554", is_joined=True), line("hello there", "500 ~502 ~501",
              is_joined=True), line(".", "500 ~502 ~501", is_joined=True), line("NOOP", "250"),
         because=_TODAY, hint="After a refused DATA stay in the command state.",
         tags=("may-close",)),
]  # fmt: skip

_X: Final = "x"
_ROUTE: Final = ",".join(f"@HOST{n:02}.SOMEWHERE.ARPA" for n in range(9))
_PATH: Final = f"{_ROUTE}:{'u' * (256 - len(_ROUTE) - len('<:@LONG.ARPA>'))}@LONG.ARPA"
_DOMAIN: Final = ".".join(["abcdefghijk"] * 5) + ".ARP"
assert len(_PATH) == 254 and len(_DOMAIN) == 63  # noqa: PT018  with brackets 256

SIZES: Final = [
    case("size-user-64", "4.5.3-1", 8, "a user of 64 characters", "helo",
         line(f"MAIL FROM:<{'u' * 64}@ALPHA.ARPA>", "250 ~550"), because=_TODAY),
    case("size-domain-64", "4.5.3-2", 8, "a domain of 64 characters", "helo",
         line(f"MAIL FROM:<Smith@{_DOMAIN}A>", "250 ~550 !553 !501"), because=_TODAY),
    case("size-domain-helo", "4.5.3-2", 8, "a domain of 64 characters in HELO", "start",
         line(f"HELO {_DOMAIN}A", "250 !501"), because=_TODAY),
    case("size-path-256", "4.5.3-3", 8, "a path of 256 characters", "helo",
         line(f"MAIL FROM:<{_PATH}>", "250 ~550 !501 !553"),
         because="RFC 5321 lets a server refuse source routes",
         hint="Give no field a length of its own: 256 characters are the least."),
    case("size-rcpt-user-64", "4.5.3-1", 8, "a recipient of 64 characters", "mail",
         line(f"RCPT TO:<{'u' * 64}@{{host}}>", "550 250 251 551 450"), line(_RCPT, "250 251")),
    case("size-command-512", "4.5.3-4", 8, "a command line of 512 characters", "helo",
         line(f"HELP {'x' * 505}", "211 214 500 501 502 504 ~250"), line("NOOP", "250"),
         because=_TODAY, hint="One line, one reply, however long the line is."),
    case("size-command-spaces", "4.5.3-4", 8, "a MAIL of 512 characters", "helo",
         line(f"MAIL FROM:<{_PATH}>".ljust(510), "250 500 501 ~550 ~553 ~555"),
         line("NOOP", "250"), because=_TODAY),
    case("size-command-600", "4.5.3-9", 8, "a longer line has one reply", "helo",
         line(f"VRFY {'x' * 600}", "500 501 550 250 251 551 553 502 504 ~252 ~554 ~421"),
         line("NOOP", "250"), because=_TODAY, tags=("may-close",)),
    case("size-command-100000", "4.5.3-8", 8, "a very long line has one reply", "helo",
         line(f"NOOP{'x' * 100_000}", "500 501 ~421 ~250 ~502 ~554"), line("NOOP", "250"),
         because=_TODAY, tags=("may-close",), hint="Skip to the next CRLF, and answer 500 once."),
    *[_mail(f"line-{size}", "4.5.3-6", f"a text line of {size} characters",
            "y" * (size - 2) + "\r\n", stage=8, owns_extra=False,
            hint="A text line may have 1000 characters with its CRLF.")
      for size in (80, 512, 513, 998, 1000)],
    _mail("line-1001-stuffed", "4.5.3-6", "1000 characters and a doubled period",
          "." + "y" * 997 + "\r\n", stage=8,
          hint="The doubled period does not count: read 1001 characters."),
    _mail("line-5000", "4.5.3-8", "a longer text line is kept or refused", "y" * 5000 + "\r\n",
          f"{_TAKEN} ~500 ~550", stage=8, because=_TODAY, mail=None),
    case("size-recipients-100", "4.5.3-7", 8, "100 recipients", "mail",
         line(_RCPT, "250 251", times=100), line("DATA", "354"), text("Hi\r\n.\r\n"),
         hint="A list of recipients must hold 100 at least."),
    _mail("size-100k", "4.5.3-8", "a text of 100 kB", ("z" * 70 + "\r\n") * 1400,
          "250 552 452", stage=8),
    _mail("size-1m", "4.5.3-8", "a text of 1 MB", ("z" * 98 + "\r\n") * 10_000, "250 552 452",
          stage=8, mail=None),
    _mail("lines-10000", "4.5.3-8", "a text of 10,000 lines", "a\r\n" * 10_000, "250 552 452",
          stage=8),
]  # fmt: skip

PIECES: Final = [
    case("pieces-bytes", "2-1", 2, "a command may come byte by byte", "helo",
         raw("NOOP\r\n", "250", pieces=(1,)),
         hint="A channel is a stream: read up to CRLF, however the bytes are cut."),
    case("pieces-crlf", "2-1", 2, "CR and LF may come apart", "helo",
         raw("NOOP\r\n", "250", pieces=(5, 1))),
    case("pieces-dialogue", "2-1", 4, "a whole dialogue may come byte by byte", "start",
         *[replace(say, pieces=(1,)) for say in AFTER["data"]],
         text("Hi\r\n.\r\n", pieces=(1,))),
    case("pieces-two-bytes", "2-1", 4, "a whole dialogue may come two bytes at a time", "start",
         *[replace(say, pieces=(2,)) for say in AFTER["data"]],
         text("Hi\r\n.\r\n", pieces=(2,))),
    case("together-two", "4.2-1", 6, "two commands at once have two replies", "helo",
         line("NOOP", "250", is_joined=True), line("NOOP", "250"),
         hint="Keep what you have read beyond the first CRLF."),
    case("together-three", "4.2-1", 6, "three commands at once, in order", "helo",
         line("NOOP", "250", is_joined=True),
         line("XYZZY", "500 ~502 ~501", is_joined=True), line("NOOP", "250"), because=_TODAY),
    case("together-envelope", "4.2-1", 6, "an envelope at once", "helo",
         line(_MAIL, "250", is_joined=True), line(_RCPT, "250 251", is_joined=True),
         line("RSET", "250"), hint="Keep what you have read beyond the first CRLF."),
    case("together-quit", "4.1.1-17", 6, "nothing after QUIT is answered", "helo",
         raw("QUIT\r\nNOOP\r\n", "221", row="QUIT"), ending="none",
         hint="After 221, close; read nothing more."),
    case("lf-command", "4.1.1-2", 6, "a bare LF does not end a command", "helo",
         raw("NOOP\nNOOP\r\n", "500 501 ~250 ~502 ~421", row="NOOP"), tags=("lf", "may-close"),
         owns_extra=True, because="many programs end a command at a bare LF; no mail is lost by it",
         hint=_END),
    case("cr-command", "4.1.1-2", 6, "a bare CR does not end a command", "helo",
         raw("NOOP\rNOOP\r\n", "500 501 ~250 ~502 ~421", row="NOOP"), owns_extra=True,
         because="many programs ignore an argument of NOOP", tags=("may-close",), hint=_END),
    case("flood-noop", "4.2-1", 8, "a flood of NOOPs, each answered", "helo",
         *[line("NOOP", "250 ~421", is_joined=n < 499) for n in range(500)], because=_TODAY,
         tags=("may-close",)),
    case("flood-errors", "4.1.1-18", 8, "errors do not end a session", "helo",
         line("XYZZY", "500 ~502 ~421", times=30), line("NOOP", "250"), tags=("may-close",),
         because="servers of today close the channel after some errors: 421",
         hint="Only QUIT ends a session, and 421 if the service must stop."),
    case("flood-mails", "3.1-2", 8, "twenty mails in a session", "helo",
         *[say for _ in range(20) for say in (
             line(_MAIL, "250"), line(_RCPT, "250 251"), line("DATA", "354"), text("Hi\r\n.\r\n"),
         )]),
]  # fmt: skip


def _cut(name: str, stage: int, title: str, *says: Say) -> Case:
    """Return a case in which the channel is lost: nothing may be answered or delivered."""
    return case(f"cut-{name}", "4.1.1-19", stage, title, "start", *says, ending="close",
                is_delivered=False, tags=("cut",), owns_extra=True,
                because="a reply to half a command, when the channel is lost, reaches nobody",
                hint="When the input ends, forget the transaction, and end.")  # fmt: skip


_TEXT: Final = "Subject: {token}\r\n\r\nHello\r\n.\r\n"
CUTS: Final = [
    _cut("in-helo", 2, "lost within HELO", raw("HELO AL", "-")),
    _cut("after-helo", 2, "lost after HELO", *AFTER["helo"]),
    _cut("helo-cr", 2, "lost between CR and LF", raw("HELO {me}\r", "-")),
    _cut("in-mail", 3, "lost within MAIL", *AFTER["helo"], raw("MAIL FROM:<Smi", "-")),
    _cut("after-mail", 3, "lost after MAIL", *AFTER["mail"]),
    _cut("in-rcpt", 3, "lost within RCPT", *AFTER["mail"], raw("RCPT TO:<{to}>", "-")),
    _cut("after-rcpt", 3, "lost after RCPT", *AFTER["rcpt"]),
    _cut("in-data-command", 4, "lost within DATA", *AFTER["rcpt"], raw("DATA", "-")),
    _cut("after-354", 4, "lost after 354", *AFTER["data"]),
    *[_cut(f"in-text-{n}", 4, f"lost after {n} bytes of the text", *AFTER["data"],
           text(_TEXT[:at], "-"))
      for n, at in enumerate((1, 8, len(_TEXT) - 10, len(_TEXT) - 5, len(_TEXT) - 3,
                              len(_TEXT) - 2, len(_TEXT) - 1), 1)],
]  # fmt: skip

DELIVERY: Final = [
    case("quit-cancels", "4.1.1-17", 7, "QUIT cancels a transaction", "rcpt", is_delivered=False),
    case("cut-keeps-earlier", "4.1.1-19", 6, "a lost channel does not undo earlier mail", "data",
         text("Subject: {token}\r\n\r\nFirst\r\nend {token}\r\n.\r\n"), line(_MAIL, "250"),
         mail="First\r\n", ending="close"),
    case("return-path", "4.1.1-11", 4, "the return path line comes first", "data",
         text("Subject: {token}\r\n\r\nHi\r\nend {token}\r\n.\r\n"), mail="Hi\r\n",
         tags=("return-path",), because="some programs keep the reverse-path elsewhere",
         hint="Write 'Return-Path: <REVERSE-PATH>' before the mail when you deliver it."),
    case("time-stamp", "4.1.1-10", 4, "a time stamp line is put before the mail", "data",
         text("Subject: {token}\r\n\r\nHi\r\nend {token}\r\n.\r\n"), mail="Hi\r\n",
         tags=("time-stamp",), hint="Write 'Received: from PEER by YOUR.HOST ; DATE' before it."),
]  # fmt: skip

CASES: Final[list[Case]] = [*TRANSPARENCY, *ENDS, *SIZES, *PIECES, *CUTS, *DELIVERY]
