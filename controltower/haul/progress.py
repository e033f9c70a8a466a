"""Where a line haul stands: which steps are done, how long each took, what is open and what is overdue.

All of it is a function of the plan and of the scans that were heard, whatever their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import chain
from typing import Final, NamedTuple

from controltower.clock import epoch_ms_of
from schemas.vocabulary import HAUL_STEP_OF, HaulStepKind, Milestone
from schemas.wire import HaulLeg, HaulPlan, HaulStep, Scan

MINUTE_MS: Final = 60_000
#: Columns of a leg: RCS, DEP and RCF of up to three flights, DLV.
COLUMNS: Final = 8
#: A step that is overdue is looked at again after an hour, two hours, four ...: few looks, however late.
_AGAIN_MS: Final = 60 * MINUTE_MS

#: What a scan says of a line haul: the kind of step, its stop and hub, and when it happened (epoch ms).
Mark = tuple[HaulStepKind, str | None, str | None, int]
#: By leg (the outbound one last) and step: when it was done (epoch ms), or None.
Done = tuple[tuple[int | None, ...], ...]


class LegProgress(NamedTuple):
    """`effective_min`: how long each step took, None where unknown or no time passed; `passed_ms`: its last
    known step, or its beginning; `next_step` is behind the last known one, None where the leg is through."""

    leg: HaulLeg
    effective_min: tuple[float | None, ...]
    passed_ms: int
    begun: bool
    next_step: int | None

    @property
    def due_ms(self) -> int | None:
        """When the next step is done as planned."""
        if self.next_step is None:
            return None
        return self.passed_ms + to_ms(self.leg.steps[self.next_step].planned_min)

    def expected_ms(self, begins_ms: int, now_ms: int) -> int:
        """Its end if all that is left takes as long as planned, and what is overdue is done now."""
        if self.next_step is None:
            return self.passed_ms
        at_ms = self.passed_ms if self.begun else begins_ms
        first, *later = (step.planned_min for step in self.leg.steps[self.next_step :])
        return max(at_ms + to_ms(first), now_ms) + to_ms(sum(later))


class Progress(NamedTuple):
    """The legs of a line haul."""

    inbound: tuple[LegProgress, ...]
    outbound: LegProgress

    @property
    def legs(self) -> tuple[LegProgress, ...]:
        """The outbound one last."""
        return (*self.inbound, self.outbound)

    @property
    def open_legs(self) -> tuple[LegProgress, ...]:
        """What is under way: inbound legs until something of the outbound one is known, then that one."""
        left = tuple(leg for leg in self.inbound if leg.next_step is not None)
        if left and not self.outbound.begun:
            return left
        return (self.outbound,) if self.outbound.next_step is not None else ()

    def expected_ms(self, now_ms: int) -> int:
        """The end of the outbound leg."""
        if self.outbound.begun:
            return self.outbound.expected_ms(0, now_ms)
        begins_ms = max(leg.expected_ms(leg.passed_ms, now_ms) for leg in self.inbound)
        return self.outbound.expected_ms(begins_ms, now_ms)


def to_ms(minutes: float) -> int:
    """Whole milliseconds."""
    return round(minutes * MINUTE_MS)


def legs_of(plan: HaulPlan) -> tuple[HaulLeg, ...]:
    """The outbound one last."""
    return (*plan.inbound, plan.outbound)


def promised_ms(plan: HaulPlan) -> int:
    """The promise: the end of the outbound leg as planned."""
    longest = max(_planned_min(leg.steps) for leg in plan.inbound)
    minutes = longest + _planned_min(plan.outbound.steps)
    return epoch_ms_of(plan.starts_at + timedelta(minutes=minutes))


def _planned_min(steps: Iterable[HaulStep]) -> float:
    return sum(step.planned_min for step in steps)


def columns_of(steps: int) -> Iterator[int]:
    """Where the steps of a leg stand among the eight columns."""
    return chain(range(steps - 1), (COLUMNS - 1,))


def find_mark(scan: Scan) -> Mark | None:
    """What the scan says of a line haul, or None."""
    kind = HAUL_STEP_OF.get(scan.milestone) if scan.milestone is not None else None
    if kind is None:
        return None
    hub = scan.place.hub if scan.place is not None else None
    return kind, scan.stop_id, hub, epoch_ms_of(scan.occurred_at)


def is_mark(milestone: Milestone | None) -> bool:
    """Whether a scan of this milestone may complete a step."""
    return milestone in HAUL_STEP_OF


def find_done(plan: HaulPlan, marks: Iterable[Mark]) -> Done:
    """When each step was done: the first scan of its kind at its place."""
    first_ms: dict[tuple[HaulStepKind, str | None], int] = {}
    known = {(step.step, step.place) for leg in legs_of(plan) for step in leg.steps}
    for kind, stop_id, hub, at_ms in marks:
        places = (place for place in (stop_id, hub, None) if (kind, place) in known)
        key = kind, next(places, "")
        first_ms[key] = min(at_ms, first_ms.get(key, at_ms))
    return tuple(tuple(first_ms.get((step.step, step.place)) for step in leg.steps) for leg in legs_of(plan))


def measure(plan: HaulPlan, done: Done) -> Progress:
    """The legs in minutes. A scan that is missing takes no time of its own: the step behind it has it."""
    starts_ms = epoch_ms_of(plan.starts_at)
    *inbound_done, outbound_done = done
    inbound = tuple(
        _follow(leg, leg_done, starts_ms) for leg, leg_done in zip(plan.inbound, inbound_done, strict=True)
    )
    return Progress(inbound, _follow(plan.outbound, outbound_done, max(leg.passed_ms for leg in inbound)))


def _follow(leg: HaulLeg, done: tuple[int | None, ...], starts_ms: int) -> LegProgress:
    passed_ms, next_step = starts_ms, 0
    effective: list[float | None] = []
    for number, at_ms in enumerate(done):
        took_ms = max(0, at_ms - passed_ms) if at_ms is not None else 0
        effective.append(took_ms / MINUTE_MS or None)
        passed_ms += took_ms
        next_step = next_step if at_ms is None else number + 1
    is_through = next_step == len(done)
    return LegProgress(leg, tuple(effective), passed_ms, next_step > 0, None if is_through else next_step)


def find_next_look_ms(progress: Progress, after_ms: int) -> int | None:
    """The next moment after `after_ms` at which an open step is overdue, or is so for twice as long."""
    looks = [_next_look_ms(leg.due_ms, after_ms) for leg in progress.open_legs if leg.due_ms is not None]
    return min(looks, default=None)


def _next_look_ms(due_ms: int, after_ms: int) -> int:
    if due_ms > after_ms:
        return due_ms
    wait_ms = _AGAIN_MS
    while due_ms + wait_ms <= after_ms:
        wait_ms *= 2
    return due_ms + wait_ms


def count_done(done: Done) -> int:
    """Steps that are done."""
    return sum(at_ms is not None for leg in done for at_ms in leg)


def take_mark(marks: Mapping[str, Mark], scan: Scan, most: int) -> dict[str, Mark]:
    """The marks with what this scan says; a correction replaces what it said before."""
    others = {scan_id: mark for scan_id, mark in marks.items() if scan_id != scan.scan_id}
    mark = find_mark(scan)
    if mark is None:
        return others
    return {**dict([*others.items()][-(most - 1) :]), scan.scan_id: mark}
