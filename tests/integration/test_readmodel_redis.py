"""The read model in a real Redis."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import redis
from msgspec.structs import replace

from controltower.embedded.redis import EmbeddedRedis
from controltower.readmodel.overview import overview
from controltower.readmodel.rows import Row, make_row
from controltower.readmodel.store import (
    KEEP_ENDED_S,
    RedisStore,
    StoreBehind,
    StoreDown,
    connect,
    position_key,
    row_key,
)
from schemas.topics import ROUTE_STATUS, SHIPMENT_STATUS
from tests.unit.readmodel_records import as_record, begun, routed_shipment, shipment_status, status, story

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server on the PATH")


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as running:
        yield running


@pytest.fixture
def client(server: EmbeddedRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url, decode_responses=True) as connected:
        connected.flushall()
        yield connected


@pytest.fixture
def store(server: EmbeddedRedis, client: redis.Redis) -> RedisStore:
    return connect(server.url)


def test_rows_sets_positions_and_expiry(store: RedisStore, client: redis.Redis) -> None:
    """What docs/read-model.md says stands in Redis, with a time to live only where something ended."""
    begun(store).fold(story())
    assert client.hget(row_key("route", "r1"), "stops_done") == "2"
    assert client.zrange("ct:2:exceptions:open", 0, -1) == ["e1"]
    assert client.ttl(row_key("exception", "e1")) == -1
    assert 0 < int(str(client.ttl(row_key("exception", "e2")))) <= KEEP_ENDED_S
    assert client.hget(position_key(1), ROUTE_STATUS) == "3"
    seen = overview(store)
    assert (seen.routes_underway, seen.exceptions_open, seen.actions_waiting) == (1, 1, 1)


def test_a_shipment_that_is_given_back_stays(store: RedisStore, client: redis.Redis) -> None:
    """Its row is to expire while a route carries it; a tombstone takes no timeline of a route named so."""
    told = (shipment_status(1, 0.25), routed_shipment(2), shipment_status(3, 0.5))
    ttls = []
    for offset, message in enumerate(told, 1):
        store.write(1, [make_row(as_record(message))], {SHIPMENT_STATUS: offset})
        ttls.append(int(str(client.ttl(row_key("shipment", "P-1")))))
    assert (ttls[0], ttls[2]) == (-1, -1)
    assert 0 < ttls[1] <= KEEP_ENDED_S
    assert client.zrange("ct:2:shipments:open", 0, -1) == ["P-1"]
    store.write(1, [make_row(as_record(status(1, route="P-1")))], {ROUTE_STATUS: 1})
    gone = replace(as_record(shipment_status(4)), value=None)
    store.write(1, [make_row(gone)], {SHIPMENT_STATUS: 4})
    assert sorted(client.keys("ct:2:*P-1")) == ["ct:2:route:P-1", "ct:2:timeline:P-1"]
    assert client.hgetall("ct:2:board:shipment") == {}


def test_an_older_row_overwrites_nothing(store: RedisStore, client: redis.Redis) -> None:
    """Reading again writes no row; a lower seq is left out."""
    assert store.write(1, [make_row(as_record(status(5)))], {ROUTE_STATUS: 6}) == 1
    assert store.write(1, [make_row(as_record(status(5)))], {ROUTE_STATUS: 6}) == 0
    assert store.write(1, [make_row(as_record(status(4)))], {ROUTE_STATUS: 5}) == 0
    assert client.hget(row_key("route", "r1"), "seq") == "5"


def test_who_wakes_up_late_overwrites_nothing(
    store: RedisStore, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer between the look at the stored seq and the transaction: the old row loses."""
    read, reads = store._read, list[Any]()

    def read_before_another_writes(where: str, rows: Sequence[Row]) -> Any:
        position, stored = read(where, rows)
        reads.append(stored[0][0])
        if len(reads) == 1:
            client.hset(row_key("route", "r1"), mapping={"seq": "9"})
            client.hset(position_key(1), ROUTE_STATUS, "10")
        return position, stored

    monkeypatch.setattr(store, "_read", read_before_another_writes)
    assert store.write(1, [make_row(as_record(status(2)))], {ROUTE_STATUS: 3}) == 0
    assert reads == [None, b"9"]
    assert client.hget(row_key("route", "r1"), "seq") == "9"


def test_a_redis_that_is_gone_is_store_down() -> None:
    """The error is one line; the server was stopped."""
    with EmbeddedRedis() as gone:
        store = connect(gone.url)
        assert store.count("exceptions:open") == 0
    with pytest.raises(StoreDown) as raised:
        store.write(1, [make_row(as_record(status(1)))], {ROUTE_STATUS: 1})
    assert "\n" not in str(raised.value)
    with pytest.raises(StoreDown):
        store.count("exceptions:open")


def test_a_new_run_removes_the_rows_of_the_one_before(store: RedisStore, client: redis.Redis) -> None:
    """Rows and members of sets of this partition go, those of a partition that goes on stay; so does
    the timeline of a route that a shipment was named like."""
    store.begin(1, "old")
    named = as_record(shipment_status(1, shipment_id="r9"))
    store.write(1, [make_row(record) for record in (*story(), named)], {ROUTE_STATUS: 9}, {}, "old")
    store.begin(2, "other")
    store.write(2, [make_row(as_record(status(4, route="r9"), 3, 2))], {ROUTE_STATUS: 4}, {}, "other")
    assert store.begin(1, "new") == {}
    assert sorted(client.keys("ct:2:*")) == sorted(
        [
            "ct:2:position:1",
            "ct:2:position:2",
            "ct:2:route:r9",
            "ct:2:timeline:r9",
            "ct:2:board:route",
            "ct:2:routes:underway",
        ]
    )
    assert client.zrange("ct:2:routes:underway", 0, -1) == ["r9"]
    assert list(client.hgetall("ct:2:board:route")) == ["r9"]
    assert store.begin(2, "other") == {ROUTE_STATUS: 4}
    with pytest.raises(StoreBehind):
        store.write(1, [make_row(as_record(status(9)))], {ROUTE_STATUS: 10}, {}, "old")
