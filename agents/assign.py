"""assign: scans of shipments find their route; beside it, feeds and what spans routes are judged."""

from __future__ import annotations

from collections.abc import Callable

from controltower.areas.fold import AreaFold
from controltower.feedhealth.fold import FeedHealthFold
from controltower.shipment.fold import AssignFold
from controltower.shipment.state import SCHEMA
from controltower.streaming.joint import JointFold, Part
from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import StageSpec
from schemas.topics import AREA_EVENTS, FEED_HEALTH, SHIPMENT_EVENTS, changelog_of

NAME = "assign"


def build(wall_ms: Callable[[], int]) -> StageSpec:
    def make_fold(partition: int, partitions: int) -> JointFold:
        return JointFold(
            (
                Part(frozenset({SHIPMENT_EVENTS}), b"", AssignFold(partition, partitions, wall_ms)),
                Part(frozenset({FEED_HEALTH}), b"feeds/", FeedHealthFold(partition, partitions, wall_ms)),
                Part(frozenset({AREA_EVENTS}), b"areas/", AreaFold(partitions, wall_ms, partition_of)),
            )
        )

    inputs = (SHIPMENT_EVENTS, FEED_HEALTH, AREA_EVENTS)
    return StageSpec(NAME, inputs, changelog_of(NAME), make_fold, changelog_schema=SCHEMA, idles=False)
