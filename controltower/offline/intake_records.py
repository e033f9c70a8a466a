"""What a streamer of a recorded day writes into the intake topics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controltower.clock import epoch_ms_of
from controltower.intake import CLOCK_HEADER, FEED_HEADER, OVER_HEADER, RECEIVED_AT_HEADER, Payload
from controltower.offline.timeline import Mark
from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Out
from schemas.topics import CARRIER_EVENTS, PLANS
from schemas.wire import Plan, encode


def plan_records(plans: Iterable[Plan], received_at_ms: int) -> Iterator[Out]:
    """The plans as planners publish them, received at one instant before the day."""
    headers = ((RECEIVED_AT_HEADER, b"%d" % received_at_ms),)
    for plan in plans:
        yield Out(PLANS, plan.route_id.encode(), encode(plan), headers=headers)


def planned_end_ms(plans: Iterable[Plan]) -> int:
    """When the last plan ends; 0 without plans."""
    return max((epoch_ms_of(plan.ends_by) for plan in plans), default=0)


def arrival_record(arrival: Payload, partitions: int) -> Out:
    """One payload; its partition is the one that a producer of ours or Java's would take."""
    headers = (
        (FEED_HEADER, arrival.feed.encode()),
        (RECEIVED_AT_HEADER, b"%d" % arrival.received_at_ms),
    )
    partition = partition_of(arrival.key or b"", partitions)
    return Out(CARRIER_EVENTS, arrival.key, arrival.payload, partition, headers)


def mark_records(mark: Mark, partitions: int) -> Iterator[Out]:
    """The mark in every partition, since each is a source with a clock of its own."""
    headers: tuple[tuple[str, bytes], ...] = ((CLOCK_HEADER, b"%d" % mark.at_ms),)
    if mark.tail:
        headers += ((OVER_HEADER, b"1"),)
    for partition in range(partitions):
        yield Out(CARRIER_EVENTS, None, None, partition, headers)
