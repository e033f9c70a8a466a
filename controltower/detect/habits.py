"""What is usual: how long vehicles stand at a kind of stop, or on the road, per carrier and hour of the day.

A limit is the 95 % quantile of the stays of past days, pulled towards a prior as long as they are few:

    limit = (stays x quantile + weight x prior) / (stays + weight), at least its floor, at most 30 min

with weight 20. A stay at a stop counts by what it lasts beyond its planned service. Stays shorter than a
minute are traffic lights and are not counted. Of a day's history 0.9 counts on the next, so that a month
ago weighs a twentieth. A day's own stays count from the next day on: no limit changes while a route is
under way, and an incident does not excuse the next one of the same day.

Hours and days are UTC. The history of a partition is learned from its own routes and stands in its
changelog, so that a replay learns the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from controltower.route.limits import Limits
from schemas.vocabulary import StopKind

HABIT_KEY = b"h/"
#: Where a vehicle stands that is at no stop.
ROAD = "ROAD"
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
#: Bins of equal ratio: the quantile is right to 12 %.
_RATIO = 1.12
_FIRST_MS = 30_000
_BINS = 50
_EDGES = tuple(round(_FIRST_MS * _RATIO**i) for i in range(_BINS))


class Stay(NamedTuple):
    """A vehicle stood somewhere. `beyond_ms`: past the planned service, or all of it on the road."""

    carrier: str
    kind: str
    began_ms: int
    beyond_ms: int


class _Habit(msgspec.Struct, array_like=True):
    """Counts per bin: of days that are over, and of the day `day`."""

    day: int = 0
    past: dict[int, float] = {}
    today: dict[int, int] = {}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Habit).decode


def hour_key(kind: str, at_ms: int) -> str:
    """The name of a learned limit within a carrier: the kind of stop and the hour."""
    return f"{kind}/{at_ms % _DAY_MS // _HOUR_MS}"


class Habits:
    """Of one partition: all carriers, kinds of stops and hours."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._habits: dict[str, _Habit] = {}
        self._changed: dict[str, None] = {}

    def restore(self, key: bytes, value: bytes) -> None:
        """Take one entry of the changelog whose key starts with HABIT_KEY."""
        self._habits[key[len(HABIT_KEY) :].decode()] = _decode(value)

    def take_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """What changed since the last call."""
        for name in self._changed:
            yield HABIT_KEY + name.encode(), _encode(self._habits[name])
        self._changed.clear()

    def observe(self, stay: Stay) -> None:
        """Count a stay for the days after it."""
        name = f"{stay.carrier}/{hour_key(stay.kind, stay.began_ms)}"
        habit = self._habits.setdefault(name, _Habit())
        self._turn(habit, stay.began_ms // _DAY_MS)
        at = _bin(stay.beyond_ms)
        habit.today[at] = habit.today.get(at, 0) + 1
        self._changed[name] = None

    def learned(self, carrier: str, keys: set[str], at_ms: int) -> dict[str, tuple[float, int]]:
        """Per key (see `hour_key`) with a history before the day of `at_ms`: (stays, quantile in ms)."""
        found = {}
        for key in sorted(keys):
            habit = self._habits.get(f"{carrier}/{key}")
            if habit is None:
                continue
            past = self._past(habit, at_ms // _DAY_MS)
            stays = sum(past.values())
            if stays >= 1.0:
                found[key] = round(stays, 2), _quantile_ms(past, self._limits.learned_quantile)
        return found

    def _turn(self, habit: _Habit, day: int) -> None:
        """A new day: what was today is history. A stay of an earlier day counts with the present one."""
        if day > habit.day:
            habit.past, habit.day, habit.today = self._past(habit, day), day, {}

    def _past(self, habit: _Habit, day: int) -> dict[int, float]:
        """The history before `day`."""
        if day <= habit.day:
            return habit.past
        keep = self._limits.learned_keep_share ** min(day - habit.day, 100)
        days = {i: habit.past.get(i, 0.0) + habit.today.get(i, 0) for i in {*habit.past, *habit.today}}
        return {i: round(n * keep, 3) for i, n in sorted(days.items()) if n * keep >= 0.001}


def _bin(stay_ms: int) -> int:
    """The first edge that is not exceeded."""
    return next((i for i, edge in enumerate(_EDGES) if stay_ms <= edge), _BINS - 1)


def _quantile_ms(counts: dict[int, float], share: float) -> int:
    """The upper edge of the bin in which the quantile lies."""
    wanted, seen = share * sum(counts.values()), 0.0
    for i in sorted(counts):
        seen += counts[i]
        if seen >= wanted:
            return _EDGES[i]
    return _EDGES[-1]


def blend_ms(learned: tuple[float, int] | None, prior_ms: int, floor_ms: int, limits: Limits) -> int:
    """The limit: between what was learned and the prior, by the number of stays."""
    if learned is None:
        return max(floor_ms, prior_ms)
    stays, quantile_ms = learned
    weight = limits.learned_prior_weight
    blended = (stays * quantile_ms + weight * prior_ms) / (stays + weight)
    return round(max(floor_ms, min(blended, max(limits.learned_longest_ms, floor_ms))))


def keys_of(stops: Iterator[tuple[StopKind, int]]) -> set[str]:
    """The keys that a plan asks for, of its stops' kinds and arrivals (ms): at the stops and on the road."""
    keys = set()
    for kind, arrival_ms in stops:
        keys |= {hour_key(kind.value, arrival_ms), hour_key(ROAD, arrival_ms)}
    return keys
