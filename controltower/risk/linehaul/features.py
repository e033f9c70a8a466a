"""What is known of a shipment at a stage of its way, as one row: plan, durations so far, and the slack."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from controltower.risk.linehaul.table import LEGS, STEPS, Floats, Milestones


class Stage(StrEnum):
    """How far a shipment has come."""

    PLAN = "plan"
    INBOUND = "inbound"
    ALL = "all"


WORDS = {
    Stage.PLAN: "the plan alone",
    Stage.INBOUND: "after the inbound DLV",
    Stage.ALL: "with all scans",
}
_DERIVED = (
    *(f"{leg}_planned" for leg in LEGS),
    "inbound_planned",
    "planned",
    "inbound_imbalance",
    "legs",
    "rcs_share",
    "flights",
    *(f"{leg}_delay" for leg in LEGS),
    "inbound_slip",
    "slack",
    "slack_share",
)


def known(milestones: Milestones, stage: Stage) -> Floats:
    """The effective minutes that are known at a stage: (n, 4, 8), NaN where not."""
    if stage is Stage.ALL:
        return milestones.effective
    seen = np.full_like(milestones.effective, np.nan)
    if stage is Stage.INBOUND:
        seen[:, :-1] = milestones.effective[:, :-1]
    return seen


def raw_table(milestones: Milestones, stage: Stage) -> Floats:
    """The columns as they stand in the table, (n, F)."""
    n = len(milestones)
    seen = known(milestones, stage)
    return np.hstack([milestones.planned.reshape(n, -1), seen.reshape(n, -1), milestones.hops])


def feature_table(milestones: Milestones, stage: Stage) -> Floats:
    """The raw columns and what they mean together, (n, F): see `names`."""
    return np.hstack([raw_table(milestones, stage), derived_table(milestones, stage)])


def derived_table(milestones: Milestones, stage: Stage) -> Floats:
    """Sums, delays and the slack, (n, D). slack: planned in all, less what passed, less what is planned for
    the outbound leg where that is still to come."""
    seen = known(milestones, stage)
    planned = np.nansum(milestones.planned, axis=2)
    inbound, outbound = planned[:, :-1], planned[:, -1]
    longest = inbound.max(axis=1)
    leg_seen = np.where(np.isfinite(seen).any(axis=2), np.nansum(seen, axis=2), np.nan)
    delays = leg_seen - planned
    passed = np.nanmax(np.where(np.isnan(leg_seen[:, :-1]), -np.inf, leg_seen[:, :-1]), axis=1)
    passed = np.where(np.isfinite(passed), passed, np.nan)
    to_come = np.where(np.isnan(leg_seen[:, -1]), outbound, leg_seen[:, -1])
    slack = longest + outbound - passed - to_come
    whole = np.maximum(longest + outbound, 1.0)
    used = np.where(inbound > 0, inbound, np.nan)
    imbalance = longest - np.nanmin(np.where(np.isnan(used), longest[:, None], used), axis=1)
    flights = np.isfinite(milestones.planned[:, :, 1::2]).sum(axis=(1, 2))
    rcs = np.nansum(milestones.planned[:, :, 0], axis=1)
    legs = (inbound > 0).sum(axis=1)
    so_far = (delays, longest - passed, slack, slack / whole)
    return np.column_stack([planned, longest, whole, imbalance, legs, rcs / whole, flights, *so_far])


def names() -> tuple[str, ...]:
    """Of the columns of `feature_table`."""
    raw = [f"{leg}_{step}_{kind}" for kind in ("p", "e") for leg in LEGS for step in STEPS]
    return (*raw, *(f"{leg}_hops" for leg in LEGS), *_DERIVED)
