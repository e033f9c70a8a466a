"""What became of the promises of a day, and what its exceptions said of them. Pure.

Truth is the arrival at each stop, from the simulator or from the fixes of the whole trip. A promise is broken
as the rules mean it: to a customer at its end, in a timetable where it is missed by minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from msgspec.structs import replace

from controltower.clock import epoch_ms_of
from controltower.detect import sla_at_risk
from controltower.route.answers import Answers
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from controltower.route.steadied import take_answer
from schemas import wire
from schemas.vocabulary import ExceptionCode, Resolution, Transition

Code = ExceptionCode
CODES = (Code.SLA_AT_RISK, Code.SLA_BREACHED, Code.ETA_SLIP, Code.LATE_DEPARTURE, Code.ROUTE_OVERLOADED)
#: Told ahead of what they tell of.
_WARNINGS = (Code.SLA_AT_RISK, Code.ROUTE_OVERLOADED)
#: A trip that is known to its last tenth is known to its end: trackers fall silent short of the last stop.
_KNOWN_TO_SHARE = 0.9
#: What tells of a slip as well: see detect/eta_slip.py.
_TELLS_SLIP = (Code.ETA_SLIP, Code.SLA_AT_RISK, Code.SLA_BREACHED, Code.LATE_DEPARTURE)


@dataclass(slots=True)
class RouteDay:
    """One route: its plan, when it left, when it was at each stop (ms; absent: not known), its exceptions."""

    plan: RoutePlan
    departed_ms: int | None = None
    arrivals_ms: dict[int, int] = field(default_factory=dict)
    records: list[wire.ExceptionRecord] = field(default_factory=list)
    scores: list[wire.Score] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Alert:
    """One exception, folded from its records."""

    code: ExceptionCode
    detected_ms: int
    occurrences: int


@dataclass(slots=True)
class AlertScore:
    """One code over all routes. `lead_s`: from the alert to what it warns of, median over what was found.

    undecided: warnings that had not come true when the record of their trip ended short of its end, and late
    departures of trips of which it is not known when they left. They are neither right nor wrong.
    """

    code: ExceptionCode
    routes: int = 0
    due: int = 0
    found: int = 0
    alerts: int = 0
    right: int = 0
    undecided: int = 0
    flaps: int = 0
    leads_s: list[float] = field(default_factory=list)

    @property
    def precision(self) -> float | None:
        decided = self.alerts - self.undecided
        return self.right / decided if decided else None

    @property
    def recall(self) -> float | None:
        return self.found / self.due if self.due else None

    @property
    def lead_s(self) -> float | None:
        return median(self.leads_s) if self.leads_s else None

    @property
    def flaps_per_100(self) -> float:
        """Returns of a condition, and openings after the first of a route."""
        return 100.0 * self.flaps / self.routes if self.routes else 0.0


def fold_alerts(records: Iterable[wire.ExceptionRecord]) -> list[Alert]:
    """One per exception that was not taken back."""
    last: dict[str, wire.ExceptionRecord] = {}
    for record in records:
        known = last.get(record.exception_id)
        if record.transition is not Transition.CLOSED and (known is None or record.seq > known.seq):
            last[record.exception_id] = record
    return [
        Alert(record.code, epoch_ms_of(record.detected_at), record.occurrence_count)
        for record in last.values()
        if record.resolution is not Resolution.RETRACTED
    ]


def broken_ms(day: RouteDay, timetable_ms: int) -> list[int]:
    """When each promise that was not kept ended, in order of time."""
    ends = []
    for i, arrived_ms in day.arrivals_ms.items():
        stop = day.plan.stops[i]
        if stop.promised_ms is None:
            continue
        grace_ms = 0 if stop.shipments else timetable_ms
        if arrived_ms - stop.promised_ms > grace_ms:
            ends.append(stop.promised_ms + grace_ms)
    return sorted(ends)


def due_ms(day: RouteDay, code: ExceptionCode, limits: Limits) -> list[int]:
    """The moments that an alert of this code is about; empty: it deserves none."""
    plan = day.plan
    match code:
        case Code.SLA_AT_RISK | Code.SLA_BREACHED:
            return broken_ms(day, limits.timetable_breach_ms)
        case Code.ETA_SLIP:
            slips = ((a, a - plan.stops[i].arrival_ms) for i, a in day.arrivals_ms.items())
            return sorted(at_ms for at_ms, slip_ms in slips if slip_ms >= limits.slip_open_ms)
        case Code.LATE_DEPARTURE:
            missing_ms = plan.stops[0].departure_ms + limits.late_departure_ms
            return [missing_ms] if day.departed_ms is not None and day.departed_ms > missing_ms else []
        case _:
            last = len(plan.stops) - 1
            arrived_ms = day.arrivals_ms.get(last)
            done_ms = None if arrived_ms is None else arrived_ms + plan.stops[last].service_ms
            loaded = any(stop.shipments for stop in plan.stops)
            return [plan.ends_ms] if loaded and done_ms is not None and done_ms > plan.ends_ms else []


def _is_known(day: RouteDay, code: ExceptionCode) -> bool:
    """True where the record can tell that an alert of this code was wrong."""
    if code is Code.LATE_DEPARTURE:
        return day.departed_ms is not None
    return code not in _WARNINGS or is_known_to_end(day)


def is_known_to_end(day: RouteDay) -> bool:
    """False where the record of the trip ends on its way, or it was never seen."""
    return max(day.arrivals_ms, default=0) >= _KNOWN_TO_SHARE * (len(day.plan.stops) - 1)


def score_alerts(days: Sequence[RouteDay], limits: Limits) -> list[AlertScore]:
    """One row per code. An alert is right where what it tells of happened; a warning, where it came after."""
    rows = {code: AlertScore(code) for code in CODES}
    for day in days:
        alerts = fold_alerts(day.records)
        for row in rows.values():
            _score_route(row, day, alerts, limits)
    return list(rows.values())


def _score_route(row: AlertScore, day: RouteDay, alerts: Sequence[Alert], limits: Limits) -> None:
    mine = [alert for alert in alerts if alert.code is row.code]
    due = due_ms(day, row.code, limits)
    row.routes += 1
    row.due += bool(due)
    row.alerts += len(mine)
    row.flaps += sum(alert.occurrences - 1 for alert in mine) + max(0, len(mine) - 1)
    warns = row.code in _WARNINGS
    ahead = {alert.detected_ms: [at for at in due if at >= alert.detected_ms or not warns] for alert in mine}
    right = sum(bool(ahead[alert.detected_ms]) for alert in mine)
    row.right += right
    row.undecided += len(mine) - right if not _is_known(day, row.code) else 0
    tells = _TELLS_SLIP if row.code is Code.ETA_SLIP else (row.code,)
    if not due or not any(alert.code in tells for alert in alerts):
        return
    first = min((at for at, found in ahead.items() if found), default=None)
    if first is None and row.code is not Code.ETA_SLIP:
        return
    row.found += 1
    if first is not None:
        row.leads_s.append((ahead[first][0] - first) / 1000)


def sweep(
    days: Sequence[RouteDay], limits: Limits, thresholds: Sequence[float]
) -> list[tuple[float, AlertScore]]:
    """SLA_AT_RISK as it would be at other thresholds: the recorded scores against the same truth. Of each
    route its first alert.
    """
    return [(threshold, _sweep_one(days, limits, threshold)) for threshold in thresholds]


def _sweep_one(days: Sequence[RouteDay], limits: Limits, threshold: float) -> AlertScore:
    row = AlertScore(Code.SLA_AT_RISK)
    for day in days:
        due = due_ms(day, Code.SLA_AT_RISK, limits)
        told_ms = _first_alert_ms(day, limits, threshold)
        ahead = [at for at in due if told_ms is not None and at >= told_ms]
        row.routes += 1
        row.due += bool(due)
        row.alerts += told_ms is not None
        row.right += bool(ahead)
        row.undecided += told_ms is not None and not ahead and not is_known_to_end(day)
        row.found += bool(ahead)
        if told_ms is not None and ahead:
            row.leads_s.append((ahead[0] - told_ms) / 1000)
    return row


def _first_alert_ms(day: RouteDay, limits: Limits, threshold: float) -> int | None:
    rules = replace(limits, risk_open=threshold, risk_clear=min(limits.risk_clear, threshold))
    answers, thresholds = Answers(), sla_at_risk.thresholds(rules)
    for score in day.scores:
        worst = sla_at_risk.weigh_answer(day.plan, score, rules)
        steadied = take_answer(answers, (epoch_ms_of(score.as_of), worst), thresholds)
        if steadied.on:
            return steadied.at_ms
    return None


def arrivals_of(plan: RoutePlan, arrivals: Mapping[str, int]) -> dict[int, int]:
    """Arrivals by the index of their stop."""
    index = plan.stop_index
    return {index[stop_id]: at_ms for stop_id, at_ms in arrivals.items() if stop_id in index}
