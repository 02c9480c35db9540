"""What is wrong with a host, its people and its replies, in a sentence at the key that has it."""

from __future__ import annotations

from typing import Any

import pytest

import lab
from lab.topology.model import from_dict


def made(*hosts: dict[str, Any], **tables: Any) -> lab.Topology:
    return from_dict({"host": list(hosts), **tables})


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ({"name": "A-"}, "host[0].name: 'A-' is "),
        ({"name": "A" * 65}, "has 65 characters; section 4.5.3 limits a domain to 64"),
        ({"name": "A", "users": ["x" * 65]}, "has 65 characters; section 4.5.3 limits a user name"),
        ({"name": "A", "users": ["a\nb"]}, "contains a line end, which a command line cannot"),
        ({"name": "A", "users": ["é"]}, "host[0].users[0]: "),
        ({"name": "A", "users": ["ann", "ann"]}, "'ann' is used twice at this host"),
        ({"name": "A", "users": ["ann"], "list": [{"name": "ann", "members": ["bob@A"]}]},
         "host[0].list[0].name: 'ann' is used twice at this host; write another name"),
        ({"name": "A", "user": [{"name": "ann", "full_name": "A\nB"}]},
         "host[0].user[0].full_name: a full name is one line; leave out its line breaks"),
        ({"name": "A", "list": [{"name": "all", "members": ["A\nB <b@A>"]}]},
         "a full name is one line; leave out its line breaks"),
        ({"name": "A", "kind": "router", "users": ["ann"]},
         "host[0].users: a router speaks no SMTP; leave this out, or write kind = 'host'"),
        ({"name": "A", "relay_for": ["10.0.0.0/99"]},
         "host[0].relay_for[0]: '10.0.0.0/99' is not a network; write one such as '10.0.0.0/8'"),
        ({"name": "A", "relay_for": ["Q"]}, "host[0].relay_for[0]: there is no host 'Q'"),
        ({"name": "A", "holds": ["Q"]}, "host[0].holds[0]: there is no host 'Q'"),
        ({"name": "A", "names": {"csnet": "B"}}, "there is no environment 'csnet'"),
        ({"name": "A", "answers": {"RCPT": []}}, "the list of reply codes is empty"),
        ({"name": "A", "answers": {"RCPT": True}}, "true is not a reply code of RFC 821"),
        ({"name": "A", "external": "localhost"}, "'localhost' is not an address and port"),
        ({"name": "A", "reply": [{"to": "RCTP", "octets": "x"}]},
         "host[0].reply[0].to: 'RCTP' is not something that a host replies to; did you mean RCPT?"),
        ({"name": "A", "reply": [{"to": "open", "early": True, "octets": "x"}]},
         "host[0].reply[0].early: nothing is sent before the greeting; leave early out"),
        ({"name": "A", "reply": [{"to": "RCPT", "early": True}]},
         "host[0].reply[0].early: an early reply requires octets; write octets = '250 OK\\r\\n'"),
        ({"name": "A", "reply": [{"to": "RCPT"}]},
         "host[0].reply[0]: this leaves the reply as it is; write octets ="),
        ({"name": "A", "reply": [{"to": "RCPT", "octets": "x" * 1000, "repeat": 2_000_000}]},
         "host[0].reply[0].repeat: 2000000000 bytes are too many for a reply; use 1 GB or less"),
        ({"name": "A", "reply": [{"to": "RCPT", "octets": "€"}]},
         "'€' is not a byte; write each byte as the character of its number"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_host_is_said(host: dict[str, Any], sentence: str) -> None:
    with pytest.raises(lab.TopologyError) as wrong:
        made(host)
    assert sentence.replace("'", '"') in str(wrong.value).replace("'", '"')


@pytest.mark.parametrize(
    ("host", "note"),
    [
        ({"name": "A", "limits": {"line": 100}},
         "host[0].limits.line: 100 is less than 512, which section 4.5.3 requires"),
        ({"name": "A", "reply": [{"to": "RCPT", "octets": "250 OK\r\n", "pieces": [4, 6]}]},
         "host[0].reply[0].pieces: the pieces are 10 bytes, and the reply has 8"),
        ({"name": "A", "list": [{"name": "all", "members": ["x@Q"]}]},
         "there is no host 'Q'; there are A; mail for this member will come back"),
        ({"name": "A", "forward": [{"user": "x", "to": "x@Q"}]},
         "there is no host 'Q'; there are A; what is forwarded there will come back"),
    ],
)  # fmt: skip
def test_what_is_odd_about_a_host_is_a_note(host: dict[str, Any], note: str) -> None:
    notes = " ".join(made(host).notes).replace("'", '"')
    assert note.replace("'", '"') in notes


def test_the_settings_of_a_file_go_before_the_defaults_and_inner_tables_are_merged() -> None:
    defaults = {"host": {"limits": {"line": 600, "recipients": 200}, "users": ["root"]}}
    topology = made(
        {"name": "A", "limits": {"recipients": 300}}, {"name": "B", "user": [{"name": "bob"}]},
        {"name": "R", "kind": "router"}, defaults=defaults,
    )  # fmt: skip
    a, b, router = topology.hosts["A"], topology.hosts["B"], topology.hosts["R"]
    assert (a.limits.line, a.limits.recipients) == (600, 300)
    assert [user.name for user in a.users] == ["root"]
    assert ([user.name for user in b.users], b.limits.recipients) == (["bob"], 200)
    assert router.users == ()
