"""Several exceptions of one cause: a parent opens, its children are suppressed but visible, and come back."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.areas.fold import AreaFold
from controltower.areas.grouping import LEAST_ROUTES, RADIUS_M, distance_m
from controltower.route.path import METRES_PER_DEGREE
from controltower.route.timeline import from_ms
from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Out, Record
from schemas import wire
from schemas.vocabulary import (
    CODE_TRAITS,
    CommandKind,
    ExceptionCode,
    ExceptionStatus,
    Resolution,
    SubjectType,
    Transition,
)

T0_MS = 1_767_258_000_000
PARTITIONS = 3


def child(
    route: str,
    at_s: float,
    north_m: float = 0.0,
    code: ExceptionCode = ExceptionCode.LONG_HALT,
    transition: Transition = Transition.OPENED,
    hub: str | None = None,
    resolution: Resolution | None = None,
) -> wire.ExceptionRecord:
    """A record of an exception of a route, `north_m` north of the junction."""
    at, traits = from_ms(T0_MS + int(at_s * 1000)), CODE_TRAITS[code]
    over = transition is Transition.RESOLVED
    return wire.ExceptionRecord(
        exception_id=f"x-{route}",
        seq=1,
        transition=transition,
        status=ExceptionStatus.RESOLVED if over else ExceptionStatus.OPEN,
        code=code,
        kind=traits.kind,
        severity=traits.severity,
        latched=False,
        tenant="default",
        subject_type=SubjectType.ROUTE,
        subject_id=route,
        route_id=route,
        onset_at=from_ms(T0_MS),
        detected_at=from_ms(T0_MS),
        updated_at=at,
        published_at=at,
        cleared_at=at if transition is Transition.UPDATED else None,
        resolution=resolution or (Resolution.AUTO if over else None),
        home=f"route:{route}",
        generation=from_ms(T0_MS),
        location=wire.Location(lat=50.0 + north_m / METRES_PER_DEGREE, lon=8.0),
        hub_id=hub,
        impact=wire.Impact(4, 7),
        rule_version="rules/1",
    )


def tick(at_s: float) -> list[object]:
    upto = from_ms(T0_MS + int(at_s * 1000))
    return [wire.Tick(source=f"route-events/{i}", sources=PARTITIONS, upto=upto) for i in range(PARTITIONS)]


def log_of(events: Sequence[object]) -> list[Record]:
    return [Record("area-events", 0, i, 0, None, wire.encode(event)) for i, event in enumerate(events)]


def new_fold() -> AreaFold:
    return AreaFold(PARTITIONS, lambda: T0_MS, partition_of)


def told(outs: Sequence[Out], topic: str = "exceptions") -> list[wire.AnyRecord]:
    return [wire.decode_any(out.value) for out in outs if out.topic == topic and out.value]


def lives(outs: Sequence[Out]) -> list[tuple[str, str]]:
    return [(record.code.value, record.transition.value) for record in told(outs)]


def answers(outs: Sequence[Out]) -> list[tuple[str, bool]]:
    return [(answer.route_id, answer.suppressed) for answer in told(outs, "route-events")]


JAM = [child("A", 0), child("B", 60, 100), child("C", 120, -150, ExceptionCode.ROUTE_DEVIATION)]


def test_three_vehicles_at_one_place_have_one_parent() -> None:
    """A halt, a halt and a detour within 400 m: AREA_DISRUPTION, and each child hears of its parent."""
    outs = new_fold().fold(log_of(JAM)).outputs
    (parent,) = told(outs)
    assert (parent.code, parent.transition) == (ExceptionCode.AREA_DISRUPTION, Transition.OPENED)
    assert parent.metrics == {"routes": 3.0, "standing": 2.0, "detours": 1.0, "radius_m": RADIUS_M}
    assert (parent.impact, parent.subject_type) == (wire.Impact(12, 21), SubjectType.HUB)
    assert parent.detected_at == from_ms(T0_MS + 120_000)
    assert answers(outs) == [("A", True), ("B", True), ("C", True)]
    places = {out.partition for out in outs if out.topic in ("exceptions", "recovery-events")}
    assert places == {partition_of(parent.home.removeprefix("hub:").encode(), PARTITIONS)}


def test_what_has_nothing_in_common_has_no_parent() -> None:
    """Two routes, a third one far away, one route twice, or half an hour apart: no disruption."""
    late = child("C", 2400)
    late.onset_at = from_ms(T0_MS + 2_400_000)
    for third in (child("C", 120, RADIUS_M * 2.5), child("B", 120), late):
        assert new_fold().fold(log_of([*JAM[:2], third])).outputs == []


def test_a_hub_that_is_stuck_is_found_by_its_name() -> None:
    """Three routes that do not leave the same depot: HUB_DISRUPTION, wherever their trackers lie."""
    stuck = [child(r, i, 900 * i, ExceptionCode.LATE_DEPARTURE, hub="D1") for i, r in enumerate("ABC")]
    (parent,) = told(new_fold().fold(log_of(stuck)).outputs)
    assert (parent.code, parent.subject_id, parent.hub_id) == (ExceptionCode.HUB_DISRUPTION, "D1", "D1")


def test_the_parent_goes_when_its_children_go() -> None:
    """Cleared with one route left, over after the hold of 5 min; the child that still stands is released."""
    fold = new_fold()
    fold.fold(log_of(JAM))
    gone = [child("A", 300, transition=Transition.RESOLVED), child("B", 330, transition=Transition.RESOLVED)]
    assert lives(fold.fold(log_of(gone)).outputs) == [("AREA_DISRUPTION", "UPDATED")]
    assert fold.fold(log_of(tick(629))).outputs == []
    outs = fold.fold(log_of(tick(631))).outputs
    (end,) = told(outs)
    assert (end.resolution, end.resolved_at) == (Resolution.AUTO, from_ms(T0_MS + 330_000))
    assert answers(outs) == [("C", False)]


def test_one_more_joins_and_the_parent_grows() -> None:
    """A fourth is suppressed at once; twice as many as told before is told."""
    fold = new_fold()
    fold.fold(log_of(JAM))
    outs = fold.fold(log_of([child("D", 130)])).outputs
    assert (answers(outs), lives(outs)) == ([("D", True)], [])
    outs = fold.fold(log_of([child("E", 140), child("F", 150)])).outputs
    assert lives(outs) == [("AREA_DISRUPTION", "UPDATED")]


def test_late_data_takes_the_parent_back() -> None:
    """A child that was never true shows nothing: with two left the parent is retracted."""
    fold = new_fold()
    fold.fold(log_of(JAM))
    wrong = child("B", 200, transition=Transition.RESOLVED, resolution=Resolution.RETRACTED)
    outs = fold.fold(log_of([wrong])).outputs
    assert [record.resolution for record in told(outs)] == [Resolution.RETRACTED]
    assert answers(outs) == [("A", False), ("C", False)]


def test_the_time_of_a_parent_never_goes_back() -> None:
    """It has escalated by the clock; a child whose log is behind is told at its time, not before."""
    fold = new_fold()
    fold.fold(log_of(JAM))
    (escalated,) = told(fold.fold(log_of(tick(800))).outputs)
    late = [child(route, 500) for route in "DEF"]
    (updated,) = told(fold.fold(log_of(late)).outputs)
    assert (updated.transition, updated.updated_at) == (Transition.UPDATED, escalated.updated_at)


def test_people_command_a_parent_as_any_other() -> None:
    """Acknowledged and answered; it escalates by the clock until then."""
    fold = new_fold()
    (parent,) = told(fold.fold(log_of(JAM)).outputs)
    assert lives(fold.fold(log_of(tick(800))).outputs) == [("AREA_DISRUPTION", "ESCALATED")]
    command = wire.Command(
        command_id="c1",
        kind=CommandKind.ACKNOWLEDGE,
        exception_id=parent.exception_id,
        home=parent.home,
        by="ops-1",
        issued_at=from_ms(T0_MS),
    )
    outs = fold.fold(log_of([command])).outputs
    assert lives(outs) == [("AREA_DISRUPTION", "ACKNOWLEDGED")]
    assert [reply.seq for reply in told(outs, "command-replies")] == [3]
    assert fold.fold(log_of([command])).outputs == []


events = st.lists(
    st.one_of(
        st.builds(
            child,
            st.sampled_from("ABCDEF"),
            st.integers(0, 600),
            st.sampled_from([0.0, 100.0, 300.0, 900.0]),
            st.sampled_from([ExceptionCode.LONG_HALT, ExceptionCode.ROUTE_DEVIATION]),
            st.sampled_from([Transition.OPENED, Transition.UPDATED, Transition.RESOLVED]),
            st.none(),
            st.sampled_from([None, Resolution.RETRACTED]),
        ).map(lambda record: [record]),
        st.integers(0, 3000).map(tick),
    ),
    max_size=40,
).map(lambda groups: [event for group in groups for event in group])


@given(events, st.data())
@settings(max_examples=60, deadline=None)
def test_polls_and_restarts_change_nothing(day: list[object], data: st.DataObject) -> None:
    """Whatever happens: the same records however the log is cut, and each parent's life is whole."""
    log = log_of(day)
    whole = new_fold().fold(log).outputs
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=4)))
    state: dict[bytes, bytes] = {}
    outs: list[Out] = []
    for start, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        fold = new_fold()
        for key, value in state.items():
            fold.restore(key, value)
        commit = fold.fold(log[start:end])
        outs += commit.outputs
        for key, change in commit.changes:
            if change is None:
                state.pop(key, None)
            else:
                state[key] = change
    assert sorted(map(str, outs)) == sorted(map(str, whole))
    assert [out.value for out in outs] == [out.value for out in whole]
    by_id: dict[str, list[wire.ExceptionRecord]] = {}
    for record in told(whole):
        by_id.setdefault(record.exception_id, []).append(record)
    for life in by_id.values():
        assert [record.seq for record in life] == list(range(1, len(life) + 1))
        assert life[0].transition is Transition.OPENED
        assert life[0].metrics["routes"] >= LEAST_ROUTES
        assert [r.updated_at for r in life] == sorted(r.updated_at for r in life)


def test_metres() -> None:
    """A thousandth of a degree of latitude is 111 m."""
    assert round(distance_m(50.0, 8.0, 50.001, 8.0)) == 111
