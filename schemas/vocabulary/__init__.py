"""Closed lists on the wire. Each value may be a metric label, so the lists are few, short and stable."""

from schemas.vocabulary.actions import (
    TERMINAL_ACTION_STATES,
    ActionName,
    ActionState,
    CommandKind,
    CommandOutcome,
    FeedbackState,
    Refusal,
    SuppressReason,
    SwitchMode,
    Tier,
)
from schemas.vocabulary.exceptions import (
    CODE_TRAITS,
    CodeTraits,
    ExceptionCode,
    ExceptionKind,
    ExceptionStatus,
    Resolution,
    SubjectType,
    Transition,
)
from schemas.vocabulary.hauls import (
    HAUL_STEP_OF,
    HaulEnd,
    HaulScoreSource,
    HaulStage,
    HaulStepKind,
)
from schemas.vocabulary.intake import (
    FeedState,
    ModelUse,
    Nothing,
    RejectReason,
    ScoreSource,
)
from schemas.vocabulary.milestones import (
    MILESTONE_RANK,
    TERMINAL_MILESTONES,
    Milestone,
    Reason,
)
from schemas.vocabulary.routes import (
    Motion,
    Phase,
    RouteEnd,
    StopKind,
)

__all__ = [
    "CODE_TRAITS",
    "HAUL_STEP_OF",
    "MILESTONE_RANK",
    "TERMINAL_ACTION_STATES",
    "TERMINAL_MILESTONES",
    "ActionName",
    "ActionState",
    "CodeTraits",
    "CommandKind",
    "CommandOutcome",
    "ExceptionCode",
    "ExceptionKind",
    "ExceptionStatus",
    "FeedState",
    "FeedbackState",
    "HaulEnd",
    "HaulScoreSource",
    "HaulStage",
    "HaulStepKind",
    "Milestone",
    "ModelUse",
    "Motion",
    "Nothing",
    "Phase",
    "Reason",
    "Refusal",
    "RejectReason",
    "Resolution",
    "RouteEnd",
    "ScoreSource",
    "StopKind",
    "SubjectType",
    "SuppressReason",
    "SwitchMode",
    "Tier",
    "Transition",
]
