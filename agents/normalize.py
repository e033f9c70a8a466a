"""normalize: what outsiders write becomes the logs of routes, shipments and recovery."""

from __future__ import annotations

from controltower.feeds.fold import NormalizeFold
from controltower.feeds.registry import load_feeds
from controltower.feeds.vehicles import SCHEMA
from controltower.settings import Settings
from controltower.streaming.stage import StageSpec
from schemas.topics import CARRIER_EVENTS, COMMANDS, DISPATCH_FEEDBACK, PLANS, changelog_of

NAME = "normalize"


def build(settings: Settings) -> StageSpec:
    """Raises MappingError for a feed mapping that can't be used."""
    feeds = load_feeds(settings.feeds_dir)

    def make_fold(partition: int, partitions: int) -> NormalizeFold:
        return NormalizeFold(partition, partitions, feeds, settings.rejected_limit)

    inputs = (CARRIER_EVENTS, PLANS, COMMANDS, DISPATCH_FEEDBACK)
    return StageSpec(NAME, inputs, changelog_of(NAME), make_fold, changelog_schema=SCHEMA)
