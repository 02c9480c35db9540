"""Mail that a real mail program sends back is known again by its text and fields (3.6)."""

from __future__ import annotations

import pytest

from lab.hosts.fingerprint import MOST_KEPT, MailOutside, fingerprint

SENT = (
    b"Received: from A.ARPA by B.ARPA ; 24 Nov 81 10:00:00 UT\r\n"
    b"Date: 24 Nov 81 10:00:00 UT\r\nFrom: joe@A.ARPA\r\nSubject: Lunch\r\n\r\nAt noon?\r\n"
)
POSTFIX = (
    b"Received: from b.arpa (localhost [127.0.0.1])\r\n\tby mail.example.org (Postfix)\r\n"
    b"\twith SMTP id 4XyzAb; Tue, 24 Nov 2026 10:00:00 +0000 (UTC)\r\n"
)


def outside(*mails: bytes) -> MailOutside:
    known = MailOutside()
    for number, mail_data in enumerate(mails, 1):
        known.add(fingerprint(mail_data), number, ["1"])
    return known


@pytest.mark.parametrize("back", [
    POSTFIX + SENT,
    b"Delivered-To: x@Y\r\n" + POSTFIX + b"DKIM-Signature: v=1;\r\n\tb=received\r\n" + SENT,
    POSTFIX * 3 + SENT,
    POSTFIX + SENT.replace(b"From: joe@A.ARPA", b"From: Joe <joe@a.arpa>\r\nMessage-Id: <1@x>"),
    POSTFIX + SENT.replace(b"; 24 Nov", b";\r\n\t24 Nov"),
    POSTFIX + SENT + b"\r\n",
    POSTFIX + SENT.replace(b"noon?", b"noon? "),
])  # fmt: skip
def test_mail_is_known_with_more_in_its_header(back: bytes) -> None:
    """Mail programs put fields above those that are there, add missing ones, and fold."""
    assert outside(SENT).find(back) == (1, ["1"])
    assert outside(SENT, POSTFIX + SENT).find(POSTFIX + POSTFIX + SENT) == (2, ["1"])


@pytest.mark.parametrize("other", [
    SENT,
    POSTFIX + SENT.replace(b"noon", b"one"),
    POSTFIX + SENT.replace(b"Lunch", b"Dinner"),
    POSTFIX + SENT.replace(b"10:00:00 UT\r\nDate", b"10:00:01 UT\r\nDate"),
    POSTFIX + SENT.partition(b"\r\n")[2],
    SENT.partition(b"\r\n\r\n")[2],
    b"",
])  # fmt: skip
def test_other_mail_is_not_known(other: bytes) -> None:
    """The same text from a user, who writes it again, has no fields above."""
    assert outside(SENT).find(other) is None
    assert outside().find(POSTFIX + SENT) is None


def test_mail_that_never_passed_a_host_of_ours_is_known_by_the_field_above() -> None:
    sent = b"Subject: x\r\n\r\nHi\r\n"
    assert outside(sent).find(POSTFIX + sent) == (1, ["1"])
    assert outside(sent).find(sent) is None
    assert outside(b"\r\nHi\r\n").find(POSTFIX + b"\r\nHi\r\n") == (1, ["1"])


def test_so_much_mail_is_known_and_no_more() -> None:
    known = outside(SENT)
    for number in range(MOST_KEPT - 1):
        known.add(b"%d" % number, number, ["1"])
    assert known.find(POSTFIX + SENT) == (1, ["1"])
    known.add(b"one more", 0, ["1"])
    assert known.find(POSTFIX + SENT) is None
