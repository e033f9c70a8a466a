"""What the simulated city assumes about vans, streets, people and networks: named data, each with its reason.

Nothing here is measured on customers of ours. Where a public source exists it is named; the rest is a plain
assumption, chosen so that a day looks like one to a dispatcher, and easy to change in one place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from random import Random


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A skewed positive quantity: `median`, spread `sigma` of its logarithm, cut to [low, high]."""

    median: float
    sigma: float
    low: float
    high: float

    def draw(self, rng: Random) -> float:
        """One value in the unit of the median."""
        value = self.median * math.exp(self.sigma * rng.gauss(0.0, 1.0))
        return min(self.high, max(self.low, value))


@dataclass(frozen=True, slots=True)
class Span:
    """Anything between `low` and `high`, evenly."""

    low: float
    high: float

    def draw(self, rng: Random) -> float:
        """One value in the unit of the bounds."""
        return rng.uniform(self.low, self.high)


class Traffic(Enum):
    """How full the streets are that day: factor on all travel times, on top of the rush hour."""

    LIGHT = 0.92
    NORMAL = 1.0
    HEAVY = 1.18


#: Speed relative to a free street by local hour: a morning and a deeper evening peak, a third slower than at
#: night, as the congestion indices of European cities show it. The exact figures are assumptions.
SPEED_BY_HOUR: tuple[float, ...] = (
    *(1.10, 1.10, 1.10, 1.10, 1.08, 1.05, 0.97, 0.82, 0.74, 0.84, 0.94, 0.96),
    *(0.93, 0.94, 0.95, 0.90, 0.80, 0.70, 0.74, 0.86, 0.98, 1.03, 1.06, 1.08),
)


@dataclass(frozen=True, slots=True)
class Promise:
    """A service tier: promised `after_s` the planned arrival; `share` of all stops have it."""

    tier: str
    after_s: int
    share: float


#: Some tight, most comfortable. The GTFS rule of the design (planned arrival + 5 min) is the tightest.
PROMISES: tuple[Promise, ...] = (
    Promise("express", 300, 0.05),
    Promise("timed", 900, 0.30),
    Promise("standard", 1500, 0.35),
    Promise("window", 3600, 0.30),
)


@dataclass(frozen=True, slots=True)
class Incidents:
    """How many events are put into a day of 42 vans; other sizes scale. At most one per van."""

    long_halts: int = 6
    detours: int = 5
    dead_trackers: int = 4
    excess_dwells: int = 3
    late_departures: int = 4
    short_halts: int = 4
    jumps: int = 4
    short_gaps: int = 4
    #: Long enough to be meant: the halt rule opens after 10 min, the signal rule after 5.
    halt_s: Span = field(default=Span(12 * 60.0, 25 * 60.0))
    dwell_s: Span = field(default=Span(16 * 60.0, 25 * 60.0))
    silence_s: Span = field(default=Span(10 * 60.0, 20 * 60.0))
    departure_delay_s: Span = field(default=Span(20 * 60.0, 45 * 60.0))
    #: Look-alikes stay well below those thresholds.
    short_halt_s: Span = field(default=Span(3 * 60.0, 6 * 60.0))
    short_gap_s: Span = field(default=Span(100.0, 170.0))
    jump_m: Span = field(default=Span(800.0, 3000.0))


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Everything a simulated day is drawn from."""

    #: Streets every 120 m: a typical inner-city block (Manhattan's are 80 x 270 m, Barcelona's 133 m).
    block_m: float = 120.0
    depots: int = 3
    #: Vans without a published path, as share: their progress has to be judged without one.
    pathless_share: float = 0.12
    #: Free-flow speed of a van on city streets between lights, about 29 km/h.
    street_mps: LogNormal = field(default=LogNormal(8.0, 0.16, 3.0, 14.0))
    #: A red light now and then; nobody waits longer than two phases.
    light_chance: float = 0.22
    light_s: LogNormal = field(default=LogNormal(18.0, 0.6, 4.0, 70.0))
    #: The planner's expectation: speed including lights, and service per stop and further parcel.
    planner_mps: float = 6.1
    planner_service_s: int = 80
    planner_further_parcel_s: int = 20
    #: Hand-over at a door: median 70 s, skewed, never far above 4 min: no natural stop is an excess dwell.
    service_s: LogNormal = field(default=LogNormal(70.0, 0.45, 25.0, 220.0))
    further_parcel_s: LogNormal = field(default=LogNormal(18.0, 0.4, 6.0, 40.0))
    #: Some drivers know the tour, some are new: factor on travel and service, constant over the day.
    driver_factor: LogNormal = field(default=LogNormal(1.0, 0.09, 0.8, 1.3))
    #: Departures wander by some minutes around the plan.
    departure_jitter_s: Span = field(default=Span(-60.0, 240.0))
    #: First attempts that fail: an assumption within what carriers report (a few per cent).
    failed_share: float = 0.05
    #: Chances of 1, 2 and 3 parcels at a stop.
    parcels_per_stop: tuple[float, float, float] = (0.78, 0.18, 0.04)
    ping_interval_s: Span = field(default=Span(10.0, 30.0))
    #: Radial GPS noise of a van in streets, metres; each tracker has its own.
    gps_noise_m: Span = field(default=Span(4.0, 9.0))
    #: From device to intake: 98 % within 15 s, at most 82 s (measured on wmata_injected; see the design).
    network_s: LogNormal = field(default=LogNormal(3.0, 0.65, 0.5, 15.0))
    slow_share: float = 0.02
    slow_network_s: Span = field(default=Span(15.0, 82.0))
    duplicate_share: float = 0.04
    duplicate_after_s: Span = field(default=Span(0.2, 45.0))
    #: Payloads nobody can use, as share of all, and codes that no mapping documents.
    garbage_share: float = 0.004
    unmapped_share: float = 0.01
    incidents: Incidents = field(default=Incidents())


ASSUMPTIONS = Assumptions()
