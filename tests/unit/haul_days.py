"""Hand-written line hauls for the tests: a plan of two inbound legs and an outbound one, and their scans."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec

from controltower.clock import instant_of
from controltower.shipment.fold import AssignFold
from controltower.streaming.stage import Out, Record
from schemas import topics, wire
from schemas.vocabulary import HaulScoreSource, HaulStepKind, Milestone
from tests.unit.parcels import NOW_MS, assignment, parcel_scan, tick

PARCEL = "P-1"
KINDS = tuple(HaulStepKind)
#: By leg: planned minutes of RCS, DEP, RCF, DLV. The longest inbound leg takes 400, the outbound one 300.
PLANNED = {"a": (100, 50, 200, 50), "b": (50, 50, 100, 50), "o": (60, 60, 120, 60)}
PROMISE_MIN = 700
MILESTONES = dict(
    zip(
        KINDS,
        (Milestone.PICKED_UP, Milestone.HUB_DEPARTED, Milestone.HUB_ARRIVED, Milestone.DEPOT_ARRIVED),
        strict=True,
    )
)


def haul_plan(version: int = 1, **changes: Any) -> wire.HaulPlan:
    legs = [
        wire.HaulLeg(
            name,
            tuple(
                wire.HaulStep(step=kind, place=f"{name}-{kind}", planned_min=float(minutes))
                for kind, minutes in zip(KINDS, planned, strict=True)
            ),
        )
        for name, planned in PLANNED.items()
    ]
    fields: dict[str, Any] = {
        "shipment_id": PARCEL,
        "version": version,
        "carrier": "own",
        "starts_at": instant_of(NOW_MS),
        "inbound": tuple(legs[:-1]),
        "outbound": legs[-1],
        "received_at": instant_of(NOW_MS),
    }
    return wire.HaulPlan(**{**fields, **changes})


def step_scan(leg: str, kind: str, at_min: float, **changes: Any) -> wire.Scan:
    """The scan that completes a step; received as it happens unless told otherwise."""
    found = HaulStepKind(kind)
    fields = {"scan_id": f"{leg}-{kind}", "stop_id": f"{leg}-{kind}", **changes}
    return parcel_scan(0, MILESTONES[found], at_s=at_min * 60, **fields)


def journey(**took: tuple[float, ...]) -> list[wire.Scan]:
    """All scans in their order; by leg the minutes that each step took, as planned where not told."""
    scans: list[tuple[float, wire.Scan]] = []
    legs = {**PLANNED, **took}
    begins = {"a": 0.0, "b": 0.0, "o": float(max(sum(legs["a"]), sum(legs["b"])))}
    for leg, minutes in legs.items():
        at_min = begins[leg]
        for kind, step_min in zip(KINDS, minutes, strict=True):
            at_min += step_min
            scans.append((at_min, step_scan(leg, kind, at_min)))
    return [scan for _, scan in sorted(scans, key=lambda found: found[0])]


def score(number: int, p_late: float | None = 0.3, at_min: float = 0) -> wire.HaulScore:
    """An answer to the question of this number."""
    return wire.HaulScore(
        request_id=f"{PARCEL}/haul/{number}",
        shipment_id=PARCEL,
        as_of=instant_of(NOW_MS) + timedelta(minutes=at_min),
        stage="plan",  # type: ignore[arg-type]
        p_late=p_late,
        scored_by=HaulScoreSource.NO_MODEL if p_late is None else HaulScoreSource.MODEL,
        model_version=None if p_late is None else "m",
    )


def routed(route: str | None = "R-1", at_min: float = 0, **changes: Any) -> wire.Assignment:
    return assignment(route, at_s=at_min * 60, **changes)


def clock(at_min: float) -> wire.Tick:
    return tick(at_min * 60)


class Log:
    """The stage assign over one log of shipments, and what it told."""

    def __init__(self) -> None:
        self._offset = 0
        self.fold = AssignFold(0, 1, lambda: 0)
        self.fold.restored()
        self.outs: list[Out] = []
        self.changelog: dict[bytes, bytes] = {}

    def hear(self, *events: Any) -> Log:
        """One poll."""
        return self.hear_records(self._record(event) for event in events)

    def hear_records(self, records: Iterable[Record]) -> Log:
        commit = self.fold.fold(list(records))
        self.outs += commit.outputs
        for key, value in commit.changes:
            self.changelog.pop(key, None)
            if value is not None:
                self.changelog[key] = value
        return self

    def restart(self) -> Log:
        """Another process takes over."""
        self.fold = AssignFold(0, 1, lambda: 0)
        for key, value in self.changelog.items():
            self.fold.restore(key, value)
        self.fold.restored()
        return self

    def questions(self) -> list[wire.HaulRequest]:
        values = [out.value or b"" for out in self.outs if out.topic == topics.SCORE_REQUESTS]
        return [msgspec.json.decode(value, type=wire.HaulRequest) for value in values]

    def statuses(self) -> list[wire.ShipmentStatus]:
        values = [out.value for out in self.outs if out.topic == topics.SHIPMENT_STATUS]
        return [msgspec.json.decode(value, type=wire.ShipmentStatus) for value in values if value]

    def _record(self, event: Any) -> Record:
        self._offset += 1
        return Record(topics.SHIPMENT_EVENTS, 0, self._offset, 0, None, wire.encode(event))


def minutes_after(instant: Any) -> float:
    """Since the beginning of the plan."""
    return float((instant - instant_of(NOW_MS)).total_seconds() / 60)
