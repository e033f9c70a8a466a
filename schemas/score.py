"""The question to the delay model and its answer, both records."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from schemas.base import Finite, Identifier, Instant, Message, Part
from schemas.vocabulary import ScoreSource

SCORE_REQUEST_SCHEMA: Final = "controltower.score-request/1"
SCORE_SCHEMA: Final = "controltower.score/1"
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class ScoreRow(Part):
    """The features of one remaining stop, in the order of the feature set; a missing value is null."""

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


class StopScore(Part):
    """p(late) of one stop."""

    stop_id: Identifier
    p_late: Probability


class Score(Message):
    """The answer, appended to the log of the route."""

    schema_: Literal["controltower.score/1"] = Field(default=SCORE_SCHEMA, alias="schema")
    request_id: str
    route_id: Identifier
    as_of: Instant
    stops: tuple[StopScore, ...]
    scored_by: ScoreSource
    model_version: str
