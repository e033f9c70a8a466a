"""What route-status says, and when it is worth saying."""

from __future__ import annotations

from typing import Final

from controltower.detect import excess_dwell, long_halt
from controltower.route.eta_text import write_etas
from controltower.route.evidence import Snapshot
from controltower.route.fixes import newest_fix
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from controltower.route.route import Effects, Route, Status
from controltower.route.state import RouteState, Told
from controltower.route.timeline import from_ms
from schemas import wire
from schemas.vocabulary import Motion, Phase

#: Standing shorter than this is traffic, not a stop.
_MOVING_MS: Final = 90_000


def motion_of(state: RouteState, plan: RoutePlan, snapshot: Snapshot) -> Motion:
    """The way the vehicle stands to its plan; the kinds of standing still never mix."""
    if state.silent:
        return Motion.SIGNAL_LOST
    if not snapshot.progress.at_ms:
        return Motion.UNKNOWN
    if snapshot.halt.on:
        return Motion.HALTED
    standing = snapshot.standing
    if standing.seen_ms - standing.since_ms < _MOVING_MS:
        return Motion.MOVING
    if plan.in_break(snapshot.progress.at_ms):
        return Motion.PERMITTED_BREAK
    return Motion.PLANNED_DWELL if snapshot.dwell.on or not snapshot.progress.departed_ms else Motion.MOVING


def tell_if_new(route: Route, now_ms: int, limits: Limits, effects: Effects) -> None:
    """Say the status when something changed that its reader would notice.

    At once: motion, departure, exceptions, the end. After a minute of stream time: the ETAs, where the slip
    takes them out of the band that was told. After five: that the vehicle goes on as told.
    """
    state, plan, snapshot = route.state, route.plan, route.trail.now
    if plan is None:
        return
    told, underway = state.told, bool(snapshot.progress.departed_ms)
    motion = motion_of(state, plan, snapshot)
    open_sum = sum([e.generation_ms for e in state.episodes if not e.cleared_ms]) if state.episodes else 0
    same = told.motion is motion and told.underway == underway and told.open_sum_ms == open_sum
    slip = snapshot.progress.slip_ms if underway else route.slip_ms(now_ms)
    if same and not state.ended_ms and not _is_stale(told, slip, now_ms, limits):
        return
    told.seq, told.at_ms, told.slip_ms = told.seq + 1, now_ms, slip
    told.motion, told.underway, told.open_sum_ms = motion, underway, open_sum
    effects.tell(_status(route, motion, slip, now_ms, limits))
    effects.count("status")


def _is_stale(told: Told, slip_ms: int, now_ms: int, limits: Limits) -> bool:
    age_ms = now_ms - told.at_ms
    if age_ms < limits.status_every_ms:
        return False
    moved = abs(slip_ms - told.slip_ms) > (told.band_ms or limits.status_slip_ms)
    return moved or age_ms >= limits.status_latest_ms


def _phase(route: Route) -> Phase:
    if route.state.ended_ms:
        return Phase.ENDED
    return Phase.UNDERWAY if route.snapshot.progress.departed_ms else Phase.PLANNED


def _status(route: Route, motion: Motion, slip_ms: int, now_ms: int, limits: Limits) -> Status:
    state, plan = route.state, route.plan
    assert plan is not None, "a status needs a plan"
    progress = route.snapshot.progress
    left = () if state.ended_ms else route.remaining()
    etas = write_etas(plan, left, state.risk, slip_ms, now_ms)
    state.told.band_ms = max(etas.band_s * 1000, limits.status_slip_ms)
    fix = newest_fix(route.trail.fixes)
    halt_limit_s = dwell_limit_s = None
    if left:
        halt_limit_s = long_halt.limit_ms(now_ms, plan.learned, limits) / 1000
        dwell_limit_s = excess_dwell.limit_ms(plan.stops[left[0]], plan.learned, limits) / 1000
    record = wire.RouteStatus(
        route_id=state.route_id,
        seq=state.told.seq,
        tenant=state.tenant,
        carrier=state.carrier,
        vehicle_id=state.vehicle_id,
        phase=_phase(route),
        ended_because=state.ended_because,
        motion=motion,
        lat=fix.lat if fix else None,
        lon=fix.lon if fix else None,
        along_m=round(progress.along_m, 1) if progress.on_path_at_ms else None,
        off_path_m=round(progress.off_m, 1) if progress.at_ms else None,
        stop_next=plan.stops[left[0]].stop_id if left else None,
        stops_done=len(plan.stops) - len(left),
        stops_left=len(left),
        slip_s=slip_ms / 1000,
        signal_age_s=max(0, now_ms - state.heard_ms) / 1000 if state.heard_ms else None,
        open_exceptions=tuple(e.exception_id for e in state.episodes if not e.cleared_ms),
        plan_version=plan.version,
        halt_limit_s=halt_limit_s,
        dwell_limit_s=dwell_limit_s,
        as_of=from_ms(now_ms),
        slack_s=etas.slack_s,
    )
    return Status(record, etas.text)
