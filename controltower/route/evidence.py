"""What the fixes of a route say, as immutable snapshots: a pure function of the plan and the fixes in
the order in which they happened. So a late fix is folded in by going back to the snapshot before it."""

from __future__ import annotations

import msgspec


class Fix(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One position. `at_ms` is when it was taken (device clock, corrected)."""

    at_ms: int
    lat: float
    lon: float
    accuracy_m: float


class Samples(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Slip and place a while ago: a sample 5 to 10 min back, and the one that will replace it."""

    old_at_ms: int = 0
    old_slip_ms: int = 0
    old_along_m: float = 0.0
    mid_at_ms: int = 0
    mid_slip_ms: int = 0
    mid_along_m: float = 0.0


class Driving(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How fast the vehicle drives where nothing holds it up, and how long it stays at stops, against its
    plan: see route/driving.py. Times in ms."""

    #: since when it is at its next stop; 0 where it is on the way
    reached_ms: int = 0
    #: stays at the stops behind it, and their planned service
    stayed_ms: int = 0
    service_ms: int = 0
    #: free driving, and what was planned for it; 0 before departure
    free_ms: int = 0
    planned_ms: int = 0


#: Before departure.
NOT_DRIVING = Driving()


class Left(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The beginning of `Progress`: all that a restore reads of it."""

    at_ms: int = 0
    along_m: float = 0.0
    off_m: float = 0.0
    on_path_at_ms: int = 0
    reached_m: float = 0.0
    next_stop: int = 0
    departed_ms: int = 0


class Progress(Left, frozen=True, array_like=True, gc=False):
    """Where on the path. `along_m` is the last place on the path, `reached_m` the furthest one; before
    departure the hindmost one, from which departing is measured."""

    elsewhere: int = 0
    cadence_ms: int = 0
    gaps: int = 0
    slip_ms: int = 0
    samples: Samples = Samples()
    #: half width of the corridor at the last fix
    width_m: float = 0.0
    driving: Driving = NOT_DRIVING


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A cluster of fixes at one place: its mean, since when, and how many fixes in a row lie away from it;
    and the mean that follows the vehicle (`trail`, see detect/motion.py)."""

    x: float = 0.0
    y: float = 0.0
    fixes: int = 0
    since_ms: int = 0
    seen_ms: int = 0
    away: int = 0
    away_x: float = 0.0
    away_y: float = 0.0
    away_ms: int = 0
    trail_x: float = 0.0
    trail_y: float = 0.0
    trail_ms: float = 0.0


class Halt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Memory of LONG_HALT."""

    on: bool = False
    since_ms: int = 0
    until_ms: int = 0
    limit_ms: int = 0


class Dwell(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Memory of EXCESS_DWELL."""

    on: bool = False
    stop: int = -1
    since_ms: int = 0
    until_ms: int = 0
    limit_ms: int = 0


class Detour(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Memory of ROUTE_DEVIATION."""

    on: bool = False
    outside: int = 0
    inside: int = 0
    since_ms: int = 0
    until_ms: int = 0
    furthest_m: float = 0.0
    left_at_m: float = 0.0
    #: slip when it left, and the place on the path that is nearest now
    slip_ms: int = 0
    near_m: float = 0.0
    #: distance to the next stop of the plan
    next_stop_m: float = 0.0


class Slow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Memory of SLOW_PROGRESS: where it was at the last three looks, and what the last one said."""

    at_ms: int = 0
    along_m: float = 0.0
    mid_ms: int = 0
    mid_m: float = 0.0
    old_ms: int = 0
    old_m: float = 0.0
    on: bool = False
    since_ms: int = 0
    until_ms: int = 0
    share: float = 0.0


class Reversal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Memory of driving the path backwards: fixes in a row behind the one before, and how far back."""

    on: bool = False
    fixes: int = 0
    since_ms: int = 0
    until_ms: int = 0
    back_m: float = 0.0


class Slipping(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Memory of ETA_SLIP: the last look and how late it was then, the level that is told (0: none), and the
    looks running that are above it."""

    at_ms: int = 0
    slip_ms: int = 0
    level: int = 0
    since_ms: int = 0
    above: int = 0
    above_since_ms: int = 0


#: On time.
ON_TIME = Slipping()


class Leaving(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The beginning of `Snapshot`."""

    progress: Left = Left()


class Snapshot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything the fixes up to one moment say."""

    progress: Progress = Progress()
    standing: Standing = Standing()
    halt: Halt = Halt()
    dwell: Dwell = Dwell()
    detour: Detour = Detour()
    slow: Slow = Slow()
    reversal: Reversal = Reversal()
    slipping: Slipping = ON_TIME
    #: lost to halts, long stays and detours that are over, see detect/lost_time.py
    lost_ms: int = 0


START = Snapshot()
