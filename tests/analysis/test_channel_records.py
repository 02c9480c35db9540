"""All that was recorded of each transmission channel."""

from __future__ import annotations

import lab
from lab.analysis.channel_records import as_they_began
from lab.topology.model import from_dict

LOSSY = {
    "host": [
        {"name": "A", "users": ["a"]},
        {
            "name": "B",
            "users": ["b"],
            "reply": [{"to": "MAIL", "nth": 1, "pieces": [2, 3], "pause": 0.5}],
        },
        {"name": "C", "users": ["c"]},
    ],
    "link": [{"between": ["A", "B"], "loss": 0.3}, {"between": ["A", "C"]}],
    "mail": [{"from": "a@A", "to": "b@B"}, {"from": "a@A", "to": "c@C", "at": 1}],
    "fault": [{"kind": "crash", "host": "C", "at": 0, "for": 100}],
}


def test_channels_are_recorded_with_those_that_never_opened() -> None:
    """In the order in which they began to open."""
    trace = lab.simulate(from_dict(LOSSY), seed=3).trace
    channels = list(as_they_began(trace.rows))
    assert [(each.client, each.server, each.reason) for each in channels] == [
        ("A", "B", "quit"), ("A", "C", ""), ("A", "C", "quit"),
    ]  # fmt: skip
    assert channels[1].opened is channels[1].closed is None
    assert channels[0].started < channels[1].started < channels[2].started


def test_a_loss_is_that_of_the_chunk_which_was_on_its_way() -> None:
    """Those while the channel opened are of no chunk."""
    trace = lab.simulate(from_dict(LOSSY), seed=3).trace
    channel = next(as_they_began(trace.rows))
    lost = [event.t for event in trace if event.kind == "loss"]
    assert [row[0] for row in channel.losses] == lost
    of_chunks = channel.losses_of_chunks()
    found = sorted(row[0] for losses in of_chunks.values() for row in losses)
    assert channel.opened is not None
    assert found == [t for t in lost if t >= channel.opened]
    for place, losses in of_chunks.items():
        assert all(loss[0] <= channel.wire[place][0] for loss in losses)


def test_a_reply_in_pieces_is_recorded_once() -> None:
    trace = lab.simulate(from_dict(LOSSY), seed=3).trace
    channel = next(as_they_began(trace.rows))
    from_b = b"".join(row[-1] for row in channel.wire if row[2] == "A")
    assert from_b.count(b"250 OK\r\n") == 3
    assert b"".join(row[-1] for row in channel.wire if row[1] == "piece") == b"250 OK\r\n"
