"""Digests: what they depend on, and what they do not."""

from __future__ import annotations

import random

import pytest
from helpers.rows import one_of_each_kind

from lab.trace.digests import DigestHistory, Digests, combined, digest
from lab.trace.rows import HOST, MESSAGE, SESSION, Row

ROWS = [*one_of_each_kind()]


def by_host(rows: list[Row], seed: int) -> list[Row]:
    """Return rows in another order, in which those of each host follow one another as before."""
    queues: dict[str, list[Row]] = {}
    for row in rows:
        queues.setdefault(row[HOST], []).append(row)
    draw, order = random.Random(seed), []
    while queues:
        host = draw.choice(sorted(queues))
        order.append(queues[host].pop(0))
        if not queues[host]:
            del queues[host]
    return order


LOCAL: list[Row] = [
    (1.0, "reject", host, None, None, number, "1", "<x@y>", "no such user")
    for number, host in enumerate("ABCABBCA", 1)
]
LOCAL += [(2.0, "forget", "B", None, None, 1, ("1",)), (2.0, "forget", "A", None, None, 1, ("1",))]


def test_it_does_not_matter_how_the_events_of_hosts_are_interleaved() -> None:
    orders = [by_host(LOCAL, seed) for seed in range(10)]
    assert any(order != LOCAL for order in orders)
    assert {digest(order) for order in orders} == {digest(LOCAL)}


def test_it_does_not_matter_how_messages_are_numbered() -> None:
    """They go by the host where each first appeared, and its number among those there."""
    numbered = [(*row[:MESSAGE], row[MESSAGE] * 1_000_003, *row[MESSAGE + 1 :]) for row in LOCAL]
    assert digest(numbered) == digest(LOCAL)
    assert DigestHistory(numbered).after(len(LOCAL)) == digest(LOCAL)
    negative = [(*row[:MESSAGE], -row[MESSAGE], *row[MESSAGE + 1 :]) for row in LOCAL]
    assert digest(negative) == digest(LOCAL)


def test_the_order_of_a_hosts_own_events_matters() -> None:
    rows = [(1.0, "attempt", "A", "B", None, None, "arpanet", 1), *LOCAL]
    assert digest([rows[1], rows[0], *rows[2:]]) != digest(rows)


@pytest.mark.parametrize("place", range(len(ROWS)))
def test_every_column_of_every_kind_matters(place: int) -> None:
    whole, row = digest(ROWS), ROWS[place]
    for column, value in enumerate(row):
        if column in (SESSION, MESSAGE):
            continue  # these go by where they first appeared
        changed = "another" if value != "another" else "again"
        if isinstance(value, dict):
            other: object = {**value, "seed": 99}
        else:
            other = value + 1 if isinstance(value, (int, float)) else changed
        rows = [*ROWS[:place], (*row[:column], other, *row[column + 1 :]), *ROWS[place + 1 :]]
        assert digest(rows) != whole, column


def test_rows_can_be_taken_some_at_a_time() -> None:
    digests = Digests()
    for begin in range(0, len(ROWS), 3):
        digests.take(ROWS[begin : begin + 3])
    assert digests.digest() == digest(ROWS)
    assert combined(digests.hashes().items()) == digest(ROWS)
    assert digests.of("A") == digests.hashes()["A"]


def test_large_mail_is_hashed_as_small_mail_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not encoded in one piece; its bytes are hashed with the same header before them."""
    mail = bytes(range(256)) * 500
    rows: list[Row] = [
        (0.5, "data", "A", "B", 3, 1, 0.5, mail),
        (0.5, "data", "A", "B", 3, 1, 0.5, mail, ((0.1, 0.2),)),
        (1.0, "terminal", "B", None, None, 1, "1", "ann", mail[:70000]),
        (1.0, "deliver", "A", None, None, 1, "1", "ann", mail),
        (1.0, "reject", "A", None, None, 1, "1", "<x@y>", "no such user"),
    ]
    whole = digest(rows)
    monkeypatch.setattr("lab.trace.digests._MOST_BYTES", 1 << 16)
    assert digest(rows) == whole


def test_a_history_has_the_digest_after_each_event() -> None:
    history = DigestHistory(ROWS)
    for count in range(len(ROWS) + 1):
        assert history.after(count) == digest(ROWS[:count])


def test_numbers_by_another_name_are_named_by_whoever_knows_them() -> None:
    def by_hundreds(number: int, _: str) -> tuple[str, int]:
        return "ABC"[number // 100], number % 100

    rows: list[Row] = [
        (1.0, "forget", "A", None, None, 101, ()),
        (1.0, "forget", "B", None, None, 1, ()),
    ]
    digests = Digests(message_name=by_hundreds)
    digests.take(rows)
    # in the order of another process
    again = Digests(message_name=by_hundreds)
    again.take(rows[::-1])
    assert digests.digest() == again.digest() != digest(rows)
