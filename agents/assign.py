"""assign: scans of shipments find the route that carries them; beside it, the feeds are judged."""

from __future__ import annotations

from collections.abc import Callable

from controltower.feedhealth.fold import FeedHealthFold
from controltower.shipment.fold import AssignFold
from controltower.shipment.state import SCHEMA
from controltower.streaming.joint import JointFold, Part
from controltower.streaming.stage import StageSpec
from schemas.topics import FEED_HEALTH, SHIPMENT_EVENTS, changelog_of

NAME = "assign"


def build(wall_ms: Callable[[], int]) -> StageSpec:
    def make_fold(partition: int, partitions: int) -> JointFold:
        return JointFold(
            (
                Part(frozenset({SHIPMENT_EVENTS}), b"", AssignFold(partition, partitions, wall_ms)),
                Part(frozenset({FEED_HEALTH}), b"feeds/", FeedHealthFold(partition, partitions, wall_ms)),
            )
        )

    inputs = (SHIPMENT_EVENTS, FEED_HEALTH)
    return StageSpec(NAME, inputs, changelog_of(NAME), make_fold, changelog_schema=SCHEMA)
