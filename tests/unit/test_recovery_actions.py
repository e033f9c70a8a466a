"""The life of recovery actions, told as days: what opens, what is sent, what is held back, how it ends."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from controltower.recovery.playbook import Playbook, parse_playbook
from schemas.topics import ROUTE_EVENTS, SHIPMENT_EVENTS
from schemas.vocabulary import CommandKind, ExceptionCode, FeedbackState, Resolution, Tier, Transition
from tests.unit.recovery_day import (
    PARTITION,
    Day,
    actions_of,
    as_records,
    at,
    command,
    exception,
    feedback,
    resolved,
    tell,
    tick,
)

HALF_HOUR_S = 1800
SLA = ExceptionCode.SLA_AT_RISK


def _edited(**changes: object) -> Playbook:
    """A small playbook: contact the driver (10 min), then rescue by approval."""
    step = {"ttl_s": 600, "cooldown_s": 1200, "cost": 1, "max_attempts": 3, "expected_gain_s": 60}
    contact = {"action": "CONTACT_DRIVER", "tier": "AUTO_EXECUTE", "why": "ask", **step}
    rescue = {
        "action": "DISPATCH_RESCUE",
        "tier": "ACT_WITH_APPROVAL",
        "why": "help",
        "when": [{"after_failure": True}],
        **step,
        "cost": 40,
    }
    rules = {"LONG_HALT": {"why": "test", "steps": [contact, rescue]}}
    return Playbook.model_validate({"name": "test", "cost_cap": 60, "rules": rules, **changes})


def test_a_long_halt_contacts_the_driver() -> None:
    """The first step that is allowed is sent at once, with its reason, numbers and the other step's."""
    (action,) = Day().happen(exception(0, metrics={"halt_s": 610.0}, vehicle_id="v7"))
    assert (action.action, action.state, action.seq) == ("CONTACT_DRIVER", "DISPATCHED", 1)
    assert (action.tier, action.subject, action.home) == (Tier.AUTO_EXECUTE, "route:r1", "route:r1")
    assert action.parameters == {"halt_s": 610.0, "vehicle_id": "v7"}
    assert [(other.action, other.why_not) for other in action.alternatives] == [
        ("DISPATCH_RESCUE", "CONDITION_NOT_MET")
    ]
    assert (action.decided_at, action.expires_at) == (at(0), at(900))


def test_dispatch_and_the_owner_are_told() -> None:
    """One record goes to dispatch, the same to the log of the route or the shipment, own partition."""
    day = Day()
    day.happen(exception(0), exception(0, name="e2", home="shipment:s9", route_id=None))
    routes = [(out.topic, out.key, out.partition) for out in day.commits[0].outputs]
    shipments = [(out.topic, out.key) for out in day.commits[1].outputs]
    action_id = day.actions[0].action_id.encode()
    assert routes == [("dispatch", action_id, PARTITION), (ROUTE_EVENTS, b"r1", PARTITION)]
    assert shipments[1] == (SHIPMENT_EVENTS, b"s9")


def test_without_a_rule_it_is_denied_and_said() -> None:
    """A code that the playbook does not name gets MONITOR, suppressed, once."""
    day = Day()
    opened = exception(0, code=ExceptionCode.DATA_QUALITY)
    worse = exception(60, 2, Transition.ESCALATED, code=ExceptionCode.DATA_QUALITY)
    assert day.told(opened) == ["MONITOR SUPPRESSED NO_POLICY"]
    assert day.told(worse) == []


def test_a_rescue_waits_for_a_person() -> None:
    """After the driver could not be reached the next step asks; approved it is sent."""
    day = Day()
    (contact,) = day.happen(exception(0))
    assert day.told(feedback(60, contact.action_id, FeedbackState.FAILED)) == [
        "CONTACT_DRIVER FAILED",
        "DISPATCH_RESCUE PENDING_APPROVAL",
    ]
    rescue = day.actions[-1]
    assert day.told(command(120, rescue.action_id, CommandKind.APPROVE)) == [
        "DISPATCH_RESCUE APPROVED",
        "DISPATCH_RESCUE DISPATCHED",
    ]
    assert [action.seq for action in day.actions if action.action_id == rescue.action_id] == [1, 2, 3]
    assert day.told(command(130, rescue.action_id, CommandKind.APPROVE)) == []


def test_a_refused_rescue_is_rejected() -> None:
    """A person's no is the end of the action, and nothing else is tried instead."""
    day = Day()
    (contact,) = day.happen(exception(0))
    rescue = day.happen(feedback(60, contact.action_id, FeedbackState.REJECTED))[-1]
    assert day.told(command(70, rescue.action_id, CommandKind.REFUSE)) == ["DISPATCH_RESCUE REJECTED"]
    assert day.told(tick(HALF_HOUR_S * 10)) == []


def test_what_dispatch_answers() -> None:
    """ACCEPTED, then SUCCEEDED; a second answer and one out of order change nothing."""
    day = Day()
    (contact,) = day.happen(exception(0))
    accepted = feedback(10, contact.action_id, FeedbackState.ACCEPTED)
    succeeded = feedback(20, contact.action_id, FeedbackState.SUCCEEDED)
    assert day.told(accepted, accepted) == ["CONTACT_DRIVER ACCEPTED"]
    assert day.told(succeeded, succeeded, accepted) == ["CONTACT_DRIVER SUCCEEDED"]
    assert day.told(feedback(30, "nobody's", FeedbackState.FAILED)) == []
    assert day.told(feedback(30, contact.action_id, FeedbackState.FAILED, "route:other")) == []


def test_an_unanswered_action_expires_on_its_own_time() -> None:
    """EXPIRED carries the due time, however late the tick comes, and counts as a failure."""
    day = Day()
    day.happen(exception(0))
    assert day.told(tick(899)) == []
    assert day.told(tick(2000)) == ["CONTACT_DRIVER EXPIRED", "DISPATCH_RESCUE PENDING_APPROVAL"]
    assert {action.decided_at for action in day.actions[-2:]} == {at(900)}
    assert day.told(tick(900 + HALF_HOUR_S)) == ["DISPATCH_RESCUE EXPIRED"]


def test_only_tracks_clock_moves_time() -> None:
    """Ticks of the intake run ahead of what track has to say, so they expire nothing."""
    day = Day()
    day.happen(exception(0))
    assert day.told(tick(90_000, "carrier-events/0")) == []
    assert day.told(resolved(300, 2)) == ["CONTACT_DRIVER CANCELLED"]


@pytest.mark.parametrize(
    ("resolution", "end"), [(Resolution.AUTO, "CANCELLED"), (Resolution.SUPERSEDED, "SUPERSEDED")]
)
def test_nothing_goes_on_after_the_end(resolution: Resolution, end: str) -> None:
    """The end calls open actions off; later answers, approvals and records of it change nothing."""
    day = Day()
    (contact,) = day.happen(exception(0))
    rescue = day.happen(feedback(60, contact.action_id, FeedbackState.FAILED))[-1]
    assert day.told(resolved(90, 2, resolution=resolution)) == [f"DISPATCH_RESCUE {end}"]
    assert (
        day.told(
            command(100, rescue.action_id, CommandKind.APPROVE),
            feedback(110, rescue.action_id, FeedbackState.SUCCEEDED),
            exception(120, 3, Transition.CLOSED),
            exception(130, 4, Transition.ESCALATED),
            tick(80_000),
        )
        == []
    )


def test_a_second_halt_within_the_cooldown_is_held_back_and_helped_later() -> None:
    """The same action for the same route waits; when the cooldown ends and it still halts, it is sent."""
    day = Day(_edited())
    day.happen(exception(0), resolved(60, 2))
    assert day.told(exception(300, name="e2")) == ["CONTACT_DRIVER SUPPRESSED COOLDOWN"]
    assert day.told(tick(1199)) == []
    assert day.told(tick(1300)) == ["CONTACT_DRIVER DISPATCHED"]
    assert day.actions[-1].decided_at == at(1200)
    assert day.actions[-1].attempt == 2


def test_another_route_has_its_own_cooldown() -> None:
    """Homes do not hold each other back."""
    day = Day(_edited())
    assert day.told(exception(0), exception(10, name="e2", route="r2")) == ["CONTACT_DRIVER DISPATCHED"] * 2


def test_one_action_of_a_group_at_a_time() -> None:
    """While the driver is contacted the customer waits (MUTEX); once that is over the customer is told."""
    day = Day()
    (contact,) = day.happen(exception(0))
    sla = exception(30, name="e2", code=SLA, metrics={"p_late": 0.7, "stops": "s1"})
    assert day.told(sla) == ["NOTIFY_CUSTOMER SUPPRESSED MUTEX"]
    assert day.told(feedback(60, contact.action_id, FeedbackState.SUCCEEDED)) == [
        "CONTACT_DRIVER SUCCEEDED",
        "NOTIFY_CUSTOMER APPROVED",  # until its tenant's day has room for what it costs
        "NOTIFY_CUSTOMER DISPATCHED",
    ]


def test_risk_resequences_only_when_sure_and_in_time() -> None:
    """p(late) below the step's limit is LOW_CONFIDENCE, after respond_by the exception is stale."""
    day = Day()
    day.happen(exception(0, code=SLA, metrics={"p_late": 0.65}))
    unsure = exception(60, 2, Transition.UPDATED, code=SLA, metrics={"p_late": 0.7}, occurrence_count=2)
    assert day.told(unsure) == ["RESEQUENCE_ROUTE SUPPRESSED LOW_CONFIDENCE"]
    worse = exception(120, 3, Transition.UPDATED, code=SLA, metrics={"p_late": 0.9}, severity=1)
    assert day.told(worse) == ["RESEQUENCE_ROUTE PENDING_APPROVAL"]
    late = Day()
    too_late: dict[str, Any] = {"metrics": {"p_late": 0.9}, "severity": 1, "respond_by": at(50)}
    late.happen(exception(0, code=SLA, **too_late))
    assert late.told(exception(60, 2, Transition.ESCALATED, code=SLA, **too_late)) == [
        "RESEQUENCE_ROUTE SUPPRESSED STALE_EXCEPTION"
    ]


def test_attempts_and_costs_are_limited() -> None:
    """After max_attempts the step is held back; what would break the cost cap as well."""
    limited = _edited(cost_cap=40)
    day = Day(limited)
    (contact,) = day.happen(exception(0))
    rescue = day.happen(feedback(60, contact.action_id, FeedbackState.FAILED))[-1]
    assert (rescue.action, rescue.suppressed_because) == ("DISPATCH_RESCUE", "COST_CAP")
    for round_ in range(1, 4):
        day.happen(tick(1200 * round_), exception(1200 * round_ + 1, 1 + round_, occurrence_count=1 + round_))
    contacts = [action for action in day.actions if action.action == "CONTACT_DRIVER"]
    assert [a.attempt for a in contacts if a.state == "DISPATCHED"] == [1, 2, 3]
    assert [a.suppressed_because for a in contacts if a.state == "SUPPRESSED"] == ["MAX_ATTEMPTS"]


def test_an_approval_that_comes_when_it_is_over_sends_nothing() -> None:
    """Approved while the condition is clear (it may come back within its hold): not sent, and said why."""
    day = Day()
    (contact,) = day.happen(exception(0))
    rescue = day.happen(feedback(60, contact.action_id, FeedbackState.FAILED))[-1]
    assert day.told(exception(90, 2, Transition.UPDATED, cleared_at=at(90))) == []
    assert day.told(command(100, rescue.action_id, CommandKind.APPROVE)) == [
        "DISPATCH_RESCUE APPROVED",
        "DISPATCH_RESCUE SUPPRESSED STALE_EXCEPTION",
    ]


def test_a_failure_when_it_is_over_leads_to_nothing() -> None:
    """The driver could not be reached, but the van moves again: no rescue is asked for, and it is said."""
    day = Day()
    (contact,) = day.happen(exception(0))
    day.happen(exception(90, 2, Transition.UPDATED, cleared_at=at(90)))
    assert day.told(feedback(100, contact.action_id, FeedbackState.FAILED)) == [
        "CONTACT_DRIVER FAILED",
        "DISPATCH_RESCUE SUPPRESSED STALE_EXCEPTION",
    ]


def test_deadlines_survive_a_restart() -> None:
    """A new owner of the partition restores the changelog and fires what is due at the next tick."""
    day = Day()
    day.happen(tick(-10), exception(0))
    restored = Day()
    for key, value in (change for commit in day.commits for change in commit.changes):
        assert value is not None
        restored.fold.restore(key, value)
    restored.fold.restored()
    assert restored.told(tick(-10)) == []
    assert restored.told(tick(900)) == ["CONTACT_DRIVER EXPIRED", "DISPATCH_RESCUE PENDING_APPROVAL"]


def test_our_own_doing_calls_for_nothing() -> None:
    """RECOVERY_STARTED, acknowledgements and duplicates lead to no further action."""
    day = Day()
    day.happen(exception(0))
    assert (
        day.told(
            exception(0),
            exception(1, 2, Transition.RECOVERY_STARTED),
            exception(2, 3, Transition.ACKNOWLEDGED),
            exception(3, 4, Transition.UPDATED),
        )
        == []
    )


def test_a_snoozed_exception_is_left_alone() -> None:
    """A person who snoozes wants quiet; when the snooze is over the exception is answered."""
    day = Day()
    assert day.told(exception(0, flags=("SNOOZED",))) == []
    assert day.told(exception(60, 2, Transition.UPDATED)) == ["CONTACT_DRIVER DISPATCHED"]


@pytest.mark.parametrize(("mode", "because"), [("off", "KILL_SWITCH"), ("shadow", "SHADOW")])
def test_a_playbook_that_does_not_act_still_says_what_it_would(mode: str, because: str) -> None:
    """Switched off or in shadow, every decision is published as suppressed."""
    assert Day(_edited(mode=mode)).told(exception(0)) == [f"CONTACT_DRIVER SUPPRESSED {because}"]


def test_a_proposal_is_only_proposed() -> None:
    """Tier PROPOSE sends nothing by itself; a person may take it up."""
    text = """
name: p
cost_cap: 1
rules:
  LONG_HALT:
    why: x
    steps: [{action: RETURN_TO_SENDER, tier: PROPOSE, why: x, ttl_s: 60, cooldown_s: 60}]
"""
    day = Day(parse_playbook(text, "p.yaml"))
    assert day.told(exception(0)) == ["RETURN_TO_SENDER PROPOSED"]


def test_a_home_is_forgotten_a_day_after_its_end() -> None:
    """The changelog entry is deleted once nothing is open and no cooldown can last."""
    day = Day()
    day.happen(exception(0), resolved(60, 2))
    assert dict(day.commits[-1].changes)[b"h/route:r1"] is not None
    day.happen(tick(60 + 24 * 3600 - 1))
    assert b"h/route:r1" not in dict(day.commits[-1].changes)
    day.happen(tick(60 + 24 * 3600))
    assert dict(day.commits[-1].changes)[b"h/route:r1"] is None


def test_what_is_counted() -> None:
    """Tallies have the names of the table of metrics."""
    day = Day()
    (contact,) = day.happen(exception(0))
    day.happen(feedback(5, contact.action_id, FeedbackState.ACCEPTED))
    day.happen(exception(0, name="e2", code=ExceptionCode.DATA_QUALITY))
    assert day.commits[0].tallies == {("actions", "CONTACT_DRIVER", "DISPATCHED"): 1}
    assert day.commits[1].tallies == {
        ("feedback", "ACCEPTED"): 1,
        ("actions", "CONTACT_DRIVER", "ACCEPTED"): 1,
    }
    assert day.commits[2].tallies[("suppressed", "NO_POLICY")] == 1


def test_a_foreign_record_stops_nothing() -> None:
    """What is no message of ours is counted, a tombstone is passed over, the rest goes on."""
    records = as_records([exception(0)] * 3)
    foreign = [replace(records[0], value=b"{}"), replace(records[1], value=None), records[2]]
    commit = Day().fold.fold(foreign)
    assert commit.tallies[("unreadable",)] == 1
    assert [tell(action) for action in actions_of(commit)] == ["CONTACT_DRIVER DISPATCHED"]
