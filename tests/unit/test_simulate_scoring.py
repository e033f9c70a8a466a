"""Exceptions held against the truth: found, missed, false, told in pieces."""

from __future__ import annotations

from typing import Any

from controltower.clock import instant_of
from controltower.simulate.incidents import Kind
from controltower.simulate.scoring import CodeScore, score
from controltower.simulate.truth import TrueEvent
from schemas.vocabulary import (
    CODE_TRAITS,
    ExceptionCode,
    ExceptionStatus,
    Resolution,
    SubjectType,
    Transition,
)
from schemas.wire import ExceptionRecord

T0 = 1_772_450_000_000
MIN = 60_000
HALT = TrueEvent("R1", Kind.LONG_HALT, T0, T0 + 20 * MIN)


def _told(
    name: str,
    code: ExceptionCode,
    route_id: str,
    onset: int,
    detected: int,
    ended: int | None = None,
    **changes: Any,
) -> ExceptionRecord:
    """One record; times in minutes after T0."""
    resolved = ended is not None
    record = ExceptionRecord(
        exception_id=name,
        seq=2 if resolved else 1,
        transition=Transition.RESOLVED if resolved else Transition.OPENED,
        status=ExceptionStatus.RESOLVED if resolved else ExceptionStatus.OPEN,
        code=code,
        kind=CODE_TRAITS[code].kind,
        severity=2,
        latched=False,
        tenant="demo",
        subject_type=SubjectType.ROUTE,
        subject_id=route_id,
        route_id=route_id,
        onset_at=instant_of(T0 + onset * MIN),
        detected_at=instant_of(T0 + detected * MIN),
        updated_at=instant_of(T0 + detected * MIN),
        published_at=instant_of(T0 + detected * MIN),
        resolved_at=instant_of(T0 + ended * MIN) if ended is not None else None,
        resolution=Resolution.AUTO if resolved else None,
        home=f"route:{route_id}",
        generation=instant_of(T0 + detected * MIN),
        rule_version="test",
    )
    for name_, value in changes.items():
        setattr(record, name_, value)
    return record


def _row(rows: list[CodeScore], kind: Kind) -> CodeScore:
    return next(row for row in rows if row.kind is kind)


def test_an_overlapping_exception_of_the_route_is_found() -> None:
    """With its delay from the true beginning."""
    rows = score([_told("a", ExceptionCode.LONG_HALT, "R1", 0, 10, 21)], [HALT])
    row = _row(rows, Kind.LONG_HALT)
    assert (row.due, row.found, row.false, row.delay_s) == (1, 1, 0, 600.0)


def test_an_event_nobody_told_is_missed() -> None:
    """The row names it."""
    row = _row(score([], [HALT]), Kind.LONG_HALT)
    assert (row.found, row.missed, row.delay_s) == (0, [HALT], None)


def test_an_exception_of_another_route_is_false() -> None:
    """And the event stays missed."""
    row = _row(score([_told("a", ExceptionCode.LONG_HALT, "R2", 0, 10)], [HALT]), Kind.LONG_HALT)
    assert (row.found, row.false) == (0, 1)


def test_an_exception_that_ended_before_the_event_is_false() -> None:
    """Time decides, not only the route."""
    row = _row(score([_told("a", ExceptionCode.LONG_HALT, "R1", -40, -30, -20)], [HALT]), Kind.LONG_HALT)
    assert (row.found, row.false) == (0, 1)


def test_a_retracted_exception_counts_neither_way() -> None:
    """It was taken back."""
    told = _told("a", ExceptionCode.LONG_HALT, "R2", 0, 10, 12, resolution=Resolution.RETRACTED)
    row = _row(score([told], [HALT]), Kind.LONG_HALT)
    assert (row.found, row.false) == (0, 0)


def test_a_dwell_told_as_a_halt_is_found_and_not_false() -> None:
    """Either halt code tells of a dwell."""
    dwell = TrueEvent("R1", Kind.EXCESS_DWELL, T0, T0 + 20 * MIN, ("S1",))
    rows = score([_told("a", ExceptionCode.LONG_HALT, "R1", 0, 10)], [dwell])
    assert _row(rows, Kind.EXCESS_DWELL).found == 1
    assert _row(rows, Kind.LONG_HALT).false == 0


def test_a_halt_told_as_a_dwell_is_missed_and_false() -> None:
    """True halts are far from every stop."""
    rows = score([_told("a", ExceptionCode.EXCESS_DWELL, "R1", 0, 10)], [HALT])
    assert _row(rows, Kind.LONG_HALT).found == 0
    assert _row(rows, Kind.EXCESS_DWELL).false == 1


def test_one_event_told_in_two_exceptions_is_split() -> None:
    """Found once, and counted as split."""
    told = [
        _told("a", ExceptionCode.LONG_HALT, "R1", 0, 10, 12),
        _told("b", ExceptionCode.LONG_HALT, "R1", 13, 19),
    ]
    row = _row(score(told, [HALT]), Kind.LONG_HALT)
    assert (row.found, row.split, row.false) == (1, 1, 0)


def test_the_highest_seq_wins_in_any_order() -> None:
    """A late first record does not reopen what was resolved, and a repeated one changes nothing."""
    opened = _told("a", ExceptionCode.LONG_HALT, "R1", -40, -30)
    resolved = _told("a", ExceptionCode.LONG_HALT, "R1", -40, -30, -20)
    assert _row(score([resolved, opened, resolved], [HALT]), Kind.LONG_HALT).found == 0


def test_a_risk_told_before_the_stops_are_late_is_found_ahead() -> None:
    """The delay of an early warning is negative."""
    late = TrueEvent("R1", Kind.LATE_STOPS, T0 + 60 * MIN, T0 + 80 * MIN, ("S9",))
    row = _row(score([_told("a", ExceptionCode.SLA_AT_RISK, "R1", 0, 10, 15)], [late]), Kind.LATE_STOPS)
    assert (row.found, row.delay_s) == (1, -3000.0)


def test_a_risk_on_a_route_that_kept_its_promises_is_false() -> None:
    """So is one told only after the last late stop."""
    late = TrueEvent("R1", Kind.LATE_STOPS, T0, T0 + 5 * MIN, ("S9",))
    told = [
        _told("a", ExceptionCode.SLA_AT_RISK, "R2", 0, 1),
        _told("b", ExceptionCode.SLA_AT_RISK, "R1", 20, 30),
    ]
    row = _row(score(told, [late]), Kind.LATE_STOPS)
    assert (row.found, row.false) == (0, 2)


def test_look_alikes_are_never_due() -> None:
    """A short halt has no row, and an exception about it is false."""
    short = TrueEvent("R1", Kind.SHORT_HALT, T0, T0 + 4 * MIN)
    rows = score([_told("a", ExceptionCode.LONG_HALT, "R1", 0, 3, 4)], [short])
    assert sum(row.due for row in rows) == 0
    assert _row(rows, Kind.LONG_HALT).false == 1
