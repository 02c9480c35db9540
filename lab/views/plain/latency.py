"""The delivery times of a run without matplotlib: which share had its mail within a time."""

from __future__ import annotations

from typing import Final

from lab.analysis.measures import grouped_delivery_times, outcome_counts
from lab.analysis.quantiles import median
from lab.quantities import count_noun, time_taken
from lab.trace.trace import Trace
from lab.views.plain.axes import DASHES, Frame, legend
from lab.views.plain.drawing import Drawing, fitted
from lab.views.visual_language import SERIES

_WIDTH: Final = 1000.0
_HEIGHT: Final = 450.0


def latency(trace: Trace) -> Drawing:
    """Draw the share of all recipients who had their mail within a time, in all and by hops."""
    times = grouped_delivery_times(trace)
    outcomes = outcome_counts(trace)
    everybody = outcomes.total()
    title = str(trace.meta.get("title") or "Delivery time by hops")
    drawing = Drawing(_WIDTH, _HEIGHT, title)
    drawing.text(20, 28, fitted(title, _WIDTH - 40, 17), size=17, is_bold=True)
    every = sorted(time for seconds in times.values() for time in seconds)
    if not every:
        drawing.text(_WIDTH / 2, _HEIGHT / 2, "nothing was delivered", anchor="middle")
        return drawing
    frame = Frame(72, 60, _WIDTH - 24, _HEIGHT - 130, max(every[-1], 1e-3), 1.0)
    frame.time_axis(drawing, "from hand-over to delivery")
    frame.number_axis(drawing, [(share / 4, f"{25 * share} %") for share in range(5)])
    words = f"share of {count_noun(everybody, 'recipient')}"
    drawing.text(20, 50, words, size=11, ink="quiet")
    groups = [(name, seconds) for name, seconds in times.items() if len(times) > 1]
    rows = []
    for number, (name, seconds) in enumerate([("delivered", every), *groups]):
        ink, dashes = SERIES[(number - 1) % len(SERIES)].light, DASHES[number % len(DASHES)]
        ink = "ink" if number == 0 else ink
        shares = [(0.0, 0.0), *((t, (n + 1) / everybody) for n, t in enumerate(seconds))]
        drawing.line(*frame.steps(shares), ink=ink, width=2, dashes=dashes)
        rows.append(
            (f"{name} ({len(seconds):,}; median {time_taken(median(seconds))})", ink, dashes)
        )
    legend(drawing, (72, frame.bottom + 58), rows)
    missing = ", ".join(
        f"{n:,} {name}" for name, n in outcomes.items() if name != "delivered" and n
    )
    if missing:
        text = f"not delivered: {missing}"
        drawing.text(_WIDTH - 24, frame.top - 8, text, size=11, ink="text-bad", anchor="end")
    return drawing
