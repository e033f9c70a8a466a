"""The life of one parent: what its children mean for it, and the records that tell it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from controltower.areas.grouping import LEAST_ROUTES, RADIUS_M, STILL_ROUTES, Cause, count_routes
from controltower.areas.state import Child, Disruption
from controltower.detect.rule import Verdict
from controltower.exceptions import lifecycle
from controltower.exceptions.answering import FLAPPING_HOLD_MS
from controltower.exceptions.episode import Episode
from controltower.exceptions.identity import exception_id
from controltower.exceptions.lifecycle import Subject
from controltower.exceptions.severity import grade
from controltower.route.timeline import MINUTE_MS
from schemas import wire
from schemas.vocabulary import ExceptionCode, Resolution, SubjectType, Transition

RULES: Final = "areas/1"
HOLD_MS: Final = 5 * MINUTE_MS
#: References to children in one record; more would only make it long.
_MOST_EVIDENCE: Final = 10

Tell = Callable[[wire.ExceptionRecord | None], None]


def open_disruption(cause: Cause, at_ms: int) -> Disruption:
    """A parent of these children, not yet told."""
    tenant = cause.children[0].tenant
    metrics = _metrics(cause.code, cause.children)
    episode = Episode(
        exception_id(tenant, cause.code, cause.place, "", at_ms),
        cause.code,
        "",
        at_ms,
        min(child.onset_ms for child in cause.children),
        at_ms,
        grade(cause.code, metrics),
        metrics=metrics,
    )
    members = [child.exception_id for child in cause.children]
    return Disruption(
        tenant, cause.place, episode, cause.lat, cause.lon, cause.hub_id, members, len(members), at_ms
    )


def weigh(parent: Disruption, children: Sequence[Child], at_ms: int, tell: Tell) -> None:
    """Hold the parent against its children: it clears, comes back, or has grown twofold."""
    episode, active = parent.episode, [child for child in children if child.active]
    subject = subject_of(parent, children)
    if episode.cleared_ms:
        if count_routes(active) >= LEAST_ROUTES:
            metrics = _metrics(episode.code, active)
            tell(lifecycle.mark_back(episode, subject, Verdict(True, at_ms, None, metrics), at_ms))
        return
    if count_routes(active) < STILL_ROUTES:
        tell(lifecycle.mark_cleared(episode, subject, at_ms))
        return
    if len(parent.members) >= 2 * parent.told_members:
        parent.told_members = len(parent.members)
        episode.metrics = _metrics(episode.code, children)
        tell(lifecycle.tell(episode, subject, Transition.UPDATED, at_ms))


def is_mistaken(parent: Disruption) -> bool:
    """True when so many children were retracted that nothing was wrong with the place."""
    return len(parent.members) < LEAST_ROUTES


def hold_until_ms(parent: Disruption) -> int | None:
    """When a cleared parent is over for good."""
    if not parent.episode.cleared_ms:
        return None
    return parent.episode.cleared_ms + (FLAPPING_HOLD_MS if parent.episode.flapping else HOLD_MS)


def end(
    parent: Disruption, children: Sequence[Child], resolution: Resolution, at_ms: int
) -> wire.ExceptionRecord:
    """RESOLVED, exactly once."""
    return lifecycle.resolve(parent.episode, subject_of(parent, children), resolution, at_ms)


def subject_of(parent: Disruption, children: Sequence[Child]) -> Subject:
    """What all records of this parent share right now; what is at stake is what the active children have."""
    active = [child for child in children if child.active]
    answers = [child.respond_by_ms for child in active if child.respond_by_ms]
    zones = sorted({child.zone for child in children if child.zone})
    return Subject(
        parent.tenant,
        None,
        None,
        None,
        wire.Location(lat=parent.lat, lon=parent.lon) if parent.lat is not None else None,
        wire.Impact(sum(child.stops for child in active), sum(child.shipments for child in active)),
        min(answers, default=None),
        RULES,
        SubjectType.HUB,
        parent.place,
        parent.home,
        zone=zones[0] if len(zones) == 1 else None,
        hub_id=parent.hub_id,
        evidence=tuple(child.trigger for child in active[:_MOST_EVIDENCE]),
    )


def _metrics(code: ExceptionCode, children: Sequence[Child]) -> dict[str, float | str]:
    metrics: dict[str, float | str] = {
        "routes": float(count_routes(children)),
        "standing": float(sum(child.code is not ExceptionCode.ROUTE_DEVIATION for child in children)),
        "detours": float(sum(child.code is ExceptionCode.ROUTE_DEVIATION for child in children)),
    }
    if code is ExceptionCode.AREA_DISRUPTION:
        metrics["radius_m"] = RADIUS_M
    return metrics
