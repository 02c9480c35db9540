"""Large mail from outside is known by its size and hash, without being held in memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.invariants.copies import GrowingText, KnownBytes
from lab.protocol.lines import END_OF_MAIL_DATA, dot_stuff, dot_unstuff

PARTS = st.lists(st.sampled_from([b"\r\n", b".", b"x", b"\r", b"\n", b"..", b"\r\n."]))


@given(PARTS, st.lists(st.integers(1, 6)))
def test_pieces_make_the_text_that_hosts_keep(parts: list[bytes], sizes: list[int]) -> None:
    """Wherever they are cut; with periods doubled, which a sender outside may have left single."""
    text = b"\r\n" + b"".join(parts) + b"\r\n"
    while END_OF_MAIL_DATA in text:
        text = text.replace(END_OF_MAIL_DATA, b"\r\n.x\r\n")
    filler = b"y" * 70_000 + b"\r\n"
    sent = filler + text[2:] + b".\r\n"
    growing, begin = GrowingText(), 0
    for size in [len(filler) - 1, *sizes, len(sent)]:
        growing.feed(sent[begin : begin + size])
        begin += size
    found, kept = growing.finish(), dot_unstuff(sent[:-3])
    for one, whole in ((found.kept, kept), (found.sent, dot_stuff(kept))):
        assert one.size == len(whole)
        assert one.ends(b"before" + whole)
        assert KnownBytes(whole).size == one.size
        assert not one.ends(whole[:-1] + b"!")
