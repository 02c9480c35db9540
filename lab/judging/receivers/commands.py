"""Cases about commands: their order, their form, and what they change."""

from __future__ import annotations

from typing import Final

from lab.judging.cases import AFTER, Case, case, each, line, raw, text

NOOP: Final = line("NOOP", "250")
_STAYS: Final = "A command that fails, or that is not part of a transaction, changes nothing."
_ORDER: Final = "Keep the state of the session (nothing, HELO, MAIL, RCPT), and check it first."
_OPTIONAL: Final = "211 214 250 251 252 500 501 502 504 550 551 553"
_UNKNOWN: Final = "500 ~502 ~501 ~503 ~554 ~421 ~221"
_TODAY: Final = "servers of today answer so"
_MAIL: Final = "MAIL FROM:<{from}>"
_RCPT: Final = "RCPT TO:<{to}>"

GREETING: Final = [
    case("greeting", "4.3-2", 1, "the channel opens with a 220", "start", ending="close",
         hint="Write '220 YOUR.HOST Service ready' and CRLF as soon as the program starts."),
    case("greeting-name", "4.3-8", 1, "the greeting names the host", "start", ending="close",
         tags=("greeting-name",), hint="The first word after 220 is the name of your host."),
    case("greeting-once", "4.2-1", 1, "the greeting is one reply", "start", ending="close"),
]  # fmt: skip

HELLO: Final = [
    case("helo", "4.1.1-4", 2, "HELO is answered 250", "start", line("HELO {me}", "250"),
         hint="Answer HELO with '250 YOUR.HOST'."),
    case("helo-names-host", "4.1.1-4", 2, "the reply to HELO names the host", "start",
         line("HELO {me}", "250"), tags=("helo-name",),
         because="many programs leave their name out of the 250"),
    case("quit", "4.1.1-17", 2, "QUIT is answered 221, and the channel closes", "helo",
         hint="Write '221 YOUR.HOST closing', flush it, and end."),
    case("quit-first", "4.1.1-17", 2, "QUIT may come first", "start"),
    case("quit-names-host", "4.3-8", 2, "221 names the host", "helo", tags=("quit-name",),
         because="most servers of today leave their name out of the 221"),
    case("helo-again", "4.1.1-4", 2, "HELO may come again", "helo", line("HELO {me}", "250")),
    *each("helo", "2-4", 2, "start", [
        ("small", "helo {me}", "250", "small letters are the same command"),
        ("mixed", "HeLo {me}", "250", "mixed letters are the same command"),
    ], hint="Compare the first word of a line in capitals."),
    *each("helo", "4.1.1-1", 2, "start", [
        ("two-spaces", "HELO  {me}", "250 ~501", "several spaces may stand before the argument"),
    ]),
    *each("helo", "4.1.2-10", 6, "start", [
        ("without-argument", "HELO", "501 500 !250", "HELO needs a domain"),
        ("space-only", "HELO ", "501 500 !250", "a space is not a domain"),
    ], (line("HELO {me}", "250"),), because=_TODAY,
       hint="Answer 501 if nothing stands after HELO."),
    *each("helo", "4.1.2-3", 6, "start", [
        ("number", "HELO #123", "250 ~501 ~550", "a host may be a number after #"),
        ("dotnum", "HELO [10.0.0.5]", "250 ~501", "a host may be an address in brackets"),
        ("two-names", "HELO {me} BETA.ARPA", "501 500 ~250", "HELO takes one domain"),
        ("byte-256", "HELO [10.0.0.256]", "501 500 ~250", "no part of an address is above 255"),
    ], because="servers of today hardly read the domain of HELO"),
    case("ehlo", "4.1.2-1", 6, "EHLO is not a command", "start",
         line("EHLO {me}", "500 ~502 ~250 ~501 ~503 ~504"), line("HELO {me}", "250"),
         because="EHLO came with RFC 1425 in 1993"),
    case("ehlo-in-transaction", "4.1.1-24", 6, "an unknown command leaves the transaction",
         "mail", line("EHLO {me}", "500 ~502 ~501 ~503 ~250", may_refuse=False),
         line(_RCPT, "250 251 ~503"), because="a server that takes EHLO clears its buffers"),
]  # fmt: skip

ORDER: Final = [
    *each("before-helo", "4.1.1-22", 6, "start", [
        ("mail", _MAIL, "503 500 501 !250 ~550 ~554", "HELO comes before MAIL"),
    ], because="servers of today take mail without HELO", hint=_ORDER),
    *each("before-helo", "4.1.1-23", 6, "start", [
        ("rcpt", _RCPT, "503 ~500 ~550", "RCPT before HELO is out of order"),
        ("data", "DATA", "503 ~500 ~554", "DATA before HELO is out of order"),
    ], (line("HELO {me}", "250"),), because=_TODAY, hint=_ORDER),
    *each("before-helo", "4.1.1-22", 6, "start", [
        ("noop", "NOOP", "250 ~503", "NOOP may come at any time"),
    ], because=_TODAY),
    *each("before-helo", "4.1.1-22", 7, "start", [
        ("help", "HELP", "211 214 500 501 502 504 ~503 ~250", "HELP may come at any time"),
        ("vrfy", "VRFY {user}", "250 251 550 551 553 500 501 502 504 ~252 ~503 ~554",
         "VRFY may come at any time"),
        ("expn", "EXPN staff", "250 550 500 501 502 504 ~503 ~252", "EXPN may come at any time"),
        ("rset", "RSET", "250 ~503", "RSET is answered 250 whenever it comes"),
    ], because=_TODAY),
    *each("order", "4.1.1-23", 6, "helo", [
        ("rcpt-without-mail", _RCPT, "503", "RCPT needs MAIL"),
        ("data-without-mail", "DATA", "503 ~554", "DATA needs MAIL"),
    ], (line(_MAIL, "250"), line(_RCPT, "250 251")), hint=_ORDER, because=_TODAY),
    case("order-data-without-rcpt", "4.1.1-23", 6, "DATA needs a recipient", "mail",
         line("DATA", "503 ~554"), line(_RCPT, "250 251"), line("DATA", "354"),
         text("Hi\r\n.\r\n"), because="554 is permitted to DATA too: no valid recipients",
         hint=_ORDER),
    case("order-mail-twice", "3.1-2", 6, "a second MAIL begins a new transaction", "rcpt",
         line(_MAIL, "250 ~503"), because="servers of today answer 503 to a second MAIL"),
    case("order-mail-twice-clears", "4.1.1-5", 6, "a second MAIL forgets the recipients", "rcpt",
         line(_MAIL, "250 ~503", may_refuse=True), line("DATA", "503 554"),
         because="servers of today answer 503 to a second MAIL",
         hint="Empty the list of recipients at every MAIL."),
    case("order-data-twice", "4.1.1-9", 6, "after the mail data the buffers are empty", "data",
         text("Hi\r\n.\r\n"), line("DATA", "503 ~554"), because=_TODAY,
         hint="Forget sender and recipients after the reply to the mail data."),
    case("order-rcpt-after-data", "4.1.1-9", 6, "after the mail data there is no sender", "data",
         text("Hi\r\n.\r\n"), line(_RCPT, "503"),
         hint="Forget sender and recipients after the reply to the mail data."),
    case("order-two-mails", "3.1-2", 4, "a session may carry several mails", "data",
         text("One\r\n.\r\n"), line(_MAIL, "250"), line(_RCPT, "250 251"), line("DATA", "354"),
         text("Two\r\n.\r\n"), hint="Go back to the state after HELO when mail is taken."),
    case("order-five-mails", "3.1-2", 4, "a session may carry many mails", "helo",
         *[say for _ in range(5) for say in (
             line(_MAIL, "250"), line(_RCPT, "250 251"), line("DATA", "354"), text("Hi\r\n.\r\n"),
         )]),
    case("order-rcpt-refused-goes-on", "3.1-3", 6, "one refused recipient stops no other", "mail",
         line("RCPT TO:<nobody.{token}@{host}>", "550 250 251 551 553 450 451 452 ~501"),
         line(_RCPT, "250 251"), line("DATA", "354"), text("Hi\r\n.\r\n")),
    case("order-bad-rcpt-goes-on", "4.1.1-24", 6, "a bad RCPT leaves the transaction", "mail",
         line("RCPT TO:<", "501 500 ~553 ~550"), line(_RCPT, "250 251"), line("DATA", "354"),
         text("Hi\r\n.\r\n"), hint=_STAYS),
    case("order-bad-mail-goes-on", "4.1.1-24", 6, "a bad MAIL begins nothing", "helo",
         line("MAIL FROM:<", "501 500 ~553 ~550"), line(_RCPT, "503"), line(_MAIL, "250"),
         hint=_STAYS),
    case("order-two-rcpts", "4.1.1-6", 3, "RCPT may come several times", "rcpt",
         line("RCPT TO:<{to2}>", "250 251")),
    case("order-mail-rcpt", "3.1-1", 3, "MAIL and RCPT are answered 250", "helo",
         line(_MAIL, "250"), line(_RCPT, "250 251"),
         hint="If it knows other mailboxes, name one: --to USER@HOST."),
]  # fmt: skip

RESETS: Final = [
    case("rset", "4.1.1-13", 7, "RSET is answered 250", "helo", line("RSET", "250")),
    case("rset-small", "2-4", 7, "small letters are the same command", "helo",
         line("rset", "250")),
    case("rset-clears-rcpt", "4.1.1-13", 7, "RSET forgets the recipients", "rcpt",
         line("RSET", "250"), line("DATA", "503 ~554"), because=_TODAY,
         hint="Empty sender, recipients and text at RSET."),
    case("rset-clears-mail", "4.1.1-13", 7, "RSET forgets the sender", "mail",
         line("RSET", "250"), line(_RCPT, "503"), hint="Empty sender and recipients at RSET."),
    case("rset-keeps-helo", "4.1.1-13", 7, "RSET does not undo HELO", "rcpt",
         line("RSET", "250"), line(_MAIL, "250"), line(_RCPT, "250 251")),
    case("rset-twice", "4.1.1-13", 7, "RSET may come again", "mail", line("RSET", "250"),
         line("RSET", "250")),
    case("helo-clears", "4.1.1-4", 7, "HELO clears the buffers", "rcpt", line("HELO {me}", "250"),
         line("DATA", "503 ~554"), line(_RCPT, "503"), because=_TODAY,
         hint="Empty sender and recipients at HELO too."),
    *[case(f"{verb.lower()}-changes-nothing", rule, stage, f"{verb} leaves the transaction", "rcpt",
           line(octets, answer), line("RCPT TO:<{to2}>", "250 251"), line("DATA", "354"),
           text("Hi\r\n.\r\n"), hint=_STAYS, because=_TODAY)
      for verb, octets, answer, rule, stage in [
          ("NOOP", "NOOP", "250", "4.1.1-16", 6),
          ("VRFY", "VRFY {user}", _OPTIONAL + " ~554", "4.1.1-14", 7),
          ("EXPN", "EXPN staff", _OPTIONAL, "4.1.1-14", 7),
          ("HELP", "HELP", _OPTIONAL, "4.1.1-15", 7),
          ("unknown", "XYZZY", _UNKNOWN, "4.1.1-24", 6),
      ]],
]  # fmt: skip

OPTIONAL: Final = [
    case("noop", "4.1.1-16", 2, "NOOP is answered 250", "helo", NOOP),
    case("noop-many", "4.1.1-16", 2, "NOOP may come often", "helo", *[NOOP] * 20),
    *each("noop", "4.1.2-10", 6, "helo", [
        ("with-argument", "NOOP now", "500 501 ~250", "NOOP takes no argument"),
    ], because="RFC 5321 lets NOOP have an argument"),
    *each("rset", "4.1.2-10", 6, "helo", [
        ("with-argument", "RSET now", "500 501 504 ~250", "RSET takes no argument"),
    ], because=_TODAY),
    *each("data", "4.1.2-10", 6, "rcpt", [
        ("with-argument", "DATA now", "500 501 ~354", "DATA takes no argument"),
    ], ending="close", because=_TODAY),
    *each("optional", "4.3-1", 7, "helo", [
        ("vrfy", "VRFY {user}", "250 251 550 551 553 500 501 502 504 ~252 ~554",
         "VRFY has its replies"),
        ("vrfy-stranger", "VRFY nobody.{token}", "550 250 251 551 553 500 501 502 504 ~252 ~554",
         "VRFY of a stranger"),
        ("vrfy-without-argument", "VRFY", "501 500 502 504 ~550", "VRFY needs a string"),
        ("expn", "EXPN staff", "250 550 500 501 502 504 ~252 ~551", "EXPN has its replies"),
        ("expn-without-argument", "EXPN", "501 500 502 504 550", "EXPN needs a string"),
        ("help", "HELP", "211 214 500 501 502 504 ~250", "HELP has its replies"),
        ("help-mail", "HELP MAIL", "211 214 500 501 502 504 ~250", "HELP may have an argument"),
        ("send", "SEND FROM:<{from}>", "250 552 451 452 500 501 502", "SEND has its replies"),
        ("soml", "SOML FROM:<{from}>", "250 552 451 452 500 501 502", "SOML has its replies"),
        ("saml", "SAML FROM:<{from}>", "250 552 451 452 500 501 502", "SAML has its replies"),
    ], because=_TODAY, hint="A command that you do not have is answered 502, or 500."),
    case("optional-turn", "3.8-4", 7, "TURN may be refused", "helo",
         line("TURN", "502 500 503 ~250"), tags=("turn",), ending="close",
         because="a host that grants TURN gives mail to whoever asks for it"),
    case("vrfy-names-mailbox", "3.3-1", 7, "250 to VRFY names the mailbox", "helo",
         line("VRFY {user}", "250 251 550 551 553 500 501 502 504 ~252 ~554"),
         tags=("vrfy-mailbox",), because=_TODAY),
    *[case(f"{verb.lower()}-begins-transaction", "3.4-4", 7, f"{verb} begins a transaction", "helo",
           line(f"{verb} FROM:<{{from}}>", "250 500 501 502", may_refuse=True),
           line(_RCPT, "250 251 450"), line("RSET", "250"))
      for verb in ("SEND", "SOML", "SAML")],
]  # fmt: skip

UNKNOWN: Final = [
    *each("unknown", "4.2.1-1", 6, "helo", [
        ("word", "XYZZY", _UNKNOWN, "a word that is not a command"),
        ("empty", "", _UNKNOWN + " ~250", "an empty line"),
        ("three-letters", "FOO", _UNKNOWN, "three letters"),
        ("longer", "NOOPX", _UNKNOWN, "a command with a letter more"),
        ("two-commands", "NOOPNOOP", _UNKNOWN, "a command twice in a word"),
        ("space-first", " NOOP", _UNKNOWN + " ~250", "a space before the command"),
        ("tab-first", "\tNOOP", _UNKNOWN + " ~250", "a tab before the command"),
        ("header", "Subject: hello", _UNKNOWN, "a line of mail out of place"),
        ("digits", "12345", _UNKNOWN, "digits"),
        ("period", ".", _UNKNOWN, "a period out of place"),
        ("wiz", "WIZ", _UNKNOWN, "a back door of 1983"),
        ("debug", "DEBUG", _UNKNOWN, "the door of the worm of 1988"),
        ("starttls", "STARTTLS", _UNKNOWN + " ~220 ~454", "a command of 1999"),
        ("get", "GET / HTTP/1.0", _UNKNOWN, "a command of another protocol"),
        ("reply", "250 OK", _UNKNOWN, "a reply"),
    ], (line("NOOP", "250"),), because=_TODAY, hint="Answer 500, and stay in the session.",
       tags=("may-close",)),
    *each("unknown", "4.2.1-1", 6, "helo", [
        ("nul", "NOOP\0", _UNKNOWN + " ~250", "a NUL after the command"),
        ("high-bits", "\xce\xcf\xcf\xd0", _UNKNOWN, "NOOP with its high bits set"),
        ("escape", "\x1b[2J", _UNKNOWN, "a control sequence"),
    ], (line("NOOP", "250"),), because=_TODAY, tags=("may-close",)),
]  # fmt: skip

SYNTAX: Final = [
    *each("mail", "4.1.2-10", 3, "helo", [
        ("small", "mail from:<{from}>", "250", "small letters are the same command"),
    ], hint="Compare MAIL and FROM: in capitals."),
    *each("mail", "4.1.2-10", 6, "helo", [
        ("without-argument", "MAIL", "501 500 ~555", "MAIL needs FROM: and a path"),
        ("without-path", "MAIL FROM:", "501 500 ~250 ~555 ~553", "MAIL needs a path"),
        ("without-from", "MAIL <{from}>", "501 500 ~250 ~555", "MAIL needs FROM:"),
        ("to", "MAIL TO:<{from}>", "501 500 ~555", "MAIL takes FROM:"),
        ("without-brackets", "MAIL FROM:{from}", "501 500 ~250 ~555 ~553", "a path has brackets"),
        ("open-bracket", "MAIL FROM:<{from}", "501 500 ~250 ~555 ~553", "a bracket is closed"),
        ("space", "MAIL FROM: <{from}>", "501 500 250 ~555", "a space after the colon"),
    ], (line("NOOP", "250"),), because="servers of today are tolerant here",
       hint="A path is <user@host>; anything else is answered 501."),
    case("mail-null", "3.6-10", 3, "the null reverse-path is a path", "helo",
         line("MAIL FROM:<>", "250"), line(_RCPT, "250 251"),
         hint="MAIL FROM:<> is the reverse-path of notifications: accept it."),
    case("mail-null-deliver", "3.6-10", 4, "mail with the null reverse-path is taken", "helo",
         line("MAIL FROM:<>", "250"), line(_RCPT, "250 251"), line("DATA", "354"),
         text("Subject: {token}\r\n\r\nend {token}\r\n.\r\n")),
    *each("mail", "4.1.2-2", 9, "helo", [
        ("route", "MAIL FROM:<@GAMMA.ARPA:Sam@DELTA.ARPA>", "250 ~550 !501 !553",
         "a reverse-path may be a route"),
        ("route-of-three", "MAIL FROM:<@A1.ARPA,@B2.ARPA,@C3.ARPA:Sam@DELTA.ARPA>",
         "250 ~550 !501 !553", "a route may have several hosts"),
    ], because="RFC 5321 lets a server refuse source routes",
       hint="A path is <@ONE,@TWO:user@host>: split it at the colon."),
    *each("mail", "4.1.2-6", 6, "helo", [
        ("quoted", 'MAIL FROM:<"Fred Smith"@ALPHA.ARPA>', "250 ~501 ~550 ~553",
         "a user may be a quoted string"),
        ("quoted-at", 'MAIL FROM:<"a@b"@ALPHA.ARPA>', "250 ~501 ~550 ~553",
         "an @ may be quoted"),
        ("dots", "MAIL FROM:<J.Q.Public@ALPHA.ARPA>", "250", "a user may have dots"),
        ("backslash", "MAIL FROM:<a\\@b@ALPHA.ARPA>", "250 ~501 ~550 ~553",
         "a backslash takes the next character literally"),
    ], because="few servers read all of the grammar"),
    *each("rcpt", "4.1.2-10", 3, "mail", [
        ("small", "rcpt to:<{to}>", "250 251", "small letters are the same command"),
    ], hint="Compare RCPT and TO: in capitals."),
    *each("rcpt", "4.1.2-10", 6, "mail", [
        ("without-argument", "RCPT", "501 500 ~555", "RCPT needs TO: and a path"),
        ("without-path", "RCPT TO:", "501 500 ~555 ~553", "RCPT needs a path"),
        ("from", "RCPT FROM:<{to}>", "501 500 ~555", "RCPT takes TO:"),
        ("without-brackets", "RCPT TO:{to}", "501 500 ~250 ~555 ~553", "a path has brackets"),
        ("open-bracket", "RCPT TO:<{to}", "501 500 ~250 ~555 ~553", "a bracket is closed"),
    ], (line("NOOP", "250"),), because="servers of today are tolerant here",
       hint="A path is <user@host>; anything else is answered 501."),
    case("rcpt-null", "3.6-10", 6, "the null path is not a recipient", "mail",
         line("RCPT TO:<>", "501 500 550 553 ~555"), because=_TODAY,
         hint="<> is a reverse-path only."),
    case("rcpt-host-small", "2-4", 6, "the case of a host's name does not matter", "mail",
         line("RCPT TO:<{to_small}>", "250 251"),
         hint="Compare host names in capitals."),
    case("rcpt-twice", "4.1.1-6", 3, "a recipient may be named twice", "rcpt",
         line(_RCPT, "250 251")),
    *each("rcpt", "4.1.2-2", 9, "mail", [
        ("route-here", "RCPT TO:<@{host}:{to}>", "250 251 550 551 553 !501 ~554",
         "a route over this host is a path"),
        ("route", "RCPT TO:<@GAMMA.ARPA:Sam@DELTA.ARPA>", "250 251 550 551 553 !501 ~554 ~454",
         "a route is a path, relayed or not"),
        ("elsewhere", "RCPT TO:<Sam@DELTA.ARPA>", "250 251 550 551 553 451 450 ~554 ~454",
         "a host need not relay: 550"),
    ], because="RFC 5321 lets a server refuse source routes"),
    *[case(f"minimum-{verb.lower()}", "4.5.1-1", stage, f"{verb} is implemented", "start",
           *says, hint="These are required: HELO MAIL RCPT DATA RSET NOOP QUIT.")
      for verb, stage, says in [
          ("HELO", 2, (line("HELO {me}", "250"),)),
          ("RSET", 7, (*AFTER["helo"], line("RSET", "250"))),
          ("NOOP", 2, (*AFTER["helo"], line("NOOP", "250"))),
      ]],
    *[case(f"case-{n}", "2-4", 6, "letters of commands may be mixed", "start",
           line(helo, "250"), line(mail, "250"), line(rcpt, "250 251"), line(data, "354"),
           text("Hi\r\n.\r\n"), raw(quit_, "221", rule="4.1.1-17"), ending="none")
      for n, (helo, mail, rcpt, data, quit_) in enumerate([
          ("helo {me}", "mail from:<{from}>", "rcpt to:<{to}>", "data", "quit\r\n"),
          ("Helo {me}", "Mail From:<{from}>", "Rcpt To:<{to}>", "Data", "Quit\r\n"),
          ("hELO {me}", "mAIL fROM:<{from}>", "rCPT tO:<{to}>", "dATA", "qUIT\r\n"),
      ], 1)],
]  # fmt: skip

CASES: Final[list[Case]] = [*GREETING, *HELLO, *ORDER, *RESETS, *OPTIONAL, *UNKNOWN, *SYNTAX]
