"""Questions to the delay model, its answers, and which model answers."""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas.vocabulary import ModelUse, ScoreSource
from schemas.wire.parts import Contribution, WirePart


class ScoreRow(WirePart, frozen=True, gc=False):
    stop_id: str
    features: tuple[float | None, ...]


class ScoreRequest(
    msgspec.Struct, tag_field="schema", tag="controltower.score-request/1", kw_only=True, gc=False
):
    request_id: str
    route_id: str
    tenant: str
    as_of: datetime
    feature_set: str
    rows: tuple[ScoreRow, ...]
    situation: tuple[float | None, ...] = ()
    shift: tuple[float | None, ...] | None = None
    explain_from: float | None = None
    explain_beyond_s: float = 0.0


class ModelChange(
    msgspec.Struct, tag_field="schema", tag="controltower.model-change/1", kw_only=True, gc=False
):
    use: ModelUse
    model_version: str = ""
    digest: str = ""
    folder: str = ""
    changed_at: datetime


class StopScore(WirePart, frozen=True, gc=False):
    stop_id: str
    p_late: float
    p10_s: int | None = None
    p50_s: int | None = None
    p90_s: int | None = None
    shadow_p_late: float | None = None


class Score(msgspec.Struct, tag_field="schema", tag="controltower.score/1", kw_only=True, gc=False):
    request_id: str
    route_id: str
    as_of: datetime
    stops: tuple[StopScore, ...]
    scored_by: ScoreSource
    model_version: str
    p_shift: float | None = None
    explained_stop: str | None = None
    explanation: tuple[Contribution, ...] = ()
    shadow_version: str | None = None
