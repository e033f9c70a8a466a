"""The features of one remaining stop: one function for training and serving.

All are known at the moment of the question. A missing value is None, never zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor
from typing import Final, NamedTuple

from controltower.detect.habits import hour_key
from controltower.detect.lost_time import lost_ms
from controltower.route.eta import estimate_p50s
from controltower.route.evidence import Progress, Snapshot
from controltower.route.plan import RoutePlan
from controltower.route.planned_stop import PlannedStop

FEATURE_SET: Final = "stop-lateness/4"
#: Of a question that tells the features from `SITUATION_FROM` on once for all of its rows. A score stage from
#: before there was one counts such a question as unknown and leaves it.
SHARED_SET: Final = f"{FEATURE_SET}+situation"

#: Name and meaning, in the order in which they stand in a request.
FEATURES: tuple[tuple[str, str], ...] = (
    ("slack_s", "promise minus ETA"),
    ("planned_buffer_s", "promise minus planned arrival"),
    ("planned_s", "planned arrival minus now"),
    ("horizon_s", "ETA minus now"),
    ("distance_m", "metres along the path to the stop"),
    ("stop_share", "where on the path the stop lies: 0 its beginning, 1 its end"),
    ("path_km", "length of the path: with the shares it tells where on which line the legs ahead lie"),
    ("stops_between", "stops to serve before this one"),
    ("service_between_s", "planned service before this stop"),
    ("dwell_usual_s", "95 % of what this carrier stayed at such a stop at such an hour, on past days"),
    ("hour", "solar hour of the ETA at the place of the route"),
    ("weekday", "of the ETA by solar time, Monday is 0"),
    ("shift_end", "1 where the promise is the end of the shift"),
    ("slip_s", "lateness against the frozen plan now"),
    ("slip_trend_s", "change of the slip over the last 5 to 10 min, per 10 min"),
    ("lost_s", "lost so far to halts, stays beyond their service and detours"),
    ("pace_s", "slip gained per hour since the departure, without what was lost so"),
    ("left_late_s", "departure minus planned departure"),
    ("underway_s", "since the departure"),
    ("stops_left", "stops left on the route"),
    ("speed_ratio", "metres along the path in the last 5 to 10 min against the plan's"),
    ("standing_s", "how long the vehicle has stood"),
    ("next_stop_m", "metres along the path to the next stop"),
    ("off_path_m", "distance from the path"),
    ("signal_age_s", "since the last fix"),
    ("cadence_s", "usual time between fixes: how disciplined the carrier's tracker is"),
    ("scan_share", "share of the stops passed that the carrier has scanned as served"),
    ("open_exceptions", "exceptions that are open and that no score has opened"),
    ("departed", "1 once the vehicle has left the first stop"),
    ("share_done", "share of the planned path behind the vehicle"),
    ("steady_slip_s", "at a stop: how late it came, and has stayed beyond the service; else the slip"),
    ("at_stop_s", "since it came to the stop where it is"),
    (
        "free_pace",
        "what it drove freely, between lights, jams and stops: the time it took against the planned one",
    ),
    ("stay_pace", "stays at the stops behind it against their planned service"),
)

_NAMES: Final = tuple(name for name, _ in FEATURES)
_SLACK: Final = _NAMES.index("slack_s")
_BUFFER: Final = _NAMES.index("planned_buffer_s")
_PLANNED: Final = _NAMES.index("planned_s")
_HORIZON: Final = _NAMES.index("horizon_s")
_SHIFT_END: Final = _NAMES.index("shift_end")
#: From here on a feature is about the route and equal for all stops of one moment.
SITUATION_FROM: Final = _NAMES.index("slip_s")
_TEN_MIN_MS: Final = 600_000
_HOUR_MS: Final = 3_600_000
#: Of an hour.
_HUNDREDTH_MS: Final = 36_000
_DAY_MS: Final = 24 * _HOUR_MS
#: The first pace is noise: what a minute late means shows only after so long.
_PACE_AFTER_MS: Final = 600_000
#: The sun moves so many degrees an hour: the hour of the day needs no time zone.
_DEGREES_PER_HOUR: Final = 15.0
#: 1970-01-01 was a Thursday.
_EPOCH_WEEKDAY: Final = 3

Row = tuple[float | None, ...]


class Moment(NamedTuple):
    """The situation of a route when a question is asked. Times in ms.

    served: stops served by a scan, one bit each. open_exceptions: those that no score has opened.
    """

    plan: RoutePlan
    snapshot: Snapshot
    slip_ms: int
    now_ms: int
    remaining: tuple[int, ...]
    served: int
    open_exceptions: int


def feature_rows(moment: Moment, chosen: Sequence[int]) -> Iterator[tuple[int, Row]]:
    """(index in the plan, row in the order of FEATURES) for each of the chosen stops, which ascend."""
    situation = situation_of(moment)
    for i, ahead in ahead_rows(moment, chosen):
        yield i, ahead + situation


def ahead_rows(moment: Moment, chosen: Sequence[int]) -> list[tuple[int, Row]]:
    """As `feature_rows`, but of each row only what lies between the vehicle and the stop."""
    plan = moment.plan
    etas = dict(zip(chosen, estimate_p50s(plan.stops, chosen, moment.slip_ms, moment.now_ms), strict=True))
    path_km = _round(plan.path.length_m / 1000, 10)
    sun_ms = int(plan.frame.lon / _DEGREES_PER_HOUR * _HOUR_MS)
    service_ms = 0
    rows: list[tuple[int, Row]] = []
    for between, i in enumerate(moment.remaining):
        stop, eta = plan.stops[i], etas.get(i)
        if eta is not None:
            rows.append((i, _ahead(moment, stop, eta, between, service_ms, path_km, eta + sun_ms)))
        service_ms += stop.service_ms
    return rows


def to_shift_row(row: Row, shift_left_s: float) -> Row:
    """The row of the last remaining stop, whole or without the situation, turned into the question whether
    the route is done in time.

    shift_left_s: from the moment of the question to the end of the shift, less the planned service of that
    stop. What is answered to it as p_late is the probability that the route is not done by then.
    """
    planned_s, horizon_s = row[_PLANNED], row[_HORIZON]
    assert planned_s is not None, "every row has a planned arrival"
    assert horizon_s is not None, "and an ETA"
    turned = list(row)
    turned[_SLACK], turned[_BUFFER] = shift_left_s - horizon_s, shift_left_s - planned_s
    turned[_SHIFT_END] = 1.0
    return tuple(turned)


def _ahead(
    moment: Moment,
    stop: PlannedStop,
    eta_ms: int,
    between: int,
    service_ms: int,
    path_km: float,
    solar_ms: int,
) -> Row:
    """The features up to shift_end: what lies between the vehicle and the stop. solar_ms: the ETA by the sun
    at the place of the route."""
    learned, now, progress = moment.plan.learned, moment.now_ms, moment.snapshot.progress
    promised_ms = stop.promised_ms
    usual = learned.get(hour_key(stop.kind.value, stop.arrival_ms)) if learned else None
    return (
        None if promised_ms is None else (promised_ms - eta_ms) / 1000,
        stop.buffer_s,
        (stop.arrival_ms - now) / 1000,
        (eta_ms - now) / 1000,
        round(stop.along_m - progress.along_m) if progress.on_path_at_ms else None,
        stop.path_share,
        path_km,
        float(between),
        service_ms / 1000,
        None if usual is None else usual[1] / 1000,
        (solar_ms % _DAY_MS + _HUNDREDTH_MS // 2) // _HUNDREDTH_MS / 100,
        float((solar_ms // _DAY_MS + _EPOCH_WEEKDAY) % 7),
        0.0,
    )


def situation_of(moment: Moment) -> Row:
    """The features from `SITUATION_FROM` on, the same for all stops: where the vehicle is, how it moves."""
    plan, now, progress = moment.plan, moment.now_ms, moment.snapshot.progress
    departed = progress.departed_ms
    left_late_ms = departed - plan.stops[0].departure_ms
    standing = moment.snapshot.standing
    lost = lost_ms(moment.snapshot, plan)
    return (
        moment.slip_ms / 1000,
        _trend_s(progress),
        lost / 1000 if departed else None,
        _pace_s(progress, left_late_ms, lost),
        left_late_ms / 1000 if departed else None,
        (now - departed) / 1000 if departed else None,
        float(len(moment.remaining)),
        _speed_ratio(progress, plan),
        (standing.seen_ms - standing.since_ms) / 1000,
        _next_stop_m(progress, plan),
        _round(progress.off_m, 10) if progress.at_ms else None,
        (now - progress.at_ms) / 1000 if progress.at_ms else None,
        progress.cadence_ms / 1000 if progress.gaps else None,
        _scan_share(progress.next_stop, moment.served),
        float(moment.open_exceptions),
        1.0 if departed else 0.0,
        _round(progress.reached_m / plan.path.length_m, 10_000),
        *_driving(moment),
    )


def _driving(moment: Moment) -> Row:
    """The last four features. The slip jumps at a stop, whose service is in it or not as the last fix lies
    before the stop or behind it; the steady one does not."""
    driving, next_stop = moment.snapshot.progress.driving, moment.snapshot.progress.next_stop
    slip_ms, at_stop_ms = moment.slip_ms, None
    if driving.reached_ms and next_stop < len(moment.plan.stops):
        stop, at_stop_ms = moment.plan.stops[next_stop], moment.now_ms - driving.reached_ms
        slip_ms = driving.reached_ms - stop.arrival_ms + max(0, at_stop_ms - stop.service_ms)
    return (
        slip_ms / 1000,
        None if at_stop_ms is None else at_stop_ms / 1000,
        _round(driving.free_ms / driving.planned_ms, 1000) if driving.planned_ms else None,
        _round(driving.stayed_ms / driving.service_ms, 1000) if driving.service_ms else None,
    )


def _round(value: float, parts: int) -> float:
    """To the nearest of so many parts of one; `round()` seeks the exact decimal, at ten times the cost."""
    return floor(value * parts + 0.5) / parts


def _trend_s(progress: Progress) -> float | None:
    samples = progress.samples
    span = progress.at_ms - samples.old_at_ms
    if not samples.old_at_ms or span <= 0:
        return None
    return _round((progress.slip_ms - samples.old_slip_ms) / span * _TEN_MIN_MS / 1000, 10)


def _pace_s(progress: Progress, left_late_ms: int, lost: int) -> float | None:
    underway = progress.at_ms - progress.departed_ms - lost
    if not progress.departed_ms or underway < _PACE_AFTER_MS:
        return None
    return _round((progress.slip_ms - left_late_ms - lost) / underway * _HOUR_MS / 1000, 10)


def _speed_ratio(progress: Progress, plan: RoutePlan) -> float | None:
    samples = progress.samples
    if not samples.old_at_ms or progress.at_ms <= samples.old_at_ms:
        return None
    slip = samples.old_slip_ms
    planned = plan.planned_m_at(progress.at_ms - slip) - plan.planned_m_at(samples.old_at_ms - slip)
    if planned < 1.0:
        return None
    return _round((progress.along_m - samples.old_along_m) / planned, 1000)


def _next_stop_m(progress: Progress, plan: RoutePlan) -> float | None:
    if not progress.on_path_at_ms or progress.next_stop >= len(plan.stops):
        return None
    return float(round(plan.stops[progress.next_stop].along_m - progress.along_m))


def _scan_share(passed: int, served: int) -> float | None:
    if not passed:
        return None
    return _round((served & (1 << passed) - 1).bit_count() / passed, 1000)
