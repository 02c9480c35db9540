"""Topology files that are sound: what they say arrives, defaults and overrides included."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from helpers.places import TOPOLOGIES
from hypothesis import given
from hypothesis import strategies as st

from lab.hosts.directory import Forward, MailingList, Member, User
from lab.hosts.retry import Retry
from lab.network.transport import TRANSPORTS
from lab.protocol import Limits, parse_path
from lab.topology import load as reading
from lab.topology.declarations import settings_of
from lab.topology.load import MOST_NOTES
from lab.topology.model import (
    Environment,
    FaultSpec,
    LinkSpec,
    ScriptSpec,
    Topology,
    TopologyError,
    TrafficSpec,
    from_dict,
    load,
)
from lab.topology.overrides import read
from lab.topology.positions import lines_of
from lab.topology.schema import TABLES, FileTable

FILES_OF_OURS = sorted(
    path for path in TOPOLOGIES.rglob("*.toml") if path.parent.name != "experiments"
)

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "x.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


WHOLE = """
title = "Everything"
start = 1981-11-02T22:33:44+01:00

[[environment]]
name = "arpanet"
[[environment]]
name = "csnet"
transport = "x25"

[[host]]
name = "MIT-AI.ARPA"
users = ["JQP", { name = "XYZ", accepts = false }]
limits = { recipients = 100, message = "2 kB" }
careless = true
relay = true
names = { csnet = "AI.CSNET" }
on_251 = "redirect"
on_551 = "return"
store = "5 ms"
position = [2, 1.5]
title = "the laboratory"
[[host.user]]
name = "Jones"
full_name = "William Jones"
active = true
mailbox = "busy"
[[host.list]]
name = "People"
members = ["JQP@MIT-AI.ARPA", "Fred Fonebone <@AI.CSNET:Fred@BBN.ARPA>"]
private = true
[[host.forward]]
user = "fred"
to = "<Jones@BBN.ARPA>"
mode = "refer"

[[host]]
name = "BBN.ARPA"
users = ["Jones"]

[[host]]
name = "IMP"
kind = "router"

[[link]]
between = ["ai.csnet", "IMP"]
latency = "40 ms"
jitter = "5 ms"
bandwidth = "50 kbit/s"
loss = 0.01
cost = 3
[[link]]
between = ["BBN.ARPA", "IMP"]
environment = "csnet"

[[mail]]
at = "2 s"
verb = "SOML"
from = "@BBN.ARPA:jqp@mit-ai.arpa"
to = ["<Jones@BBN.ARPA>", "@BBN.ARPA,@IMP:a@b"]
subject = "The Board"
size = "2 kB"
[[mail]]
from = "<Jones@AI.CSNET>"
to = "Jones@BBN.ARPA"
text = "hello"

[[traffic]]
count = 10
rate = "2 /min"
from = "jones@*"
to = "*@bbn.*"
size = "1 kB"
route = "source"
start = "1 min"

[[script]]
at = 1
from = "ai.csnet"
to = "BBN.ARPA"
lines = ["HELO x", "QUIT"]

[[fault]]
kind = "hang-up"
link = ["AI.CSNET", "BBN.ARPA"]
after = "data"
for = "1 min"
[[fault]]
kind = "clock-skew"
host = "bbn.arpa"
value = "-5 min"
when = { host = "ai.csnet", event = "reply", code = 354 }
[[fault]]
kind = "partition"
groups = [["BBN.ARPA"], ["ai.csnet", "IMP"]]
rate = "2 /h"

[retry]
first = "1 min"
max = "2 min"

[expect]
delivered = 3
"""


@pytest.fixture
def whole(write: Write) -> Topology:
    return load(write(WHOLE))


def test_the_head_of_a_file(whole: Topology) -> None:
    assert whole.title == "Everything"
    assert whole.start == datetime(1981, 11, 2, 21, 33, 44, tzinfo=UTC)
    assert whole.start.utcoffset() == timedelta(hours=1)
    assert list(whole.environments.values()) == [
        Environment("arpanet", "tcp"),
        Environment("csnet", "x25"),
    ]
    assert whole.retry == Retry(first=60, factor=2, max=120, give_up=259200)
    assert whole.expect == {"delivered": 3}


def test_a_host_with_all_that_it_may_say(whole: Topology) -> None:
    host = whole.hosts["MIT-AI.ARPA"]
    assert host.users == (
        User("JQP"),
        User("XYZ", accepts=False),
        User("Jones", "William Jones", active=True, mailbox="busy"),
    )
    assert host.lists == (
        MailingList(
            "People",
            (
                Member(parse_path("<JQP@MIT-AI.ARPA>")),
                Member(parse_path("<@AI.CSNET:Fred@BBN.ARPA>"), "Fred Fonebone"),
            ),
            private=True,
        ),
    )
    assert host.forwards == (Forward("fred", parse_path("<Jones@BBN.ARPA>"), "refer"),)
    assert host.limits == Limits(recipients=100, message=2000)
    assert (host.relay, host.careless, host.on_251, host.on_551) == (
        True,
        True,
        "redirect",
        "return",
    )
    assert (host.store, host.position, host.title) == (0.005, (2.0, 1.5), "the laboratory")
    assert host.names == {"csnet": "AI.CSNET"}
    assert whole.hosts["IMP"].kind == "router"


def test_links_name_hosts_as_their_own_tables_do(whole: Topology) -> None:
    assert whole.links == (
        LinkSpec("MIT-AI.ARPA", "IMP", "arpanet", 0.04, 0.005, 50_000.0, 0.01, 3.0),
        LinkSpec("BBN.ARPA", "IMP", "csnet"),
    )
    assert whole.links[1].latency == 0.010


def test_mail_traffic_and_scripts(whole: Topology) -> None:
    first, second = whole.mail
    assert (first.at, first.verb, first.subject, first.size) == (2.0, "SOML", "The Board", 2000)
    assert first.sender == parse_path("<@BBN.ARPA:jqp@mit-ai.arpa>")
    assert first.to == (parse_path("<Jones@BBN.ARPA>"), parse_path("<@BBN.ARPA,@IMP:a@b>"))
    assert (second.at, second.verb, second.text, second.size) == (0.0, "MAIL", "hello", None)
    assert second.sender == parse_path("<Jones@AI.CSNET>")
    assert whole.traffic == (TrafficSpec(10, 2 / 60, "jones@*", "*@bbn.*", 1000, "source", 60.0),)
    assert whole.scripts == (ScriptSpec(1.0, "MIT-AI.ARPA", "BBN.ARPA", ("HELO x", "QUIT")),)


def test_faults(whole: Topology) -> None:
    hang_up, skew, partition = whole.faults
    ends = ("MIT-AI.ARPA", "BBN.ARPA")
    assert hang_up == FaultSpec("hang-up", at=0.0, duration=60.0, link=ends, after="DATA")
    when = {"host": "MIT-AI.ARPA", "event": "reply", "code": 354}
    assert skew == FaultSpec("clock-skew", host="BBN.ARPA", value=-300.0, when=when)
    assert skew.at is None
    assert partition.groups == (("BBN.ARPA",), ("MIT-AI.ARPA", "IMP"))
    assert partition.rate == 2 / 3600


def test_a_host_of_a_forward_path_that_does_not_exist_is_worth_a_note(whole: Topology) -> None:
    """No error: its user's own host will refuse it."""
    (note,) = whole.notes
    assert "mail[0].to[1]: there is no host 'b'" in note


def test_a_host_is_found_by_any_of_its_names_in_any_case(whole: Topology) -> None:
    assert whole.host("ai.CSNET") is whole.host("mit-ai.arpa") is whole.hosts["MIT-AI.ARPA"]
    assert whole.host("MIT") is None


def test_topologies_compare_and_travel(whole: Topology) -> None:
    there_and_back = pickle.loads(pickle.dumps(whole))
    assert there_and_back == whole
    assert there_and_back.host("ai.csnet") == whole.host("ai.csnet")
    assert whole.with_seed(7) is whole


def test_a_file_that_says_little_has_the_contracts_defaults(write: Write) -> None:
    small = load(write('[[host]]\nname = "A"\n'))
    assert small.start == datetime(1982, 8, 1, tzinfo=UTC)
    assert small.environments == {"arpanet": Environment("arpanet", "tcp")}
    assert small.hosts["A"].users == ()
    assert not small.hosts["A"].relay
    assert small.retry == Retry(1800, 2, 14400, 259200)


def test_defaults_fill_in_what_a_table_does_not_say(write: Write) -> None:
    text = """
        [defaults.host]
        relay = true
        users = ["operator"]
        limits = { recipients = 5, line = 512 }
        [defaults.link]
        latency = "40 ms"
        loss = 0.5
        [[host]]
        name = "A"
        relay = false
        limits = { recipients = 7 }
        [[host]]
        name = "B"
        [[host.user]]
        name = "joe"
        [[host]]
        name = "R"
        kind = "router"
        [[link]]
        between = ["A", "B"]
        latency = 0
    """
    topology = load(write(text))
    a, b, router = topology.hosts.values()
    assert (a.relay, b.relay, router.relay) == (False, True, False)
    assert a.limits == Limits(recipients=7, line=512)
    assert [user.name for user in (*a.users, *b.users)] == ["operator", "joe"]
    assert router.users == ()
    assert (topology.links[0].latency, topology.links[0].loss) == (0.0, 0.5)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b'\xef\xbb\xbf[[host]]\r\nname = "A"\r\n')
    assert list(load(tmp_path / "x.toml").hosts) == ["A"]


def test_a_character_beyond_ascii_is_worth_a_note(write: Write) -> None:
    text = '[[host]]\nname = "A"\nusers = ["j"]\n[[mail]]\nfrom = "j@A"\nto = "j@A"\ntext = "Zoë"\n'
    (note,) = load(write(text)).notes
    assert "line 7, mail[0].text: 'ë' is not one of the 128 ASCII characters" in note


def test_of_many_notes_the_first_are_shown(write: Write) -> None:
    to = ", ".join(f'"x@H{n}"' for n in range(MOST_NOTES + 3))
    text = f'[[host]]\nname = "A"\nusers = ["j"]\n[[mail]]\nfrom = "j@A"\nto = [{to}]\n'
    notes = load(write(text)).notes
    assert len(notes) == MOST_NOTES + 1
    assert notes[-1] == "... and 3 more notes"


def test_a_very_large_file_is_not_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST_FILE", 2**20)
    with pytest.raises(TopologyError, match="is larger than 1 MiB"):
        load(write("#" * 2**20 + "\n"))


def test_a_date_alone_is_midnight_in_greenwich(write: Write) -> None:
    topology = load(write('start = 1981-11-02\n[[host]]\nname = "A"\n'))
    assert topology.start == datetime(1981, 11, 2, tzinfo=UTC)


def test_messages_are_counted(whole: Topology) -> None:
    assert whole.messages == 2 + 10


def test_users_who_may_be_damaged_are_not_missed_by_a_glob(write: Write) -> None:
    """One mistake, one sentence: the glob matches nobody because of it."""
    text = '[[host]]\nname = "A"\nusers = [3]\n[[traffic]]\ncount = 1\nrate = 1\nfrom = "ann@*"\n'
    with pytest.raises(TopologyError) as caught:
        load(write(text))
    (sentence,) = caught.value.problems
    assert "3 is not a user" in sentence


def test_what_is_wrong_in_the_defaults_is_no_other_mistake_of_each_host(write: Write) -> None:
    text = """
        [defaults.host]
        users = [3]
        [[host]]
        name = "A"
        [[mail]]
        from = "ann@A"
        to = "ann@A"
    """
    with pytest.raises(TopologyError) as caught:
        load(write(text))
    (sentence,) = caught.value.problems
    assert "line 3, defaults.host.users[0]: 3 is not a user" in sentence


def test_an_event_may_be_told_by_its_place_in_the_trace(write: Write) -> None:
    text = '[[host]]\nname = "A"\n[[fault]]\nkind = "crash"\nhost = "A"\nwhen = { seq = 7 }\n'
    assert load(write(text)).faults[0].when == {"seq": 7}


def test_keys_that_no_file_can_have_draw_sentences_too() -> None:
    raw: dict[Any, Any] = {"host": [{"name": "A", 3: "x"}, {"name": "B"}], 4: "x"}
    with pytest.raises(TopologyError) as caught:
        from_dict(raw)
    assert caught.value.problems == [
        "host[0][3]: 3 is not a key; a key is a text",
        "[4]: 4 is not a key; a key is a text",
    ]


@pytest.mark.parametrize(
    "path",
    FILES_OF_OURS,
    ids=lambda path: path.stem,
)
def test_our_own_topologies_are_sound(path: Path) -> None:
    assert load(path).hosts


# -- overrides


@pytest.mark.parametrize(
    ("one", "found"),
    [
        ("title=Other", lambda t: t.title == "Other"),
        ('title="2"', lambda t: t.title == "2"),
        ("mail.0.at=7 s", lambda t: t.mail[0].at == 7.0),
        ("mail[0].at=7", lambda t: t.mail[0].at == 7.0),
        ("link.1.latency=0.5", lambda t: t.links[1].latency == 0.5),
        ("host.mit-ai.arpa.relay=false", lambda t: not t.hosts["MIT-AI.ARPA"].relay),
        ("host.0.user.Jones.active=false", lambda t: not t.hosts["MIT-AI.ARPA"].users[2].active),
        ("host.BBN.ARPA.limits.line=9", lambda t: t.hosts["BBN.ARPA"].limits.line == 9),
        ('host.1.users=["Jones", "ann"]', lambda t: len(t.hosts["BBN.ARPA"].users) == 2),
        ("environment.csnet.transport=nits", lambda t: t.environments["csnet"].transport == "nits"),
        ("defaults.link.loss=0.2", lambda t: t.links[1].loss == 0.2),
        ("expect.returned=0", lambda t: t.expect == {"delivered": 3, "returned": 0}),
        ("mail.1.size=2 kB", lambda t: (t.mail[1].size, t.mail[1].text) == (2000, None)),
    ],
)
def test_an_override_changes_its_value(write: Write, one: str, found: Callable[..., bool]) -> None:
    assert not found(load(write(WHOLE)))
    assert found(load(write(WHOLE), sets=[one]))


def test_an_override_finds_a_host_by_any_spelling_of_its_name() -> None:
    raw = {"host": [{"name": "A"}, {"name": "#0123"}]}
    assert from_dict(raw, sets=["host.#123.relay=true"]).hosts["#0123"].relay
    assert from_dict(raw, sets=["host.a.relay=true"]).hosts["A"].relay


def test_overrides_may_be_a_mapping(write: Write) -> None:
    topology = load(write(WHOLE), sets={"mail.0.size": 5, "mail.0.at": "3 s"})
    assert (topology.mail[0].size, topology.mail[0].at) == (5, 3.0)


def test_of_two_names_that_fit_the_longer_is_meant(write: Write) -> None:
    text = '[[host]]\nname = "A"\n[[host]]\nname = "A.relay"\n'
    topology = load(write(text), sets=["host.A.relay.relay=true"])
    assert (topology.hosts["A"].relay, topology.hosts["A.relay"].relay) == (False, True)


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        ("title", "it has no value; write KEY=VALUE"),
        ("retyr.first=3", "there is no key retyr; did you mean retry?"),
        ("mail.9.size=3", "mail has no number 9; its numbers are 0 to 1"),
        ("host.BBM.ARPA.relay=true", "host has nothing named 'BBM.ARPA'; did you mean BBN.ARPA?"),
        ("title.x=3", "title is 'Everything', which has no x in it; write title=VALUE"),
        ("a..b=3", "the path has an empty part"),
        ("=3", "the path has an empty part"),
        ("poll.0.times=3", "the file has no [[poll]]; write one into it"),
        ("mail.0.to.9=x", "mail[0].to has no number 9; its numbers are 0 to 1"),
        ("environment.usenet.transport=tcp", "environment has nothing named 'usenet'"),
        ("link.0.latency=40 parsecs", "--set link.0.latency: '40 parsecs' has no unit"),
        ("link.0.latencey=1 s", "--set link.0.latencey: unknown key; did you mean latency?"),
    ],
)
def test_an_override_that_leads_nowhere_draws_one_sentence(
    write: Write, one: str, sentence: str
) -> None:
    with pytest.raises(TopologyError) as caught:
        load(write(WHOLE), sets=[one])
    (found,) = caught.value.problems
    assert sentence in found
    assert "x.toml, --set " in found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("2 kB", "2 kB"), ("0.2", 0.2), ("true", True), ('"true"', "true"), ("[1, 2]", [1, 2])),
        *(("1\nx = 2", "1\nx = 2"), ("", ""), ("[" * 5000, "[" * 5000), ("1 # no", 1)),
    ],
)
def test_a_value_is_read_as_toml_or_else_as_a_text(text: str, value: Any) -> None:
    assert read(text) == value


def sound_or_sentences(raw: dict[str, Any], sets: Sequence[str] = ()) -> None:
    found: list[str] | None = None
    try:
        from_dict(raw, sets=sets)
    except TopologyError as error:
        found = error.problems
    assert found is None or (found and not any("\n" in problem for problem in found))


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_override_does_worse_than_a_sentence(path: str, value: str) -> None:
    raw: dict[str, Any] = {"host": [{"name": "A"}], "retry": {"first": 3}, "title": "x"}
    sound_or_sentences(raw, sets=[f"{path}={value}"])


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "users", "kind", "x", "from", "host"]), inner)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(sorted(FileTable.keys)),
        JUNK | st.lists(st.dictionaries(st.sampled_from(TABLES["fault",].keys), JUNK)),
    )
)
def test_no_file_does_worse_than_sentences(raw: dict[str, Any]) -> None:
    """Whatever stands where, there is a topology or there are sentences."""
    sound_or_sentences(raw)


# -- tables that are said twice agree


def test_tables_that_are_said_twice_agree() -> None:
    (transport,) = (each for each in settings_of(Environment) if each.key == "transport")
    assert transport.words is not None
    assert set(transport.words) == set(TRANSPORTS)


def test_the_line_of_each_value_is_known() -> None:
    text = '''# a comment with [[brackets]]
title = """
[[host]]
"""
[[host]]
name = "A" # it
[[host.user]]
name = 'x]'
[[host]]
limits = { line = 3, path = 4 }
users = [
  "a",  # one
  { name = "b" },
]
[defaults.link]
a."b.c" = 1
'''
    lines = lines_of(text)
    assert lines["title",] == 2
    assert lines["host", 0, "name"] == 6
    assert lines["host", 0, "user", 0, "name"] == 8
    assert lines["host", 1] == 9
    assert lines["host", 1, "limits", "path"] == 10
    assert lines["host", 1, "users", 0] == 12
    assert lines["host", 1, "users", 1, "name"] == 13
    assert lines["defaults", "link", "a", "b.c"] == 16


@given(st.text(alphabet="[]{}='\"a.,\n #\\", max_size=40))
def test_to_look_for_lines_never_fails_nor_hangs(text: str) -> None:
    lines_of(text)


def test_the_former_name_of_a_key_is_read_with_one_warning(write: Write) -> None:
    text = """
        defaults = { host = { patience = { command = "1 min" } } }
        [[host]]
        name = "A"
        patience = { data = "9 s" }
        [[host]]
        name = "B"
        patience = { data = "8 s" }
        [[host]]
        name = "C"
    """
    with pytest.warns(DeprecationWarning, match="patience is the former name") as warned:
        topology = load(write(text), sets=["host.B.patience.data=7"])
    hosts = topology.hosts.values()
    assert [host.timeouts.data for host in hosts] == [9, 7, 120]
    assert topology.hosts["C"].timeouts.command == 60
    assert [each.filename for each in warned] == [__file__]


@pytest.mark.parametrize("key", ["patience", "timeouts"])
@pytest.mark.parametrize("override", ["patience", "timeouts"])
def test_a_file_and_an_override_may_use_either_name(key: str, override: str, write: Write) -> None:
    path = write(f'[[host]]\nname = "A"\n{key} = {{ data = 9, block = 8 }}\n')
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        timeouts = load(path, sets=[f"host.A.{override}.data=7"]).hosts["A"].timeouts
    assert (timeouts.data, timeouts.block) == (7, 8)
    assert len(warned) == ("patience" in (key, override))


def test_a_problem_under_a_former_name_is_told_where_the_file_has_it(write: Write) -> None:
    text = '[[host]]\nname = "A"\npatience = { data = "9 lightyears" }\n'
    with pytest.warns(DeprecationWarning, match="timeouts"), pytest.raises(TopologyError) as caught:
        load(write(text))
    assert "line 3, host[0].patience.data: '9 lightyears' has no unit" in str(caught.value)
