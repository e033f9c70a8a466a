"""The reasons of a score in plain words: "12 min behind at stop 14, 9 stops left, slower since 15:20 UTC"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from controltower.detect.rule import Explained
from controltower.route.plan import RoutePlan
from controltower.route.route import Route
from controltower.route.timeline import from_ms
from schemas import wire

#: Reasons in the sentence; the record has a few more.
_REASONS: Final = 3
_HALF_A_MINUTE_S: Final = 30.0


def _minutes(value_s: float) -> str:
    return f"{abs(value_s) / 60:.0f} min"


def _late(value: float, more: str, less: str) -> str:
    return f"{_minutes(value)} {more if value >= 0 else less}"


def _slack(value: float) -> str:
    if abs(value) < _HALF_A_MINUTE_S:
        return "no time to spare"
    return f"{_minutes(value)} {'to spare' if value > 0 else 'too late by the ETA'}"


_WORDS: Final[Mapping[str, Callable[[float], str]]] = {
    "slip_s": lambda v: _late(v, "behind", "ahead"),
    "slack_s": _slack,
    "planned_buffer_s": lambda v: f"{_minutes(v)} of buffer planned",
    "slip_trend_s": lambda v: f"{'losing' if v >= 0 else 'gaining'} {_minutes(v)} per 10 min",
    "horizon_s": lambda v: f"{_minutes(v)} away",
    "stops_between": lambda v: f"{v:.0f} stops before it",
    "stops_left": lambda v: f"{v:.0f} stops left",
    "service_between_s": lambda v: f"{_minutes(v)} of service before it",
    "speed_ratio": lambda v: f"at {v:.0%} of the planned pace",
    "standing_s": lambda v: f"standing for {_minutes(v)}",
    "off_path_m": lambda v: f"{v:.0f} m off its path",
    "signal_age_s": lambda v: f"last heard {v:.0f} s ago",
    "planned_s": lambda v: f"{_minutes(v)} {'away' if v >= 0 else 'overdue'} by the plan",
    "distance_m": lambda v: f"{v / 1000:.1f} km to go",
    "dwell_usual_s": lambda v: f"stays of {_minutes(v)} are usual here",
    "hour": lambda v: f"at this hour of the day ({v:.0f})",
    "weekday": lambda v: "on this day of the week",
    "pace_s": lambda v: f"{'losing' if v >= 0 else 'gaining'} {_minutes(v)} an hour since it left",
    "lost_s": lambda v: f"{_minutes(v)} lost to halts, long stays or detours",
    "left_late_s": lambda v: f"left {_minutes(v)} {'late' if v >= 0 else 'early'}",
    "underway_s": lambda v: f"underway for {_minutes(v)}",
    "next_stop_m": lambda v: f"{v / 1000:.1f} km to the next stop",
    "cadence_s": lambda v: f"reports every {v:.0f} s",
    "scan_share": lambda v: f"{v:.0%} of its stops are scanned",
    "open_exceptions": lambda v: f"{v:.0f} other exceptions open",
    "path_km": lambda v: f"{v:.0f} km of path",
    "departed": lambda v: "underway" if v else "not departed yet",
    "share_done": lambda v: f"{v:.0%} of the way done",
}


def put_in_words(
    route: Route, plan: RoutePlan, score: wire.Score
) -> tuple[tuple[Explained, ...], str | None]:
    """The contributions with words, and the sentence; nothing where the score explains nothing."""
    if not score.explanation:
        return (), None
    explained = [(c.feature, c.value, c.effect, _words(c.feature, c.value)) for c in score.explanation]
    return tuple(explained), _sentence(route, plan, score)


def _words(feature: str, value: float | None) -> str:
    if value is None:
        return f"{feature.removesuffix('_s').replace('_', ' ')} not known"
    make = _WORDS.get(feature)
    return make(value) if make else f"{feature.replace('_', ' ')} {value:,.6g}"


def _sentence(route: Route, plan: RoutePlan, score: wire.Score) -> str:
    """How late and where comes first, then what the model says did it, then since when it is slower."""
    left, risk = route.remaining(), route.state.risk
    slip_s = risk.asked_slip_ms / 1000
    where = f" at stop {left[0] + 1} of {len(plan.stops)}" if left else ""
    parts = [f"{_late(slip_s, 'behind', 'ahead')}{where}", f"{len(left)} stops left"]
    said = {"slip_s", "stops_left", "speed_ratio"} if risk.slower_since_ms else {"slip_s", "stops_left"}
    for each in score.explanation:
        if each.effect > 0 and each.value is not None and each.feature not in said:
            parts.append(_words(each.feature, each.value))
        if len(parts) >= _REASONS:
            break
    if risk.slower_since_ms:
        parts.append(f"slower than planned since {from_ms(risk.slower_since_ms):%H:%M} UTC")
    return ", ".join(parts)
