"""The transitions of an exception. Each function changes the episode and returns the record that says so.

What may follow what stands in `machine.py`. A condition that clears is told at once; if it
returns within the hold, the same exception goes on; if not, RESOLVED follows with
resolved_at = cleared_at. RESOLVED comes once, and no id ever opens again.
"""

from __future__ import annotations

from dataclasses import dataclass

from controltower.detect.rule import Verdict
from controltower.exceptions.answering import FLAPPING_FROM, owner_of
from controltower.exceptions.episode import Episode, Trigger
from controltower.exceptions.identity import exception_id
from controltower.exceptions.machine import Step, find_move
from controltower.exceptions.severity import grade
from controltower.route.timeline import from_ms
from schemas import wire
from schemas.vocabulary import (
    CODE_TRAITS,
    ExceptionCode,
    Resolution,
    SubjectType,
    Transition,
)


@dataclass(slots=True, frozen=True)
class Subject:
    """What all records of an exception share at one moment. `name` and `home`: of the route, unless given."""

    tenant: str
    route_id: str | None
    vehicle_id: str | None
    carrier: str | None
    location: wire.Location | None
    impact: wire.Impact | None
    respond_by_ms: int | None
    rule_version: str
    kind: SubjectType = SubjectType.ROUTE
    name: str = ""
    home: str = ""
    zone: str | None = None
    service_tier: str | None = None
    hub_id: str | None = None
    evidence: tuple[Trigger, ...] = ()


def open_episode(
    subject: Subject,
    code: ExceptionCode,
    verdict: Verdict,
    at_ms: int,
    trigger: Trigger | None,
    model_version: str | None = None,
) -> Episode:
    """A new episode, not yet told."""
    scope = verdict.stop_id or ""
    return Episode(
        exception_id(subject.tenant, code, subject.route_id or subject.name, scope, at_ms),
        code,
        scope,
        at_ms,
        min(verdict.since_ms, at_ms),
        at_ms,
        grade(code, verdict.metrics),
        stop_id=verdict.stop_id,
        metrics=dict(verdict.metrics),
        model_version=model_version,
        trigger=trigger,
        explanation=list(verdict.explanation),
        summary=verdict.summary,
    )


def take_step(episode: Episode, step: Step) -> Transition | None:
    """Move the status as the machine says; how it is told, or None where it is not told.

    Raises ValueError where the machine has no such move: whoever calls asks `find_move` first where a step
    comes from outside.
    """
    move = find_move(step, None if step is Step.OPEN else episode.status, episode.marks)
    if move is None:
        raise ValueError(f"{episode.exception_id} in {episode.status} cannot {step}")
    episode.status = move.to or episode.status
    return None if move.damped and episode.flapping else move.tells


def tell(episode: Episode, subject: Subject, transition: Transition, at_ms: int) -> wire.ExceptionRecord:
    """The next record of the episode: seq grows by one. `published_at` is set where it is published."""
    episode.seq += 1
    return _record(episode, subject, transition, at_ms, None, None)


def _tell_if(
    episode: Episode, subject: Subject, told: Transition | None, at_ms: int
) -> wire.ExceptionRecord | None:
    return None if told is None else tell(episode, subject, told, at_ms)


def mark_cleared(episode: Episode, subject: Subject, at_ms: int) -> wire.ExceptionRecord | None:
    """The condition is over for now. Not told while it flaps."""
    told = take_step(episode, Step.CLEAR)
    episode.cleared_ms = at_ms
    return _tell_if(episode, subject, told, at_ms)


def mark_back(
    episode: Episode, subject: Subject, verdict: Verdict, at_ms: int
) -> wire.ExceptionRecord | None:
    """The condition is back within the hold: the same exception goes on. Once too often, and it flaps."""
    flaps = not episode.flapping and episode.occurrences + 1 >= FLAPPING_FROM
    told = take_step(episode, Step.FLAP if flaps else Step.RETURN)
    episode.flapping = episode.flapping or flaps
    episode.cleared_ms = 0
    episode.waiting_since_ms = at_ms
    episode.occurrences += 1
    take_numbers(episode, verdict)
    return _tell_if(episode, subject, told, at_ms)


def take_numbers(episode: Episode, verdict: Verdict) -> bool:
    """Take over new numbers; True when they change the severity, which is then to be told."""
    episode.metrics = dict(verdict.metrics)
    if verdict.explanation:
        episode.explanation, episode.summary = list(verdict.explanation), verdict.summary
    return grade(episode.code, episode.metrics) != episode.severity


def regrade(episode: Episode, subject: Subject, at_ms: int) -> wire.ExceptionRecord | None:
    """Tell the severity that its numbers have now."""
    episode.severity = grade(episode.code, episode.metrics)
    return _tell_if(episode, subject, take_step(episode, Step.REGRADE), at_ms)


def grow(episode: Episode, subject: Subject, at_ms: int) -> wire.ExceptionRecord | None:
    """Tell that it lists more stops than its last record of this kind."""
    return _tell_if(episode, subject, take_step(episode, Step.GROW), at_ms)


def escalate(episode: Episode, subject: Subject, at_ms: int) -> wire.ExceptionRecord | None:
    """One level up: the next wait begins."""
    told = take_step(episode, Step.ESCALATE)
    episode.escalation_level += 1
    episode.waiting_since_ms = at_ms
    return _tell_if(episode, subject, told, at_ms)


def wake(episode: Episode, subject: Subject, at_ms: int) -> wire.ExceptionRecord | None:
    """The snooze is over; from now on it waits for a person again."""
    told = take_step(episode, Step.WAKE)
    episode.snoozed, episode.snoozed_until_ms, episode.waiting_since_ms = False, 0, at_ms
    return _tell_if(episode, subject, told, at_ms)


def suppress(episode: Episode, subject: Subject, parent_id: str, at_ms: int) -> wire.ExceptionRecord | None:
    """It is one of many of the same cause; None where another parent has it already."""
    if find_move(Step.SUPPRESS, episode.status, episode.marks) is None:
        return None
    told = take_step(episode, Step.SUPPRESS)
    episode.parent_id = episode.suppressed_by = parent_id
    return _tell_if(episode, subject, told, at_ms)


def release(episode: Episode, subject: Subject, parent_id: str, at_ms: int) -> wire.ExceptionRecord | None:
    """Its parent has ended: it goes on alone. None where this parent does not have it."""
    if episode.suppressed_by != parent_id:
        return None
    told = take_step(episode, Step.RELEASE)
    episode.suppressed_by, episode.waiting_since_ms = None, at_ms
    return _tell_if(episode, subject, told, at_ms)


def start_recovery(episode: Episode, subject: Subject, at_ms: int) -> wire.ExceptionRecord | None:
    """An action went out; None where recovery is under way already."""
    if find_move(Step.START_RECOVERY, episode.status, episode.marks) is None:
        return None
    told = take_step(episode, Step.START_RECOVERY)
    episode.waiting_since_ms = at_ms
    return _tell_if(episode, subject, told, at_ms)


def resolve(episode: Episode, subject: Subject, resolution: Resolution, at_ms: int) -> wire.ExceptionRecord:
    """The end: resolved_at is when it cleared, or `at_ms` where it never did."""
    take_step(episode, Step.RESOLVE)
    episode.seq += 1
    resolved_ms = episode.cleared_ms or at_ms
    return _record(episode, subject, Transition.RESOLVED, at_ms, resolved_ms, resolution)


def _flags(episode: Episode) -> tuple[str, ...]:
    flags = (
        ("SUPPRESSED", episode.suppressed_by is not None),
        ("SNOOZED", episode.snoozed),
        ("FLAPPING", episode.flapping),
    )
    return tuple(name for name, is_so in flags if is_so)


def _record(
    episode: Episode,
    subject: Subject,
    transition: Transition,
    at_ms: int,
    resolved_ms: int | None,
    resolution: Resolution | None,
) -> wire.ExceptionRecord:
    traits = CODE_TRAITS[episode.code]
    triggers = subject.evidence or ((episode.trigger,) if episode.trigger else ())
    at = from_ms(at_ms)
    return wire.ExceptionRecord(
        exception_id=episode.exception_id,
        seq=episode.seq,
        transition=transition,
        status=episode.status,
        code=episode.code,
        kind=traits.kind,
        severity=episode.severity,
        latched=traits.latched,
        flags=_flags(episode),
        tenant=subject.tenant,
        subject_type=SubjectType.STOP if episode.stop_id else subject.kind,
        subject_id=episode.stop_id or subject.name or subject.route_id or "",
        route_id=subject.route_id,
        stop_id=episode.stop_id,
        vehicle_id=subject.vehicle_id,
        carrier=subject.carrier,
        onset_at=from_ms(episode.onset_ms),
        detected_at=from_ms(episode.detected_ms),
        updated_at=at,
        published_at=at,
        cleared_at=from_ms(episode.cleared_ms) if episode.cleared_ms else None,
        resolved_at=from_ms(resolved_ms) if resolved_ms else None,
        resolution=resolution,
        home=subject.home or f"route:{subject.route_id}",
        generation=from_ms(episode.generation_ms),
        location=subject.location,
        zone=subject.zone,
        service_tier=subject.service_tier,
        hub_id=subject.hub_id,
        owner=owner_of(episode.code),
        respond_by=from_ms(subject.respond_by_ms) if subject.respond_by_ms else None,
        impact=subject.impact,
        escalation_level=episode.escalation_level,
        occurrence_count=episode.occurrences,
        parent_id=episode.parent_id,
        suppressed_by=episode.suppressed_by,
        metrics=episode.metrics,
        explanation=tuple([wire.Contribution(*each) for each in episode.explanation]),
        evidence=tuple(wire.Evidence(t.topic, t.partition, t.offset, t.scan_id) for t in triggers),
        rule_version=subject.rule_version,
        model_version=episode.model_version,
        summary=episode.summary,
    )
