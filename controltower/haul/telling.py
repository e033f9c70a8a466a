"""A line haul as records: the question to the model, and the status for downstream."""

from __future__ import annotations

from controltower.clock import instant_of
from controltower.haul.apply import Asked
from controltower.haul.progress import COLUMNS, LegProgress, columns_of, count_done, measure, promised_ms
from controltower.haul.state import Haul
from schemas import wire
from schemas.haul import MOST_INBOUND
from schemas.vocabulary import HaulEnd, Phase

_NO_LEG = wire.LegMinutes((), ())


def question_of(plan: wire.HaulPlan, asked: Asked) -> wire.HaulRequest:
    """What is known, in minutes, by leg and column."""
    inbound = [_minutes_of(leg, asked) for leg in asked.progress.inbound]
    missing = [_NO_LEG] * (MOST_INBOUND - len(inbound))
    return wire.HaulRequest(
        request_id=f"{plan.shipment_id}/haul/{asked.number}",
        shipment_id=plan.shipment_id,
        tenant=plan.tenant,
        as_of=instant_of(asked.as_of_ms),
        stage=asked.stage,
        legs=(*inbound, *missing, _minutes_of(asked.progress.outbound, asked)),
    )


def _minutes_of(leg: LegProgress, asked: Asked) -> wire.LegMinutes:
    planned: list[float | None] = [None] * COLUMNS
    effective = list(planned)
    steps = zip(columns_of(len(leg.leg.steps)), leg.leg.steps, leg.effective_min, strict=True)
    for column, step, took_min in steps:
        planned[column], effective[column] = step.planned_min, took_min
    waiting = max(0, asked.as_of_ms - leg.passed_ms) / 60_000 if leg in asked.progress.open_legs else None
    return wire.LegMinutes(tuple(planned), tuple(effective), waiting)


def status_of(haul: Haul) -> wire.ShipmentStatus:
    """The latest view. Of what was just told: `haul.told` is there."""
    plan, told, answer = haul.plan, haul.told, haul.answer
    assert told is not None, "whoever tells has looked"
    progress, done = measure(plan, told.done), count_done(told.done)
    late_ms = progress.outbound.passed_ms - promised_ms(plan)
    return wire.ShipmentStatus(
        shipment_id=plan.shipment_id,
        seq=haul.seq,
        tenant=plan.tenant,
        carrier=plan.carrier,
        plan_version=plan.version,
        promised_by=instant_of(promised_ms(plan)),
        phase=Phase.ENDED if told.end else Phase.UNDERWAY if done else Phase.PLANNED,
        ended_because=told.end,
        route_id=told.route_id,
        milestone=told.milestone,
        steps_done=done,
        steps_left=sum(map(len, told.done)) - done,
        expected_at=None if told.end else instant_of(progress.expected_ms(haul.now_ms)),
        p_late=None if answer is None else answer.p_late,
        scored_at=None if answer is None else instant_of(answer.as_of_ms),
        scored_by=None if answer is None else answer.scored_by,
        model_version=None if answer is None else answer.model_version,
        missed=told.missed,
        late_s=max(0, late_ms) / 1000 if told.end is HaulEnd.ARRIVED else None,
        as_of=instant_of(haul.now_ms),
    )
