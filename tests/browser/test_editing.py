"""Edits of a topology file: what was asked, and not a byte more."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from lab.api.examples import examples
from lab.browser.editing import NoEdit, edited, keys_of

TEXT = """# A comment at the top.
title = "Two"

[[host]]
name = "A.ARPA"  # the first
users = [
  "ann",
  "amy",
]
[[host.list]]
name = "all"
members = ["ann@A.ARPA"]

# about B
[[host]]
name = "B.ARPA"

[[link]]
between = ["A.ARPA", "B.ARPA"]
latency = "40 ms"  # slow

[defaults.host]
relay = true
"""


def edit(do: str, text: str = TEXT, **more: Any) -> str:
    return edited(text, {"do": do, **more})


def test_a_host_is_added_after_the_last_one() -> None:
    text = edit("add", table="host", values={"name": "C.ARPA", "position": [1.5, 2]})
    added = '[[host]]\nname = "C.ARPA"\nposition = [1.5, 2]\n'
    assert text == TEXT.replace("\n[[link]]", f"\n{added}\n[[link]]")


def test_a_link_is_added_after_the_last_one() -> None:
    text = edit("add", table="link", values={"between": ["A.ARPA", "C.ARPA"]})
    added = '[[link]]\nbetween = ["A.ARPA", "C.ARPA"]\n'
    assert text == TEXT.replace("# slow\n", f"# slow\n{added}")


def test_a_table_of_a_new_kind_comes_last() -> None:
    text = edit("add", table="fault", values={"kind": "crash", "host": "A.ARPA"})
    assert text == TEXT + '\n[[fault]]\nkind = "crash"\nhost = "A.ARPA"\n'


def test_a_key_is_set_in_its_line_and_its_comment_stays() -> None:
    text = edit("set", table="link", number=0, key="latency", value='"2 s"')
    assert text == TEXT.replace('"40 ms"', '"2 s"')


def test_a_new_key_follows_the_name() -> None:
    text = edit("set", table="host", number=0, key="relay", value="true")
    assert text == TEXT.replace("# the first\n", "# the first\nrelay = true\n")


def test_a_value_over_several_lines_is_replaced() -> None:
    text = edit("set", table="host", number=0, key="users", value='["bob"]')
    assert text == TEXT.replace('[\n  "ann",\n  "amy",\n]', '["bob"]')


def test_a_key_is_removed() -> None:
    text = edit("set", table="link", number=0, key="latency", value="")
    assert text == TEXT.replace('latency = "40 ms"  # slow\n', "")
    assert edit("set", table="host", number=1, key="relay", value="") == TEXT


def test_a_host_is_removed_with_its_links() -> None:
    left = tomllib.loads(edit("remove", table="host", number=0))
    assert [host["name"] for host in left["host"]] == ["B.ARPA"]
    assert "link" not in left


def test_places_are_written_to_each_host() -> None:
    text = edit("move", places=[[0, 1, 2.345], [1, -3, 4]])
    places = [host["position"] for host in tomllib.loads(text)["host"]]
    assert places == [[1, 2.34], [-3, 4]] or places == [[1, 2.35], [-3, 4]]


LATENCY = {"table": "link", "number": 0, "key": "latency"}
NONE = {"table": "host", "number": 7, "key": "relay"}
INLINE = 'host = [{ name = "A" }]'


@pytest.mark.parametrize(
    ("text", "wanted", "words"),
    [
        ("a = = 1", {"do": "move", "places": []}, "not valid TOML"),
        (TEXT, {"do": "burn"}, "use add, set, remove or move"),
        (TEXT, {"do": "set", **LATENCY, "value": "2 s"}, "in quotes"),
        (TEXT, {"do": "set", **NONE, "value": "true"}, "its own"),
        (INLINE, {"do": "add", "table": "host", "values": {"name": "B"}}, "edit it in the text"),
        (INLINE, {"do": "remove", "table": "host", "number": 0}, "edit it in the text"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(
    text: str, wanted: dict[str, Any], words: str
) -> None:
    with pytest.raises(NoEdit, match=words):
        edited(text, wanted)


@pytest.mark.parametrize("name", [each.name for each in examples() if not each.is_experiment])
def test_every_host_of_what_ships_can_be_moved(name: str) -> None:
    text = next(each for each in examples() if each.name == name).path.read_text(encoding="utf-8")
    hosts = tomllib.loads(text).get("host", [])
    moved = edit("move", text, places=[[n, n, 1] for n in range(len(hosts))])
    assert all(host["position"][1] == 1 for host in tomllib.loads(moved).get("host", []))
    # nothing else is touched: without the lines of places, the text is what it was
    kept = [line for line in moved.split("\n") if not line.startswith("position")]
    assert kept == [line for line in text.split("\n") if not line.startswith("position")]


def test_the_form_of_a_host_has_values_defaults_and_words() -> None:
    keys = {each["key"]: each for each in keys_of(TEXT, "host", 0)}
    assert keys["name"]["value"] == '"A.ARPA"'
    assert keys["relay"]["words"] == ["true", "false"]
    assert keys["relay"]["default"] == "false"
    assert keys["users"]["value"] == '["ann", "amy"]'
    assert all(each["help"] for each in keys.values())
