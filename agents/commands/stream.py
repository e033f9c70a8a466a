"""Publish a recorded day as a feed would: plans first, then the reports in their order and pace.

FOLDER is GTFS with vehicle_positions.csv. Each record says in its header when it was received that day,
and marks carry the day's clock, so a February afternoon stays a February afternoon. The worker may run
already, as long as no other record has told it a later time. With --day, only the plans of that service day
are published, for a live feed. With --simulate, the day of a simulated city is published instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Protocol

from agents.errors import CommandError
from agents.options import add_brokers, reach_kafka
from agents.progress import ProgressShown
from agents.publisher import Pace, Publisher
from agents.simulated_day import simulate_next_day
from controltower.clock import wall_ms
from controltower.gtfs.folder import read_planned_day, read_recorded_day
from controltower.gtfs.times import parse_service_day
from controltower.intake import Arrival
from controltower.offline.broker import find_clock_ms, find_partitions
from controltower.offline.intake_records import arrival_record, mark_records, plan_records, planned_end_ms
from controltower.offline.timeline import PLANS_AHEAD_MS, Mark, with_marks
from controltower.settings import Settings
from schemas.topics import CARRIER_EVENTS, PLANS, ROUTE_EVENTS
from schemas.wire import Plan

HELP = "publish a recorded day as a feed would"


class Day(Protocol):
    """A day to stream; `arrivals` starts anew at each call."""

    @property
    def plans(self) -> Sequence[Plan]: ...
    @property
    def arrivals_total(self) -> int: ...
    def arrivals(self) -> Iterator[Arrival]: ...


def configure(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="GTFS folder")
    source.add_argument("--simulate", type=int, metavar="SEED", help="the day of a simulated city instead")
    parser.add_argument(
        "--speed", type=_speed, default=1.0, metavar="N", help="N times as fast as it was (%(default)s)"
    )
    parser.add_argument("--day", type=_day, metavar="YYYYMMDD", help="only the plans of this service day")
    add_brokers(parser)


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < 1e6:
        raise ValueError
    return speed


def _day(text: str) -> date:
    return parse_service_day(text)


def run(args: argparse.Namespace, settings: Settings) -> int:
    brokers = reach_kafka(settings)
    found = find_partitions(brokers, settings.security())
    for topic in (PLANS, CARRIER_EVENTS, ROUTE_EVENTS):
        if topic not in found:
            raise CommandError(f"Kafka at {brokers} has no topic {topic}", "controltower topics create")
    publisher = Publisher(brokers, settings.security())
    if args.day is not None:
        if args.folder is None:
            raise CommandError("--day: needs the FOLDER whose plans to publish")
        return _publish_plans(args.folder, args.day, publisher)
    clock_ms = find_clock_ms(brokers, settings.security())
    day = _find_day(args, clock_ms)
    first = next(day.arrivals(), None)
    if first is None:
        raise CommandError(f"{args.folder}: vehicle_positions has no rows", "a day needs reports to stream")
    opens_at_ms = first.received_at_ms - PLANS_AHEAD_MS
    _refuse_later_clock(clock_ms, opens_at_ms)
    _stream(day, opens_at_ms, found[CARRIER_EVENTS], args.speed, publisher)
    return 0


def _find_day(args: argparse.Namespace, clock_ms: int | None) -> Day:
    if args.simulate is not None:
        return simulate_next_day(args.simulate, clock_ms, wall_ms())
    return read_recorded_day(args.folder)


def _refuse_later_clock(clock_ms: int | None, opens_at_ms: int) -> None:
    """Clocks never go back: all of an earlier day would count as late."""
    if clock_ms is not None and clock_ms > opens_at_ms:
        raise CommandError(
            "the clock of this system is already past the beginning of the day",
            "stream it into fresh topics: a system has one clock, and it never goes back",
        )


def _publish_plans(folder: Path, day: date, publisher: Publisher) -> int:
    plans = read_planned_day(folder, day)
    publisher.send(plan_records(plans, wall_ms()))
    publisher.flush()
    print(f"{len(plans):,} plans of {day} published")
    return 0


def _stream(day: Day, opens_at_ms: int, partitions: int, speed: float, publisher: Publisher) -> None:
    publisher.send(mark_records(Mark(opens_at_ms), partitions))
    publisher.send(plan_records(day.plans, opens_at_ms))
    publisher.flush()
    print(f"the day is open: {len(day.plans):,} plans published", flush=True)
    pace = Pace(opens_at_ms, speed)
    with ProgressShown("streaming", "events", day.arrivals_total) as progress:
        _send_events(day, partitions, publisher, pace, progress.advance)
        publisher.flush()
        seconds = progress.seconds
    print(
        f"{day.arrivals_total:,} reports published in {seconds:.1f} s, {day.arrivals_total / seconds:,.0f}/s"
    )


def _send_events(
    day: Day, partitions: int, publisher: Publisher, pace: Pace, advance: Callable[[], None]
) -> None:
    """The marks after the last report are not paced: nothing but deadlines happens then."""
    for event in with_marks(day.arrivals(), planned_end_ms(day.plans)):
        if isinstance(event, Mark):
            if not event.tail:
                pace.wait_for(event.at_ms, publisher.poll)
            publisher.send(mark_records(event, partitions))
        else:
            pace.wait_for(event.received_at_ms, publisher.poll)
            publisher.send([arrival_record(event, partitions)])
            advance()
