"""assign: scans of shipments find the route that carries them."""

from __future__ import annotations

from collections.abc import Callable

from controltower.shipment.fold import AssignFold
from controltower.streaming.stage import StageSpec
from schemas.topics import SHIPMENT_EVENTS, changelog_of

NAME = "assign"


def build(wall_ms: Callable[[], int]) -> StageSpec:
    def make_fold(partition: int, partitions: int) -> AssignFold:
        return AssignFold(partition, partitions, wall_ms)

    return StageSpec(NAME, (SHIPMENT_EVENTS,), changelog_of(NAME), make_fold)
