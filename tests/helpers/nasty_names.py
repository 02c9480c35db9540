"""A trace whose names and texts mean something to the programs that read what is exported."""

from __future__ import annotations

from typing import Final

from helpers.synthetic_traces import Scribe
from lab.trace.trace import Trace

NASTY: Final = (
    "plain", 'a"b', "x;y", "50%", "#hash", "<b>bold</b>", "ФИЗФАК", "数学", "a--b__c//d",
    "style: q#60;z;", "classDef", "wrap: it", "nowrap:x", "end", "%%{init}%%", "C:\\new", "&lt;",
    "$$x$$", "|a|", "~t~", "**b**", "{c}[d]", "`q`", "'", "/' c '/", "..", "==", "[[u]]",
    "%date()", "!include", "é", "🎉", "=1+1", "a,b", "two words",
)  # fmt: skip
"""Names of hosts, and what they say."""

SAID: Final = tuple(text.encode("latin-1", "replace").decode("latin-1") for text in NASTY)
"""The same as a line can carry them."""


SHOWN: Final = tuple(text.replace("é", "\\xe9") for text in SAID)
"""The same as people read it: only letters of ASCII stay as they are in a dialogue."""


def nasty() -> Trace:
    """A trace in which each host in turn calls the next one, and says all of them."""
    scribe = Scribe(title=" ".join(NASTY), hosts=NASTY)
    t = 1.0
    for number, host in enumerate(NASTY):
        peer = NASTY[(number + 1) % len(NASTY)]
        scribe.open(t, host, peer)
        for line, text in enumerate(SAID):
            scribe.say(t + 0.2 + line / 100, host, peer, text)
        scribe.close(t + 0.9, host, peer)
        t += 2.0
    return scribe.end(t)
