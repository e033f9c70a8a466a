"""The question to the delay model and its answer, both records."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from schemas.base import Finite, Identifier, Instant, Message, Part
from schemas.exception import Contribution
from schemas.vocabulary import ModelUse, ScoreSource

SCORE_REQUEST_SCHEMA: Final = "controltower.score-request/1"
MODEL_CHANGE_SCHEMA: Final = "controltower.model-change/1"
SCORE_SCHEMA: Final = "controltower.score/1"
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class ScoreRow(Part):
    """The features of one remaining stop, in the order of the feature set; a missing value is null.

    Without those that the question tells once, in `situation`.
    """

    stop_id: Identifier
    features: tuple[Finite | None, ...]


class ScoreRequest(Message):
    """Asks for p(late) of some remaining stops of a route."""

    schema_: Literal["controltower.score-request/1"] = Field(default=SCORE_REQUEST_SCHEMA, alias="schema")
    request_id: str
    route_id: Identifier
    tenant: Identifier
    as_of: Instant
    feature_set: str = Field(description="name and version of the feature list")
    rows: tuple[ScoreRow, ...] = Field(min_length=1)
    situation: tuple[Finite | None, ...] = Field(
        default=(), description="features that are equal for all rows and the shift; in each they stand last"
    )
    shift: tuple[Finite | None, ...] | None = Field(
        default=None, description="the last stop against the end of the shift: its p_late is P(not done)"
    )
    explain_from: Probability | None = Field(
        default=None, description="explain the worst row where its p_late is at least this"
    )
    explain_beyond_s: Finite = Field(
        default=0.0,
        description="and where that is also the chance of an arrival so much beyond the promise (of any row)",
    )


class ModelChange(Message):
    """In the log of questions: from here on another model answers, or a candidate is scored beside it."""

    schema_: Literal["controltower.model-change/1"] = Field(default=MODEL_CHANGE_SCHEMA, alias="schema")
    use: ModelUse
    model_version: str = ""
    digest: str = Field(default="", description="SHA-256 of its manifest, which holds those of its files")
    folder: str = Field(default="", description="where the score stage finds it")
    changed_at: Instant


class StopScore(Part):
    """p(late) of one stop, and the quantiles of its arrival in seconds after `as_of`."""

    stop_id: Identifier
    p_late: Probability
    p10_s: int | None = None
    p50_s: int | None = None
    p90_s: int | None = None
    shadow_p_late: Probability | None = Field(default=None, description="what the candidate says")


class Score(Message):
    """The answer, appended to the log of the route."""

    schema_: Literal["controltower.score/1"] = Field(default=SCORE_SCHEMA, alias="schema")
    request_id: str
    route_id: Identifier
    as_of: Instant
    stops: tuple[StopScore, ...]
    scored_by: ScoreSource
    model_version: str
    p_shift: Probability | None = Field(
        default=None, description="P(all remaining stops done by the end of the shift)"
    )
    explained_stop: str | None = None
    explanation: tuple[Contribution, ...] = ()
    shadow_version: str | None = Field(default=None, description="the candidate that is scored beside it")
