"""The life of an action beyond its home: persons, roles, compensation, quiet hours, switches, playbooks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from controltower.dispatching.reference import Dispatcher, Temper
from controltower.feeds.fold import NormalizeFold
from controltower.recovery.playbook import parse_playbook
from controltower.recovery.policy import Playbook
from controltower.streaming.stage import Out, Record
from schemas import topics, wire
from schemas.vocabulary import ActionName, CommandKind, ExceptionCode, FeedbackState, SwitchMode, Transition
from tests.unit.recovery_day import START, Day, at, exception, feedback, resolved, tell, tick

STEP = {"tier": "AUTO_EXECUTE", "why": "x", "ttl_s": 600, "cooldown_s": 60, "max_attempts": 3}
CONTACT = {"action": "CONTACT_DRIVER", **STEP}
NOTIFY = {"action": "NOTIFY_CUSTOMER", **STEP, "pass_on": ["stops"]}
RETURN = {**STEP, "action": "RETURN_TO_SENDER", "tier": "ACT_WITH_APPROVAL", "approver": "returns"}


def book(*steps: dict[str, Any], **changes: Any) -> Playbook:
    """One rule, for LONG_HALT."""
    content = {"name": "test", "cost_cap": 60, "rules": {"LONG_HALT": {"why": "x", "steps": steps}}}
    return Playbook.model_validate({**content, **changes})


def say(
    seconds: float, action: wire.Action, kind: CommandKind = CommandKind.APPROVE, **fields: Any
) -> wire.Command:
    said = {"command_id": f"{seconds}", "by": "mara", "why": "it fits", "role": "returns", **fields}
    return wire.Command(
        kind=kind, action_id=action.action_id, home=action.home, issued_at=at(seconds), **said
    )


def replies(day: Day) -> list[str]:
    """What was answered to the last command."""
    outs = [out for out in day.commits[-1].outputs if out.topic == topics.COMMAND_REPLIES]
    found = [msgspec.json.decode(out.value or b"", type=wire.CommandReply) for out in outs]
    return [reply.reason.value if reply.reason else reply.outcome.value for reply in found]


def test_two_different_persons_return_a_parcel() -> None:
    """The first yes is told and sends nothing; the same person, a wrong role and no reason do not count."""
    day = Day(book(RETURN))
    (asked,) = day.happen(exception(0))
    assert (asked.approvals_needed, asked.approver) == (2, "returns")
    for wrong, because in (
        ({"role": "driver"}, "NOT_ALLOWED"),
        ({"why": " "}, "WHY_MISSING"),
        ({"kind": CommandKind.ACKNOWLEDGE}, "NOT_ALLOWED"),
    ):
        assert day.told(say(10, asked, **{"command_id": because, **wrong})) == []
        assert replies(day) == [because]
    assert day.told(say(20, asked)) == ["RETURN_TO_SENDER PENDING_APPROVAL"]
    assert day.told(say(30, asked)) == []
    assert replies(day) == ["SAME_PERSON"]
    assert day.told(say(40, asked, by="jon")) == ["RETURN_TO_SENDER APPROVED", "RETURN_TO_SENDER DISPATCHED"]
    assert [(a.by, a.why, a.at) for a in day.actions[-1].approvals] == [
        ("mara", "it fits", at(20)),
        ("jon", "it fits", at(40)),
    ]
    assert replies(day) == ["ACCEPTED"]


def test_a_command_is_answered_once_and_one_about_nothing_too() -> None:
    """A copy is passed over; who speaks of an unknown action hears that it is not open."""
    day = Day(book(RETURN))
    (asked,) = day.happen(exception(0))
    refuse = say(10, asked, CommandKind.REFUSE)
    assert day.told(refuse) == ["RETURN_TO_SENDER REJECTED"]
    assert day.actions[-1].approvals[0].approved is False
    day.happen(refuse)
    assert replies(day) == []
    day.happen(say(20, msgspec.structs.replace(asked, home="route:unknown")))
    assert replies(day) == ["NOT_OPEN"]


def test_what_costs_much_needs_two_persons() -> None:
    """Above the playbook's limit; a step that would run by itself is then an error of the file."""
    dear = {**CONTACT, "tier": "ACT_WITH_APPROVAL", "cost": 30.0}
    (asked,) = Day(book(dear, two_persons_above=20)).happen(exception(0))
    assert asked.approvals_needed == 2
    with pytest.raises(ValueError, match="cannot run by itself"):
        book({**CONTACT, "cost": 30.0}, two_persons_above=20)


def test_a_message_is_put_right_when_its_reason_is_gone() -> None:
    """Told that we are late, then on time after all: one correction, however often it flaps."""
    undo = {"action": "NOTIFY_CUSTOMER", "why": "sorry", "after": ["CLEARED"], "ttl_s": 300}
    day = Day(book({**NOTIFY, "compensate": undo}))
    (sent,) = day.happen(exception(0))
    day.happen(feedback(5, sent.action_id, FeedbackState.ACCEPTED))
    day.happen(feedback(9, sent.action_id, FeedbackState.SUCCEEDED))
    (undone,) = day.happen(exception(20, 2, Transition.UPDATED, cleared_at=at(20)))
    assert (undone.action, undone.state, undone.compensates) == (
        "NOTIFY_CUSTOMER",
        "DISPATCHED",
        sent.action_id,
    )
    assert undone.parameters["because"] == "CLEARED"
    assert day.told(exception(25, 3, Transition.UPDATED, cleared_at=at(25))) == []


def test_what_failed_half_way_is_undone_and_what_was_refused_is_not() -> None:
    """Only what dispatch had accepted has begun."""
    undo = {"action": "NOTIFY_OPS", "why": "undo", "after": ["FAILED", "EXPIRED"], "ttl_s": 300}
    for first, undone in ((FeedbackState.ACCEPTED, ["NOTIFY_OPS DISPATCHED"]), (None, [])):
        day = Day(book({**CONTACT, "compensate": undo}))
        (sent,) = day.happen(exception(0))
        if first is not None:
            day.happen(feedback(5, sent.action_id, first))
        told = day.told(feedback(9, sent.action_id, FeedbackState.FAILED))
        assert told == ["CONTACT_DRIVER FAILED", *undone]


def test_the_end_of_the_exception_takes_back_what_was_sent() -> None:
    """No action follows the end; the last record says that dispatch is to stop."""
    day = Day(book(CONTACT))
    day.happen(exception(0))
    (called_off,) = day.happen(resolved(10, 2))
    assert (called_off.state, called_off.take_back) == ("CANCELLED", True)


@pytest.mark.parametrize(
    ("lon", "zone", "sent"), [(-77.0, None, False), (13.0, None, True), (-77.0, "berlin", True)]
)
def test_customers_sleep_in_their_own_time_zone(lon: float, zone: str | None, sent: bool) -> None:
    """At 08:00 UTC it is 3 in Washington and 9 in Berlin; a zone that is named counts more than the place."""
    quiet = {
        "begins": "21:00",
        "ends": "08:00",
        "actions": ["NOTIFY_CUSTOMER"],
        "zones": {"berlin": "Europe/Berlin"},
    }
    day = Day(book(NOTIFY, quiet_hours=quiet))
    where = {"location": wire.Location(lat=50.0, lon=lon), "zone": zone}
    told = day.told(exception(0, **where))
    assert told == [f"NOTIFY_CUSTOMER {'DISPATCHED' if sent else 'SUPPRESSED QUIET_HOURS'}"]
    if not sent:
        assert day.told(tick(5 * 3600 - 1)) == []
        assert day.told(tick(5 * 3600)) == ["NOTIFY_CUSTOMER DISPATCHED"]


def test_a_customer_is_not_told_too_often() -> None:
    """A stop that has had its messages is left out; when all have, nothing is sent."""
    day = Day(book(NOTIFY, customer_messages={"most": 1}))
    day.happen(exception(0, metrics={"stops": "s1,s2"}), resolved(10, 2))
    (second,) = day.happen(exception(100, name="e2", metrics={"stops": "s2,s3"}))
    assert second.parameters["stops"] == "s3"
    day.happen(resolved(110, 2, "e2"))
    (third,) = day.happen(exception(200, name="e3", metrics={"stops": "s1,s3"}))
    assert (third.suppressed_because, third.limit) == ("COST_CAP", "customer_messages")


def switch(seconds: float, mode: SwitchMode, **scope: Any) -> wire.Switch:
    return wire.Switch(mode=mode, by="mara", why="x", issued_at=at(seconds), received_at=at(seconds), **scope)


@pytest.mark.parametrize("scope", [{}, {"tenant": "t"}, {"action": ActionName.CONTACT_DRIVER}])
def test_a_switch_stops_and_what_it_held_goes_on_afterwards(scope: dict[str, Any]) -> None:
    """Everything, a tenant, or an action; an older record that comes late changes nothing."""
    day = Day(book(CONTACT))
    day.happen(tick(0), switch(1, SwitchMode.OFF, **scope))
    assert day.told(exception(5)) == ["CONTACT_DRIVER SUPPRESSED KILL_SWITCH"]
    assert day.told(switch(0.5, SwitchMode.ACT, **scope)) == []
    assert day.told(tick(60), switch(61, SwitchMode.ACT, **scope)) == ["CONTACT_DRIVER DISPATCHED"]


def test_a_switch_for_another_stops_nothing() -> None:
    """Another tenant, another action."""
    day = Day(book(CONTACT))
    day.happen(switch(1, SwitchMode.OFF, tenant="u"))
    day.happen(switch(1, SwitchMode.OFF, action=ActionName.NOTIFY_CUSTOMER))
    assert day.told(exception(5)) == ["CONTACT_DRIVER DISPATCHED"]


def test_an_approval_while_it_is_stopped_sends_nothing() -> None:
    """It is not kept for later either: who wants it asks again."""
    day = Day(book({**CONTACT, "tier": "ACT_WITH_APPROVAL"}))
    (asked,) = day.happen(exception(0))
    day.happen(switch(1, SwitchMode.OFF))
    assert day.told(say(2, asked)) == ["CONTACT_DRIVER APPROVED", "CONTACT_DRIVER SUPPRESSED KILL_SWITCH"]


def test_shadow_tells_the_one_step_that_would_have_been_taken() -> None:
    """What would have come after a failure is not known, so it is not told."""
    day = Day(book(CONTACT, NOTIFY, mode="shadow"))
    assert day.told(exception(0)) == ["CONTACT_DRIVER SUPPRESSED SHADOW"]


TEXT = """
name: second
cost_cap: 10
rules:
  LONG_HALT:
    why: test
    steps: [{action: NOTIFY_OPS, tier: AUTO_EXECUTE, why: tell, ttl_s: 600, cooldown_s: 60}]
"""


def published(seconds: float, text: str) -> wire.PlaybookPublished:
    return wire.PlaybookPublished(text=text, by="mara", issued_at=at(seconds), received_at=at(seconds))


def test_a_playbook_is_in_force_from_its_record_on() -> None:
    """Its version stands in each action, a restart keeps it, a bad or older one never replaces it."""
    day = Day(book(CONTACT))
    day.happen(exception(0), published(10, TEXT))
    day.happen(published(20, TEXT.replace("cost_cap", "cost_cup")), published(5, TEXT.replace("10", "11")))
    restored = Day(book(CONTACT))
    for key, value in (change for commit in day.commits for change in commit.changes):
        restored.fold.restore(key, value or b"")
    for each in (day, restored):
        (action,) = each.happen(exception(30, name="e2", route="r2"))
        assert action.action == "NOTIFY_OPS"
        assert action.policy_version == parse_playbook(TEXT, "x").policy_version
    assert day.actions[0].policy_version.startswith("test@")


def intake(record: object) -> list[Out]:
    """What normalize makes of a record on commands."""
    fold = NormalizeFold(1, 4, {})
    fold.restored()
    value = record if isinstance(record, bytes) else wire.encode(record)
    return fold.fold([Record(topics.COMMANDS, 1, 7, 1_772_450_000_000, None, value)]).outputs


def test_playbooks_and_switches_reach_every_partition() -> None:
    """Stamped with the time and place that order them."""
    for record in (published(0, TEXT), switch(0, SwitchMode.OFF)):
        outs = intake(record)
        assert [(out.topic, out.partition) for out in outs] == [("recovery-events", n) for n in range(4)]
        told = wire.decode_recovery_event(outs[0].value or b"")
        assert isinstance(told, wire.PlaybookPublished | wire.Switch)
        assert told.source == wire.Source("commands", 1, 7)
        assert told.received_at == datetime.fromisoformat("2026-03-02T11:13:20+00:00")


def test_a_bad_playbook_is_a_dead_letter_that_names_the_line() -> None:
    """It reaches no partition, so the one in force stays."""
    (letter,) = intake(published(0, TEXT.replace("ttl_s: 600", "ttl_s: 0")))
    assert letter.topic == topics.DEAD_LETTERS
    assert b"line 7" in dict(letter.headers)["ct-detail"]


def test_scopes_choose_other_steps() -> None:
    """The first scope that covers the exception counts; the rule's name stands in the action."""
    express = {"name": "express", "scope": {"service_tier": ["EXPRESS"]}, "why": "x", "steps": [NOTIFY]}
    rules = {"LONG_HALT": {"why": "x", "steps": [CONTACT], "scoped": [express]}}
    day = Day(Playbook.model_validate({"name": "test", "cost_cap": 60, "rules": rules}))
    day.happen(exception(0, service_tier="EXPRESS"), exception(0, name="e2", route="r2"))
    assert [(a.action, a.rule) for a in day.actions] == [
        ("NOTIFY_CUSTOMER", "LONG_HALT/express[0]"),
        ("CONTACT_DRIVER", "LONG_HALT[0]"),
    ]


def test_preconditions_of_the_world() -> None:
    """A parcel that has arrived, a cut-off that has passed, no attempt left."""
    step = {**STEP, "action": "REATTEMPT_DELIVERY", "needs_attempts_left": True, "before_cut_off": True}
    late = (START - timedelta(seconds=1)).isoformat()
    for metrics, because in (
        ({"milestone": "DELIVERED"}, "TERMINAL_SHIPMENT"),
        ({"cut_off": late}, "STALE_EXCEPTION"),
        ({"attempts_left": 0}, "MAX_ATTEMPTS"),
    ):
        (action,) = Day(book(step)).happen(exception(0, metrics=metrics))
        assert action.suppressed_because == because


@pytest.mark.parametrize(
    ("temper", "states"),
    [
        (Temper.WILLING, ["DISPATCHED", "ACCEPTED", "SUCCEEDED"]),
        (Temper.TWICE, ["DISPATCHED", "ACCEPTED", "SUCCEEDED"]),
        (Temper.SLOW, ["DISPATCHED", "ACCEPTED", "SUCCEEDED"]),
        (Temper.FAILING, ["DISPATCHED", "ACCEPTED", "FAILED"]),
        (Temper.UNWILLING, ["DISPATCHED", "REJECTED"]),
        (Temper.SILENT, ["DISPATCHED", "EXPIRED"]),
        (Temper.TOO_LATE, ["DISPATCHED", "EXPIRED"]),
    ],
)
def test_every_way_in_which_dispatch_may_answer(temper: Temper, states: list[str]) -> None:
    """Twice changes nothing, silence expires, and an answer after that comes too late."""
    day, dispatcher = Day(book(CONTACT)), Dispatcher(lambda _: temper)
    day.happen(exception(0))
    heard = 0
    for minute in range(20):
        day.happen(tick(60 * minute))
        now_ms = int(at(60 * minute).timestamp() * 1000)
        for _ in range(3):
            for action in day.actions[heard:]:
                dispatcher.hear(action, now_ms)
            heard = len(day.actions)
            for out in dispatcher.say(now_ms):
                answer = wire.decode_any(out.value or b"")
                assert isinstance(answer, wire.Feedback)
                day.happen(msgspec.structs.replace(answer, received_at=answer.occurred_at))
    assert [action.state.value for action in day.actions] == states


def test_every_code_has_an_answer_and_a_reason() -> None:
    """The shipped playbook leaves no code of the vocabulary to chance; a rule without steps says why."""
    playbook = Day().playbook
    assert set(playbook.rules) == set(ExceptionCode)
    assert all(len(rule.why) > 20 for rule in playbook.rules.values())
    assert all(len(step.why) > 10 for _, step in playbook.all_steps())
    assert tell(Day().happen(exception(0, code=ExceptionCode.DATA_QUALITY))[0]) == (
        "MONITOR SUPPRESSED NO_POLICY"
    )
