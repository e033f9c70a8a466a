"""score: the delay model answers into the log of the route that asked."""

from __future__ import annotations

from controltower.logs import logger
from controltower.risk.fold import ScoreFold
from controltower.risk.models import ModelCache
from controltower.risk.population import Population
from controltower.risk.scorer import load_scorer
from controltower.settings import Settings
from controltower.streaming.stage import StageSpec
from schemas.topics import SCORE_REQUESTS, changelog_of

NAME = "score"


def build(settings: Settings) -> StageSpec:
    """Where the model is missing or can't load, a documented rule answers in its place."""
    scorer = load_scorer(settings.model_dir)
    cache, population = ModelCache(told=logger(NAME).info), Population()

    def make_fold(partition: int, partitions: int) -> ScoreFold:
        return ScoreFold(partition, partitions, scorer, cache, population)

    return StageSpec(NAME, (SCORE_REQUESTS,), changelog_of(NAME), make_fold, idles=False)
