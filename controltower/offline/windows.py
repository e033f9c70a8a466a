"""A day's intake in clock windows: what every replay folds, whatever runs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controltower.intake import Payload
from controltower.offline.intake_records import arrival_record, mark_records, plan_records, planned_end_ms
from controltower.offline.timeline import PLANS_AHEAD_MS, Mark, with_marks
from controltower.streaming.stage import Out
from schemas.wire import Plan

#: A record for an intake topic and its append time (ms).
Timed = tuple[Out, int]


def clock_windows(
    plans: Iterable[Plan], arrivals: Iterable[Payload], partitions: int
) -> Iterator[tuple[int, list[Timed]]]:
    """(end of a window in ms, what was received before it); plans come a second before the first report."""
    waiting = list(plans)
    intake: list[Timed] = []
    for event in with_marks(arrivals, planned_end_ms(waiting)):
        if isinstance(event, Mark):
            intake += ((out, event.at_ms) for out in mark_records(event, partitions))
            yield event.at_ms, intake
            intake = []
            continue
        if waiting:
            received_at_ms = event.received_at_ms - PLANS_AHEAD_MS
            intake += ((out, received_at_ms) for out in plan_records(waiting, received_at_ms))
            waiting = []
        intake.append((arrival_record(event, partitions), event.received_at_ms))
