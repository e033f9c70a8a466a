"""A history from recorded topics: the logs of the routes as they were folded live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from controltower.offline.recording import Recording, RecordingError, open_recording
from controltower.risk.history import History, join
from controltower.risk.outcomes import Told, make_history
from controltower.risk.questions import RouteStory, read_stories
from controltower.risk.sources.truth import arrivals_of
from controltower.route.limits import DEFAULT_LIMITS, Limits
from controltower.streaming.stage import Record
from schemas.topics import ROUTE_EVENTS


def build_from_recording(
    folder: Path, advance: Callable[[], None] = lambda: None, limits: Limits = DEFAULT_LIMITS
) -> History:
    """A block is a vehicle's day. `advance` hears each record. Raises RecordingError."""
    recording = open_recording(folder)
    if ROUTE_EVENTS not in recording.topics:
        raise RecordingError(f"{folder}: holds no {ROUTE_EVENTS}, which the questions are asked from")
    return join(
        make_history("recorded topics", _told(read_stories(_read(recording, p, advance), limits), limits))
        for p in range(recording.partitions)
    )


def _read(recording: Recording, partition: int, advance: Callable[[], None]) -> Iterator[Record]:
    for record in recording.read(ROUTE_EVENTS, partition):
        advance()
        if record.value is not None:
            yield record


def _told(stories: dict[str, RouteStory], limits: Limits) -> Iterator[Told]:
    for route_id, story in stories.items():
        if story.plan is not None:
            block = f"{story.vehicle_id}@{story.plan.departs_ms // 86_400_000}"
            yield Told(route_id, block, story, arrivals_of(story, limits))
