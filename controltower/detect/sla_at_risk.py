"""SLA_AT_RISK: some promise that can still be kept will probably be missed.

Woken by scores. Opens when p(late) of a stop is at least 0.6 in 2 evaluations running, 2 min or more apart,
clears when none is at 0.4 or more in 2 running. One exception per route, with the stops it is about. Severe
from 0.85 until below 0.7.

A promise at a stop where nothing is delivered is a timetable. Nobody waits for a parcel there, and city
buses run 5 min late as a rule, so there it takes 0.8 and an ETA that misses the promise by 10 min, as far as
SLA_BREACHED calls it broken; it is over below 4 min.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from controltower.detect.rule import Explained, Verdict, Wake
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from controltower.route.state import Risk
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.SLA_AT_RISK
WAKES = Wake.SCORE

_STOPS_TOLD = 8


def step(risk: Risk, plan: RoutePlan, etas_ms: Mapping[int, int], now_ms: int, limits: Limits) -> None:
    """Count one evaluation; `risk.p_late` holds its answer, `etas_ms` the median arrival of these stops."""
    high = any(_at_risk(risk, plan, etas_ms, now_ms, _opens_at(limits)))
    low = not any(_at_risk(risk, plan, etas_ms, now_ms, _clears_at(limits)))
    if high and not risk.high:
        risk.high_since_ms = now_ms
    risk.high = risk.high + 1 if high else 0
    risk.low = risk.low + 1 if low else 0
    steady = now_ms - risk.high_since_ms >= limits.risk_steady_ms
    if not risk.on and steady and risk.high >= limits.risk_evaluations:
        risk.on, risk.since_ms, risk.severe = True, risk.high_since_ms, False
    elif risk.on and risk.low >= limits.risk_evaluations:
        risk.on, risk.since_ms = False, now_ms


class _Threshold(NamedTuple):
    """p(late) of a promise to a customer; of a timetable, and how far the ETA misses it."""

    p: float
    timetable_p: float
    late_ms: int


def _opens_at(limits: Limits) -> _Threshold:
    return _Threshold(limits.risk_open, limits.timetable_open, limits.timetable_risk_ms)


def _clears_at(limits: Limits) -> _Threshold:
    return _Threshold(limits.risk_clear, limits.risk_clear, limits.timetable_clear_ms)


def _at_risk(
    risk: Risk, plan: RoutePlan, etas_ms: Mapping[int, int], now_ms: int, least: _Threshold
) -> Iterator[tuple[float, int]]:
    """(-p, stop) of each promise that is still open and that the vehicle will probably miss."""
    for i, p in risk.p_late.items():
        stop = plan.stops[i]
        if p < least.p or stop.promised_ms is None or stop.promised_ms <= now_ms:
            continue
        if stop.shipments or (p >= least.timetable_p and etas_ms[i] - stop.promised_ms >= least.late_ms):
            yield -p, i


def verdict(
    risk: Risk,
    plan: RoutePlan,
    etas_ms: Mapping[int, int],
    now_ms: int,
    limits: Limits,
    explanation: tuple[Explained, ...] = (),
    summary: str | None = None,
) -> Verdict:
    """Active with the stops at risk, the worst first."""
    if not risk.on:
        return Verdict(False, risk.since_ms)
    at_risk = sorted(_at_risk(risk, plan, etas_ms, now_ms, _clears_at(limits)))
    worst = -at_risk[0][0] if at_risk else max(risk.p_late.values(), default=0.0)
    risk.severe = worst >= (limits.severe_clear if risk.severe else limits.severe_open)
    metrics: dict[str, float | str] = {
        "p_late": round(worst, 4),
        "level": 2.0 if risk.severe else 1.0,
        "stops_at_risk": float(len(at_risk)),
        "stops": ",".join(plan.stops[i].stop_id for _, i in at_risk[:_STOPS_TOLD]),
    }
    if at_risk:
        first = plan.stops[at_risk[0][1]]
        metrics["late_s"] = round((etas_ms[at_risk[0][1]] - (first.promised_ms or 0)) / 1000)
    return Verdict(True, risk.since_ms, None, metrics, explanation, summary)
