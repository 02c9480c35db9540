"""Faults of mail programs: an edit of the right one, and the rule by which it must be found."""

from __future__ import annotations

from typing import Final, NamedTuple


class Faulty(NamedTuple):
    """A fault: ``rules`` are those of which one must name it, the first of all that are found."""

    name: str
    rules: str
    old: str
    new: str


IN_PYTHON: Final = [
    Faulty("greets with 250", "4.3-2", "self.reply(220,", "self.reply(250,"),
    Faulty("greets without its name", "4.3-8", 'f"{HOST} Service ready"', '"(ready)"'),
    Faulty("bare LF after replies", "4.2-2", r'{text}\r\n".enc', r'{text}\n".enc'),
    Faulty("no space after the code", "4.2-2", 'f"{code} {text}', 'f"{code}{text}'),
    Faulty("250 for 354", "3.1-5", 'reply(354, "Start', 'reply(250, "Start'),
    Faulty("LF ends a line", "4.5.2-3", 'while b"\\r\\n" not in self.buffer:\n            piece',
           'self.buffer = self.buffer.replace(b"\\r\\n", b"\\n").replace(b"\\n", b"\\r\\n")\n'
           '        while b"\\r\\n" not in self.buffer:\n            piece'),
    Faulty("keeps the doubled period", "4.5.2-2", 'line[1:] if line.startswith(b".") else line',
           "line"),
    Faulty("two periods end the mail", "4.5.2-3", '!= b".":', 'not in (b".", b".."):'),
    Faulty("spaces after the end", "4.5.2-3", '(line := self.next()) != b"."',
           '(line := self.next()).strip() != b"."'),
    Faulty("high bits cleared", "4.5.2-3", '(line := self.next()) != b"."',
           '(line := bytes(each & 127 for each in self.next())) != b"."'),
    Faulty("RCPT without MAIL", "4.1.1-23", "if self.state < 2:", "if self.state < 0:"),
    Faulty("MAIL without HELO", "4.1.1-22", "if self.state == 0:", "if self.state < 0:"),
    Faulty("DATA without RCPT", "4.1.1-23", "elif self.state < 3:", "elif self.state < 2:"),
    Faulty("RSET forgets nothing", "4.1.1-13", "min(self.state, 1), []", "self.state, self.to"),
    Faulty("HELO forgets nothing", "4.1.1-4", "self.state, self.to = argument, 1, []",
           "self.state, self.to = argument, max(1, self.state), self.to"),
    Faulty("MAIL forgets nothing", "4.1.1-5", "= match[1], [], 2",
           "= match[1], self.to, 3 if self.to else 2"),
    Faulty("buffers stay after mail", "4.1.1-9", "self.state, to = 1, self.to", "to = self.to"),
    Faulty("capitals only", "2-4", "f\"do_{verb.upper()}\"", "f\"do_{verb}\""),
    Faulty("host names in capitals only", "2-4", "match[3].upper() == HOST.upper()",
           "match[3] == HOST"),
    Faulty("no null reverse-path", "3.6-10", 'match[1] == "<>" or PATH', "PATH"),
    Faulty("no source routes", "4.1.2-2", "elif match is None or path is None:",
           "elif match is None or path is None or path[1]:"),
    Faulty("no RSET", "4.5.1-1 4.1.1-13", "def do_RSET", "def do_RSXT"),
    Faulty("NOOP resets", "4.1.1-16", 'self.reply(250, "OK") if argument is None else',
           'setattr(self, "state", 0) or self.reply(250, "OK") if argument is None else'),
    Faulty("VRFY resets", "4.1.1-14", "if not argument:\n            self.reply(501, \"VRFY",
           "self.state = 1\n        if not argument:\n            self.reply(501, \"VRFY"),
    Faulty("VRFY names nobody", "3.3-1", 'f"<{argument}@{HOST}>"', '"yes"'),
    Faulty("two replies to RCPT", "4.2-1", "self.state = 3\n            self.reply(250, \"OK\")",
           "self.state = 3\n            self.reply(250, \"OK\")\n            self.reply(250, \"OK\")"),  # noqa: E501
    Faulty("a reply of its own", "4.2.2-1", 'else self.reply(500, "NOOP takes no argument")',
           'else self.reply(599, "no")'),
    Faulty("a wrong code for NOOP", "4.1.1-16", 'self.reply(250, "OK") if argument',
           'self.reply(220, "OK") if argument'),
    Faulty("closes after an error", "4.1.1-18", 'self.reply(500, "Syntax error, command',
           'raise Gone\n            self.reply(500, "Syntax error, command'),
    Faulty("no 221", "4.1.1-17", 'self.reply(221, f"{HOST} Service closing transmission channel")',
           "pass"),
    Faulty("stays open after 221", "4.1.1-17", "transmission channel\")\n            return False",
           "transmission channel\")\n            return True"),
    Faulty("one command to a read", "4.2-1 4.1.1-8", "self.buffer = self.buffer.partition",
           "self.buffer = (*self.buffer.partition(b\"\\r\\n\")[:2], b\"\") or self.buffer.partition"),  # noqa: E501
    Faulty("a read is a line", "2-1", 'while b"\\r\\n" not in self.buffer:', "if not self.buffer:"),
    Faulty("no line above 512", "4.5.3-6", "lines.append(line[1:]",
           "line = line[:510]\n            lines.append(line[1:]"),
    Faulty("fifty recipients", "4.5.3-7", "elif self.queue is None and",
           "elif len(self.to) > 49:\n            self.reply(552, \"Too many\")\n"
           "        elif self.queue is None and"),
    Faulty("a long reply", "4.5.3-5", '"HELO MAIL RCPT DATA RSET NOOP QUIT HELP VRFY EXPN"',
           '"x" * 600'),
    Faulty("delivers half of it", "4.1.1-19", "text = self.lines.text()",
           "read = self.lines.read\n"
           "            self.lines.read = lambda: read() or b'\\r\\n.\\r\\n'\n"
           "            text = self.lines.text()\n            self.lines.read = read"),
    Faulty("loses mail", "4.1.1-12", "for path in to:\n", "for path in ():\n"),
    Faulty("no time stamp", "4.1.1-10", "stamp + text)\n            elif", "text)\n            elif"),  # noqa: E501
]  # fmt: skip
"""Faults of lab/judging/examples/mailer.py."""

IN_PERL: Final = [
    Faulty("perl: 250 for 354", "3.1-5", 'say_line("354 go on")', 'say_line("250 go on")'),
    Faulty("perl: LF after replies", "4.3-2 4.2-2", '"$_[0]\\r\\n"', '"$_[0]\\n"'),
    Faulty("perl: capitals only", "2-4", "/^HELO +([\\w.#\\[\\]-]+) *$/i",
           "/^HELO +([\\w.#\\[\\]-]+) *$/"),
    Faulty("perl: RSET forgets nothing", "4.1.1-13", "{ $state = 1 if $state; @to = (); ", "{ "),
    Faulty("perl: RCPT without MAIL", "4.1.1-23", "if ($state < 2)", "if ($state < 0)"),
    Faulty("perl: no null reverse-path", "3.6-10", "FROM:(<>|<", "FROM:(<"),
    Faulty("perl: periods stay", "4.5.2-2", "$part =~ s/^\\.//;", ""),
    Faulty("perl: reads on after QUIT", "4.1.1-17", "closing\"); exit; }", "closing\"); }"),
]  # fmt: skip
"""Faults of tests/judging/mailer.pl."""

IN_NODE: Final = [
    Faulty("node: a reply for each line", "4.2-1 3.1-5 4.1.1-8", 'if (line !== ".") return',
           'if (line !== ".") return this.reply(250, "more"),'),
    Faulty("node: HELO forgets nothing", "4.1.1-4", "state: 1, to: [] }", "state: this.state || 1 }"),  # noqa: E501
    Faulty("node: two periods end it", "4.5.2-3", 'if (line !== ".") return',
           'if (line !== "." && line !== "..") return'),
    Faulty("node: 503 for NOOP", "4.1.1-16", 'NOOP takes no argument");\n    this.reply(250',
           'NOOP takes no argument");\n    this.reply(503'),
]  # fmt: skip
"""Faults of lab/judging/examples/mailer.mjs."""
