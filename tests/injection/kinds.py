"""What can be put into a trip. Each kind changes the trip and tells the truth about it, or finds no room."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tests.injection.trip import Report, Trip, sideways, wander

Truth = dict[str, Any]
Kind = Callable[[Trip, random.Random], Truth | None]


def _pick(trip: Trip, chance: random.Random, low: float = 0.12, high: float = 0.8) -> int | None:
    """A report well underway."""
    along = trip.along()
    length = trip.plan.path.length_m
    choices = [i for i, m in enumerate(along[:-12]) if low * length < m < high * length]
    return chance.choice(choices) if choices else None


def _stop_gap_m(trip: Trip, r: Report) -> float:
    return min(math.hypot(s.x - r.x, s.y - r.y) for s in trip.plan.stops)


def _hold(trip: Trip, chance: random.Random, i: int, for_s: float, every_s: float, reach_m: float) -> Truth:
    """Stand still at report i for a time."""
    here = trip.reports[i]
    count = int(for_s // every_s)
    trip.delay_from(i + 1, for_s)
    scatter = wander(chance, count, reach_m)
    times = [here.at_s + (k + 1) * every_s + chance.uniform(-2, 2) for k in range(count)]
    trip.insert(
        Report(round(at), here.x + dx, here.y + dy, here.row)
        for at, (dx, dy) in zip(times, scatter, strict=True)
    )
    return {"start": round(here.at_s), "end": round(here.at_s + for_s)}


def _halt(reach_m: float, every_s: float, at_stop: bool, low_s: float, high_s: float, kind: str) -> Kind:
    def inject(trip: Trip, chance: random.Random) -> Truth | None:
        for _ in range(60):
            i = _pick(trip, chance)
            if i is None:
                return None
            gap_m = _stop_gap_m(trip, trip.reports[i])
            if (gap_m < 30 if at_stop else gap_m > 70) and trip.off_path_m(trip.reports[i]) < 40:
                truth = _hold(trip, chance, i, chance.uniform(low_s, high_s), every_s, reach_m)
                return {"kind": kind, **truth, "stop_gap_m": round(gap_m)}
        return None

    return inject


def _aside(low_m: float, high_m: float, low_s: float, high_s: float, kind: str, ramp: bool = True) -> Kind:
    """Drive beside the path for a time; with a ramp at both ends as streets have it."""

    def inject(trip: Trip, chance: random.Random) -> Truth | None:
        amp, for_s = chance.uniform(low_m, high_m) * chance.choice((-1, 1)), chance.uniform(low_s, high_s)
        i = _pick(trip, chance, 0.1, 0.75)
        if i is None:
            return None
        start_s = trip.reports[i].at_s
        inside = [k for k, r in enumerate(trip.reports) if start_s <= r.at_s <= start_s + for_s]
        along = trip.along()
        if len(inside) < 2 or along[inside[-1]] - along[inside[0]] < 6 * for_s / 4:
            return None
        off: list[int] = []
        for n, k in enumerate(inside):
            r = trip.reports[k]
            right = sideways(trip.reports[max(0, k - 2)], trip.reports[min(len(along) - 1, k + 2)])
            share = min(1.0, (n + 1) / 1.5, (len(inside) - n) / 1.5) if ramp else 1.0
            trip.reports[k] = replace(r, x=r.x + right[0] * amp * share, y=r.y + right[1] * amp * share)
            if trip.off_path_m(trip.reports[k]) > 100:
                off.append(k)
        if kind == "ROUTE_DEVIATION":
            if len(off) < 3 or trip.reports[off[-1]].at_s - trip.reports[off[0]].at_s < 120:
                return None
            inside = off
        truth = {"start": round(trip.reports[inside[0]].at_s), "end": round(trip.reports[inside[-1]].at_s)}
        return {"kind": kind, **truth, "amp_m": round(abs(amp))}

    return inject


def _silence(low_s: float, high_s: float, kind: str) -> Kind:
    def inject(trip: Trip, chance: random.Random) -> Truth | None:
        i = _pick(trip, chance, 0.12, 0.6)
        if i is None:
            return None
        start_s, until_s = trip.reports[i].at_s, trip.reports[i].at_s + chance.uniform(low_s, high_s)
        rest = [r for r in trip.reports if r.at_s <= start_s or r.at_s > until_s]
        back = [r for r in rest if r.at_s > until_s]
        if len(back) < 8 or len(rest) == len(trip.reports):
            return None
        trip.reports = rest
        return {"kind": kind, "start": round(start_s), "end": round(back[0].at_s)}

    return inject


def _thin(every_s: float) -> Kind:
    """A tracker that reports rarely."""

    def inject(trip: Trip, chance: random.Random) -> Truth | None:
        kept = [trip.reports[0]]
        for r in trip.reports[1:]:
            if r.at_s - kept[-1].at_s >= every_s:
                kept.append(r)
        trip.reports = kept
        return {"kind": "none", "how": "sparse"}

    return inject


def _after(first: Kind, then: Kind, how: str) -> Kind:
    """Two in one trip: the second tells the truth."""

    def inject(trip: Trip, chance: random.Random) -> Truth | None:
        if first(trip, chance) is None:
            return None
        truth = then(trip, chance)
        return truth and {**truth, "how": how}

    return inject


def _buffered(trip: Trip, chance: random.Random) -> Truth | None:
    """Offline for 8 to 18 min, then everything at once."""
    i = _pick(trip, chance, 0.12, 0.6)
    if i is None:
        return None
    start_s, until_s = trip.reports[i].at_s, trip.reports[i].at_s + chance.uniform(480, 1080)
    if trip.reports[-1].at_s < until_s + 240:
        return None
    trip.reports = [
        replace(r, arrived_s=until_s + 5) if start_s < r.at_s < until_s else r for r in trip.reports
    ]
    return {"kind": "buffered", "start": round(start_s), "end": round(until_s) + 5}


def _skewed(low_s: float, high_s: float) -> Kind:
    """A device clock that is wrong all day."""

    def inject(trip: Trip, chance: random.Random) -> Truth | None:
        by_s = round(chance.uniform(low_s, high_s))
        start, end = trip.reports[0].at_s, trip.reports[-1].at_s
        trip.reports = [replace(r, at_s=r.at_s + by_s, arrived_s=r.at_s) for r in trip.reports]
        return {"kind": "ahead", "start": round(start), "end": round(end), "ahead_s": by_s}

    return inject


def _teleport(trip: Trip, chance: random.Random) -> Truth | None:
    i = _pick(trip, chance)
    if i is None:
        return None
    r = trip.reports[i]
    turn = chance.uniform(0, 2 * math.pi)
    far_m = chance.uniform(300, 20_000)
    trip.reports[i] = replace(r, x=r.x + far_m * math.cos(turn), y=r.y + far_m * math.sin(turn))
    return {"kind": "teleport", "start": round(r.at_s), "end": round(r.at_s)}


def _noise(trip: Trip, chance: random.Random) -> Truth | None:
    """Bad reception for some minutes."""
    i = _pick(trip, chance)
    if i is None:
        return None
    start_s, for_s = trip.reports[i].at_s, chance.uniform(240, 600)
    trip.reports = [
        replace(r, x=r.x + chance.gauss(0, 24), y=r.y + chance.gauss(0, 24))
        if start_s <= r.at_s <= start_s + for_s
        else r
        for r in trip.reports
    ]
    return {"kind": "noise_bump", "start": round(start_s), "end": round(start_s + for_s)}


def _crawl(trip: Trip, chance: random.Random) -> Truth | None:
    """Traffic at 0.4 to 0.9 m/s over some hundred metres: slow, but neither a halt nor a dwell."""
    i = _pick(trip, chance)
    if i is None:
        return None
    for_s, speed = chance.uniform(700, 1300), chance.uniform(0.4, 0.9)
    along = trip.along()
    path = trip.plan.path
    end_m = along[i] + for_s * speed
    j = next((k for k, m in enumerate(along) if m > end_m), None)
    if j is None:
        return None
    here, shift_s = trip.reports[i], trip.reports[i].at_s + for_s - trip.reports[j].at_s
    if shift_s < 60:
        return None
    tail, row = trip.reports[j:], here.row
    trip.reports = trip.reports[: i + 1]
    for k in range(1, int(for_s // 30)):
        m = along[i] + k * 30 * speed
        n = max(0, min(len(path.along) - 2, _segment_at(path.along, m)))
        share = (m - path.along[n]) / (path.along[n + 1] - path.along[n])
        x = path.xs[n] + share * (path.xs[n + 1] - path.xs[n]) + chance.gauss(0, 5)
        y = path.ys[n] + share * (path.ys[n + 1] - path.ys[n]) + chance.gauss(0, 5)
        trip.reports.append(Report(here.at_s + k * 30, x, y, row))
    trip.reports += [replace(r, at_s=r.at_s + shift_s) for r in tail]
    trip.moved = True
    return {"kind": "crawl", "start": round(here.at_s), "end": round(here.at_s + for_s)}


def _segment_at(along: Sequence[float], m: float) -> int:
    return sum(1 for a in along if a <= m) - 1


DUE = ("LONG_HALT", "EXCESS_DWELL", "ROUTE_DEVIATION", "SIGNAL_LOST")

#: (kind, how many trips get it)
KINDS: tuple[tuple[str, Kind, int], ...] = (
    ("halt", _halt(4, 30, False, 900, 2400, "LONG_HALT"), 6),
    ("halt_drift", _halt(38, 30, False, 900, 2400, "LONG_HALT"), 6),
    ("halt_dense", _halt(10, 10, False, 900, 1800, "LONG_HALT"), 3),
    ("halt_sparse", _after(_thin(120), _halt(12, 120, False, 1400, 2400, "LONG_HALT"), "sparse"), 4),
    ("halt_rare", _after(_thin(290), _halt(12, 300, False, 2000, 3000, "LONG_HALT"), "rare"), 2),
    ("dwell", _halt(6, 30, True, 1000, 2000, "EXCESS_DWELL"), 4),
    ("dwell_drift", _halt(30, 30, True, 1000, 2000, "EXCESS_DWELL"), 4),
    ("detour", _aside(250, 800, 180, 480, "ROUTE_DEVIATION"), 6),
    ("parallel", _aside(140, 180, 300, 600, "ROUTE_DEVIATION"), 6),
    ("detour_sparse", _after(_thin(120), _aside(250, 700, 500, 800, "ROUTE_DEVIATION", False), "sparse"), 4),
    ("silence", _silence(480, 1500, "SIGNAL_LOST"), 6),
    ("short_halt", _halt(8, 30, False, 150, 400, "short_halt"), 4),
    ("short_gap", _silence(90, 200, "short_gap"), 4),
    ("canyon", _aside(110, 400, 50, 75, "canyon", False), 5),
    ("buffered", _buffered, 4),
    ("ahead", _skewed(200, 300), 2),
    ("behind", _skewed(-300, -200), 2),
    ("teleport", _teleport, 4),
    ("noise", _noise, 4),
    ("crawl", _crawl, 4),
)
