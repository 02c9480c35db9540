"""The page that shows the mail of a live run in a browser; :mod:`lab.live.web` says to whom.

Nothing of the mail is ever executed: the page puts it in as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab.live.host_main import endpoint
from lab.live.mail_text import LONGEST, header_fields, text_of, visible
from lab.live.spool_view import Listed
from lab.live.watch import Watch
from lab.live.web import (
    IDLE,
    JSON,
    STILL_THERE,
    Answer,
    NotFound,
    PageServer,
    Send,
    as_json,
    event,
    page,
)

if TYPE_CHECKING:
    from lab.live.network import LiveNetwork

_LIST: Final = 100
"""Messages of a list that are sent at a time."""


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


class MailPage(PageServer):
    """The server of the page; ``url`` is its address. Raises OSError if it cannot listen."""

    def __init__(self, watch: Watch, title: str, address: str, port: int) -> None:
        self.watch = watch
        self.title = title
        super().__init__(address, port)

    def answer(self, name: str, query: dict[str, str]) -> Answer:
        """Return the page, or something that it shows."""
        return _ANSWERS[name](self, query)

    def send_events(self, query: dict[str, str], send: Send) -> None:
        """Send each state as it comes."""
        watch = self.watch
        watch.join()
        try:
            version = -1
            while not watch.has_ended:
                state = watch.wait(version, IDLE / 2)
                if state is None:
                    send(STILL_THERE)
                elif state:
                    send(event(state))
                version = watch.version
        finally:
            watch.leave()


def _page(server: MailPage, query: dict[str, str]) -> Answer:
    return page(_template())


def _template() -> str:
    return Path(__file__).with_name("mail.html").read_text(encoding="utf-8")


def _state(server: MailPage, query: dict[str, str]) -> Answer:
    return as_json({"title": server.title, **server.watch.look()}), JSON


def _list(server: MailPage, query: dict[str, str]) -> Answer:
    """Return the newest messages: in mailboxes, or with ``queued`` those that wait."""
    spool, host = server.watch.spool, query.get("host", "")
    before = float(query["before"]) if "before" in query else None
    if query.get("queued"):
        mails = spool.in_queues(host, before, _LIST)
    else:
        mails = spool.in_mailboxes(host, query.get("user"), before, _LIST)
    described = [server.watch.described(mail) for mail in mails]
    return as_json({"messages": described, "more": len(mails) == _LIST}), JSON


def _mail_asked_for(server: MailPage, query: dict[str, str]) -> Listed:
    is_queued = bool(query.get("queued"))
    spool = server.watch.spool
    mail = spool.message(query["host"], int(query["number"]), is_queued=is_queued)
    if mail is None:
        raise NotFound
    return mail


def _message(server: MailPage, query: dict[str, str]) -> Answer:
    mail = _mail_asked_for(server, query)
    text, kind = text_of(mail.octets)
    shown = {
        **server.watch.described(mail), "fields": header_fields(mail.octets[:LONGEST]),
        "text": text, "kind": kind, "raw": visible(mail.octets[:LONGEST]),
        "is_cut": len(mail.octets) > LONGEST,
    }  # fmt: skip
    return as_json(shown), JSON


def _raw(server: MailPage, query: dict[str, str]) -> Answer:
    """Return a message as it is stored, to be saved: no browser shows or runs it."""
    mail = _mail_asked_for(server, query)
    name = f"{mail.number}.eml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return mail.octets, {"Content-Type": "application/octet-stream", **headers}


_ANSWERS: Final[dict[str, Callable[[MailPage, dict[str, str]], Answer]]] = {
    "": _page, "state": _state, "list": _list, "message": _message, "raw": _raw,
}  # fmt: skip
