"""The transitions of an exception. Each function changes the episode and returns the record that says so.

OPEN -> (UPDATED: cleared / back again)* -> RESOLVED. A condition that clears is told at once; if it
returns within the hold, the same exception goes on; if not, RESOLVED follows with
resolved_at = cleared_at. RESOLVED comes once, and no id ever opens again.
"""

from __future__ import annotations

from dataclasses import dataclass

from controltower.detect.rule import Verdict
from controltower.exceptions.episode import Episode, Trigger
from controltower.exceptions.identity import exception_id
from controltower.exceptions.severity import grade
from controltower.route.timeline import from_ms
from schemas import wire
from schemas.vocabulary import (
    CODE_TRAITS,
    ExceptionCode,
    ExceptionStatus,
    Resolution,
    SubjectType,
    Transition,
)

#: Which team answers what; one place until a contract says otherwise.
_OWNERS = {
    ExceptionCode.SIGNAL_LOST: wire.Owner("telematics", "carrier"),
    ExceptionCode.SLA_AT_RISK: wire.Owner("dispatch", "carrier"),
}
_DEFAULT_OWNER = wire.Owner("dispatch", "carrier")


@dataclass(slots=True, frozen=True)
class Subject:
    """What all records of a route's exceptions share at one moment."""

    tenant: str
    route_id: str
    vehicle_id: str | None
    carrier: str | None
    location: wire.Location | None
    impact: wire.Impact | None
    respond_by_ms: int | None
    rule_version: str


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
        exception_id(subject.tenant, code, subject.route_id, scope, at_ms),
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
    )


def tell(episode: Episode, subject: Subject, transition: Transition, at_ms: int) -> wire.ExceptionRecord:
    """The next record of the episode: seq grows by one. `published_at` is set where it is published."""
    episode.seq += 1
    return _record(episode, subject, transition, at_ms, None, None)


def mark_cleared(episode: Episode, subject: Subject, at_ms: int) -> wire.ExceptionRecord:
    """The condition is over for now."""
    episode.cleared_ms = at_ms
    return tell(episode, subject, Transition.UPDATED, at_ms)


def mark_back(episode: Episode, subject: Subject, verdict: Verdict, at_ms: int) -> wire.ExceptionRecord:
    """The condition is back within the hold: the same exception goes on."""
    episode.cleared_ms = 0
    episode.occurrences += 1
    episode.metrics = dict(verdict.metrics)
    return tell(episode, subject, Transition.UPDATED, at_ms)


def refresh(episode: Episode, subject: Subject, verdict: Verdict, at_ms: int) -> wire.ExceptionRecord | None:
    """Take over new numbers; tell only when they change the severity."""
    episode.metrics = dict(verdict.metrics)
    severity = grade(episode.code, episode.metrics)
    if severity == episode.severity:
        return None
    episode.severity = severity
    return tell(episode, subject, Transition.UPDATED, at_ms)


def resolve(episode: Episode, subject: Subject, resolution: Resolution, at_ms: int) -> wire.ExceptionRecord:
    """The end: resolved_at is when it cleared, or `at_ms` where it never did."""
    episode.status = ExceptionStatus.RESOLVED
    episode.seq += 1
    resolved_ms = episode.cleared_ms or at_ms
    return _record(episode, subject, Transition.RESOLVED, at_ms, resolved_ms, resolution)


def _record(
    episode: Episode,
    subject: Subject,
    transition: Transition,
    at_ms: int,
    resolved_ms: int | None,
    resolution: Resolution | None,
) -> wire.ExceptionRecord:
    traits = CODE_TRAITS[episode.code]
    trigger = episode.trigger
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
        flags=("SNOOZED",) if episode.snoozed else (),
        tenant=subject.tenant,
        subject_type=SubjectType.STOP if episode.stop_id else SubjectType.ROUTE,
        subject_id=episode.stop_id or subject.route_id,
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
        home=f"route:{subject.route_id}",
        generation=from_ms(episode.generation_ms),
        location=subject.location,
        owner=_OWNERS.get(episode.code, _DEFAULT_OWNER),
        respond_by=from_ms(subject.respond_by_ms) if subject.respond_by_ms else None,
        impact=subject.impact,
        escalation_level=episode.escalation_level,
        occurrence_count=episode.occurrences,
        metrics=episode.metrics,
        evidence=(wire.Evidence(trigger.topic, trigger.partition, trigger.offset, trigger.scan_id),)
        if trigger
        else (),
        rule_version=subject.rule_version,
        model_version=episode.model_version,
    )
