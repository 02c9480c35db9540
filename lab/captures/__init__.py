"""Traces from outside: the SMTP in a capture, as a trace (``lab read``, ``lab.read_capture``).

``packets.py`` gives the TCP segments of a file, ``streams.py`` the bytes of each connection,
``dialogues.py`` what was said, ``mail.py`` which mail went where, and ``reading.py`` the trace.
"""

from lab.captures.packets import CaptureError
from lab.captures.reading import Captured, read_capture

__all__ = ["CaptureError", "Captured", "read_capture"]
