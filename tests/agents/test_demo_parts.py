"""The demo's own parts: what it folds, what it answers, and when its accounting does not add up."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from rich.console import Console

from agents.demo.board import Board
from agents.demo.probe import Readings, read_metrics
from agents.demo.summary import Accounting, tell_accounting, tell_latency
from agents.demo.view import Moment, render_line, render_live
from controltower.clock import instant_of
from controltower.dispatching.reference import Dispatcher, Temper
from controltower.intake import CLOCK_HEADER, RECEIVED_AT_HEADER
from controltower.streaming.stage import Headers, Record
from schemas import topics
from schemas.action import Command, Feedback
from schemas.vocabulary import (
    CODE_TRAITS,
    ActionName,
    ActionState,
    CommandKind,
    ExceptionCode,
    ExceptionStatus,
    FeedbackState,
    Motion,
    Phase,
    SubjectType,
    SuppressReason,
    Tier,
    Transition,
)
from schemas.wire import Action, Evidence, ExceptionRecord, RouteStatus, encode

T0 = 1_772_450_000_000
CODE = ExceptionCode.LONG_HALT


def _exception(seq: int, status: ExceptionStatus, detected_ms: int, published_ms: int) -> ExceptionRecord:
    return ExceptionRecord(
        exception_id="e1",
        seq=seq,
        transition=Transition.OPENED if seq == 1 else Transition.RESOLVED,
        status=status,
        code=CODE,
        kind=CODE_TRAITS[CODE].kind,
        severity=2,
        latched=False,
        tenant="demo",
        subject_type=SubjectType.ROUTE,
        subject_id="R1",
        route_id="R1",
        onset_at=instant_of(T0),
        detected_at=instant_of(detected_ms),
        updated_at=instant_of(detected_ms),
        published_at=instant_of(published_ms),
        home="route:R1",
        generation=instant_of(detected_ms),
        metrics={"halt_s": 631.0},
        evidence=(Evidence(topics.CARRIER_EVENTS, 2, 7),),
        rule_version="test",
    )


def _action(state: ActionState, action_id: str = "a2", seq: int = 1) -> Action:
    return Action(
        action_id=action_id,
        seq=seq,
        exception_id="e1",
        home="route:R1",
        tenant="demo",
        action=ActionName.CONTACT_DRIVER,
        code=CODE,
        attempt=1,
        state=state,
        tier=Tier.AUTO_EXECUTE,
        subject="route:R1",
        reason="ask the driver",
        idempotency_key=action_id,
        suppressed_because=SuppressReason.COOLDOWN if state is ActionState.SUPPRESSED else None,
        policy_version="test",
        decided_at=instant_of(T0),
        published_at=instant_of(T0),
    )


def _record(
    topic: str, value: bytes | None, headers: Headers = (), offset: int = 0, wall_ms: int = 0
) -> Record:
    return Record(topic, 2, offset, wall_ms, None, value, headers)


def _id_of(temper: Temper) -> str:
    return next(name for name in map(str, range(1000)) if Temper.towards(name) is temper)


def test_the_board_keeps_the_highest_seq() -> None:
    """A repeated or late record of an exception changes nothing."""
    board = Board()
    opened = _exception(1, ExceptionStatus.OPEN, T0, T0)
    resolved = _exception(2, ExceptionStatus.RESOLVED, T0, T0)
    for message in (opened, resolved, opened):
        board.take(_record(topics.EXCEPTIONS, encode(message)))
    assert board.exceptions["e1"].status is ExceptionStatus.RESOLVED
    assert board.open_exceptions() == []


def test_latency_counts_from_the_newest_evidence() -> None:
    """An exception that a scan woke: from the wall time its evidence was written to its publication."""
    board = Board()
    headers = ((RECEIVED_AT_HEADER, b"%d" % (T0 + 60_000)),)
    board.take(_record(topics.CARRIER_EVENTS, b"{}", headers, offset=7, wall_ms=5_000))
    opened = _exception(1, ExceptionStatus.OPEN, T0 + 50_000, 5_120)
    board.take(_record(topics.EXCEPTIONS, encode(opened)))
    assert board.latencies_ms() == [120]


def test_latency_of_a_deadline_counts_from_the_mark_that_passed_it() -> None:
    """Its evidence is old; what completed it is the first intake record past the due time."""
    board = Board()
    old, mark = T0, T0 + 600_000
    headers = ((RECEIVED_AT_HEADER, b"%d" % old),)
    board.take(_record(topics.CARRIER_EVENTS, b"{}", headers, offset=7, wall_ms=1_000))
    board.take(_record(topics.CARRIER_EVENTS, None, ((CLOCK_HEADER, b"%d" % mark),), offset=8, wall_ms=4_000))
    board.take(_record(topics.EXCEPTIONS, encode(_exception(1, ExceptionStatus.OPEN, T0 + 595_000, 4_090))))
    assert board.latencies_ms() == [90]


def test_dead_letters_are_counted_by_reason() -> None:
    """The reason is in the header that normalize sets."""
    board = Board()
    board.take(_record(topics.DEAD_LETTERS, b"\xff", (("ct-reason", b"NOT_UTF8"),)))
    assert board.dead_letters == Counter({"NOT_UTF8": 1})


def test_a_willing_dispatcher_accepts_and_then_succeeds() -> None:
    """One answer per state, however often it is asked."""
    dispatcher, action_id = Dispatcher(), _id_of(Temper.WILLING)
    states = []
    for state in (ActionState.DISPATCHED, ActionState.DISPATCHED, ActionState.ACCEPTED):
        for out in dispatcher.answer([_action(state, action_id)], T0):
            assert out.topic == topics.DISPATCH_FEEDBACK
            states.append(Feedback.model_validate_json(out.value or b"").state)
    assert states == [FeedbackState.ACCEPTED, FeedbackState.SUCCEEDED]


def test_answers_carry_the_time_of_the_day() -> None:
    """A recorded day never mixes with the wall's time."""
    (out,) = Dispatcher().answer([_action(ActionState.DISPATCHED, _id_of(Temper.WILLING))], T0)
    assert dict(out.headers) == {RECEIVED_AT_HEADER: b"%d" % T0}


def test_what_waits_for_approval_is_approved_or_refused() -> None:
    """By a command that the contract accepts."""
    for temper, kind in ((Temper.WILLING, CommandKind.APPROVE), (Temper.UNWILLING, CommandKind.REFUSE)):
        waiting = _action(ActionState.PENDING_APPROVAL, _id_of(temper))
        (out,) = Dispatcher().answer([waiting], T0)
        assert Command.model_validate_json(out.value or b"").kind == kind


def test_some_actions_meet_silence() -> None:
    """So that the demo shows one expire."""
    silent = _action(ActionState.DISPATCHED, _id_of(Temper.SILENT))
    assert list(Dispatcher().answer([silent], T0)) == []


def test_the_accounting_adds_up() -> None:
    """Written = received = accepted + rejected, and every rejected record is in dead-letters."""
    accounting = Accounting(sent=10, received=10, accepted=8, rejected=2, dead_letters=2)
    assert accounting.faults() == []
    assert "received 10 = accepted 8 + rejected 2" in next(iter(tell_accounting(accounting, Counter())))


def test_each_way_not_to_add_up_is_named() -> None:
    """A lost record, one that is neither accepted nor rejected, and a dead letter too few."""
    assert len(Accounting(11, 10, 8, 2, 2).faults()) == 1
    assert len(Accounting(10, 10, 7, 2, 2).faults()) == 1
    assert len(Accounting(10, 10, 8, 2, 1).faults()) == 1
    assert any("DOES NOT ADD UP" in line for line in tell_accounting(Accounting(11, 10, 8, 2, 2), Counter()))


def test_latency_is_told_as_median_and_p99() -> None:
    """Of sorted milliseconds; nothing to measure is said so."""
    assert "median 51 ms, p99 100 ms" in tell_latency(list(range(1, 101)))
    assert "nothing" in tell_latency([])


def test_metrics_of_stages_are_summed() -> None:
    """Labels that do not matter are summed over, reasons and stages kept apart."""
    text = """\
controltower_stream_ready_bool 1.0
controltower_normalize_received_total{feed="swiftpost"} 5.0
controltower_normalize_received_total{feed="metroline"} 4.0
controltower_normalize_accepted_total{feed="swiftpost"} 5.0
controltower_normalize_rejected_total{feed="metroline",reason="EMPTY"} 4.0
controltower_stream_lag_records{partition="0",stage="normalize",topic="plans"} 2.0
controltower_stream_lag_records{partition="1",stage="normalize",topic="plans"} 3.0
"""
    readings = Readings()
    read_metrics(text, readings)
    read_metrics("controltower_stream_ready_bool 1.0\n", readings)
    assert (readings.ready, readings.received, readings.accepted) == (2, 9, 5)
    assert readings.rejected == Counter({"EMPTY": 4})
    assert readings.lag == {"normalize": 5}


def _board() -> Board:
    board = Board()
    status = RouteStatus(
        route_id="R1",
        seq=1,
        tenant="demo",
        phase=Phase.UNDERWAY,
        motion=Motion.HALTED,
        stops_done=1,
        stops_left=2,
        as_of=instant_of(T0),
    )
    board.take(_record(topics.ROUTE_STATUS, encode(status)))
    board.take(_record(topics.EXCEPTIONS, encode(_exception(1, ExceptionStatus.OPEN, T0, T0))))
    board.take(_record(topics.DISPATCH, encode(_action(ActionState.SUPPRESSED))))
    return board


def _moment(lag: Mapping[str, int]) -> Moment:
    return Moment(12.0, T0, 4321, 400.0, lag, 6)


def test_a_line_of_progress_says_what_is_open() -> None:
    """Where the output is no terminal."""
    line = render_line(_moment({"track": 7, "score": 1}), _board())
    assert "4,321 records" in line
    assert "open exceptions 1" in line
    assert "1 halted" in line
    assert "lag 8 (track)" in line
    assert "the city waits" not in line
    assert "lag 7 (track), the city waits" in render_line(replace(_moment({"track": 7}), held=True), _board())


def test_the_live_view_shows_exceptions_and_held_back_actions() -> None:
    """With the numbers of the exception and the reason why nothing was sent."""
    console = Console(file=io.StringIO(), width=140)
    console.print(render_live(_moment({}), _board()))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "LONG_HALT" in shown
    assert "halt_s 631" in shown
    assert "COOLDOWN" in shown
