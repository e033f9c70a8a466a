"""What may stand in each log, and how it is read and written."""

from __future__ import annotations

import msgspec

from schemas.wire.actions import Action, Command, CommandReply, Feedback
from schemas.wire.clock import Assignment, ShipmentsRead, Tick
from schemas.wire.exceptions import ExceptionRecord, Suppression
from schemas.wire.feeds import FeedPulse, FeedsJudged, FeedStatus
from schemas.wire.governing import Permit, PermitRequest, PermitReturn, PlaybookPublished, Switch
from schemas.wire.hauls import HaulPlan, HaulRequest, HaulScore, ShipmentStatus
from schemas.wire.plans import Plan
from schemas.wire.scans import Scan, VehicleMoved
from schemas.wire.scores import ModelChange, Score, ScoreRequest
from schemas.wire.status import RouteStatus

#: What may stand in each log.
RouteEvent = (
    Scan | Plan | Tick | VehicleMoved | Score | Command | Action | FeedsJudged | Suppression | ShipmentsRead
)
ShipmentEvent = Scan | Assignment | Tick | Command | Action | HaulPlan | HaulScore
RecoveryEvent = (
    ExceptionRecord
    | Feedback
    | Command
    | Tick
    | PlaybookPublished
    | Switch
    | PermitRequest
    | Permit
    | PermitReturn
)
FeedEvent = FeedPulse | Tick
ScoreEvent = ScoreRequest | ModelChange | HaulRequest
AreaEvent = ExceptionRecord | Command | Action | Tick

AnyRecord = (
    Scan
    | Plan
    | Tick
    | VehicleMoved
    | Assignment
    | ShipmentsRead
    | ScoreRequest
    | Score
    | ModelChange
    | ExceptionRecord
    | Suppression
    | Action
    | Feedback
    | Command
    | CommandReply
    | RouteStatus
    | FeedPulse
    | FeedsJudged
    | FeedStatus
    | PlaybookPublished
    | Switch
    | PermitRequest
    | Permit
    | PermitReturn
    | HaulPlan
    | HaulRequest
    | HaulScore
    | ShipmentStatus
)

encode = msgspec.json.Encoder().encode
decode_route_event = msgspec.json.Decoder(RouteEvent).decode
decode_shipment_event = msgspec.json.Decoder(ShipmentEvent).decode
decode_recovery_event = msgspec.json.Decoder(RecoveryEvent).decode
decode_feed_event = msgspec.json.Decoder(FeedEvent).decode
decode_area_event = msgspec.json.Decoder(AreaEvent).decode
decode_score_request = msgspec.json.Decoder(ScoreRequest).decode
decode_score_event = msgspec.json.Decoder(ScoreEvent).decode
decode_model_change = msgspec.json.Decoder(ModelChange).decode
decode_any = msgspec.json.Decoder(AnyRecord).decode
