"""The model of the broker and of the group does what Kafka does where it matters here."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.streaming.restore import Changelog
from controltower.streaming.stage import Out
from tests.fault.simulation.broker import Broker, FencedByBroker
from tests.fault.simulation.group import Group


def out(key: bytes, value: bytes | None = b"v", topic: str = "t") -> Out:
    return Out(topic, key, value, 0)


def values(broker: Broker, topic: str = "t", *, committed: bool = True) -> list[bytes | None]:
    return [record.value for record in broker.read(topic, 0, committed)]


def test_a_fenced_producer_can_neither_write_nor_commit() -> None:
    """A newer producer with its id has taken over, and what it left open is aborted."""
    broker = Broker(1, 0)
    old = broker.init_transactions("id")
    broker.produce(old, out(b"a", b"old"))
    new = broker.init_transactions("id")
    for forbidden in (lambda: broker.produce(old, out(b"a")), lambda: broker.commit(old)):
        with pytest.raises(FencedByBroker):
            forbidden()
    broker.produce(new, out(b"a", b"new"))
    broker.commit(new)
    assert values(broker) == [b"new"]
    assert values(broker, committed=False) == [b"old", b"new"]


def test_an_open_transaction_holds_back_what_comes_behind_it() -> None:
    """Also records of others, until it ends or times out."""
    broker = Broker(1, 0)
    slow = broker.init_transactions("slow")
    broker.produce(None, out(b"a", b"1"))
    broker.produce(slow, out(b"a", b"2"))
    broker.produce(None, out(b"a", b"3"))
    fetched = broker.log("t", 0).fetch(0, 10)
    assert ([r.value for r in fetched.records], fetched.next_offset, fetched.end) == ([b"1"], 1, 3)
    assert broker.expire("slow")
    assert values(broker) == [b"1", b"3"]
    with pytest.raises(FencedByBroker):
        broker.commit(slow)


def test_control_records_leave_holes() -> None:
    """The position behind a committed transaction is one more than its records."""
    broker = Broker(1, 0)
    producer = broker.init_transactions("id")
    broker.produce(producer, out(b"a"))
    broker.commit(producer)
    broker.produce(None, out(b"a"))
    assert [record.offset for record in broker.read("t", 0)] == [0, 2]
    assert broker.log("t", 0).fetch(0, 1).next_offset == 1
    assert broker.log("t", 0).fetch(1, 1).next_offset == 3


def test_a_commit_is_all_or_nothing_over_partitions() -> None:
    """Outputs and state of one transaction become visible together."""
    broker = Broker(1, 0)
    producer = broker.init_transactions("id")
    broker.produce(producer, out(b"a", topic="outputs"))
    broker.produce(producer, out(b"a", topic="state"))
    assert values(broker, "outputs") == values(broker, "state") == []
    broker.commit(producer)
    assert values(broker, "outputs") == values(broker, "state") == [b"v"]


#: (key, value or None, committed)
writes = st.lists(
    st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from([None, b"1", b"2"]), st.booleans())
)


@given(writes, st.integers(0, 40), st.booleans())
@settings(max_examples=200, deadline=None)
def test_compaction_keeps_what_a_reader_restores(
    made: list[tuple[bytes, bytes | None, bool]], upto: int, drop: bool
) -> None:
    """The last committed value of each key, wherever the cleaner stops."""
    broker = Broker(1, 0)
    producer = broker.init_transactions("id")
    for key, value, committed in made:
        broker.produce(producer, out(key, value))
        (broker.commit if committed else broker.abort)(producer)
    before = restored(broker)
    broker.log("t", 0).compact(upto, drop_tombstones=drop)
    assert restored(broker) == before


def restored(broker: Broker) -> dict[bytes, bytes]:
    changelog = Changelog()
    for record in broker.read("t", 0):
        changelog.take(record.key, record.value)
    return changelog.entries


class Member:
    """Remembers what it was told."""

    def __init__(self, name: str) -> None:
        self.name, self.told = name, False
        self.numbers: list[int] = []

    def tell_rebalance(self) -> None:
        self.told = True

    def tell_assigned(self, numbers: list[int], generation: int) -> None:
        self.numbers = numbers


def test_partitions_are_shared_once_everybody_has_rejoined() -> None:
    """A member that does not answer holds the others up until its session times out."""
    group: Group[Member] = Group(2)
    one, two = Member("1"), Member("2")
    group.join(one)
    assert (one.numbers, group.generation) == ([0, 1], 1)
    group.join(two)
    assert (one.told, two.told, group.rebalancing, two.numbers) == (True, False, True, [])
    group.join(one)
    assert (one.numbers, two.numbers, group.generation) == ([0], [1], 2)
    group.remove(one)
    assert (two.told, group.rebalancing) == (True, True)
    group.join(two)
    assert two.numbers == [0, 1]
    assert one.numbers == [0], "it has not heard that it is out"
