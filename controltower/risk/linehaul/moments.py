"""What was known of shipments under way: a table of what is over, cut at the moments when the stream asks.

Minutes count from the beginning of the inbound legs; the outbound leg begins when the last of them is
through. It asks when a step is done, when one is overdue, and again an hour, two, four ... later.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controltower.risk.linehaul.features import Stage
from controltower.risk.linehaul.table import Floats, Milestones, total

#: Of one shipment: enough to see every part of its way, few enough that long ones do not rule.
_MOST_MOMENTS: Final = 10
_AGAIN_MIN: Final = 60.0 * 2.0 ** np.arange(10)


class Examples(NamedTuple):
    """What is known, what came of it, and which shipment it is (its number in the table). A shipment counts
    once, whatever its moments: see `weight`."""

    known: Milestones
    late: Floats
    shipment: NDArray[np.int64]
    weight: Floats


def examples_of(milestones: Milestones, stage: Stage) -> Examples:
    """One per shipment, or up to ten of each where the stage is any moment under way."""
    if stage is not Stage.UNDERWAY:
        every = np.arange(len(milestones))
        return Examples(milestones, milestones.late(), every, np.ones(len(milestones)))
    asked = [moments_of(milestones, row) for row in range(len(milestones))]
    shipment = np.repeat(np.arange(len(milestones)), [len(at) for at in asked])
    known = cut(milestones.of_rows(shipment), np.concatenate(asked))
    weight = 1.0 / np.maximum(np.bincount(shipment, minlength=len(milestones)), 1)
    return Examples(known, milestones.late()[shipment], shipment, weight[shipment])


def moments_of(milestones: Milestones, row: int) -> Floats:
    """Minutes at which a shipment under way is asked about, in their order, while its promise is open."""
    done = completions(milestones.of_rows(slice(row, row + 1)))[0]
    began = begins(milestones.of_rows(slice(row, row + 1)))[0]
    at = [done[np.isfinite(done)]]
    for leg in range(len(done)):
        steps, planned = np.flatnonzero(np.isfinite(done[leg])), milestones.planned[row, leg]
        columns = np.flatnonzero(np.isfinite(planned))
        if not len(steps) or not len(columns):
            continue
        # What is waited for is the next step of the plan, also one whose scan never came.
        awaited = columns[np.searchsorted(columns, np.concatenate([[-1], steps[:-1]]), side="right")]
        before = np.concatenate([[began[leg]], done[leg, steps][:-1]])
        due = before + planned[awaited]
        looks = np.concatenate([due[:, None], due[:, None] + _AGAIN_MIN], axis=1)
        at.append(looks[looks < done[leg, steps][:, None]])
    every: Floats = np.unique(np.concatenate(at))
    ends = min(float(np.nanmax(done)), float(total(milestones.planned[row : row + 1])[0]))
    found: Floats = every[(every < ends) & (every != began[-1])]
    if len(found) <= _MOST_MOMENTS:
        return found
    return np.asarray(found[np.linspace(0, len(found) - 1, _MOST_MOMENTS).round().astype(np.int64)])


def begins(milestones: Milestones) -> Floats:
    """When each leg begins, (n, 4)."""
    legs: Floats = np.nansum(milestones.effective, axis=2)
    start: Floats = np.zeros_like(legs)
    start[:, -1] = legs[:, :-1].max(axis=1)
    return start


def completions(milestones: Milestones) -> Floats:
    """When each step is done, (n, 4, 8), NaN where that is not known."""
    done = begins(milestones)[:, :, None] + np.nancumsum(milestones.effective, axis=2)
    return np.where(np.isfinite(milestones.effective), done, np.nan)


def cut(milestones: Milestones, at_min: Floats) -> Milestones:
    """What was known of each shipment at its moment, at_min of shape (n,)."""
    done = completions(milestones)
    seen = done <= at_min[:, None, None]
    effective = np.where(seen, milestones.effective, np.nan)
    passed = np.nansum(effective, axis=2)
    start: Floats = np.zeros_like(passed)
    start[:, -1] = passed[:, :-1].max(axis=1)
    used = np.isfinite(milestones.planned).any(axis=2)
    is_open = used & ~seen[:, :, -1]
    outbound = np.asarray(seen[:, -1].any(axis=1) | ~is_open[:, :-1].any(axis=1))
    is_open[:, :-1] &= ~outbound[:, None]
    is_open[:, -1] &= outbound
    waiting = np.where(is_open, at_min[:, None] - start - passed, np.nan)
    return Milestones(milestones.planned, effective, milestones.hops, waiting)
