"""A history from a GTFS folder with positions: the day runs through normalize and track."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from controltower.feeds.fold import NormalizeFold
from controltower.feeds.registry import load_feeds
from controltower.gtfs.folder import RecordedDay, read_recorded_day
from controltower.intake import Arrival
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.risk.history import History
from controltower.risk.outcomes import Told, make_history
from controltower.risk.questions import read_stories
from controltower.risk.sources.truth import arrivals_of
from controltower.route.limits import DEFAULT_LIMITS, Limits
from controltower.streaming.stage import Record, StageSpec
from schemas import topics


def build_from_gtfs(
    folder: Path, advance: Callable[[], None] = lambda: None, limits: Limits = DEFAULT_LIMITS
) -> History:
    """A block is a vehicle's day. `advance` hears each report. Raises GtfsError."""
    day = read_recorded_day(folder)
    stories = read_stories(_log_of(day, advance), limits)
    told = []
    for route_id, story in stories.items():
        if story.plan is not None and story.fixes:
            block = f"{story.vehicle_id}@{route_id.rpartition('@')[2]}"
            told.append(Told(route_id, block, story, arrivals_of(story, limits)))
    return make_history("gtfs", told)


def _log_of(day: RecordedDay, advance: Callable[[], None]) -> Iterator[Record]:
    feeds, clock = load_feeds(), SteppedClock()
    inputs = (topics.CARRIER_EVENTS, topics.PLANS)
    normalize = StageSpec("normalize", inputs, "n", lambda p, n: NormalizeFold(p, n, feeds))
    for record in Pipeline((normalize,), 1, clock).run(day.plans, _watched(day, advance)):
        if record.topic == topics.ROUTE_EVENTS:
            yield record


def _watched(day: RecordedDay, advance: Callable[[], None]) -> Iterator[Arrival]:
    for arrival in day.arrivals():
        advance()
        yield arrival
