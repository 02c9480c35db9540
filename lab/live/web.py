"""Pages for browsers on this machine: an HTTP server in threads that answers those who may ask.

It answers only those who have its address, which has a secret in it, and only under the names of
this machine: so no other site that a browser has open can read what it shows, or change anything.
Every page's Content-Security-Policy allows its own script alone.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import socket
import threading
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

_MOST_CALLERS: Final = 128
"""Connections at a time; more are closed at once."""

IDLE: Final = 15.0
"""Seconds for which a browser may keep a connection without asking for anything."""

_POLL: Final = 0.1
"""Seconds that it may take to notice that the run ends."""

_LARGEST: Final = 1 << 16
"""Bytes of what a browser may send at a time."""

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

JSON: Final = {"Content-Type": "application/json"}

Answer = tuple[bytes, dict[str, str]]
"""What is sent, and the header fields that say what it is."""

Send = Callable[[bytes], object]
"""Sends one server-sent event; raises OSError when the browser has gone."""


class NotFound(Exception):
    """There is nothing at this address."""


class NotPossible(ValueError):
    """What a browser asks for cannot be done; the text says why."""


class PageServer(ThreadingHTTPServer, metaclass=ABCMeta):
    """The server of a page; ``url`` is its address. Raises OSError if it cannot listen."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: str, port: int) -> None:
        self.token = secrets.token_urlsafe(18)
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._places = threading.BoundedSemaphore(_MOST_CALLERS)
        super().__init__((address, port), _Request)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(_POLL,), name="lab-page", daemon=True
        )
        self.names = _names(address, self.server_port)

    @abstractmethod
    def answer(self, name: str, query: dict[str, str]) -> Answer:
        """Return what is at an address; raises NotFound, or KeyError or ValueError."""

    @abstractmethod
    def send_events(self, query: dict[str, str], send: Send) -> None:
        """Send what happens, as it happens, until there is no more to come."""

    def take(self, name: str, content: Any) -> Answer:
        """Do what a browser asks for; raises NotFound or NotPossible."""
        raise NotFound

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

    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = IDLE
    server_version = "smtp-lab"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a request of the page itself, or of somebody who has its address."""
        name, query = self._asked()
        if name is None:
            return
        if name == "events":
            self._send_events(query)
        else:
            self._answer(lambda: self.server.answer(name, query))

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def do_POST(self) -> None:
        """Do what the page asks for, and nobody else."""
        name, _ = self._asked()
        if name is None:
            return
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Origin") is None:
            self._refuse(403, "Only the page itself may change anything.")
        elif self.headers.get_content_type() != "application/json":
            self._refuse(415, "Send JSON.")
        elif not length.isdecimal() or int(length) > _LARGEST:
            self._refuse(413, f"Send at most {_LARGEST:,} bytes.")
        else:
            octets = self.rfile.read(int(length))
            self._answer(lambda: self.server.take(name, json.loads(octets)))

    def _asked(self) -> tuple[str | None, dict[str, str]]:
        """Return what is asked for; None, after a refusal, where somebody may not ask."""
        parts = urlsplit(self.path)
        _, token, name = [*parts.path.split("/", 2), "", ""][:3]
        if not self.server.names(self.headers.get("Host", "")):
            self._refuse(403, "This address is for the machine that runs the lab.")
        elif not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(404, "Open the whole address that the lab printed: it has a secret in it.")
        elif not self._is_from_here(is_page=not name):
            self._refuse(403, "Another site may not read this page.")
        else:
            return name, {key: values[-1] for key, values in parse_qs(parts.query).items()}
        return None, {}

    def _is_from_here(self, *, is_page: bool) -> bool:
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{self.headers.get('Host', '')}":
            return False
        site = self.headers.get("Sec-Fetch-Site", "none")
        # somebody may follow a link to the page; what it loads, it loads itself
        is_visit = is_page and self.headers.get("Sec-Fetch-Mode") == "navigate"
        return site in ("same-origin", "none") or is_visit

    def _answer(self, answer: Callable[[], Answer]) -> None:
        try:
            answered = answer()
        except NotPossible as why:
            self._refuse(409, str(why))
        except (NotFound, KeyError, TypeError, ValueError):
            self._refuse(404, "There is nothing here; the message may have been sent on.")
        else:
            self._send(200, *answered)

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

    def _send_events(self, query: dict[str, str]) -> None:
        """Send what happens, as it happens: server-sent events."""
        self.close_connection = True
        self.send_response(200)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if last := self.headers.get("Last-Event-ID"):
            query = {**query, "after": last}
        self.server.send_events(query, self.wfile.write)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing."""


STILL_THERE: Final = b":\n\n"
"""A comment, which shows whether the browser is still there."""


def event(value: Any, number: int | None = None) -> bytes:
    """Return a server-sent event; a browser that comes back says the last number it had."""
    head = b"" if number is None else f"id: {number}\n".encode()
    return head + b"data: " + as_json(value) + b"\n\n"


def as_json(value: Any) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=True).encode()


def page(template: str) -> Answer:
    """Return a page whose own script and style have ``{{nonce}}`` in them: no other is run."""
    nonce = secrets.token_urlsafe(18)
    headers = {"Content-Type": "text/html; charset=utf-8"}
    text = template.replace("{{nonce}}", nonce)
    return text.encode(), {**headers, "Content-Security-Policy": _POLICY.format(nonce=nonce)}
