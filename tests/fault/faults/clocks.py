"""Clocks that are wrong: those of devices, and those of the machines the stages run on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, ClassVar

import msgspec

from controltower.clock import epoch_ms_of
from controltower.intake import Arrival
from controltower.simulate.day import Day
from controltower.streaming.client import read_topic
from schemas import wire
from schemas.topics import ROUTE_EVENTS, STAGES
from tests.fault.faults.inputs import InputScenario
from tests.fault.installation import FaultTower
from tests.fault.suite import Scenario
from tests.fault.undisturbed import false_alarms
from tests.kafka import RealKafka

_DAY = timedelta(days=1)
_METROLINE_TIME = "%d.%m.%Y %H:%M:%S"


class DeviceClocks(InputScenario):
    """Trackers of some vans are a day ahead, of others a day behind: no other route hears of it."""

    name: ClassVar[str] = "device clocks a day off"

    def __init__(self) -> None:
        self._routes: set[str] = set()

    def shape(self, arrivals: Sequence[Arrival], rng: Random) -> Sequence[Arrival]:
        routes = sorted({route for arrival in arrivals if (route := _route_of(arrival))})
        off = dict(zip(rng.sample(routes, max(2, len(routes) // 3)), _alternately(), strict=False))
        self._routes = set(off)
        shifted = [_shifted(arrival, off.get(_route_of(arrival) or "")) for arrival in arrivals]
        return self.reshaped(shifted, sum(a is not b for a, b in zip(shifted, arrivals, strict=True)))

    def examine(self, tower: FaultTower, day: Day) -> list[str]:
        different = false_alarms(tower.brokers, day)
        return [
            what for what in different if not any(f" of route:{route} " in what for route in self._routes)
        ]


def _alternately() -> Iterator[timedelta]:
    while True:
        yield _DAY
        yield -_DAY


def _read(arrival: Arrival) -> dict[str, Any] | None:
    try:
        payload = msgspec.json.decode(arrival.payload)
    except msgspec.DecodeError:
        return None
    return payload if isinstance(payload, dict) else None


def _route_of(arrival: Arrival) -> str | None:
    """The route of a tracker's payload; scans and garbage have none."""
    payload = _read(arrival)
    if payload is None:
        return None
    if payload.get("satzart") == "POS":
        return str(payload["tour"])
    events = payload.get("events")
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        return None
    tours = {event["tour"].get("no") for event in events if isinstance(event.get("tour"), dict)} - {None}
    return str(tours.pop()) if len(tours) == 1 else None


def _shifted(arrival: Arrival, by: timedelta | None) -> Arrival:
    payload = _read(arrival)
    if by is None or payload is None:
        return arrival
    try:
        if "zeit" in payload:
            at = datetime.strptime(payload["zeit"], _METROLINE_TIME) + by
            payload["zeit"] = at.strftime(_METROLINE_TIME)
        for event in payload.get("events", ()):
            event["at"] = (datetime.fromisoformat(event["at"]) + by).isoformat()
    except (ValueError, TypeError, KeyError):  # spoilt before
        return arrival
    return replace(arrival, payload=msgspec.json.encode(payload))


class WorkerClocks(Scenario):
    """Half of the stages run 10 minutes ahead, half 10 behind: ticks keep to the broker's clock."""

    name: ClassVar[str] = "workers' clocks 10 min off"
    _OFF_S: ClassVar[int] = 600

    def launch(self, tower: FaultTower) -> None:
        """normalize, which tells the time, once ahead and once behind."""
        for number, stage in enumerate(STAGES):
            off_s = self._OFF_S if number % 2 == 0 else -self._OFF_S
            tower.launch("tests.fault.offclock_stage", stage, str(off_s), "worker", "--stage", stage)

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        for off_s in (-self._OFF_S, self._OFF_S):
            tower.pause_while_flowing(5)
            assert tower.stop("normalize") == 0
            tower.launch(
                "tests.fault.offclock_stage", "normalize", str(off_s), "worker", "--stage", "normalize"
            )
            tower.wait_for_work()
        return len(STAGES) + 2

    def examine(self, tower: FaultTower, day: Day) -> list[str]:
        """Before the first record of a source its ticks bear the time of the wall, which is the broker's."""
        wrong, ticks = [], 0
        for record in read_topic(tower.brokers, [ROUTE_EVENTS]):
            event = wire.decode_route_event(record.value or b"")
            if isinstance(event, wire.Tick) and event.empty:
                ticks += 1
                early_ms = record.timestamp_ms - epoch_ms_of(event.upto)
                if not 0 <= early_ms < 60_000:
                    wrong.append(f"a tick says {-early_ms / 1000:+.1f} s of when the broker took it")
        assert ticks, "no source ever ticked the wall"
        tower.notes.append(f"{ticks} ticks of the wall's time")
        return [*wrong[:5], *false_alarms(tower.brokers, day)]
