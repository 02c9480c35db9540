"""Names of hosts are the same in every spelling: case, numbers, dotted numbers (2, 3.7, 4.1.2)."""

from __future__ import annotations

import copy
import pickle

import pytest

import lab.protocol
from lab.protocol import HostName, parse_path
from lab.protocol.names import host_name


def test_a_host_name_is_its_other_spellings_and_prints_its_own() -> None:
    name = HostName("Usc-Isif.#0123.[127.0.00.01]")
    assert name == HostName("USC-ISIF.#123.[127.0.0.1]")
    assert {name: 1}[HostName("usc-isif.#00123.[127.00.0.1]")] == 1
    assert f"{name}" == "Usc-Isif.#0123.[127.0.00.01]"
    assert repr(name) == "HostName('Usc-Isif.#0123.[127.0.00.01]')"


@pytest.mark.rule("3.7-1")
@pytest.mark.parametrize(
    ("one", "other"),
    [("#10", "#1"), ("#100", "#10"), ("[10.0.0.1]", "[1.0.0.1]"), ("A0", "A"), ("A.B", "A-B"),
     ("A0.ARPA", "A00.ARPA"), ("PC7.LCS.MIT.ARPA", "PC7.AI.MIT.ARPA"), ("A", "A.B"),
     ("ß", "SS"), ("é", "É")],
)  # fmt: skip
def test_other_names_are_other_hosts(one: str, other: str) -> None:
    """Zeros within a number or a name count; letters beyond ASCII are in no name of RFC 821."""
    assert HostName(one) != HostName(other)


def test_a_text_is_not_compared_with_a_host_name_by_mistake() -> None:
    name = HostName("A.ARPA")
    with pytest.raises(TypeError, match=r"compare HostName\('a.arpa'\) with a host name"):
        assert name == "a.arpa"
    with pytest.raises(TypeError, match="is a text"):
        assert "A.ARPA" in [name]
    assert name != 1


def test_a_host_name_is_itself_in_another_process() -> None:
    name = host_name("#0123")
    for other in (pickle.loads(pickle.dumps(name)), copy.deepcopy(name)):
        assert other == HostName("#123")
        assert str(other) == "#0123"


def test_paths_lead_to_the_same_place_in_every_spelling() -> None:
    """The text of a path is what was written; its key, its hosts and its mailbox compare."""
    one = parse_path('<@Two.arpa,@#07:"Joe"@[10.0.0.01]>')
    other = parse_path("<@TWO.ARPA,@#7:Joe@[10.0.0.1]>")
    assert one != other
    assert one.key == other.key
    assert one.hosts == other.hosts
    assert one.first_host == HostName("two.ARPA")
    assert one.mailbox_key == other.mailbox_key
    assert (one.domain, one.route) == ("[10.0.0.01]", ("Two.arpa", "#07"))
    assert parse_path("<joe@[10.0.0.1]>").key != parse_path("<Joe@[10.0.0.1]>").key


@pytest.mark.parametrize(
    ("former", "argument", "result"),
    [("folded", "a.#01", "A.#1"), ("stuff", b".a", b"..a\r\n.\r\n"), ("unstuff", b"..a", b".a")],
)
def test_a_former_name_still_works_and_warns_once(
    former: str, argument: object, result: object
) -> None:
    with pytest.warns(DeprecationWarning, match=f"lab.protocol.{former} is now") as warned:
        assert getattr(lab.protocol, former)(argument) == result
    assert len(warned) == 1
    with pytest.raises(AttributeError, match="no attribute 'fold'"):
        lab.protocol.fold  # type: ignore[attr-defined]  # noqa: B018
