"""ROUTE_DEVIATION (detour): the vehicle is outside the corridor around its planned path.

Opens after 3 fixes in a row over at least 90 s outside (2 fixes from a sparse tracker): a canyon of a
minute and a single jump are neither. Clears after 2 fixes within 0.8 of the corridor. Where the plan
has no path, the corridor is the ellipse around the next leg, and the metrics say so.
"""

from __future__ import annotations

from controltower.detect.rule import Observation, Verdict, Wake
from controltower.route.evidence import Detour
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.ROUTE_DEVIATION
WAKES = Wake.ASTRAY

_IDLE = Detour()


def step(was: Detour, seen: Observation) -> Detour:
    """Fold one observation."""
    progress, width = seen.progress, seen.progress.width_m
    if was.on:
        return _step_on(was, seen, width)
    if progress.elsewhere:
        return was
    if not seen.underway or not progress.on_path_at_ms or progress.off_m <= width:
        return _IDLE if was.outside else was
    outside = was.outside + 1
    since = was.since_ms or seen.fix.at_ms
    sparse = progress.cadence_ms >= seen.limits.sparse_cadence_ms
    needed = seen.limits.detour_sparse_fixes if sparse else seen.limits.detour_fixes
    on = outside >= needed and seen.fix.at_ms - since >= seen.limits.detour_ms
    furthest = max(was.furthest_m, progress.off_m)
    return Detour(on, outside, 0, since, seen.fix.at_ms, furthest, progress.along_m)


def _step_on(was: Detour, seen: Observation, width: float) -> Detour:
    if not seen.underway:
        return Detour(False, 0, 0, was.since_ms, seen.fix.at_ms, was.furthest_m, was.left_at_m)
    off, at_ms = seen.progress.off_m, seen.fix.at_ms
    back = off < width * seen.limits.corridor_clear_share
    inside = was.inside + 1 if back else 0
    furthest = max(was.furthest_m, off)
    if inside >= seen.limits.detour_clear_fixes:
        return Detour(False, 0, 0, was.since_ms, at_ms, furthest, was.left_at_m)
    return Detour(True, was.outside, inside, was.since_ms, at_ms, furthest, was.left_at_m)


def verdict(memory: Detour, has_path: bool) -> Verdict:
    """Active since the first fix outside; clear since the vehicle was back."""
    if not memory.on:
        return Verdict(False, memory.until_ms)
    metrics: dict[str, float | str] = {
        "deviation_m": round(memory.furthest_m, 1),
        "left_at_m": round(memory.left_at_m, 1),
        "off_path_s": (memory.until_ms - memory.since_ms) / 1000,
        "basis": "path" if has_path else "stops",
    }
    return Verdict(True, memory.since_ms, None, metrics)
