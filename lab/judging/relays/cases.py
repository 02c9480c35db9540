"""Cases of relays: what is handed to it, what the next host says, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lab.judging.senders.cases import Odd

FINE: Final = Odd()
LATER: Final = Odd("RCPT", "451 Later, please\r\n")
NEVER: Final = Odd("RCPT", "550 No such user here\r\n")


@dataclass(frozen=True, slots=True)
class RelayCase:
    """A case of a relay.

    ``sender`` and ``to`` are the paths given; ``next_sender`` and ``next_to`` those that the next
    host must see. ``odds``: how the next host is odd, session by session. ``mail``: what must come
    of it: "relayed", "notified" (the sender is told with the null reverse-path), "nothing", "local"
    or "stopped". ``crash``: when the program is killed and started again: "after 250", or
    "at data", while the next host has not answered the text.
    """

    name: str
    rule: str
    stage: int
    title: str
    sender: str = "<Smith@ALPHA.ARPA>"
    to: tuple[str, ...] = ("<Sam@GAMMA.ARPA>",)
    next_sender: str = "<@BETA.ARPA:Smith@ALPHA.ARPA>"
    next_to: str = "<Sam@GAMMA.ARPA>"
    odds: tuple[Odd, ...] = (FINE,)
    text: str = "Hello\r\n"
    mail: str = "relayed"
    crash: str = ""
    mails: int = 1
    give_up: str = "3600"
    is_down: bool = False
    hint: str = ""
    because: str = ""


_KEEP: Final = "Write mail to the disk, and fsync it, before you say 250; look for it at the start."
AGAIN: Final = "A 4yz, and a lost channel: keep the mail, and try again ($LAB_RETRY seconds later)."
_TODAY: Final = "servers of today leave the reverse-path as it is"
_TOLD: Final = "Send a mail with MAIL FROM:<> to the reverse-path: what was not delivered, and why."
_MOVE: Final = "Take your name from the front of the forward-path; put it before the reverse-path."

CASES: Final[list[RelayCase]] = [
    RelayCase("relay", "3.6-15", 9, "mail for another host is sent on",
              hint="Connect to {next_host}:{next_port} and send it there."),
    RelayCase("relay-reverse-path", "3.6-4", 9, "its name goes before the reverse-path",
              hint=_MOVE, because=_TODAY),
    RelayCase("relay-route", "3.6-2", 9, "its name leaves the front of the route",
              to=("<@BETA.ARPA:Sam@GAMMA.ARPA>",), hint=_MOVE, because=_TODAY),
    RelayCase("relay-route-of-two", "3.6-2", 9, "the rest of the route stays",
              to=("<@BETA.ARPA,@DELTA.ARPA:Sam@GAMMA.ARPA>",),
              next_to="<@DELTA.ARPA:Sam@GAMMA.ARPA>", hint=_MOVE, because=_TODAY),
    RelayCase("relay-longer-reverse-path", "3.6-2", 9, "a reverse-path with a route gets longer",
              sender="<@EPSILON.ARPA:Smith@ALPHA.ARPA>",
              next_sender="<@BETA.ARPA,@EPSILON.ARPA:Smith@ALPHA.ARPA>", hint=_MOVE,
              because=_TODAY),
    RelayCase("relay-null", "3.6-14", 9, "the null reverse-path stays null", sender="<>",
              next_sender="<>", hint="Put nothing before <>."),
    RelayCase("relay-time-stamp", "4.1.1-10", 9, "a time stamp line is put before the mail",
              hint="Write 'Received: from PEER by YOUR.HOST ; DATE' before it."),
    RelayCase("relay-dots", "4.5.2-1", 9, "periods arrive as they were",
              text=".\r\n..\r\n.x\r\na.\r\n",
              hint="Take the doubled periods away, and put them back."),
    RelayCase("relay-text", "4.5.2-5", 9, "the text arrives as it was",
              text="a  \r\n\t\r\n\r\n>From x\r\nQUIT\r\n" + "y" * 998 + "\r\n"),
    RelayCase("relay-large", "4.5.3-8", 9, "100 kB arrive", text=("z" * 70 + "\r\n") * 1400),
    RelayCase("relay-local", "4.1.1-7", 9, "mail for its own users stays",
              to=("<Jones@BETA.ARPA>",), mail="local"),
    RelayCase("relay-many", "4.1.1-12", 10, "ten mails arrive", mails=10),
    RelayCase("retry-451", "E-3", 10, "after a 451 it tries again", odds=(LATER, FINE),
              hint=AGAIN),
    RelayCase("retry-421", "4.3-4", 10, "after a 421 it tries again",
              odds=(Odd("CONNECT", "421 BETA.ARPA no\r\n", "cut"), FINE), hint=AGAIN),
    RelayCase("retry-452-data", "E-3", 10, "after a 452 to the text it tries again",
              odds=(Odd("data", "452 full\r\n"), FINE), hint=AGAIN),
    *[RelayCase(f"retry-cut-{row.lower() if row != 'data' else 'text'}", "4.1.1-20", 10,
                f"a channel lost at {row} is tried again", odds=(Odd(row, "", "cut"), FINE),
                hint=AGAIN)
      for row in ("CONNECT", "MAIL", "RCPT", "DATA", "data")],
    RelayCase("retry-down", "4.1.1-20", 10, "a host that is down is tried again", is_down=True,
              hint=AGAIN),
    RelayCase("retry-garbage", "4.2-3", 10, "what is not a reply is tried again",
              odds=(Odd("MAIL", "hello?\r\n", "cut"), FINE), hint=AGAIN),
    RelayCase("quit-refused", "4.1.1-12", 10, "a refused QUIT sends nothing twice",
              odds=(Odd("QUIT", "500 what\r\n"),), hint="The 250 to the text settles it."),
    RelayCase("notify", "3.6-6", 11, "what cannot be delivered is reported", odds=(NEVER, FINE),
              mail="notified", hint=_TOLD),
    *[RelayCase(f"notify-{row.lower() if row != 'data' else 'text'}", "3.6-6", 11,
                f"a 5yz to {row} is reported", odds=(Odd(row, "554 no\r\n"), FINE),
                mail="notified", hint=_TOLD)
      for row in ("MAIL", "DATA", "data")],
    RelayCase("notify-route", "3.6-6", 11, "a report goes along the reverse-path",
              sender="<@EPSILON.ARPA:Smith@ALPHA.ARPA>", odds=(NEVER, FINE), mail="notified",
              next_to="<@EPSILON.ARPA:Smith@ALPHA.ARPA>", hint=_TOLD, because=_TODAY),
    RelayCase("notify-never-about-one", "3.6-8", 11, "no report about a report", sender="<>",
              odds=(NEVER, FINE), mail="nothing",
              hint="Mail with the null reverse-path is thrown away if it cannot be delivered."),
    RelayCase("notify-give-up", "3.6-6", 11, "what waits too long is reported", give_up="1",
              odds=(LATER, LATER, LATER, LATER), mail="gives up",
              because="its queue may keep mail for days", hint="$LAB_GIVE_UP: seconds."),
    RelayCase("loop", "3.6-11", 11, "mail in circles is stopped",
              text="", mail="stopped", because="RFC 821 has no limit",
              hint="Count the Received lines; refuse mail with very many: 554."),
    RelayCase("crash-after-250", "4.1.1-12", 12, "mail with its 250 survives a crash",
              odds=(LATER, FINE), crash="after 250", hint=_KEEP),
    RelayCase("crash-five-mails", "4.1.1-12", 12, "five mails survive a crash", mails=5,
              odds=(*[LATER] * 5, FINE), crash="after 250", hint=_KEEP),
    RelayCase("crash-at-text", "4.1.1-12", 12, "a crash before the next host's 250 loses nothing",
              odds=(Odd("data", "", "silence"), FINE), crash="at data", hint=_KEEP),
    RelayCase("crash-down", "4.1.1-12", 12, "mail for a host that is down survives a crash",
              is_down=True, crash="after 250", hint=_KEEP),
]  # fmt: skip
