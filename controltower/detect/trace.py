"""Moving or parked, for each fix of a whole trace and without a plan: the evidence of LONG_HALT on its own.

The stream knows only what was; a file also knows what comes next. So `settle` runs over the trace forwards
and backwards. A fix is parked where the way from the mean behind it to the mean ahead of it, by the time
between, is slower than a walk, or where it lies within a standing that is long enough for a LONG_HALT.
Three neighbours vote, so that no single fix makes a stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controltower.detect.motion import Mean, pace_mps
from controltower.detect.standing import settle
from controltower.route.evidence import Fix, Progress, Standing
from controltower.route.limits import Limits
from controltower.route.progress import rhythm


@dataclass(slots=True, frozen=True)
class Point:
    """One fix of a trace: ms, and metres in any flat frame."""

    at_ms: int
    x: float
    y: float


def find_parked(points: Sequence[Point], limits: Limits) -> list[bool]:
    """For each of the points, which are in order of time: True where the vehicle is parked."""
    times = [point.at_ms for point in points]
    if not points:
        return []
    ahead = _fold(points, limits)
    turned = [Point(times[0] + times[-1] - p.at_ms, p.x, p.y) for p in reversed(points)]
    behind = _fold(turned, limits)[::-1]
    stood = _stood(ahead, limits)
    slow = []
    for one, other, long in zip(ahead, behind, stood, strict=True):
        back_ms = times[0] + times[-1] - other.trail_ms
        pace = pace_mps(
            Mean(one.trail_x, one.trail_y, one.trail_ms), Mean(other.trail_x, other.trail_y, back_ms)
        )
        slow.append(long or pace < limits.walking_mps)
    return _vote(slow)


def _fold(points: Iterable[Point], limits: Limits) -> list[Standing]:
    """The standing after each point, as the stream would have it."""
    standing, progress = Standing(), Progress()
    standings = []
    for point in points:
        standing = settle(standing, progress, point.x, point.y, point.at_ms, limits)
        standings.append(standing)
        cadence, gaps = rhythm(progress, Fix(point.at_ms, 0.0, 0.0, 0.0))
        progress = Progress(at_ms=point.at_ms, cadence_ms=cadence, gaps=gaps)
    return standings


def _stood(standings: Sequence[Standing], limits: Limits) -> list[bool]:
    """True for each fix within a standing that became long enough, counted from its first fix."""
    long = {s.since_ms for s in standings if s.seen_ms - s.since_ms >= limits.halt_ms}
    return [standing.since_ms in long and not standing.away for standing in standings]


def _vote(flags: Sequence[bool]) -> list[bool]:
    """Each flag as most of it and its two neighbours say; the ends as they are."""
    middle = [sum(flags[i - 1 : i + 2]) >= 2 for i in range(1, len(flags) - 1)]
    return [*flags[:1], *middle, *(flags[-1:] if len(flags) > 1 else [])]
