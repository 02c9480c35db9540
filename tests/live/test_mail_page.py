"""The page with the mail of a live run: what it shows, and to whom."""

from __future__ import annotations

import http.client
import json
import smtplib
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest
from helpers.browser import browser, drawn, listening, needs_chromium
from helpers.live_hosts import eventually

import lab
from lab import lessons

NETWORK = lessons.from_text("""
title = "A class </title><script>alert(0)</script>"
[[host]]
name = "ONE.ARPA"
users = ["ann"]
relay = true
[[host]]
name = "TWO.ARPA"
users = ["bob", "eve"]
[[host]]
name = "DOWN.ARPA"
[[link]]
between = ["ONE.ARPA", "TWO.ARPA"]
[[link]]
between = ["ONE.ARPA", "DOWN.ARPA"]
[[fault]]
kind = "host-down"
host = "DOWN.ARPA"
at = "0 s"
for = "1 h"
[[mail]]
from = "ann@ONE.ARPA"
to = ["x@DOWN.ARPA"]
subject = "It waits"
text = "Hello?"
""")
HOSTILE = (
    "Subject: <img src=x onerror=alert(1)>\r\n\r\n"
    "</pre><script>alert(2)</script>\x1b[31m <a href='javascript:alert(3)'>x</a>\r\n"
)


def hand_in(served: lab.LiveServer, *to: str, text: str) -> None:
    with smtplib.SMTP("127.0.0.1", served.ports["TWO.ARPA"], timeout=20) as program:
        program.sendmail("me@laptop.example", list(to), text)


@pytest.fixture(scope="module")
def served() -> Iterator[lab.LiveServer]:
    with lab.serve(NETWORK, page=True) as served:
        hand_in(served, "bob@TWO.ARPA", "eve@TWO.ARPA", text="Subject: first\r\n\r\nHi\r\n")
        hand_in(served, "bob@TWO.ARPA", text=HOSTILE)
        assert eventually(lambda: bool(get(served, "list", queued=1)["messages"]))
        yield served


class Answer(NamedTuple):
    """What the page's server says."""

    status: int
    headers: Message
    body: bytes


def ask(served: lab.LiveServer, path: str, **headers: str) -> Answer:
    """The answer to a request; the path is below the secret one, or begins with a slash."""
    url = urlsplit(served.page)
    assert url.port is not None
    whole = path if path.startswith("/") else url.path + path
    with closing(http.client.HTTPConnection("127.0.0.1", url.port, timeout=20)) as connection:
        connection.request("GET", whole, headers=headers)
        with connection.getresponse() as answer:
            return Answer(answer.status, answer.headers, answer.read())


def get(served: lab.LiveServer, name: str, **query: Any) -> Any:
    answer = ask(served, f"{name}?{urlencode(query)}")
    assert answer.status == 200
    return json.loads(answer.body)


def test_the_page_says_what_the_hosts_have(served: lab.LiveServer) -> None:
    state = get(served, "state")
    hosts = {host["host"]: host for host in state["hosts"]}
    assert hosts["TWO.ARPA"]["mailboxes"] == {"bob": 2, "eve": 1}
    assert hosts["ONE.ARPA"]["queues"] == {"DOWN.ARPA": 1}
    assert hosts["TWO.ARPA"]["port"] == served.ports["TWO.ARPA"]
    assert [host["up"] for host in state["hosts"]] == [True, True, False]


def test_lists_are_of_one_mailbox_one_host_or_all_newest_first(served: lab.LiveServer) -> None:
    everything = get(served, "list")["messages"]
    assert [mail["subject"][:5] for mail in everything] == ["<img ", "first", "first"]
    assert {mail["user"] for mail in get(served, "list", user="eve")["messages"]} == {"eve"}
    assert get(served, "list", host="ONE.ARPA")["messages"] == []
    (waits,) = get(served, "list", queued=1)["messages"]
    assert (waits["host"], waits["next_host"], waits["to"]) == (
        "ONE.ARPA", "DOWN.ARPA", ["x@DOWN.ARPA"],
    )  # fmt: skip


def test_a_message_has_its_envelope_header_text_and_bytes(served: lab.LiveServer) -> None:
    (first,) = get(served, "list", user="eve")["messages"]
    # the trace, which has the envelope, comes a moment after the mail
    assert eventually(lambda: bool(get(served, "list", user="eve")["messages"][0]["to"]))
    whole = get(served, "message", host="TWO.ARPA", number=first["number"])
    assert (whole["from"], whole["to"]) == ("me@laptop.example", ["bob@TWO.ARPA", "eve@TWO.ARPA"])
    assert whole["text"] == "Hi\n"
    assert ["Subject", "first"] in whole["fields"]
    assert whole["raw"].startswith("Return-Path: <me@laptop.example>\nReceived: ")
    raw = ask(served, f"raw?host=TWO.ARPA&number={first['number']}")
    assert raw.headers["Content-Type"] == "application/octet-stream"
    assert raw.headers["Content-Disposition"].startswith("attachment")
    assert raw.body.replace(b"\r\n", b"\n").decode() == whole["raw"]


@pytest.mark.parametrize(
    "path",
    [
        "message?host=TWO.ARPA&number=999", "message?host=TWO.ARPA", "message?host=X&number=x",
        "message?host=../TWO.ARPA&number=1", "raw?host=TWO.ARPA&number=99999999999999999999",
        "list?before=x", "../../etc/passwd", "nothing", "%00", "message?queued=1&host=&number=1",
    ],
)  # fmt: skip
def test_what_is_not_there_is_404(served: lab.LiveServer, path: str) -> None:
    assert ask(served, path).status == 404


def test_nobody_reads_it_without_the_secret(served: lab.LiveServer) -> None:
    for path in ("/", "/state", "/x/state", "//state", served.page[-9:], "/é/list"):
        answer = ask(served, "/" + path.lstrip("/").encode("ascii", "ignore").decode())
        assert answer.status == 404
        assert b"secret" in answer.body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "", "[::1"])
def test_a_name_that_somebody_points_at_this_machine_is_refused(
    served: lab.LiveServer, host: str
) -> None:
    """DNS rebinding: a page of another site whose name leads here is not the page's own site."""
    assert ask(served, "list", Host=host.format(port=urlsplit(served.page).port)).status == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_other_sites_cannot_read_mail(
    served: lab.LiveServer, headers: dict[str, str], status: int
) -> None:
    assert ask(served, "list", **headers).status == status


def test_a_link_to_the_page_may_be_followed(served: lab.LiveServer) -> None:
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert ask(served, "", **visit).status == 200


def test_the_policy_of_the_page_allows_its_own_script_alone(served: lab.LiveServer) -> None:
    policies = [ask(served, "").headers["Content-Security-Policy"] for _ in range(2)]
    assert policies[0] != policies[1]
    assert policies[0].startswith("default-src 'none'; script-src 'nonce-")
    assert "unsafe" not in policies[0]
    for path in ("list", "state"):
        headers = ask(served, path).headers
        assert headers["Content-Security-Policy"] == "default-src 'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_events_come_when_mail_does(served: lab.LiveServer) -> None:
    with urllib.request.urlopen(served.page + "events", timeout=20) as events:
        assert states(events)["hosts"]
        hand_in(served, "eve@TWO.ARPA", text="Subject: news\r\n\r\nHi\r\n")
        while (state := states(events))["newest"][0]["subject"] != "news":
            pass
    assert state["newest"][0]["user"] == "eve"


def states(events: Any) -> Any:
    """The next state of a stream of events."""
    while not (line := events.readline()).startswith(b"data: "):
        pass
    return json.loads(line[6:])


def test_it_listens_on_this_machine_only(served: lab.LiveServer) -> None:
    """An address of the loopback network that it is not bound to finds nobody."""
    port = urlsplit(served.page).port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.2", port or 0)) != 0


def test_callers_that_say_nothing_keep_nobody_out(served: lab.LiveServer) -> None:
    """There is room for so many; those beyond are closed, and when some go there is room again."""
    port = urlsplit(served.page).port
    with ExitStack() as callers:
        for _ in range(150):
            last = callers.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        assert last.recv(1) == b""

    def answers() -> bool:
        try:
            return ask(served, "state").status == 200
        except (OSError, http.client.HTTPException):
            return False

    assert eventually(answers)


@needs_chromium
def test_a_browser_shows_the_mail_and_runs_nothing_of_it(served: lab.LiveServer) -> None:
    """In both sizes: newest first, one at a time, updated by itself, with the keyboard too."""
    with browser() as chromium:
        for size in ((1280, 720), (390, 844)):
            page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
            messages = listening(page)
            dialogs: list[str] = []
            page.on("dialog", lambda dialog, seen=dialogs: (seen.append("alert"), dialog.dismiss()))
            page.goto(served.page)
            page.locator(".mail").first.wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            page.get_by_text("<img src=x onerror=alert(1)>").click()
            text = page.locator("main pre").inner_text()
            assert text.startswith("</pre><script>alert(2)</script>\\x1b[31m")
            assert page.locator("main script, main img, main a[href^=javascript]").count() == 0
            page.get_by_role("button", name="Raw").click()
            assert (
                page.locator("main pre").inner_text().startswith("Return-Path: <me@laptop.example>")
            )
            page.keyboard.press("Escape")
            drawn(page)
            assert page.evaluate("document.activeElement.className") == "mail"
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            page.get_by_role("heading", name="first").or_(
                page.get_by_role("heading", name="news")
            ).first.wait_for()
            page.keyboard.press("Escape")
            subject = f"seen at {size[0]}"
            hand_in(served, "bob@TWO.ARPA", text=f"Subject: {subject}\r\n\r\nHi\r\n")
            page.locator(".mail", has_text=subject).wait_for()
            page.get_by_role("button", name="waits for DOWN.ARPA").click()
            page.locator(".mail", has_text="It waits").wait_for()
            assert page.title() == "A class </title><script>alert(0)</script> · mail"
            assert dialogs == []
            assert all(one.startswith(served.page) for one in messages), messages
            page.close()


def test_the_run_ends_while_browsers_watch() -> None:
    """And what it leaves is whole; the page then says nothing more."""
    with ExitStack() as after, lab.serve(NETWORK, page=True) as served:
        events = after.enter_context(urllib.request.urlopen(served.page + "events", timeout=20))
        assert events.readline().startswith(b"data: ")
    assert served.run.summary["lost"] == 0
    with pytest.raises(OSError, match="refused"):
        ask(served, "state")
