"""Each rule opens on its evidence, stays quiet on what looks like it, and clears."""

from __future__ import annotations

import msgspec
import pytest

from controltower.route.timeline import to_ms
from controltower.streaming.stage import Record
from schemas import wire
from schemas.vocabulary import ExceptionCode, Milestone, Resolution, RouteEnd, Transition
from tests.unit.roads import (
    SPEED_MPS,
    START_MS,
    Ping,
    day_of,
    drive,
    exceptions_in,
    log_of,
    make_plan,
    new_fold,
    run_day,
    scan_of,
    stand,
    tick_at,
    told,
)

TICKS = range(0, 40_000, 10)


def seconds(instant: object) -> float:
    """Seconds after the start of the day."""
    return (to_ms(instant) - START_MS) / 1000  # type: ignore[arg-type]


def halt_day(minutes: float) -> list[Ping]:
    """Drive 5 min, stand between two stops, drive on to the end."""
    until = 300 + minutes * 60
    return drive(0, 300, 0) + stand(330, until, 2500) + drive(until + 30, until + 900, 2750)


def test_a_halt_of_ten_minutes_is_told_once_and_ends() -> None:
    """LONG_HALT opens 10 min after the van came to stand, clears when it leaves, resolves as AUTO."""
    records = run_day(day_of(halt_day(20), TICKS))
    halts = [r for r in records if r.code is ExceptionCode.LONG_HALT]
    assert told(halts) == [("LONG_HALT", "OPENED"), ("LONG_HALT", "UPDATED"), ("LONG_HALT", "RESOLVED")]
    assert 570 <= seconds(halts[0].detected_at) - seconds(halts[0].onset_at) <= 610
    assert halts[-1].resolution is Resolution.AUTO
    assert halts[-1].resolved_at == halts[1].cleared_at
    assert halts[0].location is not None
    assert halts[0].location.stop_after == "S3"


@pytest.mark.parametrize("side_m", [0, 20, 40, 44, 48, 60])
def test_a_halt_near_a_stop_is_told_under_one_code(side_m: float) -> None:
    """Where the scatter of a parked van crosses the edge of a stop's reach, it is one event, told once."""
    still = [Ping(360 + i * 30, 3000 + (i * 7) % 20, side_m + (i % 5) * 3) for i in range(60)]
    records = run_day(day_of(drive(0, 330, 0) + still + drive(2190, 2900, 3250), TICKS))
    opened = [r.code for r in records if r.transition is Transition.OPENED]
    assert (
        len([code for code in opened if code in (ExceptionCode.LONG_HALT, ExceptionCode.EXCESS_DWELL)]) == 1
    )


def test_a_layover_before_the_first_stop_is_no_halt() -> None:
    """A van that waits short of the first stop and then leaves is told at no time, nor as it starts."""
    wait = [Ping(-1500 + i * 30, -40 + (i % 4) * 8) for i in range(50)]
    assert run_day(day_of(wait + drive(0, 1080, 0), TICKS)) == []


def events_of(pings: list[Ping]) -> list[object]:
    """The plan, and the scans of a van."""
    return [make_plan(), *(scan_of(ping, i) for i, ping in enumerate(pings))]


def over_from(at_s: int) -> list[wire.Tick]:
    """Ticks of a source whose recorded day is over."""
    return [
        wire.Tick(source="carrier-events/0", sources=1, upto=tick_at(at).upto, over=True)
        for at in TICKS
        if at >= at_s
    ]


def test_the_end_of_a_recording_is_nobodys_silence() -> None:
    """A day that is played and over opens no SIGNAL_LOST; its routes still end with their plans."""
    outs = new_fold().fold(log_of([*events_of(drive(0, 300, 0)), *over_from(310)])).outputs
    assert exceptions_in(outs) == []
    statuses = [wire.decode_any(out.value or b"") for out in outs if out.topic == "route-status"]
    assert isinstance(statuses[-1], wire.RouteStatus)
    assert statuses[-1].ended_because is RouteEnd.PLAN_OVER


def test_a_silence_before_the_end_of_a_recording_is_told() -> None:
    """What fell due while others still reported is told, though the clock of the log gets there later."""
    log = log_of([*events_of(drive(0, 300, 0)), *over_from(900)])
    assert [r.code for r in exceptions_in(new_fold().fold(log).outputs)][:1] == [ExceptionCode.SIGNAL_LOST]


@pytest.mark.parametrize("minutes", [2, 5, 9])
def test_a_short_halt_is_no_exception(minutes: float) -> None:
    """Standing for less than ten minutes says nothing."""
    assert run_day(day_of(halt_day(minutes), TICKS)) == []


def test_a_parked_tracker_that_wanders_still_stands() -> None:
    """Fixes that scatter by 40 m with a single jump of 150 m are one halt, told once."""
    scatter = [0, 35, -30, 40, 10, -40, 25, 150, -15, 30]
    still = [Ping(330 + i * 30, 2500 + scatter[i % 10], scatter[(i * 3) % 10] / 2) for i in range(50)]
    records = run_day(day_of(drive(0, 300, 0) + still + drive(1860, 2700, 2750), TICKS))
    assert [r.transition for r in records if r.code is ExceptionCode.LONG_HALT].count(Transition.OPENED) == 1


def test_crawling_traffic_is_no_halt() -> None:
    """A van that moves on at 0.4 m/s is slow, not halted: one SLOW_PROGRESS that clears once it drives."""
    crawl = [Ping(330 + i * 30, 2500 + i * 12) for i in range(40)]
    records = run_day(day_of(drive(0, 300, 0) + crawl + drive(1560, 2400, 3000), TICKS))
    assert told(records) == [
        ("SLOW_PROGRESS", "OPENED"), ("SLOW_PROGRESS", "UPDATED"), ("SLOW_PROGRESS", "RESOLVED")
    ]  # fmt: skip
    share = records[0].metrics["progress_share"]
    assert isinstance(share, float)
    assert share < 0.4


def test_a_dead_tracker_is_not_a_halt() -> None:
    """The same place before and after 20 min of silence: SIGNAL_LOST, no LONG_HALT."""
    pings = drive(0, 300, 0) + stand(330, 360, 2500) + stand(1560, 1590, 2500) + drive(1620, 2500, 2750)
    assert {r.code for r in run_day(day_of(pings, TICKS))} == {ExceptionCode.SIGNAL_LOST}


def test_silence_is_told_at_its_due_time_and_cleared_by_a_fix() -> None:
    """SIGNAL_LOST has detected_at = last receipt + 5 min exactly, whatever the rhythm of the ticks."""
    pings = drive(0, 300, 0) + drive(1200, 1900, 3000)
    records = run_day(day_of(pings, range(0, 5000, 170)))
    assert told(records)[:2] == [("SIGNAL_LOST", "OPENED"), ("SIGNAL_LOST", "UPDATED")]
    assert seconds(records[0].detected_at) == 301 + 300
    assert seconds(records[1].cleared_at) == 1201
    assert seconds(records[0].onset_at) == 300


def test_a_tracker_that_only_could_not_send_is_retracted() -> None:
    """Fixes taken during the silence come all at once: the exception was wrong and says so."""
    quiet = [Ping(ping.at_s, ping.along_m, delay_s=1200 - ping.at_s) for ping in drive(330, 1190, 2750)]
    records = run_day(day_of(drive(0, 300, 0) + quiet, TICKS))
    lost = [r for r in records if r.code is ExceptionCode.SIGNAL_LOST]
    assert lost[-1].resolution is Resolution.RETRACTED


def test_a_device_clock_that_runs_ahead_is_corrected() -> None:
    """With the skew that normalize found, a clock 4 min ahead changes no verdict."""
    fold = new_fold()
    events: list[object] = [make_plan()]
    for i, ping in enumerate(halt_day(20)):
        scan = scan_of(Ping(ping.at_s + 240, ping.along_m, ping.side_m, 1 - 240), i)
        scan.clock_skew_s = 239.0
        events += [scan, tick_at(ping.received_s)]
    records = exceptions_in(fold.fold(log_of(events)).outputs)
    assert [r.code for r in records if r.transition is Transition.OPENED] == [ExceptionCode.LONG_HALT]


def detour_day(side_m: float, for_s: int, every_s: int = 30) -> list[Ping]:
    """Drive, leave the road by `side_m` for a time, come back."""
    out = [Ping(330 + t, (330 + t) * SPEED_MPS, side_m) for t in range(0, for_s, every_s)]
    return drive(0, 300, 0) + out + drive(330 + for_s, 1100, (330 + for_s) * SPEED_MPS)


@pytest.mark.parametrize(("side_m", "for_s"), [(130, 420), (300, 150), (-600, 300)])
def test_a_detour_is_told_within_two_minutes(side_m: float, for_s: int) -> None:
    """Outside the corridor for 3 fixes and 90 s opens; back for 2 fixes clears."""
    records = [r for r in run_day(day_of(detour_day(side_m, for_s), TICKS)) if "DEV" in r.code.value]
    assert told(records) == [
        ("ROUTE_DEVIATION", "OPENED"), ("ROUTE_DEVIATION", "UPDATED"), ("ROUTE_DEVIATION", "RESOLVED")
    ]  # fmt: skip
    assert seconds(records[0].detected_at) - seconds(records[0].onset_at) <= 120
    assert records[0].metrics["basis"] == "path"


@pytest.mark.parametrize(("side_m", "for_s"), [(40, 600), (400, 75), (5000, 30)])
def test_noise_a_canyon_and_a_jump_are_no_detour(side_m: float, for_s: int) -> None:
    """Within the corridor, for 75 s, or for one fix: nothing is said."""
    assert run_day(day_of(detour_day(side_m, for_s), TICKS)) == []


@pytest.mark.parametrize("between_m", [70, 20])
def test_a_detour_that_touches_its_path_is_one(between_m: float) -> None:
    """A fix at the edge of the corridor says nothing, one on the path only takes back one outside."""
    sides = [300, 300, between_m, 300, 300]
    out = [Ping(330 + i * 30, (330 + i * 30) * SPEED_MPS, side_m) for i, side_m in enumerate(sides)]
    records = run_day(day_of(drive(0, 300, 0) + out + drive(480, 1100, 480 * SPEED_MPS), TICKS))
    assert [r.code for r in records if r.transition == "OPENED"] == [ExceptionCode.ROUTE_DEVIATION]


def test_single_jumps_in_a_row_are_no_detour() -> None:
    """Every other fix far off, for six minutes: each one back takes the one before away."""
    jumps = [Ping(330 + t, (330 + t) * SPEED_MPS, 300 if t % 60 else 0) for t in range(0, 360, 30)]
    assert run_day(day_of(drive(0, 300, 0) + jumps + drive(690, 1100, 690 * SPEED_MPS), TICKS)) == []


def test_a_van_parked_at_the_edge_of_the_corridor_does_not_leave_it() -> None:
    """Its tracker wanders across the edge for half an hour: one halt and no detour."""
    wander = [60, 65, 70, 60, *[95, 98, 92, 96] * 14]
    parked = [Ping(330 + i * 30, 2750, side_m) for i, side_m in enumerate(wander)]
    later_s = 330 + len(wander) * 30
    records = run_day(day_of(drive(0, 300, 0) + parked + drive(later_s, later_s + 700, 3000), TICKS))
    assert {r.code for r in records} == {ExceptionCode.LONG_HALT}


def test_waiting_at_the_end_of_the_plan_is_no_halt() -> None:
    """A van that stands 100 m short of its last stop waits for its gate; 400 m short of it it is halted."""
    waits = run_day(day_of(drive(0, 1050, 0) + stand(1080, 2400, 8900), range(0, 2400, 10)))
    halts = run_day(day_of(drive(0, 1020, 0) + stand(1050, 2400, 8600), range(0, 2400, 10)))
    assert waits == []
    assert {r.code for r in halts} == {ExceptionCode.LONG_HALT}


def test_a_sparse_tracker_needs_fewer_fixes() -> None:
    """At one fix every two minutes, two fixes outside are enough."""
    pings = [
        *drive(0, 360, 0, 120),
        Ping(480, 4000, 500),
        Ping(600, 5000, 500),
        Ping(720, 6000, 500),
        *drive(840, 1080, 7000, 120),
    ]
    assert ExceptionCode.ROUTE_DEVIATION in {r.code for r in run_day(day_of(pings, TICKS))}


def test_a_long_stay_at_a_planned_stop_is_an_excess_dwell() -> None:
    """EXCESS_DWELL names the stop; no LONG_HALT beside it."""
    pings = drive(0, 330, 0) + stand(360, 1560, 3005) + drive(1590, 2300, 3250)
    records = run_day(day_of(pings, TICKS))
    assert {(r.code, r.stop_id) for r in records} == {(ExceptionCode.EXCESS_DWELL, "S3")}


def test_a_planned_break_is_no_halt() -> None:
    """Standing within a permitted break says nothing, however long."""
    plan = make_plan()
    day = day_of(halt_day(20), TICKS, plan)
    plan.breaks = (wire_break(300, 1600),)
    assert run_day(day_of(halt_day(20), TICKS, plan)) == []
    assert run_day(day) != []


def wire_break(from_s: int, to_s: int) -> object:
    """A break in the plan."""
    from controltower.route.timeline import from_ms
    from schemas import wire

    return wire.Break(from_ms(START_MS + from_s * 1000), from_ms(START_MS + to_s * 1000))


def test_a_van_that_does_not_leave_is_told_and_cleared_by_leaving() -> None:
    """LATE_DEPARTURE falls due 15 min after the plan and no halt is seen before departure."""
    pings = stand(-600, 1500, 0) + drive(1530, 2700, 0)
    records = run_day(day_of(pings, TICKS))
    late = [r for r in records if r.code is ExceptionCode.LATE_DEPARTURE]
    assert told(late)[:2] == [("LATE_DEPARTURE", "OPENED"), ("LATE_DEPARTURE", "UPDATED")]
    assert seconds(late[0].detected_at) == 900
    assert ExceptionCode.LONG_HALT not in {r.code for r in records}


def test_a_parcel_scan_ahead_of_the_fixes_tells_no_late_departure() -> None:
    """Scans of parcels come through other partitions than the fixes, which may still be in a backlog."""
    delivered = msgspec.structs.replace(
        scan_of(Ping(7200, 0), 0),
        scan_id="parcel",
        place=None,
        milestone=Milestone.DELIVERED,
        shipment_ids=("P1-0",),
        source=wire.Source("carrier-events", 1, 0),
    )
    pings = [scan_of(ping, i) for i, ping in enumerate(drive(0, 900, 0))]
    assert run_day(log_of([make_plan(), delivered, *pings])) == []


def test_the_end_of_the_route_closes_what_is_open() -> None:
    """A detour that lasts to the last stop resolves with the route; nothing is said afterwards."""
    pings = drive(0, 900, 0) + [Ping(930 + i * 30, 7750, 500) for i in range(6)] + drive(1110, 1140, 8950)
    records = run_day(day_of(pings + stand(1200, 6000, 9000), TICKS))
    assert told(records)[-1] == ("ROUTE_DEVIATION", "RESOLVED")
    assert {r.code for r in records} == {ExceptionCode.ROUTE_DEVIATION}


def test_a_record_that_is_not_ours_stops_nothing() -> None:
    """Bytes that are no event are counted; what follows is folded."""
    fold = new_fold()
    commit = fold.fold([Record("route-events", 0, 0, 0, None, b"\xff{"), *day_of(halt_day(20), TICKS)])
    assert commit.tallies["unreadable",] == 1
    assert exceptions_in(commit.outputs)


def test_the_clock_is_told_to_recovery_after_what_fell_due() -> None:
    """Recovery hears that it is 5 past only after it heard of everything that happened until then."""
    outs = new_fold().fold(day_of(drive(0, 300, 0), range(0, 2000, 10))).outputs
    heard = [wire.decode_recovery_event(out.value or b"") for out in outs if out.topic == "recovery-events"]
    lost = next(i for i, r in enumerate(heard) if isinstance(r, wire.ExceptionRecord))
    before, after = heard[lost - 1], heard[lost + 1]
    assert isinstance(before, wire.Tick)
    assert isinstance(after, wire.Tick)
    assert seconds(before.upto) < 601 <= seconds(after.upto)
