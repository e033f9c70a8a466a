"""What a record of an output topic becomes in the read model; docs/read-model.md shows the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from controltower.readmodel.board import (
    Line,
    RouteSeen,
    action_line,
    encode_line,
    exception_line,
    route_line,
    shipment_line,
)
from controltower.route.timeline import to_ms
from controltower.streaming.stage import Record
from schemas import wire
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS, SHIPMENT_STATUS
from schemas.vocabulary import ActionState, ExceptionStatus, Phase

#: Sorted sets: open exceptions, worst and oldest first; actions a person must decide, soonest to expire
#: first; routes under way, longest unheard first; shipments on their line haul, soonest promised first.
OPEN_EXCEPTIONS: Final = "exceptions:open"
WAITING_ACTIONS: Final = "actions:waiting"
ROUTES_UNDERWAY: Final = "routes:underway"
SHIPMENTS_OPEN: Final = "shipments:open"

#: Which kind of row a topic has, and the sorted set that its rows may stand in.
KINDS: Final = {
    EXCEPTIONS: ("exception", OPEN_EXCEPTIONS),
    DISPATCH: ("action", WAITING_ACTIONS),
    ROUTE_STATUS: ("route", ROUTES_UNDERWAY),
    SHIPMENT_STATUS: ("shipment", SHIPMENTS_OPEN),
}
_OVER: Final = frozenset({ExceptionStatus.RESOLVED, ExceptionStatus.CLOSED})
_WAITING: Final = frozenset({ActionState.PROPOSED, ActionState.PENDING_APPROVAL})
#: Above any time in ms until the year 2286, so that severity sorts before time.
_SEVERITY_STEP: Final = 10**13
_decode_status: Final = msgspec.json.Decoder(RouteSeen).decode


@dataclass(slots=True, frozen=True)
class Row:
    """One row. `score` None: not in the sorted set of its kind. `ended`: it may expire."""

    topic: str
    row_id: str
    seq: int
    fields: dict[str, str] = field(default_factory=dict)
    score: int | None = None
    ended: bool = False
    #: its line of the board, JSON; empty: none
    line: str = ""
    #: of a route: when (ms), and in which phase and motion it was then
    step: tuple[int, str, str] | None = None
    #: a tombstone: the row is to go
    deleted: bool = False

    @property
    def kind(self) -> str:
        return KINDS[self.topic][0]

    @property
    def index(self) -> str:
        """The sorted set of its kind."""
        return KINDS[self.topic][1]

    @property
    def may_return(self) -> bool:
        """Whether what was over may go on: a route gives a shipment back. Of the other kinds none does."""
        return self.topic == SHIPMENT_STATUS


def make_row(record: Record) -> Row:
    """The row of a record. Raises msgspec.DecodeError for what is no message of ours."""
    if record.value is None:
        return Row(record.topic, (record.key or b"").decode(), 0, deleted=True)
    if record.topic == ROUTE_STATUS:
        return _route_row(record, _decode_status(record.value))
    message = wire.decode_any(record.value)
    match message:
        case wire.ExceptionRecord():
            return _exception_row(record, message)
        case wire.Action():
            return _action_row(record, message)
        case wire.ShipmentStatus():
            return _shipment_row(record, message)
        case _:
            return Row(record.topic, "", 0, deleted=True)


def _exception_row(record: Record, message: wire.ExceptionRecord) -> Row:
    over = message.status in _OVER
    fields = {
        "code": message.code.value,
        "status": message.status.value,
        "severity": str(message.severity),
        "home": message.home,
        "route_id": message.route_id or "",
        "detected_at": message.detected_at.isoformat(),
    }
    score = None if over else message.severity * _SEVERITY_STEP + to_ms(message.detected_at)
    return _row(record, message.exception_id, message.seq, fields, score, exception_line(message))


def _action_row(record: Record, message: wire.Action) -> Row:
    fields = {
        "action": message.action.value,
        "state": message.state.value,
        "code": message.code.value,
        "exception_id": message.exception_id,
        "home": message.home,
        "expires_at": message.expires_at.isoformat() if message.expires_at else "",
    }
    waiting = message.state in _WAITING
    score = to_ms(message.expires_at or message.decided_at) if waiting else None
    return _row(record, message.action_id, message.seq, fields, score, action_line(message))


def _route_row(record: Record, message: RouteSeen) -> Row:
    fields = {
        "phase": message.phase.value,
        "motion": message.motion.value,
        "vehicle_id": message.vehicle_id or "",
        "stops_done": str(message.stops_done),
        "stops_left": str(message.stops_left),
        "as_of": message.as_of.isoformat(),
    }
    at_ms = to_ms(message.as_of)
    score = at_ms if message.phase is Phase.UNDERWAY else None
    step = (at_ms, message.phase.value, message.motion.value)
    return _row(record, message.route_id, message.seq, fields, score, route_line(message), step)


def _shipment_row(record: Record, message: wire.ShipmentStatus) -> Row:
    fields = {
        "phase": message.phase.value,
        "promised_by": message.promised_by.isoformat(),
        "p_late": "" if message.p_late is None else str(message.p_late),
        "scored_at": message.scored_at.isoformat() if message.scored_at else "",
        "model_version": message.model_version or "",
        "as_of": message.as_of.isoformat(),
    }
    line = shipment_line(message)
    score = None if line is None else to_ms(message.promised_by)
    return _row(record, message.shipment_id, message.seq, fields, score, line)


def _row(
    record: Record,
    row_id: str,
    seq: int,
    fields: dict[str, str],
    score: int | None,
    line: Line | None,
    step: tuple[int, str, str] | None = None,
) -> Row:
    """Without a line it is over."""
    assert record.value is not None, "tombstones have no message"
    fields = {"seq": str(seq), **fields, "record": record.value.decode()}
    text = "" if line is None else encode_line(line).decode()
    return Row(record.topic, row_id, seq, fields, score, ended=line is None, line=text, step=step)


def find_newer(rows: Sequence[Row], stored: Sequence[Sequence[bytes | None]]) -> list[Row]:
    """Rows that say more than what is stored, which is (seq, phase, motion) of each."""
    return [
        replace(row, step=None) if row.step and _step(known) == row.step[1:] else row
        for row, known in zip(rows, stored, strict=True)
        if row.deleted or known[0] is None or row.seq > int(known[0])
    ]


def _step(known: Sequence[bytes | None]) -> tuple[str, str]:
    """Phase and motion of a stored route."""
    _, phase, motion = ((value or b"").decode() for value in known)
    return phase, motion
