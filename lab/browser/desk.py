"""What the page of the lab in the browser asks of Python: one file, its checks, its run.

The page and Python exchange texts of JSON only, so everything here runs and is tested without a
browser as well.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lab.analysis.alternatives import alternative
from lab.analysis.map_layout import kind_of, places
from lab.api.diff import Diff
from lab.api.examples import copy_to, examples, find
from lab.api.run import Run, RunFailed
from lab.api.simulate import simulate
from lab.browser import completion, editing
from lab.quantities import count_noun
from lab.simulation.unreachable import unreachable_mail
from lab.simulation.unsendable import unsendable_mail
from lab.stepping.stepper import NoIntervention, Stepper
from lab.topology.describe import describe
from lab.topology.model import Topology, TopologyError, load
from lab.topology.write import to_toml
from lab.views import save
from lab.views.replay import packed, replay_page

_LINE: Final = re.compile(r"^[^,:]*, line (\d+)(?:, column \d+)?(?:, |: )")
"""The place at the beginning of a problem's sentence."""

Asked = Mapping[str, Any]


class NotPossible(ValueError):
    """Raised for a question that has no answer; the text says why."""


class Desk:
    """A file that somebody works on, and the last run of it.

    ``folder`` is where the file lies while it is read, beside the files that it names.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._run: Run | None = None
        self._stepper: Stepper | None = None
        self._asked: tuple[Topology, int] | None = None

    def answer(self, question: str) -> str:
        """Return the answer to a question, both as JSON: ``{"value": ...}`` or ``{"why": ...}``."""
        asked = json.loads(question)
        try:
            value = ANSWERS[asked["do"]](self, asked)
        except TopologyError as error:
            return json.dumps({"why": "; ".join(_problem(each)["text"] for each in error.problems)})
        except (NotPossible, NoIntervention, editing.NoEdit, RunFailed) as why:
            return json.dumps({"why": str(why)})
        return json.dumps({"value": value})

    # -- files --------------------------------------------------------------------------------

    def shipped(self, asked: Asked) -> list[dict[str, str]]:
        """Return the topologies that ship: the name and the title of each."""
        return [
            {"name": each.name, "title": each.title}
            for each in examples()
            if not each.is_experiment
        ]

    def opened(self, asked: Asked) -> dict[str, str]:
        """Return the text of a topology that ships."""
        example = find(asked["name"])[0]
        return {"name": example.name, "text": example.path.read_text(encoding="utf-8")}

    def _topology(self, asked: Asked) -> Topology:
        """Read the text of a question as a file, beside the files that its origin names."""
        origin = str(asked.get("origin") or "")
        folder = self.folder / (origin.replace("/", "-") or "own")
        folder.mkdir(parents=True, exist_ok=True)
        if origin and not any(folder.iterdir()):
            copy_to(find(origin)[0], folder / "as-shipped.toml")
        (folder / "topology.toml").write_text(asked["text"], encoding="utf-8")
        os.chdir(folder)
        return load("topology.toml", seed=_seed(asked))

    def checked(self, asked: Asked) -> dict[str, Any]:
        """Return the problems and warnings of a text, with lines; what is in it; its network."""
        try:
            topology = self._topology(asked)
        except TopologyError as error:
            return {"problems": [_problem(each) for each in error.problems], "network": None}
        warnings = [*unreachable_mail(topology), *unsendable_mail(topology)]
        return {
            "problems": [{"line": 0, "text": text, "warning": True} for text in warnings],
            "contents": f"{count_noun(len(topology.hosts), 'host')}, "
            f"{count_noun(len(topology.links), 'link')}, "
            f"{count_noun(topology.messages, 'message')}",
            "network": _network(topology, asked["text"]),
        }

    def edited(self, asked: Asked) -> dict[str, str]:
        """Return a text with one edit: see :mod:`lab.browser.editing`."""
        return {"text": editing.edited(asked["text"], asked["edit"])}

    def keys(self, asked: Asked) -> list[dict[str, Any]]:
        """Return the keys of a host or a link: value in the file, default, and help."""
        return editing.keys_of(asked["text"], asked["table"], int(asked["number"]))

    def completed(self, asked: Asked) -> list[dict[str, str]]:
        """Return what may be written at a place of a text."""
        return completion.completions(asked["text"], asked["before"])

    # -- runs ---------------------------------------------------------------------------------

    def run(self, asked: Asked) -> dict[str, Any]:
        """Run a text; return the summary and the data of the player."""
        topology, seed = self._topology(asked), _seed(asked)
        self._stepper, self._asked = None, (topology, seed)
        self._run = run = simulate(topology, seed=seed)
        return {
            "summary": dict(run.summary),
            "verdict": run.verdict,
            "data": packed(run.trace),
        }

    def digest(self, asked: Asked) -> str:
        """Return the digest of the run of a topology that ships."""
        topology = load(find(asked["name"])[0].path)
        return str(simulate(topology).summary["digest"])

    def acted(self, asked: Asked) -> dict[str, Any]:
        """Make the run again with a change that was clicked (:meth:`Stepper.alter`)."""
        if self._asked is None:
            raise NotPossible("nothing has been run yet; run the file first")
        if self._stepper is None:
            self._stepper = Stepper(self._asked[0], self._asked[1])
        trace, comparison, words = self._stepper.alter(asked["change"])
        self._run = self._stepper.run
        return {
            "summary": dict(self._run.summary),
            "data": packed(trace),
            "comparison": comparison,
            "words": words,
        }

    def altered(self, asked: Asked) -> dict[str, str]:
        """Return the file of the run as it was changed by clicking."""
        if self._stepper is None or not self._stepper.is_altered:
            raise NotPossible("nothing was changed by clicking; click a host or link of the run")
        topology = replace(self._stepper.run.topology, expect={})
        words = [
            f"after event {intervention.moment}: {intervention.words}"
            for intervention in self._stepper.interventions
        ]
        return {"text": to_toml(topology, "\n".join(["A run altered by hand.", *words]))}

    def compared(self, asked: Asked) -> dict[str, Any]:
        """Return the comparison of the run of an original text, A, with that of the text, B."""
        a = simulate(self._topology({**asked, "text": asked["original"]}), seed=_seed(asked))
        b = simulate(self._topology(asked), seed=_seed(asked))
        diff = Diff(a.trace, b.trace, ("the original", "your file"))
        return {"same": diff.same, "page": diff.page()}

    def page(self, asked: Asked) -> dict[str, str]:
        """Return the page that plays the last run, to save or to open by itself."""
        return {"page": replay_page(self._made().trace)}

    def picture(self, asked: Asked) -> dict[str, str]:
        """Return a picture of the last run as SVG, and what it shows in sentences."""
        trace, kind = self._made().trace, str(asked["kind"])
        path = self.folder / "picture.svg"
        self.folder.mkdir(parents=True, exist_ok=True)
        save(trace, kind, path)
        svg = path.read_text(encoding="utf-8")
        return {"svg": svg, "words": alternative(trace, kind)}

    def transcript(self, asked: Asked) -> dict[str, str]:
        """Return every session of the last run, as `lab run --transcript` prints them."""
        return {"text": "\n".join(self._made().transcript_lines()) + "\n"}

    def _made(self) -> Run:
        if self._run is None:
            raise NotPossible("nothing has been run yet; run the file first")
        return self._run


ANSWERS: Final[dict[str, Callable[[Desk, Asked], Any]]] = {
    "shipped": Desk.shipped,
    "opened": Desk.opened,
    "checked": Desk.checked,
    "edited": Desk.edited,
    "keys": Desk.keys,
    "completed": Desk.completed,
    "run": Desk.run,
    "digest": Desk.digest,
    "acted": Desk.acted,
    "altered": Desk.altered,
    "compared": Desk.compared,
    "page": Desk.page,
    "picture": Desk.picture,
    "transcript": Desk.transcript,
}
"""The questions, by the name that a page asks them with."""


def _seed(asked: Asked) -> int:
    return int(asked.get("seed", 0))


def _problem(sentence: str) -> dict[str, Any]:
    """Return the line of a problem (0: of the whole file), and its sentence without the file."""
    match = _LINE.match(sentence)
    return {"line": int(match[1]) if match else 0, "text": sentence.removeprefix("topology.toml, ")}


def _network(topology: Topology, text: str) -> dict[str, Any]:
    """Return hosts and links with places from 0 to 1, and which of them the text itself has."""
    meta = describe(topology, 0)
    hosts, links = meta["hosts"], meta["links"]
    numbers = {host["name"]: n for n, host in enumerate(hosts)}
    own = editing.numbers(text)
    return {
        "hosts": [
            {
                "name": host["name"],
                "kind": kind_of(host),
                "x": float(x),
                "y": float(y),
                "number": own.host(host["name"]),
            }
            for host, (x, y) in zip(hosts, places(hosts, links), strict=True)
        ],
        "links": [
            {
                "a": numbers[link["a"]],
                "b": numbers[link["b"]],
                "number": own.link(link["a"], link["b"]),
            }
            for link in links
        ],
        "frame": editing.frame(topology),
    }
