"""track: the state of every route, and the exceptions it leads to."""

from __future__ import annotations

from collections.abc import Callable

from controltower.detect.rules import load_limits
from controltower.route.fold import TrackFold
from controltower.route.state import SCHEMA
from controltower.settings import Settings
from controltower.streaming.stage import StageSpec
from schemas.topics import ROUTE_EVENTS, changelog_of

NAME = "track"
#: What normalize has gathered comes at once: the second wait on the way of a report need not be as long.
GATHERED_BEFORE = 0.5


def build(settings: Settings, wall_ms: Callable[[], int]) -> StageSpec:
    limits = load_limits(settings.rules)

    def make_fold(partition: int, partitions: int) -> TrackFold:
        return TrackFold(partition, partitions, wall_ms, limits)

    return StageSpec(
        NAME,
        (ROUTE_EVENTS,),
        changelog_of(NAME),
        make_fold,
        changelog_schema=SCHEMA,
        idles=False,
        gathers=GATHERED_BEFORE,
    )
