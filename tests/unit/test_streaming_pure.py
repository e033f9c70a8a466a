"""The parts of the streaming edge that need no Kafka."""

from __future__ import annotations

import pytest

from controltower.streaming.broker_clock import LOG_APPEND_TIME, BrokerClock
from controltower.streaming.connection import Connection
from controltower.streaming.exits import Exit, Refused, WrongSettings
from controltower.streaming.gather import FEW_RECORDS, Gathering, Wait
from controltower.streaming.kafka_config import aiokafka_config, producer_config
from controltower.streaming.limits import StreamLimits
from controltower.streaming.partitioner import partition_of
from controltower.streaming.poll import Poll, join_polls
from controltower.streaming.positions import (
    Position,
    decode_position,
    encode_position,
    find_position_topic,
    position_key,
)
from controltower.streaming.preflight import FoundTopic, check_faust_version, check_partition_counts
from controltower.streaming.restore import Changelog
from controltower.streaming.resume import Bounds, find_start
from controltower.streaming.stage import Record, StageSpec
from controltower.streaming.watchdog import Watchdog


def connection(*, embedded: bool = False) -> Connection:
    spec = StageSpec("track", ("route-events",), "track-state", lambda p, n: None)  # type: ignore[arg-type,return-value]
    return Connection(spec, "localhost:9092", "tower", embedded=embedded)


@pytest.mark.parametrize(
    ("key", "java_hash"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"abc", 479470107),
    ],
)
def test_partitions_are_those_of_the_java_client(key: bytes, java_hash: int) -> None:
    """Kafka's own test vectors for murmur2, made positive as Java does."""
    assert partition_of(key, 1 << 31) == java_hash & 0x7FFFFFFF


def test_a_position_survives_its_record() -> None:
    """Written and read, it is the same."""
    position = Position(12_345, "Tr0bziiFRUqBvRDlDH9cEw", 1, "aGVsbG8gY2hhbmdlbG9nIQ", ("tower-track-all-1",))
    assert decode_position(encode_position(position)) == position


def test_a_position_of_before_changelogs_had_their_id_in_it() -> None:
    """It is read, and compared with nothing."""
    position = decode_position(b'{"next":7,"topic_id":"id","schema":1}')
    assert position == Position(7, "id", 1, None)
    assert start(position, Bounds(0, 10, 0)) == 7


def test_position_keys_are_told_from_state_keys() -> None:
    """A stage's own keys never look like positions."""
    assert find_position_topic(position_key("plans")) == "plans"
    assert find_position_topic(b"position/plans") is None


@pytest.mark.parametrize("value", [b"", b"{}", b"[1]", b'{"next":"x","topic_id":null,"schema":1}'])
def test_a_broken_position_is_refused(value: bytes) -> None:
    """A person must look, and gets a way out."""
    with pytest.raises(Refused) as refused:
        decode_position(value)
    assert refused.value.code is Exit.PERSON
    assert refused.value.hint


def test_a_changelog_keeps_the_last_value_and_drops_the_deleted() -> None:
    """As compaction would."""
    changelog = Changelog()
    for key, value in [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", None), (None, b"x")]:
        changelog.take(key, value)
    assert changelog.entries == {b"a": b"2"}
    assert changelog.records == 5


def start(stored: Position | None, bounds: Bounds, topic_id: str | None = "id") -> int:
    return find_start(connection(), "route-events", 0, stored, bounds, topic_id, "log")


def test_a_stored_position_is_where_to_go_on() -> None:
    """The group's committed offset plays no part."""
    assert start(Position(7, "id", 1), Bounds(0, 10, committed=3)) == 7


def test_a_new_partition_starts_at_the_beginning() -> None:
    """Also where the log no longer begins at zero."""
    assert start(None, Bounds(5, 10, committed=0)) == 5


@pytest.mark.parametrize(
    ("stored", "bounds", "words"),
    [
        (Position(7, "id", 1), Bounds(8, 10, 0), "1 offsets from 7 on are gone"),
        (Position(11, "id", 1), Bounds(0, 10, 0), "ends at 10"),
        (Position(7, "other", 1), Bounds(0, 10, 0), "deleted and created again"),
        (Position(7, "id", 1, "other-log"), Bounds(0, 10, 0), "deleted and created again"),
        (Position(7, "id", 2), Bounds(0, 10, 0), "newer version"),
        (None, Bounds(0, 10, 4), "has no position"),
    ],
)
def test_starts_that_would_lose_or_double_are_refused(
    stored: Position | None, bounds: Bounds, words: str
) -> None:
    """Each with its reason and a way out."""
    with pytest.raises(Refused, match=words) as refused:
        start(stored, bounds)
    assert refused.value.hint


def test_a_broker_without_topic_ids_is_not_compared() -> None:
    """The embedded broker has none."""
    assert start(Position(7, None, 1), Bounds(0, 10, 0), topic_id=None) == 7


def test_topics_of_a_stage_must_have_one_partition_count() -> None:
    """Partition n of each is owned together."""
    check_partition_counts({"a": FoundTopic("a", 4, None), "b": FoundTopic("b", 4, None)})
    with pytest.raises(Refused, match="a 4, b 8"):
        check_partition_counts({"a": FoundTopic("a", 4, None), "b": FoundTopic("b", 8, None)})


def test_only_the_known_faust_is_accepted() -> None:
    """Private parts are replaced: another version must be tried first."""
    check_faust_version("0.15.3")
    with pytest.raises(WrongSettings, match=r"0\.15\.4"):
        check_faust_version("0.15.4")


def test_the_brokers_clock_is_never_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several reports the quickest counts; our own clock stands in until there is one."""
    monkeypatch.setattr("time.time", lambda: 1000.0)
    clock = BrokerClock()
    assert clock.of_local(1_000_000) == 1_000_000
    clock.appended(LOG_APPEND_TIME, 1_600_000 - 90)
    clock.appended(LOG_APPEND_TIME, 1_600_000 - 5)
    clock.appended(LOG_APPEND_TIME, 1_600_000 - 40)
    assert clock.of_local(1_000_000) == 1_600_000 - 5


def test_producer_times_tell_nothing_about_the_broker() -> None:
    """CreateTime is our own clock, and the embedded broker's times are made up."""
    clock, embedded = BrokerClock(), BrokerClock(trusted=False)
    clock.appended(1, 5)
    embedded.appended(LOG_APPEND_TIME, 1234)
    assert clock.offset_ms == embedded.offset_ms == 0.0


def test_the_watchdog_waits_for_the_loop() -> None:
    """Silent for longer than the limit: it ends the process; a beat starts the count anew."""
    watchdog = Watchdog(3, lambda seconds: None, lambda fault: None, lambda: 0.0)
    assert [watchdog.second() for _ in range(3)] == [None] * 3
    watchdog.beat()
    assert [watchdog.second() for _ in range(3)] == [None] * 3
    assert "stuck" in (watchdog.second() or "")


def test_the_watchdog_wants_to_see_a_fault_twice() -> None:
    """Right after SIGCONT every clock looks old."""
    faults = iter(["old", None, "old", "old"])
    watchdog = Watchdog(30, lambda seconds: next(faults), lambda fault: None)
    assert [watchdog.second() for _ in range(4)] == [None, None, None, "old"]


def test_a_process_that_gets_little_of_a_core_is_slow_and_not_stuck() -> None:
    """Its seconds count as the CPU time that it used; those of one that waits count whole."""
    counted: list[float] = []
    used = iter([0.0, 0.2, 0.4, 0.4, 0.41, 2.41])
    watchdog = Watchdog(3, counted.append, lambda fault: None, lambda: next(used))
    assert [watchdog.second() for _ in range(4)] == [None] * 4
    assert counted == pytest.approx([0.2, 0.2, 1.0, 1.0])
    assert "stuck" in (watchdog.second() or "")


def test_names_are_shared_by_all_processes_of_a_stage() -> None:
    """This is what fences a former owner."""
    assert connection().group == "tower-track"
    assert connection().transactional_id(3) == "tower-track-3"


def test_security_settings_reach_both_clients() -> None:
    """One dictionary in librdkafka's words."""
    security = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "tower",
        "sasl.password": "secret",
    }
    assert producer_config("b:1", security)["sasl.username"] == "tower"
    assert aiokafka_config(security) == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "tower",
        "sasl_plain_password": "secret",
    }


def test_a_fetch_waits_for_company_only_while_records_come() -> None:
    """After silence the first record is an answer; a partition that waits for room waits for no silence."""
    limits = StreamLimits(fetch_wait_ms=100, fetch_min_bytes=1000, fetch_listen_ms=500)
    gathering, gather, listen = Gathering(limits), Wait(100, 1000), Wait(500, 1)
    assert gathering.choose(1, all_asked=True) == listen
    gathering.answered(1, had_records=True)
    gathering.handed(FEW_RECORDS)
    assert gathering.choose(1, all_asked=True) == gather
    assert gathering.choose(2, all_asked=True) == listen, "another broker has a silence of its own"
    gathering.answered(1, had_records=False)
    assert gathering.choose(1, all_asked=True) == listen
    assert gathering.choose(1, all_asked=False) == gather
    assert Gathering(limits, times=3).choose(1, all_asked=False) == Wait(300, 1000)
    assert Gathering(limits, times=0.5).choose(1, all_asked=False) == Wait(50, 1000)
    assert Gathering(limits, idles=False).choose(1, all_asked=True) == Wait(limits.fetch_listen_idly_ms, 1)


@pytest.mark.parametrize(("times", "many_ms", "few_ms"), [(1, 100, 150), (3, 300, 450), (0.5, 50, 50)])
def test_few_records_are_waited_for_longer(times: float, many_ms: int, few_ms: int) -> None:
    """Counted since the last fetch of that broker; not where another stage has gathered them already."""
    gathering = Gathering(StreamLimits(fetch_wait_ms=100, fetch_min_bytes=1000), times)
    for handed, wait_ms in [(FEW_RECORDS - 1, few_ms), (FEW_RECORDS, many_ms), (1, few_ms)]:
        gathering.answered(1, had_records=True)
        gathering.handed(handed)
        assert gathering.choose(1, all_asked=True) == Wait(wait_ms, 1000)


def test_fetches_that_follow_each_other_are_one_poll_per_partition() -> None:
    """From where the first began to where the last ended, in order; one of another partition stays apart."""

    def poll(partition: int, start: int, end: int) -> Poll:
        held = [Record("in", partition, offset, 0, None, b"") for offset in range(start, end)]
        return Poll("in", partition, 1, start, end + 1, held)  # a marker behind the records

    joined = join_polls([poll(0, 0, 2), poll(1, 7, 8)], [poll(0, 3, 5), poll(2, 0, 1)])
    assert [(p.partition, p.start, p.end) for p in joined] == [(0, 0, 6), (1, 7, 9), (2, 0, 2)]
    assert [record.offset for record in joined[0].records] == [0, 1, 3, 4]
