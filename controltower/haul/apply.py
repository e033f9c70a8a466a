"""Folds one event into one line haul: pure, no clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec.structs import replace

from controltower.clock import epoch_ms_of
from controltower.haul.progress import (
    Done,
    Progress,
    find_done,
    find_next_look_ms,
    measure,
    promised_ms,
    take_mark,
)
from controltower.haul.state import MOST_MARKS, Answer, Haul, Told
from controltower.shipment.state import Shipment
from schemas.vocabulary import HaulEnd, HaulStage
from schemas.wire import HaulPlan, HaulScore, Scan

#: Later than any promise.
_NEVER_MS: Final = 2**62


class Asked(NamedTuple):
    """A question: what is known at `as_of_ms`."""

    number: int
    as_of_ms: int
    stage: HaulStage
    progress: Progress


class Effects(NamedTuple):
    """`is_news`: a status is to be told."""

    asked: Asked | None
    is_news: bool


def take_plan(haul: Haul | None, plan: HaulPlan, waiting: Iterable[Scan]) -> Haul:
    """The line haul under this plan, unless it is under one of a version as high. `waiting`: what was scanned
    before there was one."""
    if haul is not None:
        return haul if plan.version <= haul.plan.version else replace(haul, plan=plan)
    haul = Haul(plan)
    for scan in waiting:
        haul = take_scan(haul, scan)
    return haul


def take_scan(haul: Haul, scan: Scan) -> Haul:
    """With what the scan says."""
    return replace(haul, marks=take_mark(haul.marks, scan, MOST_MARKS))


def take_score(haul: Haul, score: HaulScore) -> Haul:
    """With the answer, unless a later one is known."""
    as_of_ms = epoch_ms_of(score.as_of)
    if haul.is_decided or (haul.answer is not None and as_of_ms < haul.answer.as_of_ms):
        return haul
    return replace(haul, answer=Answer(score.p_late, as_of_ms, score.scored_by, score.model_version))


def look(haul: Haul, shipment: Shipment, now_ms: int, *, is_due: bool = False) -> tuple[Haul, Effects]:
    """After an event: is it over, is there something new to ask about, is there something to tell?

    `is_due`: a deadline of it has come, which is a reason to ask by itself.
    """
    now_ms = max(now_ms, haul.now_ms)
    done = find_done(haul.plan, haul.marks.values())
    progress, end = measure(haul.plan, done), find_end(shipment, done)
    missed = find_missed(haul.plan, progress, end, now_ms)
    is_decided = end is not None or missed is not None
    haul = replace(haul, now_ms=now_ms, answer=None if is_decided else haul.answer)
    asked = None
    if not is_decided and (is_due or not haul.asked or _is_another(haul, done)):
        asked = Asked(haul.asked + 1, now_ms, stage_of(progress, now_ms), progress)
        haul = replace(haul, asked=asked.number, asked_ms=now_ms, asked_done=done)
    told = Told(haul.plan.version, done, shipment.milestone, end, shipment.route_id, haul.answer, missed)
    is_news = is_due or told != haul.told
    if is_news:
        haul = replace(haul, told=told, seq=haul.seq + 1)
    return haul, Effects(asked, is_news)


def find_look_ms(haul: Haul) -> int | None:
    """When the clock alone leads to the next question."""
    if haul.is_decided:
        return None
    done = find_done(haul.plan, haul.marks.values())
    look_ms = find_next_look_ms(measure(haul.plan, done), haul.asked_ms)
    return min(promised_ms(haul.plan), look_ms or _NEVER_MS)


def _is_another(haul: Haul, done: Done) -> bool:
    """Whether the last question was about another plan, or other steps, or it was decided meanwhile."""
    told = haul.told
    is_same = told is not None and not haul.is_decided and told.plan_version == haul.plan.version
    return not is_same or done != haul.asked_done


def find_end(shipment: Shipment, done: Done) -> HaulEnd | None:
    """Why nobody asks any more, or None."""
    if done[-1][-1] is not None:
        return HaulEnd.ARRIVED
    if shipment.is_ended:
        return HaulEnd.SHIPMENT_ENDED
    return HaulEnd.ROUTED if shipment.route_id is not None else None


def find_missed(plan: HaulPlan, progress: Progress, end: HaulEnd | None, now_ms: int) -> bool | None:
    """Whether the promise was broken; None while that is open, or nobody will know here."""
    if end is HaulEnd.ARRIVED:
        return progress.outbound.passed_ms > promised_ms(plan)
    return True if end is None and now_ms >= promised_ms(plan) else None


def stage_of(progress: Progress, now_ms: int) -> HaulStage:
    """Which of the models is asked: each has learned from shipments of which as much was known."""
    overdue = any(leg.due_ms is not None and leg.due_ms <= now_ms for leg in progress.open_legs)
    if overdue or progress.outbound.begun:
        return HaulStage.UNDERWAY
    if not any(leg.begun for leg in progress.inbound):
        return HaulStage.PLAN
    is_through = all(leg.next_step is None for leg in progress.inbound)
    return HaulStage.INBOUND if is_through else HaulStage.UNDERWAY
