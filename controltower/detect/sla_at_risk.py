"""SLA_AT_RISK: some promise that can still be kept will probably be missed.

Woken by scores. What counts is the worst p(late) of each answer, as a mean over time (route/steadied.py):
opens at 0.75, clears after 10 min below 0.3. One exception per route, with the stops it is about. Severe from
0.85 until below 0.7.

A promise at a stop where nothing is delivered is a timetable. Nobody waits for a parcel there, city buses run
5 min late as a rule, and SLA_BREACHED calls it broken after 10 min. So there p is that of an arrival 8 min or
more beyond the promise, by the quantiles of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from controltower.detect.rule import Explained, Verdict, Wake
from controltower.route.answers import Steadied, Thresholds
from controltower.route.limits import Limits
from controltower.route.packed import open_arrivals, open_shares
from controltower.route.plan import RoutePlan
from controltower.route.scores import LATE_STEPS, late_steps_of
from controltower.route.state import Risk
from controltower.route.timeline import from_ms, to_ms
from schemas import wire
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.SLA_AT_RISK
WAKES = Wake.SCORE

_STOPS_TOLD: Final = 8


def thresholds(limits: Limits) -> Thresholds:
    """Of p(late), for it to be told and told as severe."""
    return Thresholds(
        limits.risk_open,
        limits.risk_clear,
        limits.severe_open,
        limits.severe_clear,
        limits.score_memory_ms,
        limits.score_low_ms,
        limits.reorder_ms,
    )


def weigh_answer(plan: RoutePlan, score: wire.Score, limits: Limits) -> float:
    """The worst risk to the promises that were open at the moment of the question; 0 where none was."""
    as_of_ms = to_ms(score.as_of)
    worst = 0.0
    for said in score.stops:
        stop = plan.stops[plan.stop_index[said.stop_id]] if said.stop_id in plan.stop_index else None
        if stop is None or stop.promised_ms is None or stop.promised_ms <= as_of_ms:
            continue
        p = said.p_late
        if not stop.shipments:
            p = _weigh_timetable(p, stop.promised_ms - as_of_ms, said.p10_s, said.p50_s, said.p90_s, limits)
        worst = max(worst, p)
    return worst


def _weigh_timetable(
    p_late: float, promised_ms: int, p10_s: int | None, p50_s: int | None, p90_s: int | None, limits: Limits
) -> float:
    """P(missed by nearly as much as is broken), all from one moment; 0 where no quantiles are told."""
    if p10_s is None or p50_s is None or p90_s is None:
        return 0.0
    slack_s = (promised_ms + limits.timetable_risk_ms) // 1000 - p50_s
    return min(p_late, late_steps_of(slack_s, p50_s - p10_s, p90_s - p50_s) / LATE_STEPS)


def _find_at_risk(
    risk: Risk, plan: RoutePlan, etas_ms: Mapping[int, int], now_ms: int, limits: Limits
) -> Iterator[tuple[float, int]]:
    """(-p, stop) of each promise that is still open and that the vehicle may well miss."""
    arrivals = open_arrivals(risk.arrivals)
    for i, p in open_shares(risk.p_late).items():
        stop = plan.stops[i]
        if stop.promised_ms is None or stop.promised_ms <= now_ms:
            continue
        if not stop.shipments and i in arrivals:
            _, early_s, late_s = arrivals[i]
            eta_s = (etas_ms[i] - now_ms) // 1000
            p = _weigh_timetable(p, stop.promised_ms - now_ms, eta_s - early_s, eta_s, eta_s + late_s, limits)
        if p >= limits.risk_clear:
            yield -p, i


def verdict(
    risk: Risk,
    steadied: Steadied,
    plan: RoutePlan,
    etas_ms: Mapping[int, int],
    now_ms: int,
    limits: Limits,
    explanation: tuple[Explained, ...] = (),
    summary: str | None = None,
) -> Verdict:
    """Active with the stops at risk, the worst first; `etas_ms`: the median arrival at those in `p_late`.

    confidence: the mean that decides. cut_off: the last promise at risk; behind it there is nothing to save.
    """
    if not steadied.on:
        return Verdict(False, steadied.since_ms)
    at_risk = sorted(_find_at_risk(risk, plan, etas_ms, now_ms, limits))
    worst = -at_risk[0][0] if at_risk else max(open_shares(risk.p_late).values(), default=0.0)
    metrics: dict[str, float | str] = {
        "p_late": round(worst, 4),
        "confidence": round(steadied.mean, 4),
        "level": 2.0 if steadied.severe else 1.0,
        "stops_at_risk": float(len(at_risk)),
        "stops": ",".join(plan.stops[i].stop_id for _, i in at_risk[:_STOPS_TOLD]),
    }
    if at_risk:
        metrics["cut_off"] = from_ms(max(plan.stops[i].promised_ms or 0 for _, i in at_risk)).isoformat()
        first = plan.stops[at_risk[0][1]]
        metrics["late_s"] = round((etas_ms[at_risk[0][1]] - (first.promised_ms or 0)) / 1000)
    return Verdict(True, steadied.since_ms, None, metrics, explanation, summary)
