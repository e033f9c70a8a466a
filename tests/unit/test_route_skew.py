"""Parcels' logs that lag behind each other, or behind the fixes of their van, tell no alarm that is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.route.timeline import from_ms
from schemas import wire
from schemas.vocabulary import ExceptionCode, Milestone, Resolution, Transition
from tests.unit.roads import (
    LEG_S,
    START_MS,
    Ping,
    drive,
    exceptions_in,
    log_of,
    make_plan,
    new_fold,
    scan_of,
    tick_at,
)
from tests.unit.test_route_properties import hand_over

Code = ExceptionCode
#: What scans of parcels decide.
BY_SCANS = (Code.STOP_SKIPPED, Code.SEQUENCE_BREAK, Code.SLA_BREACHED)
LOGS = 2
EVERY_S = 60
LAST_S = 3000


def served(stop: int, at_s: float) -> wire.Scan:
    """A parcel is handed over at a stop; it is received at once, by another partition than the fixes."""
    scan = scan_of(Ping(at_s, 0.0, 0.0, 0.0), int(at_s))
    scan.scan_id, scan.place, scan.source = f"served-{stop}", None, wire.Source("carrier-events", 1, stop)
    scan.milestone, scan.stop_id = Milestone.DELIVERED, f"S{stop}"
    return scan


def read_up_to(at_s: float, log: int) -> wire.ShipmentsRead:
    upto = from_ms(START_MS + int(at_s * 1000))
    return wire.ShipmentsRead(source=f"shipment-events/{log}", sources=LOGS, upto=upto)


def day(order: Sequence[int | None], lags_s: Sequence[int], fixes_lag_s: int = 0) -> list[object]:
    """A round that serves stops in this order, one every two minutes (None: none), and has these lags.

    A parcel's log is chosen by its stop. Every log says each minute how far it is read, with its lag; the
    intake as well. Nothing of a log is passed on before the intake was read that far.
    """
    timed: list[tuple[float, int, object]] = []
    for i, ping in enumerate(drive(0, 1110, 0)):
        timed.append((ping.received_s + fixes_lag_s, 1, scan_of(ping, i)))
    for n, stop in enumerate(order):
        if stop is None:
            continue
        at_s = n * LEG_S + 10.0
        timed.append((at_s + fixes_lag_s * (stop % 2) + lags_s[stop % LOGS], 1, served(stop, at_s)))
    for at_s in range(-2 * LAST_S, LAST_S, EVERY_S):
        timed.append((at_s + fixes_lag_s, 2, tick_at(at_s)))
        timed += [(at_s + fixes_lag_s + lags_s[log], 3, read_up_to(at_s, log)) for log in range(LOGS)]
    timed.sort(key=lambda entry: entry[:2])
    return [event for _, _, event in timed]


def told(
    events: Iterable[object], promise_s: int = 300, cut: int | None = None
) -> list[wire.ExceptionRecord]:
    """What scans decide of this day; `cut`: after so many records another owner goes on."""
    log = log_of([make_plan(shipments=1, promise_s=promise_s), *events])
    first = new_fold()
    if cut is None:
        outs = first.fold(log).outputs
    else:
        before, second = first.fold(log[:cut]), new_fold()
        hand_over(before.changes, second)
        outs = before.outputs + second.fold(log[cut:]).outputs
    return [record for record in exceptions_in(outs) if record.code in BY_SCANS]


lags = st.sampled_from([0, 20, 60, 300, 1200])


@given(lags, lags, lags)
@settings(max_examples=40, deadline=None)
def test_no_lag_makes_an_alarm_of_a_round_in_order(one_s: int, other_s: int, fixes_s: int) -> None:
    """Whichever log lags, and by how much: every stop was served, in order and in time."""
    assert told(day(range(10), (one_s, other_s), fixes_s)) == []


@given(lags, lags, st.data())
@settings(max_examples=25, deadline=None)
def test_a_stop_left_out_is_told_whatever_lags(one_s: int, other_s: int, data: st.DataObject) -> None:
    """Stop 3 is never served: told once, that it alone was left out; a restore changes nothing."""
    events = day([0, 1, 2, 4, 5, 6, 7, 8], (one_s, other_s))
    records = told(events)
    opened = [r for r in records if r.code is Code.STOP_SKIPPED and r.transition is Transition.OPENED]
    assert [r.metrics["stops"] for r in opened] == ["S3"]
    cut = data.draw(st.integers(0, len(events)))
    assert [wire.encode(r) for r in told(events, cut=cut)] == [wire.encode(r) for r in records]


def test_where_nothing_lags_a_stop_left_out_is_told_with_the_next_tick() -> None:
    """The second later stop is scanned 490 s after the start, and the logs are read up to there at 540 s."""
    records = told(day([0, 1, 4, 5, 6], (0, 0)))
    first = next(r for r in records if r.code is Code.STOP_SKIPPED)
    assert first.metrics["stops"] == "S2,S3"
    assert first.detected_at <= from_ms(START_MS + 540_000)


def test_a_broken_promise_waits_for_the_scans_and_is_told_then() -> None:
    """Stop 9 is never served: its promise is told as broken once both logs are read up to its end."""
    [*records] = told(day(range(9), (0, 1200)), promise_s=300)
    opened = [r for r in records if r.transition is Transition.OPENED]
    assert [r.code for r in opened] == [Code.SLA_BREACHED]
    assert opened[0].metrics["stops"] == "S9"
    assert all(r.resolution is not Resolution.RETRACTED for r in records)


@pytest.mark.parametrize("lag_s", [0, 1200])
def test_a_promise_kept_too_late_is_told_though_its_scan_came_first(lag_s: int) -> None:
    """Stop 9 is served 6 min after its promise; that is read before the log of other parcels is."""
    events = day([*range(9), *[None] * 6, 9], (lag_s, 0))
    opened = [r for r in told(events, promise_s=300) if r.transition is Transition.OPENED]
    assert [(r.code, r.metrics["stops"]) for r in opened] == [(Code.SLA_BREACHED, "S9")]


def test_a_route_ends_once_its_scans_are_complete() -> None:
    """The last stop is scanned while the log of an earlier one lags: what was left out is told before the
    end, and resolved by it."""
    records = told(day([0, 1, 2, 3, 4, 5, 7, 8, 9], (600, 0)), promise_s=40_000)
    assert [(r.code, r.transition) for r in records] == [
        (Code.STOP_SKIPPED, Transition.OPENED),
        (Code.STOP_SKIPPED, Transition.RESOLVED),
    ]
