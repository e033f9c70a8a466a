"""What people tell the owner of an exception, through the log of its route."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from controltower.route.fold import TrackFold
from controltower.route.timeline import from_ms
from controltower.streaming.stage import Out, Record
from schemas import wire
from schemas.vocabulary import CommandKind, CommandOutcome, ExceptionCode, Refusal, Resolution, Transition
from tests.unit.roads import START_MS, day_of, drive, exceptions_in, make_plan, new_fold, stand, tick_at

#: A van drives two kilometres and then stands until a halt is certain.
HALTED = [*drive(0, 240, 0), *stand(270, 1000, 2500)]


def fold_one(fold: TrackFold, event: object, offset: int = 10_000) -> list[Out]:
    return fold.fold([Record("route-events", 0, offset, 0, None, wire.encode(event))]).outputs


def replies_in(outs: list[Out]) -> list[wire.CommandReply]:
    records = [wire.decode_any(out.value) for out in outs if out.topic == "command-replies" and out.value]
    return [record for record in records if isinstance(record, wire.CommandReply)]


def halted() -> tuple[TrackFold, wire.ExceptionRecord]:
    fold = new_fold()
    (opened,) = exceptions_in(fold.fold(day_of(HALTED)).outputs)
    return fold, opened


def tell(
    kind: CommandKind, about: wire.ExceptionRecord, name: str = "c1", why: str | None = None, for_s: int = 0
) -> wire.Command:
    return wire.Command(
        command_id=name,
        kind=kind,
        exception_id=about.exception_id,
        home=about.home,
        by="ops-1",
        why=why,
        until=from_ms(START_MS) + timedelta(seconds=1000 + for_s) if for_s else None,
        issued_at=from_ms(START_MS),
        received_at=from_ms(START_MS),
    )


def test_a_command_is_obeyed_and_answered_once() -> None:
    """ACKNOWLEDGED with the next seq, a reply that names it, and nothing more for a copy."""
    fold, opened = halted()
    command = tell(CommandKind.ACKNOWLEDGE, opened)
    outs = fold_one(fold, command)
    (told,), (reply,) = exceptions_in(outs), replies_in(outs)
    assert (told.transition, told.seq) == (Transition.ACKNOWLEDGED, opened.seq + 1)
    assert (reply.outcome, reply.seq, reply.reason) == (CommandOutcome.ACCEPTED, told.seq, None)
    assert fold_one(fold, command) == []


def test_a_refused_command_says_why() -> None:
    """Each way to be refused is told apart, and the exception does not change."""
    fold, opened = halted()
    fold_one(fold, tell(CommandKind.ACKNOWLEDGE, opened, "c0"))
    unknown = tell(CommandKind.RESOLVE, opened, "c9")
    unknown.exception_id = "nobody"
    elsewhere = tell(CommandKind.RESOLVE, opened, "c10")
    elsewhere.home = "route:nowhere"
    asked = {
        Refusal.NO_CHANGE: tell(CommandKind.ACKNOWLEDGE, opened, "c1"),
        Refusal.WHY_MISSING: tell(CommandKind.DISPUTE, opened, "c2"),
        Refusal.UNTIL_MISSING: tell(CommandKind.SNOOZE, opened, "c3"),
        Refusal.UNTIL_OUT_OF_RANGE: tell(CommandKind.SNOOZE, opened, "c4", for_s=-900),
        Refusal.NOT_OPEN: unknown,
    }
    for refusal, command in asked.items():
        outs = fold_one(fold, command)
        assert [reply.reason for reply in replies_in(outs)] == [refusal]
        assert exceptions_in(outs) == []
    assert [reply.reason for reply in replies_in(fold_one(fold, elsewhere))] == [Refusal.NOT_OPEN]


def test_a_disputed_exception_is_taken_back_and_counted() -> None:
    """RETRACTED, and the false alarm is counted by its code."""
    fold, opened = halted()
    command = tell(CommandKind.DISPUTE, opened, why="it was loading")
    commit = fold.fold([Record("route-events", 0, 9_999, 0, None, wire.encode(command))])
    (told,) = exceptions_in(commit.outputs)
    assert (told.transition, told.resolution) == (Transition.RESOLVED, Resolution.RETRACTED)
    assert commit.tallies["disputed", "LONG_HALT"] == 1


def test_a_snooze_ends_by_the_clock_of_the_log() -> None:
    """Quiet for five minutes: then it is told without the flag, at that very time."""
    fold, opened = halted()
    (snoozed,) = exceptions_in(fold_one(fold, tell(CommandKind.SNOOZE, opened, for_s=300)))
    assert snoozed.flags == ("SNOOZED",)
    told = exceptions_in(fold_one(fold, tick_at(1400)))
    woken = [record for record in told if record.exception_id == opened.exception_id]
    assert [(r.transition, r.flags) for r in woken] == [(Transition.UPDATED, ())]
    assert woken[0].updated_at == from_ms(START_MS + 1_300_000)


def test_it_escalates_without_a_person_and_not_with_one() -> None:
    """Severity 2: levels 1 to 3 after 20, 40 and 80 min; an acknowledged one stays where it is."""
    standing = [*drive(0, 240, 0), *stand(270, 7000, 2500)]
    levels = [r for r in exceptions_in(new_fold().fold(day_of(standing)).outputs) if r.escalation_level]
    raised = [r for r in levels if r.transition is Transition.ESCALATED]
    assert [r.escalation_level for r in raised] == [1, 2, 3]
    fold, opened = halted()
    fold_one(fold, tell(CommandKind.ACKNOWLEDGE, opened))
    later = exceptions_in(fold.fold(day_of(stand(1030, 7000, 2500))[1:]).outputs)
    assert Transition.ESCALATED not in [record.transition for record in later]


def test_a_suppressed_child_stays_visible_and_comes_back() -> None:
    """SUPPRESSED with its parent and the flag; released it goes on alone, and still names its parent."""
    fold, opened = halted()
    answer = wire.Suppression(
        route_id="R1",
        exception_id=opened.exception_id,
        parent_id="parent-1",
        parent_code=ExceptionCode.AREA_DISRUPTION,
        suppressed=True,
        decided_at=from_ms(START_MS),
    )
    (told,) = exceptions_in(fold_one(fold, answer))
    assert (told.transition, told.flags) == (Transition.SUPPRESSED, ("SUPPRESSED",))
    assert (told.parent_id, told.suppressed_by) == ("parent-1", "parent-1")
    assert fold_one(fold, answer) == []
    answer.suppressed = False
    (told,) = exceptions_in(fold_one(fold, answer))
    assert (told.transition, told.flags) == (Transition.UPDATED, ())
    assert (told.parent_id, told.suppressed_by) == ("parent-1", None)


def test_a_record_says_where_who_and_until_when() -> None:
    """Zone and tier of the stop ahead, the owner, what is at stake, and when an answer comes too late."""
    plan = make_plan(shipments=2, promise_s=720)
    plan.stops = tuple(replace(stop, zone="north", service_tier="express") for stop in plan.stops)
    fold = new_fold()
    (opened,) = exceptions_in(fold.fold(day_of(HALTED, plan=plan)).outputs)
    assert (opened.zone, opened.service_tier) == ("north", "express")
    assert opened.owner == wire.Owner("dispatch", "carrier")
    assert opened.impact == wire.Impact(7, 14)
    assert opened.respond_by is not None, "promises of twelve minutes can still be kept after ten"
