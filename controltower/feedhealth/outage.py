"""CARRIER_FEED_DOWN from its opening to its end: the records that tell it. Its home is the carrier."""

from __future__ import annotations

from typing import Final

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

CODE: Final = ExceptionCode.CARRIER_FEED_DOWN
RULES: Final = "feed-health/1"
_OWNER: Final = wire.Owner("integration", "carrier")

Metrics = dict[str, float | str]


def open_outage(tenant: str, carrier: str, feed: str, onset_ms: int, at_ms: int, metrics: Metrics) -> Episode:
    """A new outage, not yet told. The feed is its scope: a carrier may have several."""
    return Episode(
        exception_id(tenant, CODE, carrier, feed, at_ms),
        CODE,
        feed,
        at_ms,
        onset_ms,
        at_ms,
        grade(CODE, metrics),
        metrics=dict(metrics),
    )


def tell_outage(
    episode: Episode,
    tenant: str,
    carrier: str,
    transition: Transition,
    at_ms: int,
    resolution: Resolution | None = None,
) -> wire.ExceptionRecord:
    """The next record of its life; seq grows by one. `published_at` is set where it is published."""
    episode.seq += 1
    resolved_ms = None
    if transition is Transition.RESOLVED:
        episode.status = ExceptionStatus.RESOLVED
        resolved_ms = episode.cleared_ms or at_ms
    trigger: Trigger | None = episode.trigger
    traits = CODE_TRAITS[CODE]
    return wire.ExceptionRecord(
        exception_id=episode.exception_id,
        seq=episode.seq,
        transition=transition,
        status=episode.status,
        code=CODE,
        kind=traits.kind,
        severity=episode.severity,
        latched=traits.latched,
        tenant=tenant,
        subject_type=SubjectType.CARRIER,
        subject_id=carrier,
        carrier=carrier,
        onset_at=from_ms(episode.onset_ms),
        detected_at=from_ms(episode.detected_ms),
        updated_at=from_ms(at_ms),
        published_at=from_ms(at_ms),
        cleared_at=from_ms(episode.cleared_ms) if episode.cleared_ms else None,
        resolved_at=from_ms(resolved_ms) if resolved_ms else None,
        resolution=resolution,
        home=f"carrier:{carrier}",
        generation=from_ms(episode.generation_ms),
        owner=_OWNER,
        occurrence_count=episode.occurrences,
        metrics=episode.metrics,
        evidence=(wire.Evidence(trigger.topic, trigger.partition, trigger.offset),) if trigger else (),
        rule_version=RULES,
    )
