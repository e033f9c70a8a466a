"""What can go wrong on a round, and what deserves an exception."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controltower.simulate.city import Point


class Kind(StrEnum):
    """What the truth knows. Upper case deserves an exception, lower case is a look-alike that does not."""

    LONG_HALT = "LONG_HALT"
    EXCESS_DWELL = "EXCESS_DWELL"
    ROUTE_DEVIATION = "ROUTE_DEVIATION"
    SIGNAL_LOST = "SIGNAL_LOST"
    LATE_DEPARTURE = "LATE_DEPARTURE"
    LATE_STOPS = "LATE_STOPS"
    SHORT_HALT = "short_halt"
    JUMP = "jump"
    SHORT_GAP = "short_gap"

    @property
    def is_due(self) -> bool:
        """True where somebody should be told."""
        return self.value.isupper()


@dataclass(frozen=True, slots=True)
class Incident:
    """One event of one van. What does not apply to its kind stays at the default."""

    kind: Kind
    #: Leg on which it happens, or drop at which the van dwells.
    index: int = 0
    along_m: float = 0.0
    duration_s: float = 0.0
    #: Way of a detour from the path and back to it, `rejoin_m` down the leg.
    excursion: tuple[Point, ...] = ()
    rejoin_m: float = 0.0
    #: When it begins, as share of the round's driving time (trackers fail anywhere).
    share: float = 0.0
    jump_m: float = 0.0
