"""The same messages as msgspec structs, for the hot path. A property test holds them equal to the models."""

from __future__ import annotations

from schemas.wire.actions import Action, Alternative, Approval, Command, CommandReply, Feedback
from schemas.wire.clock import Assignment, ShipmentsRead, Tick
from schemas.wire.exceptions import Evidence, ExceptionRecord, Impact, Location, Owner, Suppression
from schemas.wire.feeds import FeedDiscipline, FeedDown, FeedPulse, FeedsJudged, FeedStatus
from schemas.wire.governing import CapAsked, Permit, PermitRequest, PermitReturn, PlaybookPublished, Switch
from schemas.wire.logs import (
    AnyRecord,
    AreaEvent,
    FeedEvent,
    RecoveryEvent,
    RouteEvent,
    ScoreEvent,
    ShipmentEvent,
    decode_any,
    decode_area_event,
    decode_feed_event,
    decode_model_change,
    decode_recovery_event,
    decode_route_event,
    decode_score_event,
    decode_score_request,
    decode_shipment_event,
    encode,
)
from schemas.wire.parts import Contribution, Place, Source, WirePart
from schemas.wire.plans import Break, Plan, Stop
from schemas.wire.scans import Scan, VehicleMoved
from schemas.wire.scores import ModelChange, Score, ScoreRequest, ScoreRow, StopScore
from schemas.wire.status import RouteStatus, StopEta

__all__ = [
    "Action",
    "Alternative",
    "AnyRecord",
    "Approval",
    "AreaEvent",
    "Assignment",
    "Break",
    "CapAsked",
    "Command",
    "CommandReply",
    "Contribution",
    "Evidence",
    "ExceptionRecord",
    "FeedDiscipline",
    "FeedDown",
    "FeedEvent",
    "FeedPulse",
    "FeedStatus",
    "Feedback",
    "FeedsJudged",
    "Impact",
    "Location",
    "ModelChange",
    "Owner",
    "Permit",
    "PermitRequest",
    "PermitReturn",
    "Place",
    "Plan",
    "PlaybookPublished",
    "RecoveryEvent",
    "RouteEvent",
    "RouteStatus",
    "Scan",
    "Score",
    "ScoreEvent",
    "ScoreRequest",
    "ScoreRow",
    "ShipmentEvent",
    "ShipmentsRead",
    "Source",
    "Stop",
    "StopEta",
    "StopScore",
    "Suppression",
    "Switch",
    "Tick",
    "VehicleMoved",
    "WirePart",
    "decode_any",
    "decode_area_event",
    "decode_feed_event",
    "decode_model_change",
    "decode_recovery_event",
    "decode_route_event",
    "decode_score_event",
    "decode_score_request",
    "decode_shipment_event",
    "encode",
]
