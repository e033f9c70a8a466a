"""A milestone table as a recorded time: the plan of each shipment, then its scans as they happened.

All shipments begin at one instant. Each step is scanned at a place of its own, as the contract of a line haul
wants it, and received in the minute in which it was done.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from controltower.clock import epoch_ms_of, instant_of
from controltower.haul.progress import MINUTE_MS
from controltower.intake import RECEIVED_AT_HEADER, Arrival
from controltower.offline.intake_records import arrival_record, mark_records
from controltower.offline.timeline import Mark
from controltower.offline.windows import Timed
from controltower.risk.linehaul.moments import completions
from controltower.risk.linehaul.publishing import train_line_haul
from controltower.risk.linehaul.table import LEGS, STEPS, Floats, Milestones, read_milestones
from controltower.streaming.stage import Out
from schemas import wire
from schemas.topics import PLANS
from schemas.vocabulary import HAUL_STEP_OF, HaulStepKind
from tests.unit.test_risk_linehaul import write_table

STARTS_AT: Final = datetime(2026, 3, 2, tzinfo=UTC)
_DAY_MS: Final = 24 * 60 * MINUTE_MS
_FEED: Final = "plain"
_MILESTONE_OF: Final = {kind: milestone for milestone, kind in reversed(HAUL_STEP_OF.items())}
_ENCODE: Final = msgspec.json.Encoder().encode


def learned(folder: Path) -> tuple[Milestones, Path]:
    """A table of 150 shipments, and the folder of a model that has learned from it."""
    write_table(folder, 150)
    table = read_milestones(folder)
    train_line_haul(table, folder / "model", lambda: None)
    return table, folder / "model"


def shipment_id_of(row: int) -> str:
    """Of a row of the table, counted from 0."""
    return f"row-{row}"


def haul_windows(milestones: Milestones, partitions: int) -> Iterator[tuple[int, list[Timed]]]:
    """(end of a window in ms, what was received before it): the plans, the scans by the minute, a day more.

    What falls due before a scan is due before it here, too.
    """
    ends_ms = epoch_ms_of(STARTS_AT)
    plans = [_planned(haul_plan_of(milestones, row), ends_ms) for row in range(len(milestones))]
    yield _close(plans, ends_ms, partitions)
    for received_ms, arrivals in groupby(_arrivals(milestones), lambda arrival: arrival.received_at_ms):
        yield _close([], received_ms, partitions)
        intake = [(arrival_record(arrival, partitions), received_ms) for arrival in arrivals]
        ends_ms = received_ms + MINUTE_MS
        yield _close(intake, ends_ms, partitions)
    yield _close([], ends_ms + _DAY_MS, partitions)


def _close(intake: list[Timed], ends_ms: int, partitions: int) -> tuple[int, list[Timed]]:
    return ends_ms, [*intake, *((out, ends_ms) for out in mark_records(Mark(ends_ms), partitions))]


def _planned(plan: wire.HaulPlan, received_ms: int) -> Timed:
    headers = ((RECEIVED_AT_HEADER, b"%d" % received_ms),)
    return Out(PLANS, plan.shipment_id.encode(), _ENCODE(plan), headers=headers), received_ms


def haul_plan_of(milestones: Milestones, row: int) -> wire.HaulPlan:
    """The plan of a row; a step that has no planned minutes is left out."""
    legs = [_leg(milestones.planned[row, leg], name) for leg, name in enumerate(LEGS)]
    return wire.HaulPlan(
        shipment_id=shipment_id_of(row),
        version=1,
        carrier="table",
        starts_at=STARTS_AT,
        inbound=tuple(leg for leg in legs[:-1] if leg.steps),
        outbound=legs[-1],
    )


def _leg(planned: Floats, name: str) -> wire.HaulLeg:
    steps = [
        wire.HaulStep(step=_kind(column), place=_place(name, column), planned_min=float(planned[column]))
        for column in map(int, np.flatnonzero(np.isfinite(planned)))
    ]
    return wire.HaulLeg(name, tuple(steps))


def _kind(column: int) -> HaulStepKind:
    return HaulStepKind(STEPS[column].partition("_")[0].upper())


def _place(leg: str, column: int) -> str:
    return f"{leg}-{STEPS[column]}"


def _arrivals(milestones: Milestones) -> list[Arrival]:
    """Every scan, by time, then by shipment and step."""
    done = completions(milestones)
    rows, legs, columns = np.nonzero(np.isfinite(done))
    order = np.lexsort((columns, legs, rows, done[rows, legs, columns]))
    return [
        _arrival(int(rows[i]), int(legs[i]), int(columns[i]), float(done[rows[i], legs[i], columns[i]]))
        for i in order
    ]


def _arrival(row: int, leg: int, column: int, at_min: float) -> Arrival:
    shipment_id, place = shipment_id_of(row), _place(LEGS[leg], column)
    at = STARTS_AT + timedelta(milliseconds=round(at_min * MINUTE_MS))
    payload = {
        "event_id": f"{shipment_id}/{place}",
        "occurred_at": instant_of(epoch_ms_of(at)).isoformat(),
        "shipment_ids": [shipment_id],
        "stop_id": place,
        "milestone": _MILESTONE_OF[_kind(column)],
    }
    return Arrival(epoch_ms_of(at), shipment_id.encode(), _ENCODE(payload), _FEED)
