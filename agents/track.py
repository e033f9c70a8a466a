"""track: the state of every route, and the exceptions it leads to."""

from __future__ import annotations

from collections.abc import Callable

from controltower.route.fold import TrackFold
from controltower.route.state import SCHEMA
from controltower.streaming.stage import StageSpec
from schemas.topics import ROUTE_EVENTS, changelog_of

NAME = "track"


def build(wall_ms: Callable[[], int]) -> StageSpec:
    def make_fold(partition: int, partitions: int) -> TrackFold:
        return TrackFold(partition, partitions, wall_ms)

    return StageSpec(NAME, (ROUTE_EVENTS,), changelog_of(NAME), make_fold, changelog_schema=SCHEMA)
