"""What route-status says, and when it is worth saying."""

from __future__ import annotations

from datetime import UTC, datetime

from controltower.route.eta import estimate_p50s, spread
from controltower.route.limits import Limits
from controltower.route.route import Effects, Route
from controltower.route.timeline import from_ms
from schemas import wire
from schemas.vocabulary import Motion, Phase

#: Standing shorter than this is traffic, not a stop.
_MOVING_MS = 90_000


def motion_of(route: Route) -> Motion:
    """The way the vehicle stands to its plan; the kinds of standing still never mix."""
    state, plan, snapshot = route.state, route.plan, route.snapshot
    if state.silent:
        return Motion.SIGNAL_LOST
    if plan is None or not snapshot.progress.at_ms:
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
    """Say the status when motion, exceptions or the end changed, else once a minute of stream time."""
    state, told = route.state, route.state.told
    if route.plan is None:
        return
    motion = motion_of(route)
    codes = sum(1 << i for i, episode in enumerate(state.episodes) if not episode.cleared_ms)
    same = told.motion == motion.value and told.open_codes == codes and not state.ended_ms
    if same and now_ms - told.at_ms < limits.status_every_ms:
        return
    told.seq, told.at_ms, told.motion, told.open_codes = told.seq + 1, now_ms, motion.value, codes
    effects.tell(_status(route, motion, now_ms))
    effects.count("status")


def _phase(route: Route) -> Phase:
    if route.state.ended_ms:
        return Phase.ENDED
    return Phase.UNDERWAY if route.snapshot.progress.departed_ms else Phase.PLANNED


def _status(route: Route, motion: Motion, now_ms: int) -> wire.RouteStatus:
    state, plan = route.state, route.plan
    assert plan is not None, "a status needs a plan"
    progress = route.snapshot.progress
    left = () if state.ended_ms else route.remaining()
    eta = _etas(route, left, now_ms)
    slacks = [(e.promised_by - e.p50).total_seconds() for e in eta if e.promised_by is not None]
    fix = state.tail[-1] if state.tail else None
    return wire.RouteStatus(
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
        eta=eta,
        slack_s=min(slacks, default=None),
        slip_s=route.slip_ms(now_ms) / 1000,
        signal_age_s=max(0, now_ms - state.heard_ms) / 1000 if state.heard_ms else None,
        open_exceptions=tuple(e.exception_id for e in state.episodes if not e.cleared_ms),
        plan_version=plan.version,
        as_of=from_ms(now_ms),
    )


def _etas(route: Route, left: tuple[int, ...], now_ms: int) -> tuple[wire.StopEta, ...]:
    plan, scores = route.plan, route.state.risk.p_late
    assert plan is not None, "an ETA needs a plan"
    slip = route.slip_ms(now_ms)
    etas = []
    for i, p50 in zip(left, estimate_p50s(plan.stops, left, slip, now_ms), strict=True):
        stop = plan.stops[i]
        eta = spread(p50, now_ms)
        etas.append(
            wire.StopEta(
                stop_id=stop.stop_id,
                promised_by=stop.promised_by,
                p10=_whole_second(eta.p10),
                p50=_whole_second(eta.p50),
                p90=_whole_second(eta.p90),
                p_late=scores.get(i),
            )
        )
    return tuple(etas)


def _whole_second(ms: int) -> datetime:
    """An ETA is not known to the millisecond."""
    return datetime.fromtimestamp(ms // 1000, UTC)
