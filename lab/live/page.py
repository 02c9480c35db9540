"""The page that shows the mail of a live run in a browser: an HTTP server in threads.

It answers only those who have its address, which has a secret in it, and only under the names of
this machine: so no other site that a browser has open can read the mail. Nothing of the mail is
ever executed: the page puts it in as text, and its Content-Security-Policy allows its own script
alone.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from lab.live.host_main import endpoint
from lab.live.mail_text import LONGEST, header_fields, text_of, visible
from lab.live.spool_view import Listed
from lab.live.watch import Watch

if TYPE_CHECKING:
    from lab.live.network import LiveNetwork

_MOST_CALLERS: Final = 128
"""Connections at a time; more are closed at once."""

_IDLE: Final = 15.0
"""Seconds for which a browser may keep a connection without asking for anything."""

_POLL: Final = 0.1
"""Seconds that it may take to notice that the run ends."""

_LIST: Final = 100
"""Messages of a list that are sent at a time."""

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self';"
    " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@contextmanager
def watched(network: LiveNetwork, *, wanted: bool) -> Iterator[Watch | None]:
    """Watch a network, and serve the page if its settings say so; ``network.page`` is where.

    Yields the watch; None if nobody wants to see anything. Raises OSError where the page cannot
    listen.
    """
    if network.settings.page is None and not wanted:
        yield None
        return
    watch = Watch(network)
    watch.start()
    page = None
    try:
        if network.settings.page is not None:
            page = _page_of(network, watch, *network.settings.page)
            network.page = page.url
            page.start()
        yield watch
    finally:
        watch.close()
        if page is not None:
            page.close()


def _page_of(network: LiveNetwork, watch: Watch, address: str, port: int) -> MailPage:
    try:
        return MailPage(watch, network.topology.title, address, port)
    except OSError as error:
        why = (error.strerror or str(error)).rpartition(": ")[2]
        where = endpoint(address, port)
        raise OSError(f"the page with the mail cannot listen at {where}: {why}") from None


class _NotFound(Exception):
    """There is nothing at this address."""


class MailPage(ThreadingHTTPServer):
    """The server of the page; ``url`` is its address. Raises OSError if it cannot listen."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, watch: Watch, title: str, address: str, port: int) -> None:
        self.watch = watch
        self.title = title
        self.token = secrets.token_urlsafe(18)
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._places = threading.BoundedSemaphore(_MOST_CALLERS)
        super().__init__((address, port), _Request)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(_POLL,), name="lab-page", daemon=True
        )
        self.names = _names(address, self.server_port)

    def server_bind(self) -> None:
        """Listen; without looking up the name of the machine, which may take seconds."""
        socket_server_bind(self)

    @property
    def url(self) -> str:
        """Where the page is, with its secret."""
        address = str(self.server_address[0])
        known = f"[{address}]" if ":" in address else address
        known = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(known, known)
        return f"http://{known}:{self.server_port}/{self.token}/"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, if there are not too many already."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about a browser that has gone."""


def socket_server_bind(server: ThreadingHTTPServer) -> None:
    """Bind a server's socket, and note where it is."""
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.socket.bind(server.server_address)
    server.server_address = server.socket.getsockname()
    server.server_name = str(server.server_address[0])
    server.server_port = int(server.server_address[1])


def _names(address: str, port: int) -> Callable[[str], bool]:
    """Return what tells whether a Host field names this server.

    A site elsewhere may have its name point at this machine; that name is refused.
    """
    names = {"localhost", "127.0.0.1", "[::1]"}
    is_loopback = ipaddress.ip_address(address).is_loopback
    if not is_loopback:
        names |= {socket.gethostname().lower(), f"[{address}]" if ":" in address else address}

    def is_ours(host: str) -> bool:
        name, colon, number = host.lower().rpartition(":")
        if not colon or number.endswith("]"):
            name, number = host.lower(), "80"
        return number == str(port) and (name in names or (not is_loopback and _is_number(name)))

    return is_ours


def _is_number(name: str) -> bool:
    """Return whether a name is an IP address, which no other site can have."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class _Request(BaseHTTPRequestHandler):
    """One connection of a browser."""

    server: MailPage
    protocol_version = "HTTP/1.1"
    timeout = _IDLE
    server_version = "smtp-lab"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a request of the page itself, or of somebody who has its address."""
        parts = urlsplit(self.path)
        _, token, name = [*parts.path.split("/", 2), "", ""][:3]
        if not self.server.names(self.headers.get("Host", "")):
            self._refuse(403, "This address is for the machine that runs the lab.")
        elif not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(
                404, "Open the whole address that lab live printed: it has a secret in it."
            )
        elif not self._is_from_here(is_page=not name):
            self._refuse(403, "Another site may not read this page.")
        elif name == "events":
            self._send_events()
        else:
            self._answer(name, {key: one[-1] for key, one in parse_qs(parts.query).items()})

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def _is_from_here(self, *, is_page: bool) -> bool:
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{self.headers.get('Host', '')}":
            return False
        site = self.headers.get("Sec-Fetch-Site", "none")
        # somebody may follow a link to the page; what it loads, it loads itself
        is_visit = is_page and self.headers.get("Sec-Fetch-Mode") == "navigate"
        return site in ("same-origin", "none") or is_visit

    def _answer(self, name: str, query: dict[str, str]) -> None:
        try:
            found = _ANSWERS[name](self.server, query)
        except (_NotFound, KeyError, ValueError):
            self._refuse(404, "There is nothing here; the message may have been sent on.")
            return
        self._send(200, *found)

    def _refuse(self, status: int, why: str) -> None:
        self.close_connection = True
        self._send(status, why.encode() + b"\n", {"Content-Type": "text/plain; charset=utf-8"})

    def _send(self, status: int, octets: bytes, about: dict[str, str]) -> None:
        self.send_response(status)
        headers = {**_HEADERS, "Content-Security-Policy": "default-src 'none'", **about}
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(octets)

    def _send_events(self) -> None:
        """Send each state as it comes: server-sent events."""
        self.close_connection = True
        self.send_response(200)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        watch = self.server.watch
        watch.join()
        try:
            version = -1
            while not watch.has_ended:
                state = watch.wait(version, _IDLE / 2)
                if state is None:
                    self.wfile.write(b":\n\n")  # shows whether the browser is still there
                elif state:
                    self.wfile.write(b"data: " + _json(state) + b"\n\n")
                version = watch.version
        finally:
            watch.leave()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing."""


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()


_JSON: Final = {"Content-Type": "application/json"}

Answer = tuple[bytes, dict[str, str]]


def _page(server: MailPage, query: dict[str, str]) -> Answer:
    nonce = secrets.token_urlsafe(18)
    text = _template().replace("{{nonce}}", nonce)
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return text.encode(), {**headers, "Content-Security-Policy": _POLICY.format(nonce=nonce)}


def _template() -> str:
    return Path(__file__).with_name("mail.html").read_text(encoding="utf-8")


def _state(server: MailPage, query: dict[str, str]) -> Answer:
    return _json({"title": server.title, **server.watch.look()}), _JSON


def _list(server: MailPage, query: dict[str, str]) -> Answer:
    """Return the newest messages: in mailboxes, or with ``queued`` those that wait."""
    spool, host = server.watch.spool, query.get("host", "")
    before = float(query["before"]) if "before" in query else None
    if query.get("queued"):
        found = spool.in_queues(host, before, _LIST)
    else:
        found = spool.in_mailboxes(host, query.get("user"), before, _LIST)
    described = [server.watch.described(mail) for mail in found]
    return _json({"messages": described, "more": len(found) == _LIST}), _JSON


def _found(server: MailPage, query: dict[str, str]) -> Listed:
    is_queued = bool(query.get("queued"))
    spool = server.watch.spool
    found = spool.message(query["host"], int(query["number"]), is_queued=is_queued)
    if found is None:
        raise _NotFound
    return found


def _message(server: MailPage, query: dict[str, str]) -> Answer:
    mail = _found(server, query)
    text, kind = text_of(mail.octets)
    shown = {
        **server.watch.described(mail), "fields": header_fields(mail.octets[:LONGEST]),
        "text": text, "kind": kind, "raw": visible(mail.octets[:LONGEST]),
        "is_cut": len(mail.octets) > LONGEST,
    }  # fmt: skip
    return _json(shown), _JSON


def _raw(server: MailPage, query: dict[str, str]) -> Answer:
    """Return a message as it is stored, to be saved: no browser shows or runs it."""
    mail = _found(server, query)
    name = f"{mail.number}.eml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return mail.octets, {"Content-Type": "application/octet-stream", **headers}


_ANSWERS: Final[dict[str, Callable[[MailPage, dict[str, str]], Answer]]] = {
    "": _page, "state": _state, "list": _list, "message": _message, "raw": _raw,
}  # fmt: skip
