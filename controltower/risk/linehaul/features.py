"""What is known of a shipment at a stage of its way, as one row: plan, durations so far, and the slack.

Training and serving both make their rows here.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from controltower.risk.linehaul.table import LEGS, STEPS, Floats, Milestones


class Stage(StrEnum):
    """How far a shipment has come. The stream asks at the first three; with all scans it is over."""

    PLAN = "plan"
    INBOUND = "inbound"
    UNDERWAY = "underway"
    ALL = "all"


WORDS = {
    Stage.PLAN: "the plan alone",
    Stage.INBOUND: "after the inbound DLV",
    Stage.UNDERWAY: "at any moment between",
    Stage.ALL: "with all scans",
}
_PLANNED = (
    *(f"{leg}_planned" for leg in LEGS),
    "inbound_planned",
    "planned",
    "inbound_imbalance",
    "legs",
    "rcs_share",
    "flights",
)
_DERIVED = (*_PLANNED, *(f"{leg}_delay" for leg in LEGS), "inbound_slip", "slack", "slack_share")
_UNDERWAY = (
    *_PLANNED,
    *(f"{leg}_slip" for leg in LEGS),
    *(f"{leg}_overdue" for leg in LEGS),
    "to_come",
    "done_share",
    "inbound_slip",
    "slack",
    "slack_share",
)


def known(milestones: Milestones, stage: Stage) -> Floats:
    """The effective minutes that are known at a stage: (n, 4, 8), NaN where not."""
    if stage in (Stage.ALL, Stage.UNDERWAY):
        return milestones.effective
    seen = np.full_like(milestones.effective, np.nan)
    if stage is Stage.INBOUND:
        seen[:, :-1] = milestones.effective[:, :-1]
    return seen


def raw_table(milestones: Milestones, stage: Stage) -> Floats:
    """The columns as they stand in the table, (n, F)."""
    n = len(milestones)
    seen = known(milestones, stage)
    columns = [milestones.planned.reshape(n, -1), seen.reshape(n, -1), milestones.hops]
    return np.hstack([*columns, milestones.waiting] if stage is Stage.UNDERWAY else columns)


def feature_table(milestones: Milestones, stage: Stage) -> Floats:
    """The raw columns and what they mean together, (n, F): see `names`."""
    return np.hstack([raw_table(milestones, stage), derived_table(milestones, stage)])


def derived_table(milestones: Milestones, stage: Stage) -> Floats:
    """Sums, delays and the slack, (n, D). slack: planned in all, less what passed, less what is planned for
    what is still to come."""
    return _underway_table(milestones) if stage is Stage.UNDERWAY else _staged_table(milestones, stage)


def _planned_columns(milestones: Milestones) -> tuple[Floats, Floats, Floats, Floats]:
    """Of each leg (n, 4), of the longest inbound leg and in all (n,), and the columns of `_PLANNED`."""
    planned = np.nansum(milestones.planned, axis=2)
    inbound, outbound = planned[:, :-1], planned[:, -1]
    longest = inbound.max(axis=1)
    whole = np.maximum(longest + outbound, 1.0)
    used = np.where(inbound > 0, inbound, np.nan)
    imbalance = longest - np.nanmin(np.where(np.isnan(used), longest[:, None], used), axis=1)
    flights = np.isfinite(milestones.planned[:, :, 1::2]).sum(axis=(1, 2))
    rcs = np.nansum(milestones.planned[:, :, 0], axis=1)
    legs = (inbound > 0).sum(axis=1)
    table = np.column_stack([planned, longest, whole, imbalance, legs, rcs / whole, flights])
    return planned, longest, whole, table


def _staged_table(milestones: Milestones, stage: Stage) -> Floats:
    """Legs are known as a whole or not at all."""
    seen = known(milestones, stage)
    planned, longest, whole, table = _planned_columns(milestones)
    outbound = planned[:, -1]
    leg_seen = np.where(np.isfinite(seen).any(axis=2), np.nansum(seen, axis=2), np.nan)
    passed = np.nanmax(np.where(np.isnan(leg_seen[:, :-1]), -np.inf, leg_seen[:, :-1]), axis=1)
    passed = np.where(np.isfinite(passed), passed, np.nan)
    to_come = np.where(np.isnan(leg_seen[:, -1]), outbound, leg_seen[:, -1])
    slack = longest + outbound - passed - to_come
    return np.column_stack([table, leg_seen - planned, longest - passed, slack, slack / whole])


def _underway_table(milestones: Milestones) -> Floats:
    """Each leg as far as it is known: what passed, what waits, and the plan for the rest."""
    planned, longest, whole, table = _planned_columns(milestones)
    seen, plan, waiting = milestones.effective, np.nan_to_num(milestones.planned), milestones.waiting
    step = np.arange(len(STEPS))
    last = np.where(np.isfinite(seen), step, -1).max(axis=2)
    passed = np.nansum(seen, axis=2)
    left = np.where(step > last[:, :, None], plan, 0.0)
    following = np.take_along_axis(plan, np.minimum(last + 1, len(STEPS) - 1)[:, :, None], axis=2)[:, :, 0]
    overdue = waiting - following
    expected = passed + left.sum(axis=2) + np.nan_to_num(np.maximum(overdue, 0.0))
    begun = last[:, -1] >= 0
    inbound = np.where(begun, passed[:, :-1].max(axis=1), expected[:, :-1].max(axis=1))
    slack = whole - inbound - expected[:, -1]
    used = np.where(planned > 0, expected - planned, np.nan)
    to_come = np.where(begun[:, None], left[:, -1:].sum(axis=2), left.sum(axis=2)).max(axis=1)
    done = np.isfinite(seen).sum(axis=(1, 2)) / np.maximum(
        np.isfinite(milestones.planned).sum(axis=(1, 2)), 1
    )
    return np.column_stack([table, used, overdue, to_come, done, longest - inbound, slack, slack / whole])


def names(stage: Stage) -> tuple[str, ...]:
    """Of the columns of `feature_table`."""
    raw = [f"{leg}_{step}_{kind}" for kind in ("p", "e") for leg in LEGS for step in STEPS]
    hops = [f"{leg}_hops" for leg in LEGS]
    if stage is Stage.UNDERWAY:
        return (*raw, *hops, *(f"{leg}_waiting" for leg in LEGS), *_UNDERWAY)
    return (*raw, *hops, *_DERIVED)
