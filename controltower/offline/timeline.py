"""A recorded day in stream time: arrivals, and between them the marks that move its clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controltower.intake import Payload

MARK_EVERY_MS = 10_000
#: A route ends 6 h after its plan's end at the latest; an hour more lets the last exceptions resolve.
TAIL_MS = 7 * 3600 * 1000
#: After the last arrival only deadlines are left, so the marks may be further apart.
TAIL_MARK_EVERY_MS = 60_000
#: Plans reach us this long before the day's first report.
PLANS_AHEAD_MS = 1000


@dataclass(slots=True, frozen=True)
class Mark:
    """Everything that was received before `at_ms` has been given; `tail`: there are no more arrivals."""

    at_ms: int
    tail: bool = False


def with_marks(arrivals: Iterable[Payload], planned_end_ms: int = 0) -> Iterator[Payload | Mark]:
    """Arrivals in their order with a mark at every full 10 s between them, and marks for the time after.

    The last mark is at least 7 h after the last arrival and after `planned_end_ms`, the latest end of a
    plan. Nothing comes of no arrivals.
    """
    next_ms: int | None = None
    last_ms = 0
    for arrival in arrivals:
        last_ms = max(last_ms, arrival.received_at_ms)
        if next_ms is None:
            next_ms = _next_full(arrival.received_at_ms, MARK_EVERY_MS)
        while next_ms <= arrival.received_at_ms:
            yield Mark(next_ms)
            next_ms += MARK_EVERY_MS
        yield arrival
    if next_ms is not None:
        ends_ms = max(last_ms, planned_end_ms) + TAIL_MS
        for at_ms in range(next_ms, ends_ms + TAIL_MARK_EVERY_MS, TAIL_MARK_EVERY_MS):
            yield Mark(at_ms, tail=True)


def _next_full(at_ms: int, step_ms: int) -> int:
    return (at_ms // step_ms + 1) * step_ms
