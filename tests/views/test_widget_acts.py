"""Acting in the picture: a link cut, a host crashed, a reply changed by a click in the widget."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.axe import AXE, axe_violations
from helpers.browser import browser, drawn, listening, needs_chromium
from helpers.places import TOPOLOGIES

import lab
from lab import NoIntervention
from lab.views import Watch
from lab.views.replay import player_css, player_js

CAMPUS = TOPOLOGIES / "campus.toml"


def test_a_widget_of_the_stepper_goes_on_with_the_altered_run() -> None:
    """The same run up to the moment, another from there, and both beside one another."""
    stepper = lab.step(CAMPUS)
    stepper.at(20.0)
    widget = stepper.watch()
    assert widget.acts
    original, n = list(widget.trace.rows), widget.position
    widget.alter({"act": "cut", "n": n, "a": "HUB.CAMPUS", "b": "DORM.CAMPUS", "seconds": 30})
    assert widget.position == n
    assert widget.trace.rows[1:n] == original[1:n]
    assert widget.trace.rows[n:] != original[n:]
    assert "HUB.CAMPUS" in widget.altered
    assert "Two runs compared" in widget.comparison
    widget.alter({"act": "undo", "n": n})
    assert (widget.altered, widget.comparison) == ("", "")
    assert widget.trace.rows[1:] == original[1:]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"act": "crash", "host": "HUB.CAMPUS"}, "crash"),
        ({"act": "reply", "line": "451 Not now"}, "change-reply"),
        ({"act": "hang-up"}, "hang-up"),
    ],
)
def test_each_act_is_a_fault_of_the_altered_run(change: dict[str, Any], kind: str) -> None:
    stepper = lab.step(CAMPUS)
    stepper.until("command RCPT")
    widget = stepper.watch()
    widget.alter({"n": widget.position, **change})
    assert any(event.kind == "fault" and event["name"] == kind for event in widget.trace)


def test_what_is_not_possible_is_said() -> None:
    """In the widget, as a sentence; a widget without a stepper cannot act at all."""
    widget = lab.step(CAMPUS).watch()
    said: list[Any] = []
    widget.send = said.append
    for change in (
        {"act": "cut", "n": 5, "a": "DORM.CAMPUS", "b": "MATH.CAMPUS"},
        {"act": "fly", "n": 5},
    ):
        widget._asked(widget, {"kind": "act", **change}, [])
    widget._asked(widget, {"kind": "something else"}, [])
    assert [one["kind"] for one in said] == ["refused", "refused"]
    assert "no link joins DORM.CAMPUS and MATH.CAMPUS" in said[0]["words"]
    with pytest.raises(NoIntervention, match="nothing was changed"):
        widget.alter({"act": "undo", "n": 5})
    with pytest.raises(ValueError, match=r"lab\.simulate"):
        Watch(lab.simulate(CAMPUS).trace).alter({"act": "undo"})


def test_a_widget_of_a_run_goes_on_with_the_altered_run() -> None:
    """As that of the stepper does: with the seed of the run, its faults, and its end."""
    fault = lab.Fault("busy", host="DORM.CAMPUS", at=2.0, duration=5.0)
    run = lab.simulate(CAMPUS, seed=3, until=60.0, faults=[fault])
    widget = run.watch()
    assert widget.acts
    widget.alter({"act": "cut", "n": 40, "a": "HUB.CAMPUS", "b": "DORM.CAMPUS", "seconds": 30})
    assert widget.trace.rows[1:40] == run.trace.rows[1:40]
    assert widget.trace.rows[40:] != run.trace.rows[40:]
    assert widget.trace.last == 60.0
    assert "Two runs compared" in widget.comparison
    widget.alter({"act": "undo", "n": 40})
    assert widget.trace.digest() == run.digest


@pytest.mark.parametrize(
    "options",
    [{"max_events": 50}, {"trace": "session"}, {"probes": [lab.extend.Probe()]}],
    ids=["cut off", "session", "code of a user"],
)
def test_a_run_that_cannot_be_made_again_is_only_played(options: dict[str, Any]) -> None:
    assert not lab.simulate(CAMPUS, **options).watch().acts


MODEL = """
  globalThis.sent = [];
  const values = given, calls = {};
  globalThis.model = {
    get: (name) => values[name], save_changes() {}, send: (message) => sent.push(message),
    set(name, value) { values[name] = value; },
    on(name, call) { calls[name] = call; }, off() {},
    change(more) { Object.assign(values, more); return calls["change:data"](); },
    hear(message) { calls["msg:custom"](message); },
  };
  lab.render({ model, el: document.getElementById("cell") });
"""


@needs_chromium
def test_a_link_is_cut_by_clicking(tmp_path: Path) -> None:
    """The click sends the act; the altered run is played from there, and its original is beside."""
    stepper = lab.step(CAMPUS)
    stepper.at(20.0)
    widget = stepper.watch()

    def state() -> dict[str, Any]:
        names = ("data", "position", "breaks", "theme", "acts", "altered", "comparison")
        return {name: getattr(widget, name) for name in names}

    script = (
        player_js().replace("export default", "globalThis.lab =").replace("export async", "async")
    )
    (tmp_path / "cell.html").write_text(
        f"<!DOCTYPE html><html lang=en><title>A cell</title><style>{player_css()}</style>"
        f"<div id=cell style='height: 800px'></div><script type=module>{script}\n"
        f"const given = {json.dumps(state())};{MODEL}</script>",
        encoding="utf-8",
    )
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 1300, "height": 1300}, bypass_csp=True)
        heard = listening(page)
        page.goto((tmp_path / "cell.html").as_uri())
        page.wait_for_selector(".acts button")
        box = page.locator(".map canvas").bounding_box()
        for share in range(50, 82, 3):  # down a line that the link crosses
            x, y = box["x"] + box["width"] * 0.68, box["y"] + box["height"] * share / 100
            page.mouse.click(x, y)
            drawn(page)
            if page.get_by_text("✂ cut").count():
                break
        page.get_by_text("✂ cut").click()
        (sent,) = page.evaluate("sent")
        assert (sent["act"], sent["a"], sent["b"]) == ("cut", "HUB.CAMPUS", "DORM.CAMPUS")
        widget.alter(sent)
        page.evaluate("(more) => model.change(more)", state())
        page.wait_for_selector(".lab-beside iframe")
        drawn(page)
        assert f"event {widget.position} of {len(widget.trace)}" in page.inner_text(".clock")
        assert "link-down" in page.inner_text(".lab-beside summary")
        page.evaluate("model.hear({ kind: 'refused', words: 'not possible' })")
        assert page.inner_text(".acts .said") == "not possible"
        assert page.locator(".acts button", has_text="undo").count() == 1
        for scheme in ("light", "dark") if AXE.is_file() else ():
            page.emulate_media(color_scheme=scheme)
            drawn(page)
            assert axe_violations(page, "#cell") == [], scheme
        page.screenshot(path=str(tmp_path / "cell.png"))
        assert heard == []
        page.close()
