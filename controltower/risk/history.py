"""Training rows from simulated days: the questions that the track stage itself asks, and what came true.

The days run through the same stages as live, so training and serving share every feature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controltower.feeds.fold import NormalizeFold
from controltower.feeds.registry import load_feeds
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.route.fold import TrackFold
from controltower.shipment.fold import AssignFold
from controltower.simulate.day import Day, simulate_day
from controltower.streaming.stage import StageSpec
from schemas import topics, wire

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class History:
    """Rows of features, one label per row (1 late, 0 not), and the day each row belongs to."""

    features: Floats
    late: Floats
    day: NDArray[np.int64]
    routes: int

    def of_days(self, days: range) -> tuple[Floats, Floats]:
        """Features and labels of these days: a day is never split."""
        chosen = (self.day >= days.start) & (self.day < days.stop)
        return self.features[chosen], self.late[chosen]


def build_history(first_seed: int, days: int, told: Callable[[int], None], **day_arguments: int) -> History:
    """Simulate `days` days from `first_seed` on. `told` hears each finished day."""
    features: list[list[float]] = []
    late: list[float] = []
    day_of: list[int] = []
    routes = 0
    for number in range(days):
        day = simulate_day(first_seed + number, **day_arguments)  # type: ignore[arg-type]
        rows, labels = _ask(day)
        features += rows
        late += labels
        day_of += [number] * len(rows)
        routes += len(day.plans)
        told(number + 1)
    return History(np.array(features), np.array(late), np.array(day_of), routes)


def _ask(day: Day) -> tuple[list[list[float]], list[float]]:
    """The questions of one day with their labels. Stops without a known end are left out."""
    came_late = {(o.route_id, o.stop_id): o.late for o in day.outcomes}
    rows: list[list[float]] = []
    labels: list[float] = []
    for record in _pipeline().run(day.plans, day.arrivals):
        if record.topic != topics.SCORE_REQUESTS or record.value is None:
            continue
        question = wire.decode_score_request(record.value)
        for row in question.rows:
            late = came_late.get((question.route_id, row.stop_id))
            if late is not None:
                rows.append([np.nan if value is None else value for value in row.features])
                labels.append(float(late))
    return rows, labels


def _pipeline() -> Pipeline:
    clock = SteppedClock()
    feeds = load_feeds()
    return Pipeline(
        (
            StageSpec(
                "normalize",
                (topics.CARRIER_EVENTS, topics.PLANS),
                "n",
                lambda p, n: NormalizeFold(p, n, feeds),
            ),
            StageSpec("assign", (topics.SHIPMENT_EVENTS,), "a", lambda p, n: AssignFold(p, n, clock.now_ms)),
            StageSpec("track", (topics.ROUTE_EVENTS,), "t", lambda p, n: TrackFold(p, n, clock.now_ms)),
        ),
        1,
        clock,
    )
