"""What a rule sees and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Flag, auto

import msgspec

from controltower.detect.motion import Mean, pace_mps
from controltower.route.evidence import Fix, Progress, Standing
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan


class Wake(Flag):
    """Which events wake a rule. What does not wake it costs it nothing.

    STILL: a fix of a vehicle that has stood for as long as the rules allow. ASTRAY: a fix outside the
    corridor. BACKWARD: a fix behind the one before it. All three also while their rule holds evidence.
    CADENCE: the first fix 5 min after the last look. SERVED: a scan that serves a stop. SCORE: an answer of
    the delay model. LOOK: a fix whose slip moved by a minute, or 5 min after the last look. DEADLINE: a due
    time that no fix has put off.
    """

    STILL = auto()
    ASTRAY = auto()
    BACKWARD = auto()
    CADENCE = auto()
    SERVED = auto()
    SCORE = auto()
    LOOK = auto()
    DEADLINE = auto()


#: feature, value, effect in log-odds, the same in words
Explained = tuple[str, float | None, float, str | None]


class Observation(msgspec.Struct, frozen=True, gc=False):
    """One fix in its place (x, y: metres in the plan's frame): what it adds to progress and standing."""

    plan: RoutePlan
    fix: Fix
    x: float
    y: float
    progress: Progress
    standing: Standing
    limits: Limits

    @property
    def underway(self) -> bool:
        """Departed and not yet at the last stop: only then can a vehicle halt or stray."""
        return bool(self.progress.departed_ms) and self.progress.next_stop < len(self.plan.stops)

    @property
    def stood_ms(self) -> int:
        """How long it will have stood by the time of the next report: a report is never late by more."""
        standing = self.standing
        soon = min(self.progress.cadence_ms, self.limits.report_ms)
        return standing.seen_ms - standing.since_ms + soon

    @property
    def pace_mps(self) -> float:
        """How fast it moves right now: from the mean that follows it to this fix."""
        trail = self.standing
        mean = Mean(trail.trail_x, trail.trail_y, trail.trail_ms)
        return pace_mps(mean, Mean(self.x, self.y, self.fix.at_ms))

    @property
    def parked(self) -> bool:
        """It stands now, since its departure: a layover before it is no halt, nor is a start from one, nor
        waiting close to the first stop before the time has come."""
        standing, progress, start = self.standing, self.progress, self.plan.stops[0]
        return (
            self.underway
            and standing.since_ms >= progress.departed_ms
            and self.pace_mps < self.limits.walking_mps
            and (
                self.fix.at_ms >= start.departure_ms
                or progress.reached_m >= start.along_m + self.limits.return_m
            )
        )


@dataclass(slots=True, frozen=True)
class Verdict:
    """What a rule says of its condition: active since when, or clear since when, with the numbers.

    metrics: units in the names; they stand in the exception record.
    """

    active: bool
    since_ms: int
    stop_id: str | None = None
    metrics: dict[str, float | str] = field(default_factory=dict)
    #: of scored codes: what did it, the strongest first, and in plain words
    explanation: tuple[Explained, ...] = ()
    summary: str | None = None


def silence_limit_ms(cadence_ms: int, gaps: int, limits: Limits) -> int:
    """How long a tracker may be silent: 3 x its usual rhythm, at least 5 min; longer while unknown."""
    if gaps < 3:
        return limits.silence_unknown_ms
    return max(limits.silence_ms, int(limits.silence_cadences * cadence_ms))
