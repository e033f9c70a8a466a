"""assign passes each scan of a shipment on to the route that carries it, once and in order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.clock import instant_of
from controltower.shipment.apply import apply
from controltower.shipment.state import Shipment
from controltower.streaming.stage import Record
from schemas import topics
from schemas.vocabulary import Milestone
from schemas.wire import Assignment, Scan, ShipmentsRead, Tick, decode_route_event
from tests.unit.parcels import (
    HOUR_MS,
    assignment,
    fold_in_parts,
    forwarded,
    new_fold,
    parcel_scan,
    records,
    tick,
)

M = Milestone
HOUR_S = HOUR_MS / 1000


def after(*events: Scan | Assignment) -> Shipment:
    shipment = Shipment()
    for event in events:
        shipment, _ = apply(shipment, event)
    return shipment


def passed_on(*events: Scan | Assignment | Tick) -> list[tuple[str, str | None, str | None]]:
    return forwarded(new_fold().fold(records(*events)).outputs)


def test_a_scan_goes_to_the_planned_route_with_route_and_stop_filled_in() -> None:
    """The plan knows which route carries the parcel, even where the carrier names another."""
    scan = parcel_scan(route_id="R-wrong")
    assert passed_on(assignment(), scan) == [("s1", "R-1", "S1")]


def test_a_stop_that_the_carrier_names_is_kept() -> None:
    """It is what was seen; the planned stop is only what was meant."""
    assert passed_on(assignment(), parcel_scan(stop_id="S7")) == [("s1", "R-1", "S7")]


def test_without_a_plan_the_scans_own_route_is_taken() -> None:
    """And no stop is made up."""
    assert passed_on(parcel_scan(route_id="R-5")) == [("s1", "R-5", None)]


def test_scans_wait_for_their_assignment_and_then_go_in_order() -> None:
    """A plan may come after the first scans of the morning."""
    waiting = [parcel_scan(n, at_s=n) for n in (1, 2, 3)]
    told = passed_on(*waiting, assignment(at_s=9), parcel_scan(4, at_s=10))
    assert [scan_id for scan_id, *_ in told] == ["s1", "s2", "s3", "s4"]


def test_at_most_twenty_scans_wait_and_the_oldest_are_dropped_and_counted() -> None:
    """A parcel of nobody's plan cannot grow without bound."""
    commit = new_fold().fold(records(*[parcel_scan(n) for n in range(23)], assignment()))
    assert [scan_id for scan_id, *_ in forwarded(commit.outputs)] == [f"s{n}" for n in range(3, 23)]
    assert commit.tallies == {("dropped",): 3, ("forwarded",): 20}


def test_a_duplicate_is_passed_on_once_and_a_correction_again() -> None:
    """The same scan_id counts again only with a higher revision."""
    scans = [parcel_scan(revision=revision) for revision in (1, 1, 2, 1, 2)]
    commit = new_fold().fold(records(assignment(), *scans))
    assert commit.tallies == {("forwarded",): 2, ("duplicates",): 3}


def test_the_last_32_scans_are_remembered() -> None:
    """Enough for what a carrier sends twice, bounded for what it sends in all."""
    shipment = after(*[parcel_scan(n) for n in range(40)])
    assert list(shipment.seen) == [f"s{n}" for n in range(8, 40)]


@pytest.mark.parametrize(
    ("told", "route", "stop"),
    [
        ([assignment(version=2), assignment(version=3, stop="S2")], "R-1", "S2"),
        ([assignment(version=3, stop="S2"), assignment(version=2)], "R-1", "S2"),
        ([assignment(version=2), assignment(version=2, stop="S2")], "R-1", "S1"),
        ([assignment(version=2), assignment("R-2", at_s=60)], "R-2", "S1"),
        ([assignment("R-2", at_s=60), assignment(version=2)], "R-2", "S1"),
        ([assignment(), assignment("R-2", at_s=60), assignment(at_s=90)], "R-2", "S1"),
        ([assignment(), assignment("R-2", at_s=60), assignment(version=2, at_s=90)], "R-1", "S1"),
        ([assignment(), assignment(None, version=2, stop=None)], None, None),
        ([assignment(version=2), assignment(None, version=1, stop=None)], "R-1", "S1"),
    ],
)
def test_which_plan_carries_a_shipment(told: list[Assignment], route: str | None, stop: str | None) -> None:
    """A higher version on one route; between routes the plan received later; a plan seen before never."""
    shipment = after(*told)
    assert (shipment.route_id, shipment.stop_id) == (route, stop)


@pytest.mark.parametrize(
    ("milestones", "last", "attempt"),
    [
        ([M.LOADED, M.OUT_FOR_DELIVERY, M.DELIVERED], M.DELIVERED, 1),
        ([M.OUT_FOR_DELIVERY, M.LOADED], M.OUT_FOR_DELIVERY, 1),
        ([M.DELIVERED, M.OUT_FOR_DELIVERY, M.RETURNED], M.DELIVERED, 1),
        ([M.OUT_FOR_DELIVERY, M.ATTEMPT_FAILED, M.OUT_FOR_DELIVERY], M.OUT_FOR_DELIVERY, 2),
        ([M.OUT_FOR_DELIVERY, M.HELD, M.OUT_FOR_DELIVERY], M.OUT_FOR_DELIVERY, 1),
        ([M.OUT_FOR_DELIVERY, M.UNMAPPED, None], M.OUT_FOR_DELIVERY, 1),
    ],
)
def test_milestones_only_go_forward_within_an_attempt(
    milestones: list[Milestone | None], last: Milestone, attempt: int
) -> None:
    """Ranks guard against disorder; a new attempt and an end of holding are the ways back."""
    shipment = after(*[parcel_scan(n, milestone, at_s=n) for n, milestone in enumerate(milestones)])
    assert (shipment.milestone, shipment.attempt) == (last, attempt)


def test_a_late_out_for_delivery_starts_no_attempt() -> None:
    """It happened before the failure, though it was received after it."""
    shipment = after(parcel_scan(1, M.ATTEMPT_FAILED, at_s=60), parcel_scan(2, M.OUT_FOR_DELIVERY, at_s=0))
    assert (shipment.milestone, shipment.attempt) == (M.ATTEMPT_FAILED, 1)


@pytest.mark.parametrize(("milestone", "keep_s"), [(M.DELIVERED, 24 * HOUR_S), (M.LOADED, 8 * 24 * HOUR_S)])
def test_a_shipment_is_forgotten_after_its_time(milestone: Milestone, keep_s: float) -> None:
    """24 h after the last record of one that ended, 8 days of one that did not; not a moment before."""
    fold = new_fold()
    fold.fold(records(parcel_scan(1, M.LOADED), parcel_scan(2, milestone, at_s=60)))
    assert (b"s/P-1", None) not in fold.fold(records(tick(60 + keep_s - 0.001))).changes
    assert (b"s/P-1", None) in fold.fold(records(tick(60 + keep_s))).changes


def test_a_record_puts_forgetting_off() -> None:
    """The time counts from the last record, whatever was scheduled before."""
    fold = new_fold()
    fold.fold(records(parcel_scan(1, M.DELIVERED), parcel_scan(2, at_s=23 * HOUR_S)))
    assert fold.fold(records(tick(25 * HOUR_S))).changes[0][0] == b"c/clock"
    assert (b"s/P-1", None) in fold.fold(records(tick(47 * HOUR_S))).changes


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b'{"schema": "controltower.scan/1"}'])
def test_a_record_that_is_not_ours_stops_nothing(value: bytes | None) -> None:
    """It is counted and passed over."""
    commit = new_fold().fold([Record(topics.SHIPMENT_EVENTS, 0, 0, 0, None, value)])
    assert (commit.outputs, commit.tallies) == ([], {("unreadable",): 1})


@st.composite
def shipment_days(draw: st.DrawFn) -> list[Record]:
    """Two parcels, two routes, any order, with duplicates, corrections and ticks of days."""
    events: list[Scan | Assignment | Tick] = []
    for _ in range(draw(st.integers(1, 30))):
        at_s, parcel = draw(st.integers(0, 400)), draw(st.sampled_from(["P-1", "P-2"]))
        kind = draw(st.integers(0, 5))
        if kind == 0:
            events.append(tick(draw(st.sampled_from([10, 90_000, 700_000]))))
        elif kind == 1:
            route = draw(st.sampled_from(["R-1", "R-2", None]))
            events.append(assignment(route, draw(st.integers(1, 3)), at_s=at_s, parcel=parcel))
        else:
            n, milestone = draw(st.integers(0, 9)), draw(st.none() | st.sampled_from(Milestone))
            revision = draw(st.integers(1, 2))
            events.append(parcel_scan(n, milestone, at_s=at_s, parcel=parcel, revision=revision))
    return records(*events)


@settings(max_examples=200, deadline=None)
@given(shipment_days(), st.data())
def test_batches_and_restarts_change_nothing(day: list[Record], data: st.DataObject) -> None:
    """One poll, one record a poll, or any cut with a restore in between: same outputs, same changelog."""
    cut = data.draw(st.integers(0, len(day)))
    whole = fold_in_parts([day])
    assert fold_in_parts([[record] for record in day]) == whole
    assert fold_in_parts([day[:cut], day[cut:]], restart=True) == whole


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*Milestone, None]), min_size=1, max_size=8), st.data())
def test_duplicates_change_nothing(milestones: list[Milestone | None], data: st.DataObject) -> None:
    """A day with scans sent twice, anywhere later, gives the same outputs and the same state."""
    day: list[Scan] = [parcel_scan(n, milestone) for n, milestone in enumerate(milestones)]
    doubled = list(day)
    for n in data.draw(st.lists(st.integers(0, len(day) - 1), max_size=5)):
        place = data.draw(st.integers(doubled.index(day[n]) + 1, len(doubled)))
        doubled.insert(place, day[n])
    told = assignment()
    assert fold_in_parts([records(told, *doubled)]) == fold_in_parts([records(told, *day)])


def test_a_correction_is_told_again_in_its_place() -> None:
    """A delivery that was none: the attempt that failed after it counts, as if it had always been so."""
    shipment = after(
        parcel_scan(1, milestone=M.OUT_FOR_DELIVERY, at_s=1),
        parcel_scan(2, milestone=M.DELIVERED, at_s=2),
        parcel_scan(3, milestone=M.AVAILABLE_FOR_PICKUP, at_s=3),
        parcel_scan(2, milestone=M.ATTEMPT_FAILED, at_s=2, revision=2),
    )
    assert (shipment.milestone, shipment.is_ended) == (M.AVAILABLE_FOR_PICKUP, False)
    assert [said for said, _ in shipment.said] == [
        M.OUT_FOR_DELIVERY,
        M.ATTEMPT_FAILED,
        M.AVAILABLE_FOR_PICKUP,
    ]


def test_a_correction_that_waits_replaces_what_waits() -> None:
    """Only the newest revision is passed on once a plan is there."""
    told = passed_on(parcel_scan(1), parcel_scan(1, revision=2), assignment())
    assert [scan_id for scan_id, *_ in told] == ["s1"]


def test_routes_hear_once_in_ten_seconds_how_far_parcels_are_read() -> None:
    """However many sources tick within the same second, each a little further than the one before."""
    outs = new_fold().fold(records(*_ticks(0.0), *_ticks(10.1), *_ticks(20.2), *_ticks(30.3))).outputs
    told = [decode_route_event(out.value or b"") for out in outs if out.partition == 0]
    read_s = [(read.upto - instant_of(0)).total_seconds() for read in told if isinstance(read, ShipmentsRead)]
    assert read_s == [0.0, 10.1, 20.2, 30.3]


def _ticks(at_s: float) -> list[Tick]:
    """Four sources, each some tenths of a second after the one before it."""
    ats_ms = [int(at_s * 1000) + 200 * source for source in range(4)]
    return [Tick(source=f"carrier-events/{n}", sources=4, upto=instant_of(at)) for n, at in enumerate(ats_ms)]
