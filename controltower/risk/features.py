"""The features of one remaining stop: one function for training and serving.

All are known at the moment of the question. A missing value is None, never zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from controltower.route.eta import estimate_p50s
from controltower.route.evidence import Snapshot
from controltower.route.plan import RoutePlan

FEATURE_SET = "stop-lateness/1"

#: Name and meaning, in the order in which they stand in a request.
FEATURES: tuple[tuple[str, str], ...] = (
    ("slack_s", "promise minus ETA"),
    ("planned_buffer_s", "promise minus planned arrival"),
    ("slip_s", "lateness against the frozen plan now"),
    ("slip_trend_s", "change of the slip over the last 5 to 10 min, per 10 min"),
    ("horizon_s", "ETA minus now"),
    ("stops_between", "stops to serve before this one"),
    ("stops_left", "stops left on the route"),
    ("service_between_s", "planned service before this stop"),
    ("speed_ratio", "metres along the path in the last 5 to 10 min against the plan's"),
    ("standing_s", "how long the vehicle has stood"),
    ("off_path_m", "distance from the path"),
    ("signal_age_s", "since the last fix"),
    ("departed", "1 once the vehicle has left the first stop"),
    ("share_done", "share of the planned path behind the vehicle"),
)

_TEN_MIN_MS = 600_000

Row = tuple[float | None, ...]


class Moment(NamedTuple):
    """The situation of a route when a question is asked. Times in ms."""

    plan: RoutePlan
    snapshot: Snapshot
    slip_ms: int
    now_ms: int
    remaining: tuple[int, ...]


def feature_rows(moment: Moment, chosen: Sequence[int]) -> Iterator[tuple[int, Row]]:
    """(index in the plan, row in the order of FEATURES) for each chosen one of the remaining stops.

    chosen: ascending. What is equal for all stops is worked out once.
    """
    plan, now = moment.plan, moment.now_ms
    p50s = dict(zip(chosen, estimate_p50s(plan.stops, chosen, moment.slip_ms, now), strict=True))
    slip_s, trend_s = moment.slip_ms / 1000, _trend_s(moment)
    left, situation = float(len(moment.remaining)), _situation(moment)
    service_ms = 0
    for between, i in enumerate(moment.remaining):
        stop, eta = plan.stops[i], p50s.get(i)
        if eta is not None:
            promised = stop.promised_ms
            yield (
                i,
                (
                    None if promised is None else (promised - eta) / 1000,
                    None if promised is None else (promised - stop.arrival_ms) / 1000,
                    slip_s,
                    trend_s,
                    (eta - now) / 1000,
                    float(between),
                    left,
                    service_ms / 1000,
                    *situation,
                ),
            )
        service_ms += stop.service_ms


def _situation(moment: Moment) -> Row:
    """The features from speed_ratio on: where the vehicle is and how it moves."""
    progress, now = moment.snapshot.progress, moment.now_ms
    return (
        _speed_ratio(moment),
        _standing_s(moment),
        round(progress.off_m, 1) if progress.at_ms else None,
        (now - progress.at_ms) / 1000 if progress.at_ms else None,
        1.0 if progress.departed_ms else 0.0,
        progress.reached_m / moment.plan.path.length_m,
    )


def _trend_s(moment: Moment) -> float | None:
    progress = moment.snapshot.progress
    samples = progress.samples
    span = progress.at_ms - samples.old_at_ms
    if not samples.old_at_ms or span <= 0:
        return None
    return (progress.slip_ms - samples.old_slip_ms) / span * _TEN_MIN_MS / 1000


def _speed_ratio(moment: Moment) -> float | None:
    progress, plan = moment.snapshot.progress, moment.plan
    samples = progress.samples
    if not samples.old_at_ms or progress.at_ms <= samples.old_at_ms:
        return None
    slip = samples.old_slip_ms
    planned = plan.planned_m_at(progress.at_ms - slip) - plan.planned_m_at(samples.old_at_ms - slip)
    if planned < 1.0:
        return None
    return round((progress.along_m - samples.old_along_m) / planned, 3)


def _standing_s(moment: Moment) -> float:
    standing = moment.snapshot.standing
    return (standing.seen_ms - standing.since_ms) / 1000
