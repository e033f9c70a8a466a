"""What is known of each vehicle: the route it is on, the routes it has left, how far its clock is ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import takewhile
from typing import Final

import msgspec

from controltower.feeds.vehicle import Vehicle
from controltower.stamped import open_stamped, stamp
from schemas.wire import Scan, VehicleMoved

#: A device clock up to this far ahead is as good as ours.
SKEW_TOLERANCE_MS: Final = 30_000
#: The skew is the largest of the last one to two windows, so that one mad time does not stick.
SKEW_WINDOW_MS: Final = 600_000
#: As long as milestones may be late, a fix of a route that was left does not bring the vehicle back.
REMEMBER_LEFT_MS: Final = 24 * 3600 * 1000
MOST_LEFT: Final = 4
FORGET_AFTER_MS: Final = 48 * 3600 * 1000
#: 2: a byte for the schema.
SCHEMA: Final = 2


def measure_skew_s(vehicle: Vehicle, ahead_ms: int, now_ms: int) -> float:
    """By how much the vehicle's clock runs ahead, 0 within the tolerance; `ahead_ms` is new evidence."""
    if now_ms - vehicle.skew_since_ms >= SKEW_WINDOW_MS:
        vehicle.skew_before_ms, vehicle.skew_ms = vehicle.skew_ms, 0
        vehicle.skew_since_ms = now_ms
    vehicle.skew_ms = max(vehicle.skew_ms, ahead_ms)
    return skew_s(max(vehicle.skew_ms, vehicle.skew_before_ms))


def skew_s(ahead_ms: int) -> float:
    """The skew that a scan carries."""
    return ahead_ms / 1000 if ahead_ms > SKEW_TOLERANCE_MS else 0.0


def follow(vehicle: Vehicle, scan: Scan, occurred_ms: int, now_ms: int) -> VehicleMoved | None:
    """Takes a fix of `occurred_ms`; tells the route the vehicle was on when the fix is on another one.

    It moves only to a route that it has not left, by a fix later than the last one on the old route. A
    time ahead of ours counts as ours, so that a mad clock cannot pin a vehicle to its route.
    """
    old, new = vehicle.route_id, scan.route_id
    fixed_at_ms = min(occurred_ms, now_ms)
    if new is None or old == new or old is None:
        if new is not None:
            vehicle.route_id, vehicle.fixed_at_ms = new, max(vehicle.fixed_at_ms, fixed_at_ms)
        return None
    if (
        fixed_at_ms <= vehicle.fixed_at_ms
        or vehicle.left.get(new, -REMEMBER_LEFT_MS) > now_ms - REMEMBER_LEFT_MS
    ):
        return None
    still_left = [(route_id, at) for route_id, at in vehicle.left.items() if route_id != old][1 - MOST_LEFT :]
    vehicle.left = {**dict(still_left), old: now_ms}
    vehicle.route_id, vehicle.fixed_at_ms = new, fixed_at_ms
    return VehicleMoved(
        route_id=old,
        vehicle_id=scan.vehicle_id or "",
        next_route_id=new,
        received_at=scan.received_at,
        source=scan.source,
    )


class Fleet:
    """The vehicles of one source by changelog key: those at work and those that rest, each longest unseen
    first. A count costs what comes and goes, not what exists."""

    def __init__(self) -> None:
        self._at_work: dict[bytes, Vehicle] = {}
        self._resting: dict[bytes, Vehicle] = {}
        self._counts: Counter[str] = Counter()
        self._changed: set[bytes] = set()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Vehicle).decode

    def restore(self, key: bytes, value: bytes) -> None:
        self._at_work[key] = self._decode(open_stamped(value, SCHEMA, "a vehicle")[1])

    def restored(self) -> None:
        """The first count tells who rests."""
        self._at_work = dict(sorted(self._at_work.items(), key=lambda entry: entry[1].seen_ms))
        self._counts.update(map(_feed_of, self._at_work))

    def see(self, feed: str, vehicle_id: str, now_ms: int) -> Vehicle:
        """The state of a vehicle that is heard of at `now_ms`, which never goes back; new if need be."""
        key = f"v/{feed}/{vehicle_id}".encode()
        vehicle = self._at_work.pop(key, None)
        if vehicle is None:
            vehicle = self._resting.pop(key, None) or Vehicle(now_ms, skew_since_ms=now_ms)
            self._counts[feed] += 1
        vehicle.seen_ms = now_ms
        self._at_work[key] = vehicle
        self._changed.add(key)
        return vehicle

    def count_heard(self, since_ms: int) -> Mapping[str, int]:
        """Vehicles heard of since then, per feed; `since_ms` never goes back, as for `see`."""
        self._let_rest(since_ms)
        return self._counts

    def _let_rest(self, since_ms: int) -> None:
        for key in _unseen(self._at_work, since_ms):
            self._resting[key] = self._at_work.pop(key)
            self._counts[_feed_of(key)] -= 1

    def forget_unseen(self, now_ms: int) -> None:
        """Drops the vehicles that were last heard of 48 h ago or earlier."""
        since_ms = now_ms - FORGET_AFTER_MS + 1
        self._let_rest(since_ms)
        for key in _unseen(self._resting, since_ms):
            del self._resting[key]
            self._changed.add(key)

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        """Changelog entries since the last call, in the order of their keys."""
        keys, self._changed = sorted(self._changed), set()
        found = [self._at_work.get(key) or self._resting.get(key) for key in keys]
        encode = self._encode
        return [
            (key, None if vehicle is None else stamp(SCHEMA, encode(vehicle)))
            for key, vehicle in zip(keys, found, strict=True)
        ]


def _unseen(vehicles: Mapping[bytes, Vehicle], since_ms: int) -> list[bytes]:
    """Those not heard of since then, of vehicles of which the longest unseen come first."""
    return [key for key, _ in takewhile(lambda entry: entry[1].seen_ms < since_ms, vehicles.items())]


def _feed_of(key: bytes) -> str:
    return key.split(b"/", 2)[1].decode()
