"""Line haul on a real Kafka: what is asked, answered and told is what the offline pipeline makes of the same
input, whatever is killed meanwhile."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from agents.app import build_offline_stages
from controltower.clock import epoch_ms_of
from controltower.offline.broker import TopicTail
from controltower.offline.intake_records import mark_records
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.offline.timeline import Mark
from controltower.offline.windows import Timed
from controltower.risk.linehaul.table import Milestones
from controltower.settings import Settings, load_settings
from controltower.streaming.client import produce_all, read_topic
from controltower.streaming.stage import Record
from schemas import wire
from schemas.topics import DEAD_LETTERS, SCORE_REQUESTS, SHIPMENT_EVENTS, SHIPMENT_STATUS
from schemas.vocabulary import HaulEnd, HaulScoreSource
from tests.integration.tower import Tower, fresh_topics, wait_until
from tests.kafka import RealKafka
from tests.unit.haul_windows import STARTS_AT, haul_windows, learned

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PARTITIONS = load_settings({}).partitions
SHIPMENTS = 24
STAGES = ("normalize", "assign", "score")
#: Minutes of a step of the inbound legs and of the outbound one: the same for all, so that they are scanned
#: together. Planned are 200 to 2000, so that some steps are early, and some overdue for hours.
INBOUND_MIN, OUTBOUND_MIN = 1000, 900
#: Where all stages die by SIGKILL: the first statuses of these scans are told, and their answers are not.
KILLED_AT = 6
#: Later than the latest promise and the eight days for which a shipment is kept.
FORGOTTEN_AT = STARTS_AT + timedelta(days=40)

Window = tuple[int, list[Timed]]
#: By key, everything in its order.
Told = dict[bytes | None, list[bytes | None]]


class Step(NamedTuple):
    """A part of the intake, and how many statuses there are once all that it leads to is done."""

    intake: list[Timed]
    statuses: int


class Day(NamedTuple):
    """The model's folder, the intake step by step, and every record that the offline pipeline makes of it."""

    model: Path
    steps: list[Step]
    records: list[Record]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("hauls")
    table, model = learned(folder)
    return replayed(model, [*apart(haul_windows(in_step(table), PARTITIONS)), long_after()])


def in_step(table: Milestones) -> Milestones:
    """Some of the shipments, all scanned in the same minutes; of a second inbound leg only its end is."""
    table = table.of_rows(slice(SHIPMENTS))
    minutes = np.array([INBOUND_MIN, INBOUND_MIN - 1, INBOUND_MIN, OUTBOUND_MIN], dtype=np.float64)
    took = np.where(np.isfinite(table.effective), minutes[:, None], np.nan)
    took[:, 1, :-1] = np.nan
    return replace(table, effective=took)


def apart(windows: Iterable[Window]) -> Iterator[Window]:
    """Scans, then the clock: an answer to the first stands before the second in every run."""
    clock: Window | None = None
    for ends_ms, intake in windows:
        scans = [timed for timed in intake if timed[0].value is not None]
        if scans and clock is not None:
            yield clock
        if scans:
            yield ends_ms, scans
        clock = ends_ms, [timed for timed in intake if timed[0].value is None]
    if clock is not None:
        yield clock


def long_after() -> Window:
    """The clock when all shipments are forgotten."""
    at_ms = epoch_ms_of(FORGOTTEN_AT)
    return at_ms, [(out, at_ms) for out in mark_records(Mark(at_ms), PARTITIONS)]


def replayed(model: Path, windows: list[Window]) -> Day:
    """Each window is followed by an empty one, in which what was answered in it is folded."""
    clock = SteppedClock()
    stages = build_offline_stages(Settings(haul_model_dir=model), clock.now_ms)
    records: list[Record] = []
    steps: list[Step] = []

    def with_answers() -> Iterator[Window]:
        for ends_ms, intake in windows:
            yield ends_ms, intake
            yield ends_ms, []
            steps.append(Step(intake, sum(record.topic == SHIPMENT_STATUS for record in records)))

    for record in Pipeline(stages, PARTITIONS, clock).run_windows(with_answers()):
        records.append(record)
    return Day(model, steps, records)


@pytest.fixture
def tower(real_kafka: RealKafka, day: Day, tmp_path: Path) -> Iterator[Tower]:
    fresh_topics(real_kafka.brokers)
    name = f"hauls-{uuid.uuid4().hex[:8]}"
    tower = Tower(real_kafka.brokers, name, tmp_path, "", haul_model_dir=str(day.model))
    tower.start("worker", "worker", *(word for stage in STAGES for word in ("--stage", stage)))
    yield tower
    tower.close()


def live_through(tower: Tower, steps: list[Step]) -> None:
    """Each step once the one before is done, so that nothing but the order within a log decides."""
    tail = TopicTail(tower.brokers, {}, (SHIPMENT_STATUS,), PARTITIONS, patience_ms=20)
    seen = 0

    def is_told(wanted: int) -> bool:
        nonlocal seen
        seen += sum(1 for _ in tail.catch_up())
        return seen >= wanted

    try:
        for number, step in enumerate(steps):
            produce_all(tower.brokers, (out for out, _ in step.intake))
            if number == KILLED_AT:
                wait_until("the first status", partial(is_told, seen + 1))
                for stage in STAGES:
                    tower.kill(stage)
            wait_until(f"{step.statuses} statuses", partial(is_told, step.statuses))
    finally:
        tail.close()


def told(records: Iterable[Record], topic: str) -> Told:
    """What a topic says of each key; of the log of shipments only the answers."""
    found: defaultdict[bytes | None, list[bytes | None]] = defaultdict(list)
    for record in records:
        if record.topic == topic and (topic != SHIPMENT_EVENTS or _is_answer(record)):
            found[record.key].append(record.value)
    return dict(found)


def _is_answer(record: Record) -> bool:
    return record.value is not None and isinstance(wire.decode_any(record.value), wire.HaulScore)


def test_stages_that_are_killed_tell_what_the_offline_pipeline_tells(tower: Tower, day: Day) -> None:
    """Every question, answer and status in its order, byte by byte, tombstones too: none lost or twice."""
    tower.wait_ready("worker", STAGES)
    live_through(tower, day.steps)
    live = list(read_topic(tower.brokers, [SCORE_REQUESTS, SHIPMENT_EVENTS, SHIPMENT_STATUS]))
    for topic in (SCORE_REQUESTS, SHIPMENT_EVENTS, SHIPMENT_STATUS):
        assert told(live, topic) == told(day.records, topic)
    assert not list(read_topic(tower.brokers, [DEAD_LETTERS]))
    assert tower.log("worker").count("was killed by signal 9") == len(STAGES)


def test_the_day_has_what_it_is_to_show(day: Day) -> None:
    """Answers of the model, shipments in time and late, and two statuses of each in the step of the kill."""
    statuses = [wire.decode_any(r.value) for r in day.records if r.topic == SHIPMENT_STATUS and r.value]
    found = [status for status in statuses if isinstance(status, wire.ShipmentStatus)]
    assert {status.scored_by for status in found} == {None, HaulScoreSource.MODEL}
    ended = [status for status in found if status.ended_because is HaulEnd.ARRIVED]
    assert {status.missed for status in ended} == {True, False}
    before, after = (day.steps[number].statuses for number in (KILLED_AT - 1, KILLED_AT))
    assert after - before == 2 * SHIPMENTS
    lives = told(day.records, SHIPMENT_STATUS).values()
    assert [life[-1] for life in lives] == [None] * SHIPMENTS
