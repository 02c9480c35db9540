"""People see the labels of hosts, in any script; the wire has their names."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx
import pytest
from matplotlib import pyplot
from matplotlib.text import Text
from rich.console import Console

import lab
from lab.analysis.ladder_rows import row_of
from lab.analysis.likeness import sentence
from lab.analysis.narrative import narrate
from lab.analysis.narrative import sentence as sentence_of
from lab.analysis.shown_names import NAMES, ShownNames, shown_names
from lab.api.run import Run
from lab.stepping import panels
from lab.topology.model import Topology
from lab.trace.rows import MESSAGE
from lab.views import plot
from lab.views.pictures import fonts, plot_style
from lab.views.pictures.film import animation
from lab.views.replay import replay_data
from lab.views.text.links import links_table
from lab.views.text.listing import listing
from lab.views.text.summary import summary_table
from lab.views.text.transcript import transcript

LABELS = {
    "Athina": "Αθήνα", "DongJing": "東京", "lqhrh": "القاهرة", "slight-smile": "🙂",
    "Zurich": "Zu\u0308rich", "New-York": "New York",
}  # fmt: skip


@pytest.fixture(scope="module")
def run() -> Run:
    graph = networkx.path_graph(list(LABELS.values()))
    mail = [
        {"from": "user@Athina", "to": "user@New-York"},
        {"from": "user@DongJing", "to": "user@lqhrh", "at": "1 s"},
        {"from": "user@Zurich", "to": "nobody@slight-smile", "at": "2 s"},
    ]
    faults = [
        {"kind": "link-down", "link": ["東京", "Αθήνα"], "at": "0 s", "for": "10 s"},
        {"kind": "partition", "groups": [["Athina"], ["DongJing"]], "at": "100 s", "for": "1 s"},
    ]
    topology = Topology.from_graph(graph, title="Labels", mail=mail, fault=faults)
    return lab.simulate(topology)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    pyplot.close("all")


def texts(run: Run, kind: str, **options: Any) -> list[str]:
    """What a picture says, without the names that stand beside labels for which no font is."""
    with plot_style.off_screen():
        figure = plot(run.trace, kind, **options).get_figure(root=True)
    assert figure is not None
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


def printed(shown: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=160).print(shown)
    return out.getvalue()


def says(wanted: str, found: list[str]) -> bool:
    return any(wanted in text for text in found)


@pytest.mark.parametrize("kind", ["map", "ladder"])
def test_a_picture_of_all_hosts_has_every_label(run: Run, kind: str) -> None:
    """A ladder of all that happened has no room, so it is drawn message by message."""
    numbers = [row[MESSAGE] for row in run.trace.of(("submit",))] if kind == "ladder" else []
    found = [text for number in numbers for text in texts(run, kind, message=number)]
    found = found or texts(run, kind)
    for name, label in LABELS.items():
        assert says(label, found), label
        assert fonts.missing(label) or not any(text.split("\n")[0] == name for text in found)


def test_other_pictures_have_the_labels(run: Run) -> None:
    timeline = texts(run, "timeline")
    assert says("user@Αθήνα", timeline)
    assert says("→ user@New York", timeline)
    assert says("- Αθήνα: link-down", timeline)
    assert says("partition: Αθήνα | ", timeline)
    assert says("Αθήνα, at most", texts(run, "queues"))
    assert says("Αθήνα → New York", texts(run, "latency", by="route"))
    with plot_style.off_screen():
        assert "<svg" in animation(run.trace).svg


def test_the_summary_and_the_tables_have_the_labels(run: Run) -> None:
    table = printed(summary_table(run.summary))
    assert "user@New York" in table
    assert "nobody@🙂" in table
    assert run.summary["labels"] == LABELS
    assert run.summary["recipients"][0]["recipient"] == "user@New-York"
    found = printed(listing(run.topology, [("user@Zurich", "user@Athina", ["Zurich", "Athina"])]))
    assert "Αθήνα - 東京" in found
    assert "user@Zu\u0308rich" in found
    assert "Zu\u0308rich > Αθήνα" in found
    assert "Athina" in found  # the other name of the host


def test_sentences_have_the_labels_and_replies_the_names(run: Run) -> None:
    story = "\n".join(narrate(run.trace, 1))
    assert "user@Αθήνα hands message 1 to Αθήνα, for user@New York" in story
    assert "no path of links between Αθήνα and 東京 is up" in story
    assert not any(f" {name} " in story for name in ("Athina", "DongJing"))
    wire = [event for event in run.trace if event.kind in ("command", "reply", "data")]
    assert all(event["octets"].isascii() for event in wire)
    assert any(b"HELO DongJing" in event["octets"] for event in wire)
    assert "== session 1 · DongJing -> lqhrh" in "\n".join(transcript(run.trace))


def test_links_have_the_labels_of_their_ends(run: Run) -> None:
    """In the table of ``--links`` and the picture of utilisation."""
    shown = ShownNames(run.summary["labels"].items())
    assert re.search("Αθήνα +東京", printed(links_table(run.links(), shown=shown)))
    narrow = lab.simulate(run.topology.change({"link.*.bandwidth": "9600 bit/s"}))
    assert says("Αθήνα → ", texts(narrow, "utilisation"))


def test_exports_for_people_have_the_labels(run: Run, tmp_path: Path) -> None:
    """Those that are read by programs only, such as CSV, have the names."""
    found = {}
    for kind in ("mermaid", "plantuml", "shiviz", "perfetto", "csv"):
        paths = run.export(kind, tmp_path / kind).paths
        found[kind] = paths[0].read_bytes().decode("utf-8", "replace")
    assert " as 東京\n" in found["mermaid"]
    assert 'participant "東京"' in found["plantuml"]
    assert "\n東京 {" in found["shiviz"]
    assert "session 1 to القاهرة" in found["perfetto"]
    for kind in ("mermaid", "plantuml", "shiviz", "perfetto"):
        said = "no path of links between Αθήνα and 東京 is up"
        assert said in found[kind].replace("#44;", ","), kind
    assert "DongJing" in found["csv"]
    assert "東京" not in found["csv"]


def test_why_mail_was_rejected_has_the_labels() -> None:
    graph = networkx.Graph()
    graph.add_nodes_from(["東京", "القاهرة"])
    mail = [{"from": "user@東京", "to": "user@القاهرة"}]
    made = lab.simulate(Topology.from_graph(graph, mail=mail))
    assert made.summary["recipients"][0]["reason"] == "550 No route to lqhrh"
    table = printed(summary_table(made.summary))
    story = "\n".join(narrate(made.trace, 1))
    ladder = [
        row.text for event in made.trace if (row := row_of(event, shown_names(made.trace.meta)))
    ]
    for text in (table, story, "\n".join(ladder)):
        assert "No route to القاهرة" in text
        assert "lqhrh" not in text


def test_differences_between_runs_have_the_labels() -> None:
    """As ``lab compare`` prints them."""
    shown = ShownNames([("DongJing", "東京"), ("A", "")])
    about = {"message": {"simulated": 1, "live": 1}, "recipient": "u@DongJing"}
    both = {"simulated": "u at A", "live": "u at DongJing"}
    text = sentence({"what": "mailbox", **about, **both}, shown)
    assert text == "message 1 to u@東京: delivered to: simulated u at A, live u at 東京"
    one = {"message": {"simulated": 2, "live": None}, "hosts": ["DongJing"]}
    only = {"what": "submission", **one, "simulated": "u@A, v@DongJing", "live": None}
    said = "message 2 to u@A, v@東京 is submitted at 東京 simulated only"
    assert sentence(only, shown) == said
    session = {"session": {"simulated": 1, "live": 1}, "hosts": ["DongJing", "A"], "part": "end"}
    begins = {"simulated": "QUIT", "live": None}
    part = sentence({"what": "part", **session, **begins}, shown)
    assert part == 'session 1 東京 -> A, end: simulated only; it begins "QUIT"'


def test_letters_of_latin_1_stay_in_labels_and_are_escaped_on_the_wire() -> None:
    """A byte of a reply is no letter; the ö of a label is."""
    graph = networkx.path_graph(["Köln", "São Paulo"])
    reply = {"to": "RCPT", "octets": "550 \xf6\r\n"}
    made = lab.simulate(Topology.from_graph(
        graph, host=[{"name": "Sao-Paulo", "reply": [reply]}],
        mail=[{"from": "user@Köln", "to": "user@São Paulo"}],
        fault=[{"kind": "link-down", "link": ["Köln", "São Paulo"], "at": "0 s", "for": "1 s"}],
    ))  # fmt: skip
    shown = shown_names(made.trace.meta)
    story = "\n".join(sentence_of(event, shown=shown) for event in made.trace)
    for wanted in ("user@Köln hands", "no path of links between Köln and São Paulo is up",
                   "to Köln", "user@São Paulo"):  # fmt: skip
        assert wanted in story, wanted
    assert "\\xe3" not in story
    assert "550 \\x" in story
    patterns = json.dumps(replay_data(made.trace)["patterns"], ensure_ascii=False)
    assert "user@São Paulo" in patterns


def test_the_replay_page_has_the_labels(run: Run) -> None:
    data: Any = replay_data(run.trace)
    assert [host["name"] for host in data["hosts"]] == list(LABELS.values())
    assert [host["short"] for host in data["hosts"]] == list(LABELS.values())
    assert "in SMTP DongJing" in data["hosts"][1]["about"]
    patterns = json.dumps(data["patterns"], ensure_ascii=False)
    assert "user@New York" in patterns
    assert "between Αθήνα and 東京" in patterns
    assert [fault["what"] for fault in data["faults"]] == ["", "Αθήνα | 東京"]


def test_the_stepper_has_the_labels_and_takes_them(run: Run) -> None:
    stepper = lab.step(run.topology)
    stepper.until("reply 354")
    shown = "\n".join(panels.where(stepper.moment))
    assert "東京 → القاهرة" in shown
    assert "sender-SMTP 東京" in shown
    assert "Αθήνα: message 1 for 東京" in shown
    assert "link-down 東京 - Αθήνα" in shown
    assert stepper.host("東京") == "DongJing"
    assert plot(run.trace, "ladder", between=("東京", "القاهرة")) is not None


def test_labels_that_do_not_tell_hosts_apart_are_shown_with_names() -> None:
    shown = ShownNames([("None", "None"), ("None-2", "None"), ("A", "B"), ("B", ""), ("C", "Ö")])
    assert dict(shown) == {"None-2": "None (None-2)", "A": "B (A)", "C": "Ö"}
    assert (shown["None"], shown["elsewhere"]) == ("None", "elsewhere")
    assert shown.path("@C,@b:user@c") == "@Ö,@b:user@Ö"
    assert shown.reason("550 no C") == "550 no C"
    assert shown.reason("no way from A to C") == "no way from B (A) to Ö"
    assert NAMES.path("user@C") == "user@C"
    assert shown_names({}) == {}


HOSTILE = ["\x1b[31mred\x07", "\u202eevil", "x" * 5000, "e" + "\u0301" * 3000, "<b>&\"'", "$a_b$",
           "=1+1", "👩\u200d👩\u200d👧" * 30, "a\nb\tc", "\ud800half"]  # fmt: skip


def test_hostile_labels_are_escaped_or_cut_and_do_no_harm(tmp_path: Path) -> None:
    nodes = {n: {"label": label} for n, label in enumerate(HOSTILE)}
    graph = networkx.path_graph(len(HOSTILE))
    networkx.set_node_attributes(graph, nodes)
    topology = Topology.from_graph(graph, traffic=[{"count": 12, "rate": "1 /s"}])
    assert Topology.from_graph(topology.graph).hosts == topology.hosts
    made = lab.simulate(topology)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("map", "ladder", "timeline", "queues"):
            with plot_style.off_screen():
                figure = plot(made.trace, kind).get_figure(root=True)
            assert figure is not None
            figure.savefig(tmp_path / "x.png")
            found = [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]
            assert all(len(text) < 400 for text in found)
            assert all(char.isprintable() or char in "\n\u200d" for text in found for char in text)
    page = json.dumps(replay_data(made.trace), ensure_ascii=False)
    assert "\\\\x1b[31mred" in page
    assert "\x1b" not in page
    (tmp_path / "x.toml").write_text(made.topology.to_toml(), encoding="utf-8")
    assert lab.load(tmp_path / "x.toml").hosts == topology.hosts


def test_a_text_is_not_cut_between_a_letter_and_its_marks() -> None:
    text = "e\u0301" * 10
    cut = plot_style.shorten(text, 7)
    assert len(cut) <= 7
    head, tail = cut.split("…")
    assert head in text
    assert tail in text
    assert (tail[:1], head[-1:]) != ("\u0301", "e")
    assert not tail.startswith("\u0301")
    family = "👩\u200d👧"
    assert set(plot_style.shorten(family * 5, 6).split("…")) <= {family, family * 2, ""}


# -- fonts


def test_the_usual_font_is_enough_for_most() -> None:
    assert fonts.fonts_for("Москва Αθήνα Zürich القاهرة") == [fonts.BASE]
    assert fonts.missing("abc\u200d\ufe0f é") == []


def test_a_letter_is_in_a_font_or_it_is_missing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "_scripts_named", set())
    text = "東京 🙂 𒀀 กข"
    found, lacking = fonts.fonts_for(text), fonts.missing(text)
    assert found[0] == fonts.BASE
    assert set(lacking) <= set(text.replace(" ", ""))
    assert len(found) > 1 or not lacking
    with caplog.at_level(logging.WARNING, "lab"):
        fonts.tell_missing([text])
        fonts.tell_missing([text, text])
    assert len(caplog.records) == bool(lacking)
    for char in lacking:
        assert f"U+{ord(char):04X}" in caplog.text


def test_where_no_font_has_a_label_the_name_stands_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fonts, "_font_of", lambda char: None if char == "東" else fonts.BASE)
    meta = {"hosts": [{"name": "DongJing", "label": "東"}, {"name": "A", "label": "é"},
                      {"name": "B", "label": "東"}]}  # fmt: skip
    assert fonts.pictured_names(meta) == {"DongJing": "東 (DongJing)", "A": "é", "B": "東 (B)"}
    assert fonts.pictured_names(meta).path("u@DongJing") == "u@DongJing"
