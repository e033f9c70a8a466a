"""The reports of one trip, and how to bend them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from controltower.route.plan import RoutePlan

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """One report: when it was taken and arrived (epoch s), where (metres in the plan's frame)."""

    at_s: float
    x: float
    y: float
    row: Row
    arrived_s: float = 0.0


@dataclass(slots=True)
class Trip:
    """A trip with its plan, its reports in order, and how far along each lies."""

    trip_id: str
    plan: RoutePlan
    reports: list[Report]
    moved: bool = False

    def along(self) -> list[float]:
        """Metres along the path, never falling."""
        path, reached, out = self.plan.path, 0.0, []
        for r in self.reports:
            reached, _ = path.project(r.x, r.y, reached, min(path.length_m, reached + 2500), reached)
            out.append(reached)
        return out

    def off_path_m(self, report: Report) -> float:
        """Distance from the planned path."""
        path = self.plan.path
        return path.project(report.x, report.y, 0.0, path.length_m, path.length_m / 2)[1]

    def delay_from(self, index: int, by_s: float) -> None:
        """Everything from this report on happens later; such a trip has a vehicle of its own."""
        self.reports[index:] = [replace(r, at_s=r.at_s + by_s) for r in self.reports[index:]]
        self.moved = True

    def insert(self, reports: Iterable[Report]) -> None:
        self.reports = sorted([*self.reports, *reports], key=lambda r: r.at_s)


def wander(chance: random.Random, count: int, reach_m: float) -> list[tuple[float, float]]:
    """The scatter of a parked tracker: each place is pulled back to the middle and pushed anew."""
    x = y = 0.0
    out = []
    for _ in range(count):
        x, y = 0.7 * x + chance.gauss(0, reach_m / 2), 0.7 * y + chance.gauss(0, reach_m / 2)
        if math.hypot(x, y) > 1.6 * reach_m:
            x, y = x / 2, y / 2
        out.append((x, y))
    return out


def sideways(before: Report, after: Report) -> tuple[float, float]:
    """The unit vector to the right of the way from one report to the other."""
    dx, dy = after.x - before.x, after.y - before.y
    length = math.hypot(dx, dy) or 1.0
    return dy / length, -dx / length
