"""SLA_AT_RISK: some remaining stop will probably miss its promise.

Woken by scores. Opens when the worst p(late) is at least 0.6 in 2 evaluations running, clears below 0.4
in 2 running. One exception per route, with the stops it is about.
"""

from __future__ import annotations

from controltower.detect.rule import Verdict, Wake
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from controltower.route.state import Risk
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.SLA_AT_RISK
WAKES = Wake.SCORE

_STOPS_TOLD = 8


def step(risk: Risk, now_ms: int, limits: Limits) -> None:
    """Count one evaluation; `risk.p_late` already holds its answer."""
    worst = max(risk.p_late.values(), default=0.0)
    risk.high = risk.high + 1 if worst >= limits.risk_open else 0
    risk.low = risk.low + 1 if worst < limits.risk_clear else 0
    if not risk.on and risk.high >= limits.risk_evaluations:
        risk.on, risk.since_ms = True, now_ms
    elif risk.on and risk.low >= limits.risk_evaluations:
        risk.on, risk.since_ms = False, now_ms


def verdict(risk: Risk, plan: RoutePlan, limits: Limits) -> Verdict:
    """Active with the stops at risk, the worst first."""
    if not risk.on:
        return Verdict(False, risk.since_ms)
    at_risk = sorted(
        ((p, i) for i, p in risk.p_late.items() if p >= limits.risk_clear),
        key=lambda pair: (-pair[0], pair[1]),
    )
    metrics: dict[str, float | str] = {
        "p_late": round(max(risk.p_late.values(), default=0.0), 4),
        "stops_at_risk": float(len(at_risk)),
        "stops": ",".join(plan.stops[i].stop_id for _, i in at_risk[:_STOPS_TOLD]),
    }
    return Verdict(True, risk.since_ms, None, metrics)
