"""More than usual."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import ClassVar

import psutil
from confluent_kafka import Consumer

from agents.publisher import Publisher
from controltower.clock import instant_of
from controltower.offline.intake_records import mark_records, plan_records
from controltower.offline.timeline import Mark
from controltower.streaming.client import read_topic
from controltower.streaming.kafka_config import reader_config
from schemas import wire
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS
from schemas.vocabulary import ExceptionCode, Transition
from tests.fault.day import PARTITIONS
from tests.fault.installation import FaultTower
from tests.fault.judge import count_owed
from tests.fault.suite import Scenario
from tests.kafka import RealKafka

_MIB = 1 << 20
_HOUR_MS = 3_600_000


class MemoryWatch:
    """The largest resident set of each stage process while it runs, in MiB."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self.before = self._read()
        self.peaks = dict(self.before)
        self._stopped = threading.Event()
        threading.Thread(target=self._watch, name="memory", daemon=True).start()

    def _read(self) -> dict[str, float]:
        return {stage: psutil.Process(pid).memory_info().rss / _MIB for stage, pid in self._pids.items()}

    def _watch(self) -> None:
        while not self._stopped.wait(0.5):
            try:
                now = self._read()
            except psutil.NoSuchProcess:
                return
            self.peaks = {stage: max(peak, now[stage]) for stage, peak in self.peaks.items()}

    def stop(self) -> str:
        """Grown most, in words."""
        self._stopped.set()
        stage = max(self.peaks, key=lambda name: self.peaks[name] - self.before[name])
        return f"{stage} grew most, {self.before[stage]:.0f} to {self.peaks[stage]:.0f} MiB"


class Undisturbed:
    """No stage may restart and no group rebalance."""

    def __init__(self, tower: FaultTower) -> None:
        self._tower = tower
        self._before = self._look()

    def _look(self) -> tuple[dict[str, int], int]:
        return self._tower.stage_pids(), self._tower.log("worker").count('"event": "ready"')

    def check(self) -> None:
        pids, ready = self._look()
        assert pids == self._before[0], f"a stage restarted: {self._why()}"
        assert ready == self._before[1], f"a group rebalanced: {self._why()}"

    def _why(self) -> str:
        """What stages and supervisor said on standard error, and the clients of trouble with the group."""
        lines = self._tower.log("worker").splitlines()
        return "; ".join(line[:300] for line in lines if line[:1] != "{" or '"level": "error"' in line)[
            -3000:
        ]


class TenfoldLoad(Scenario):
    """Ten times the usual for two minutes: lag grows and drains, no rebalance, and memory is bounded."""

    name: ClassVar[str] = "tenfold load"
    _USUAL_S: ClassVar[float] = 15.0
    #: beyond what a stage had before; the polls in flight are what may pile up in it
    _MAY_GROW_MIB: ClassVar[float] = 400.0

    def __init__(self, lasts_s: float, vans: int | None) -> None:
        self._lasts_s = lasts_s
        self.vans = vans  # type: ignore[misc]
        #: even, the load takes the day to where it slows down
        self.day_s = 10 * lasts_s / 0.65

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        day = tower.day
        assert day is not None
        tower.pause_while_flowing(self._USUAL_S)
        undisturbed, memory = Undisturbed(tower), MemoryWatch(tower.stage_pids())
        day.speed *= 10
        started, sent, lag = time.monotonic(), day.sent, 0
        while day.flows and time.monotonic() < started + self._lasts_s:
            time.sleep(2.0)
            lag = max(lag, sum(tower.lag(stage) for stage in ("normalize", "assign", "track", "recover")))
        rate = (day.sent - sent) / (time.monotonic() - started)
        day.finish()
        ended = time.monotonic()
        assert count_owed(tower.brokers, self.catch_up_s) == 0, "the backlog does not drain"
        tower.waits.append(time.monotonic() - ended)
        tower.notes += [f"{rate:,.0f} payloads/s", f"lag up to {lag:,}", memory.stop()]
        undisturbed.check()
        for stage, peak in memory.peaks.items():
            assert peak - memory.before[stage] < self._MAY_GROW_MIB, f"{stage} took {peak:.0f} MiB"
        return 1


class ManyRoutesAtOnce(Scenario):
    """One tick makes a condition of all these routes true: one transaction a partition, no rebalance."""

    day_s = 30.0
    catch_up_s: ClassVar[float] = 900.0
    ends_day: ClassVar[bool] = False
    name: ClassVar[str] = "a poll that changes many routes"

    def __init__(self, routes: int) -> None:
        self._routes = routes

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        day = tower.day
        assert day is not None
        tower.pause_while_flowing(15)
        day.cut()
        publisher, departs_ms = Publisher(tower.brokers, {}), day.ends_at_ms + _HOUR_MS
        publisher.send(plan_records(self._plans(departs_ms), day.opens_at_ms))
        publisher.flush()
        assert count_owed(tower.brokers, self.catch_up_s) == 0, "the plans are not taken"
        undisturbed, memory = Undisturbed(tower), MemoryWatch(tower.stage_pids())
        started = time.monotonic()
        publisher.send(mark_records(Mark(departs_ms + _HOUR_MS // 2), PARTITIONS))
        publisher.flush()
        assert count_owed(tower.brokers, self.catch_up_s) == 0, "the backlog does not drain"
        tower.waits.append(time.monotonic() - started)
        tower.notes.append(memory.stop())
        undisturbed.check()
        late = sum(_is_late(record.value) for record in read_topic(tower.brokers, [EXCEPTIONS]))
        assert late >= self._routes, f"only {late} of {self._routes} routes were told late"
        tower.notes.append(f"{late:,} LATE_DEPARTURE")
        return self._routes

    def _plans(self, departs_ms: int) -> Iterator[wire.Plan]:
        """Short rounds that never start, all due at the same moment."""
        departs = instant_of(departs_ms)
        ends = departs + timedelta(minutes=20)
        for number in range(self._routes):
            lat, lon = 52.0 + number % 200 * 0.005, 13.0 + number // 200 * 0.005
            first = wire.Stop(
                stop_id="a", sequence=1, lat=lat, lon=lon, planned_arrival=departs, planned_departure=departs
            )
            last = wire.Stop(
                stop_id="b", sequence=2, lat=lat + 0.01, lon=lon, planned_arrival=ends, planned_departure=ends
            )
            yield wire.Plan(
                route_id=f"crowd-{number:05d}",
                version=1,
                carrier="crowd",
                departs_at=departs,
                ends_by=ends,
                stops=(first, last),
            )


def _is_late(value: bytes | None) -> bool:
    told = wire.decode_any(value or b"{}")
    return (
        isinstance(told, wire.ExceptionRecord)
        and told.transition is Transition.OPENED
        and told.code is ExceptionCode.LATE_DEPARTURE
        and told.home.startswith("route:crowd-")
    )


class SlowConsumer(Scenario):
    """Somebody reads our outputs one record in half a second, ever further behind: nobody here notices."""

    name: ClassVar[str] = "slow consumer of our outputs"
    day_s = 45.0

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        with _dawdler(tower.brokers) as count:
            undisturbed = Undisturbed(tower)
            tower.wait_for_work()
            tower.pause_while_flowing(20)
            tower.wait_for_work()
            undisturbed.check()
            assert count, "the slow consumer read nothing"
            tower.notes.append(f"it read {len(count)} records")
        return 1


@contextmanager
def _dawdler(brokers: str) -> Iterator[list[str]]:
    """A member of a group of its own; yields what it has read so far."""
    read, stopped = list[str](), threading.Event()
    config = {
        **reader_config(brokers, {}, "dawdler"),
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer({**config, "enable.auto.commit": True, "enable.auto.offset.store": True})
    consumer.subscribe([EXCEPTIONS, DISPATCH, ROUTE_STATUS])

    def dawdle() -> None:
        while not stopped.wait(0.5):
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                read.append(message.topic())

    thread = threading.Thread(target=dawdle, name="dawdler", daemon=True)
    thread.start()
    try:
        yield read
    finally:
        stopped.set()
        thread.join(5)
        consumer.close()
