"""Another version takes over: what an earlier schema left is restored, what a later one left is refused."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.app import build_offline_stages
from controltower.detect.habits import HABIT_KEY
from controltower.exceptions.archive import ENDED_KEY, GRAVES_KEY
from controltower.route.fold import STATE_KEY
from controltower.route.plans import PATH_KEY, PLAN_KEY
from controltower.settings import load_settings
from controltower.shipment.state import decode_shipment
from controltower.stamped import split, stamp
from controltower.streaming.exits import Exit, Refused
from controltower.streaming.stage import Out, PartitionFold, Record, StageSpec
from schemas import topics, wire
from schemas.vocabulary import Transition
from tests.fixtures.keep_changelog import Kept, read_kept
from tests.unit.roads import day_of, exceptions_in, new_fold
from tests.unit.test_route_properties import Piece, essence, pieces, pings_of, run_day, ticks_of

KEPT = read_kept(1)
STAGES = {stage.name: stage for stage in build_offline_stages(load_settings({}), lambda: 0)}
#: Fields of a route that schema 1 did not have, at the end of its array.
_NEW_FIELDS = 2


def kept(stage: str, kind: str) -> list[Kept]:
    return [entry for entry in KEPT if entry.stage == stage and entry.kind == kind]


def restored(stage: StageSpec) -> PartitionFold:
    fold = stage.make_fold(0, 1)
    for entry in kept(stage.name, "state"):
        fold.restore(entry.key or b"", entry.value or b"")
    fold.restored()
    return fold


def outs_after(stage: str) -> list[Out]:
    """What the stage writes from the changelog of schema 1 on to the end of the day."""
    records = [
        Record(e.topic, 0, e.offset, e.at_ms, e.key, e.value, tuple(e.headers)) for e in kept(stage, "log")
    ]
    return restored(STAGES[stage]).fold(records).outputs


def test_exceptions_of_the_version_before_go_on_and_end() -> None:
    """What schema 1 had open keeps its id, goes on with its next seq and is resolved once."""
    lives: dict[str, list[wire.ExceptionRecord]] = defaultdict(list)
    for record in exceptions_in(outs_after("track")):
        lives[record.exception_id].append(record)
    carried_over = [life for life in lives.values() if life[0].transition is not Transition.OPENED]
    assert carried_over
    for life in lives.values():
        assert [r.seq for r in life] == list(range(life[0].seq, life[0].seq + len(life)))
        assert [r.transition for r in life].count(Transition.RESOLVED) == 1
    assert all(life[0].seq > 1 for life in carried_over)


def test_routes_of_the_version_before_go_on_and_end() -> None:
    """Every route of the changelog is told on, with its next seq, until it ends."""
    told: dict[str, list[wire.RouteStatus]] = defaultdict(list)
    for out in outs_after("track"):
        if out.topic == topics.ROUTE_STATUS and out.value:
            told[(out.key or b"").decode()].append(msgspec.json.decode(out.value, type=wire.RouteStatus))
    known = {(e.key or b"").removeprefix(STATE_KEY).decode() for e in kept("track", "state") if _is_route(e)}
    assert known
    assert set(told) == known
    for statuses in told.values():
        assert [s.seq for s in statuses] == list(range(statuses[0].seq, statuses[0].seq + len(statuses)))
        assert statuses[0].seq > 1
        assert statuses[-1].phase.value == "ENDED"


def _is_route(entry: Kept) -> bool:
    return (entry.key or b"").startswith(STATE_KEY)


def test_parcels_of_the_version_before_still_find_their_route() -> None:
    """Every scan of a parcel that schema 1 had assigned is passed on."""
    assigned = {
        (e.key or b"").removeprefix(b"s/"): shipment.route_id
        for e in kept("assign", "state")
        if (e.key or b"").startswith(b"s/")
        and (shipment := decode_shipment(e.value or b"")).route_id is not None
    }
    scans = [wire.decode_any(e.value or b"") for e in kept("assign", "log") if e.key in assigned]
    expected = {scan.scan_id for scan in scans if isinstance(scan, wire.Scan)}
    outs = [wire.decode_any(out.value or b"") for out in outs_after("assign")]
    passed_on = {scan.scan_id for scan in outs if isinstance(scan, wire.Scan)}
    assert expected
    assert expected <= passed_on


def test_actions_of_the_version_before_come_to_their_end() -> None:
    """An action that waited for approval ends with its exception."""
    outs = [out for out in outs_after("recover") if out.topic == topics.DISPATCH]
    actions = [wire.decode_any(out.value or b"") for out in outs]
    states = [action.state.value for action in actions if isinstance(action, wire.Action)]
    assert states
    assert states[-1] in ("CANCELLED", "EXPIRED", "SUPERSEDED")


def test_homes_of_schema_2_go_on_and_their_actions_end() -> None:
    """What the version before permits had open ends once; what it asks for now may ask for permits."""
    fold, state = STAGES["recover"].make_fold(0, 1), [e for e in read_kept(2) if e.kind == "state"]
    for entry in state:
        fold.restore(entry.key or b"", entry.value or b"")
    fold.restored()
    log = [
        Record(e.topic, 0, e.offset, e.at_ms, e.key, e.value, tuple(e.headers))
        for e in read_kept(2)
        if e.kind == "log"
    ]
    outs = fold.fold(log).outputs
    lives: dict[str, list[wire.Action]] = defaultdict(list)
    for out in outs:
        action = wire.decode_any(out.value) if out.topic == topics.DISPATCH and out.value else None
        if isinstance(action, wire.Action):
            lives[action.action_id].append(action)
    assert lives
    for life in lives.values():
        assert [a.seq for a in life] == list(range(life[0].seq, life[0].seq + len(life)))


@pytest.mark.parametrize(
    ("stage", "prefix"), [("normalize", b"v/"), ("assign", b"s/"), ("track", b"r/"), ("recover", b"h/")]
)
def test_a_newer_state_is_refused_and_a_person_must_look(stage: str, prefix: bytes) -> None:
    """A downgrade stops at the first state that it can't know, with the way out and no restart."""
    entry = next(e for e in kept(stage, "state") if (e.key or b"").startswith(prefix))
    _, data = split(entry.value or b"")
    fold = STAGES[stage].make_fold(0, 1)
    with pytest.raises(Refused, match=r"newer version \(schema 9") as refused:
        fold.restore(entry.key or b"", stamp(9, data))
    assert refused.value.code is Exit.PERSON
    assert "Run that version again" in refused.value.hint


@given(pieces, st.data())
@settings(max_examples=30, deadline=None)
def test_a_rolling_change_loses_nothing(drive: list[Piece], data: st.DataObject) -> None:
    """Wherever in the day the new version takes over from the old one, the exceptions are the same."""
    pings = pings_of(drive)
    log = day_of(pings, ticks_of(pings, 60))
    cut = data.draw(st.integers(0, len(log)))
    old, new = new_fold(), new_fold()
    before = old.fold(log[:cut])
    for key, value in as_schema_1(before.changes).items():
        new.restore(key, value)
    new.restored()
    assert essence(exceptions_in(before.outputs + new.fold(log[cut:]).outputs)) == essence(run_day(log))


def as_schema_1(changes: Sequence[tuple[bytes, bytes | None]]) -> dict[bytes, bytes]:
    """The live entries as the version before wrote them: no endings, no habits."""
    later = (ENDED_KEY, GRAVES_KEY, HABIT_KEY)
    live = {
        key: value for key, value in dict(changes).items() if value is not None and not key.startswith(later)
    }
    return {key: _as_schema_1(key, value) for key, value in live.items()}


def _as_schema_1(key: bytes, value: bytes) -> bytes:
    _, data = split(value)
    if key.startswith(STATE_KEY):
        return msgspec.msgpack.encode(msgspec.msgpack.decode(data)[:-_NEW_FIELDS])
    if key.startswith(PLAN_KEY):
        hashed, plan = data[:16], msgspec.json.decode(zlib.decompress(data[16:]))
        return zlib.compress(msgspec.json.encode({**plan, "path": f"sha256:{hashed.hex()}"}))
    assert key.startswith(PATH_KEY) or key == b"c/clock"
    return value
