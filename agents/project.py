"""project: exceptions, actions and statuses of routes and shipments become rows of the read model."""

from __future__ import annotations

from controltower.readmodel.fold import ProjectFold
from controltower.readmodel.store import connect
from controltower.settings import Settings
from controltower.streaming.stage import StageSpec
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS, SHIPMENT_STATUS, changelog_of

NAME = "project"
#: Whoever must know at once reads the topics; a board may be two tenths of a second behind them, for a third
#: of the transactions.
BOARDS_WAIT = 3


def build(settings: Settings) -> StageSpec:
    """Connects at the first write; while Redis is down the stage waits and its lag grows."""
    store = connect(settings.redis_url, **settings.redis_sign_in())

    def make_fold(partition: int, partitions: int) -> ProjectFold:
        return ProjectFold(partition, partitions, store)

    inputs = (EXCEPTIONS, DISPATCH, ROUTE_STATUS, SHIPMENT_STATUS)
    return StageSpec(NAME, inputs, changelog_of(NAME), make_fold, blocking=True, gathers=BOARDS_WAIT)
