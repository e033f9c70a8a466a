"""score: the delay models answer into the log of the route or the shipment that asked."""

from __future__ import annotations

from controltower.logs import logger
from controltower.risk.fold import ScoreFold
from controltower.risk.linehaul.serving import load_haul_scorer
from controltower.risk.models import ModelCache
from controltower.risk.population import Population
from controltower.risk.scorer import load_scorer
from controltower.settings import Settings
from controltower.streaming.stage import StageSpec
from schemas.topics import SCORE_REQUESTS, changelog_of

NAME = "score"
#: An answer is about arrivals minutes ahead, and asked for again every minute or so: a tenth of a second more
#: is nothing to it, and half the transactions are a seventh of what this stage costs.
ANSWERS_WAIT = 2


def build(settings: Settings) -> StageSpec:
    """Where the model of routes is missing or can't load, a documented rule answers in its place; for line
    hauls nothing does."""
    scorer, haul = load_scorer(settings.model_dir), load_haul_scorer(settings.haul_model_dir)
    cache, population = ModelCache(told=logger(NAME).info), Population()

    def make_fold(partition: int, partitions: int) -> ScoreFold:
        return ScoreFold(partition, partitions, scorer, cache, population, haul)

    return StageSpec(
        NAME, (SCORE_REQUESTS,), changelog_of(NAME), make_fold, idles=False, gathers=ANSWERS_WAIT
    )
