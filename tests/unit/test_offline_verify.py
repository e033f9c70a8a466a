"""verify: silent on an honest day, and it names the first thing that is wrong with a forged one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import pytest
from msgspec.structs import replace

from agents.app import build_offline_stages
from controltower.offline.verify.findings import Check
from controltower.offline.verify.records import comparable, fingerprint
from controltower.offline.verify.refold import refold
from controltower.offline.verify.verify import Verification
from controltower.settings import load_settings
from controltower.streaming.positions import Position, encode_position, position_key
from controltower.streaming.stage import Record, StageSpec
from schemas.topics import BY_NAME, STAGES, changelog_of
from tests.unit.recorded_afternoon import PARTITIONS, run_afternoon

Places = dict[tuple[str, int], list[Record]]


class Found:
    """Evidence in memory."""

    partitions = PARTITIONS
    topics = frozenset(BY_NAME)

    def __init__(self, places: Places) -> None:
        self.places = places
        self.first: dict[tuple[str, int], int] = {}
        self.ends: dict[tuple[str, int], int] = {}

    def first_offset(self, topic: str, partition: int) -> int:
        return self.first.get((topic, partition), 0)

    def settled_end(self, topic: str, partition: int) -> float:
        return self.ends.get((topic, partition), float("inf"))

    def read(self, topic: str, partition: int) -> Iterable[Record]:
        return self.places.get((topic, partition), [])


@pytest.fixture(scope="module")
def day() -> list[Record]:
    return run_afternoon()[0]


@pytest.fixture
def found(day: list[Record]) -> Found:
    places: Places = {}
    for record in day:
        places.setdefault((record.topic, record.partition), []).append(record)
    return Found(places)


def judge(found: Found) -> list[Check]:
    stages = build_offline_stages(load_settings(), lambda: 0)
    return list(Verification(found, stages).run())


def differences(found: Found) -> dict[str, str]:
    return {check.name: check.difference for check in judge(found) if check.difference}


def place_with(found: Found, topic: str, matches: Callable[[Record], bool]) -> tuple[list[Record], int]:
    """The partition's records and the index of the first that matches."""
    for partition in range(PARTITIONS):
        records = found.places.get((topic, partition), [])
        for index, record in enumerate(records):
            if matches(record):
                return records, index
    raise AssertionError(f"no such record in {topic}")


def forge(record: Record, **fields: object) -> Record:
    assert record.value is not None
    return replace(record, value=json.dumps({**json.loads(record.value), **fields}).encode())


def test_an_honest_day_has_no_difference(found: Found) -> None:
    """Though published_at differs and the batches are other ones; and something was compared."""
    checks = judge(found)
    assert {check.difference for check in checks} == {None}
    compared = {check.name: check.compared for check in checks}
    for name in ("normalize -> route-events", "track -> exceptions", "recover -> dispatch"):
        assert compared[name] > 0
    assert compared["track -> controltower-track-changelog"] > 0
    assert compared["normalize -> dead-letters"] == 1


def test_a_changed_field_is_named(found: Found) -> None:
    """The record, the field, and both values."""
    records, index = place_with(found, "exceptions", lambda r: b"LONG_HALT" in (r.value or b""))
    records[index] = forge(records[index], severity=4)
    said = differences(found)["track -> exceptions"]
    assert "severity is 4 live and" in said
    assert f"offset {records[index].offset}" in said


def test_a_lost_record_is_named(found: Found) -> None:
    """Whether an exception, an action, a scan or a dead letter was lost."""
    for topic, check in (
        ("exceptions", "track -> exceptions"),
        ("dispatch", "recover -> dispatch"),
        ("dead-letters", "normalize -> dead-letters"),
        ("score-requests", "track -> score-requests"),
    ):
        records, index = place_with(found, topic, lambda _: True)
        lost = records.pop(index)
        assert check in differences(found)
        records.insert(index, lost)
    assert not differences(found)


def test_a_lost_scan_is_told_by_its_source(found: Found) -> None:
    """A report that never reached the log of its route."""
    records, index = place_with(found, "route-events", lambda r: b"controltower.scan/1" in (r.value or b""))
    source = json.loads(records.pop(index).value or b"")["source"]
    said = differences(found)["normalize -> route-events"]
    assert f"carrier-events/{source['partition']} offset {source['offset']}" in said


def test_a_doubled_record_is_named(found: Found) -> None:
    """An action that was dispatched twice shows in the comparison and in its life."""
    records, index = place_with(found, "dispatch", lambda _: True)
    records.append(replace(records[index], offset=10_000))
    said = differences(found)
    assert "offset 10000" in said["recover -> dispatch"]
    assert "lives of actions" in said


def test_a_doubled_scan_is_named(found: Found) -> None:
    """The same report twice in the log of its route."""
    records, index = place_with(found, "route-events", lambda r: b"controltower.scan/1" in (r.value or b""))
    records.append(replace(records[index], offset=10_000))
    assert "not so often" in differences(found)["normalize -> route-events"]


def test_an_unanswered_question_is_named(found: Found) -> None:
    """A score that is missing in the log changes the replay's input, and is owed."""
    records, index = place_with(found, "route-events", lambda r: b"scored_by" in (r.value or b""))
    records.pop(index)
    assert "1 questions without an answer" in differences(found)["answers of the delay model"]


def test_a_changed_state_is_named(found: Found) -> None:
    """The changelog is what the next owner of a partition starts from."""
    place = (changelog_of("track"), 0)
    key = next(r.key for r in reversed(found.places[place]) if (r.key or b"").startswith(b"r/"))
    found.places[place].append(Record(*place, 10_000, 0, key, None))
    assert "only in the replay" in differences(found)["track -> controltower-track-changelog"]


def test_a_missing_beginning_is_said_and_nothing_else(found: Found) -> None:
    """Retention has deleted what the replay would start from."""
    found.first["route-events", 1] = 42
    (check,) = judge(found)
    assert check.difference is not None
    assert "the beginning of route-events/1 is gone: it starts at offset 42" in check.difference


def lag_behind(found: Found) -> list[Record]:
    """Make track one that has committed up to its first exception; returns what it wrote since."""
    (track,) = [s for s in build_offline_stages(load_settings(), lambda: 0) if s.name == "track"]
    later: list[Record] = []
    for partition in range(PARTITIONS):
        log = list(found.read("route-events", partition))
        done = next(
            (n for n in range(0, len(log), 50) if writes_exception(track, partition, log[:n])), len(log)
        )
        place = (changelog_of("track"), partition)
        position = encode_position(Position(done, None, 1))
        state = {
            **refold(track, partition, PARTITIONS, log[:done], None).state,
            position_key("route-events"): position,
        }
        found.places[place] = [
            Record(*place, n, 0, key, value) for n, (key, value) in enumerate(state.items())
        ]
        outputs = refold(track, partition, PARTITIONS, log[:done], None).outputs
        told = sum(out.topic == "exceptions" for out in outputs)
        records = found.places.get(("exceptions", partition), [])
        later += records[told:]
    return later


def writes_exception(stage: StageSpec, partition: int, log: list[Record]) -> bool:
    outputs = refold(stage, partition, PARTITIONS, log, None).outputs
    return any(out.topic == "exceptions" for out in outputs)


def test_a_system_that_goes_on_is_compared_up_to_its_positions(found: Found) -> None:
    """What it wrote since may be there, or in part, or not yet; what came before must be there."""
    later = lag_behind(found)
    assert later
    assert not differences(found)
    dropped = later[-1]
    found.places["exceptions", dropped.partition].remove(dropped)
    assert "track -> exceptions" not in differences(found)
    found.places["exceptions", dropped.partition].clear()
    assert "live has 0 records" in differences(found)["track -> exceptions"]


def test_every_stage_but_score_and_project_is_refolded(found: Found) -> None:
    """The answers of the model stand in the log, and Redis is no topic."""
    names = {check.name.split(" -> ")[0] for check in judge(found) if " -> " in check.name}
    assert names == set(STAGES) - {"score", "project"}


@pytest.mark.parametrize("value", [b'{"a": "\xc3\x28"}', b"[" * 5_000 + b"]" * 5_000, b'{"a": NaN}', b"\xff"])
def test_what_an_outsider_sent_is_compared_as_bytes(value: bytes) -> None:
    """Dead letters hold anything; the judge must not stumble over it."""
    assert comparable(value) == value
    assert fingerprint(value) == value
