"""The read model's Redis: rows and the position they stand for in one MULTI, the highest seq kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import redis
from redis.exceptions import RedisError, WatchError

from controltower.readmodel.rows import Row

#: The number grows when the meaning of a key changes, so old and new readers never mix.
PREFIX: Final = "ct:2:"
#: Rows of what ended are kept this long for readers that come late; Kafka has them for a week.
KEEP_ENDED_S: Final = 24 * 3600
_ANSWER_S: Final = 5.0
_NOTHING: Final[Mapping[str, int]] = {}


class StoreDown(Exception):
    """The store does not answer or refuses; one line. Nothing of the call was written."""


class StoreBehind(Exception):
    """The store has lost what it had confirmed; one line. Nothing of the call was written."""


class Store(Protocol):
    """What the stage project needs of a store, and what reads the overview."""

    def write(
        self,
        partition: int,
        rows: Sequence[Row],
        positions: Mapping[str, int],
        confirmed: Mapping[str, int] = _NOTHING,
    ) -> int:
        """Write rows and positions (topic -> next offset), all or nothing; returns how many rows were new.

        Rows with a seq not above the stored one are left out. Raises StoreBehind where a stored position is
        below the one in `confirmed`.
        """

    def stands_at(self, partition: int) -> dict[str, int]:
        """The stored positions."""

    def count(self, index: str) -> int:
        """Members of a sorted set."""

    def first(self, index: str, limit: int) -> list[str]:
        """The first members of a sorted set, least score first."""

    def rows(self, kind: str, row_ids: Iterable[str]) -> list[dict[str, str]]:
        """Fields of rows, in order; empty where a row is gone."""

    def lines(self, kind: str) -> list[bytes]:
        """The board of a kind: a JSON line (board.py) of each that is not over, in no order."""


def row_key(kind: str, row_id: str) -> str:
    """The hash of one row."""
    return f"{PREFIX}{kind}:{row_id}"


def board_key(kind: str) -> str:
    """The hash with the lines of one kind: id -> JSON."""
    return f"{PREFIX}board:{kind}"


def position_key(partition: int) -> str:
    """The hash of positions of one partition number: topic -> next offset."""
    return f"{PREFIX}position:{partition}"


class RedisStore:
    """A Store in Redis 6.2 or newer; raises StoreDown. Thread-safe."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def write(
        self,
        partition: int,
        rows: Sequence[Row],
        positions: Mapping[str, int],
        confirmed: Mapping[str, int] = _NOTHING,
    ) -> int:
        """Every writer moves the position, so it is watched: if somebody else did meanwhile, look again."""
        while True:
            try:
                return self._write(partition, rows, positions, confirmed)
            except WatchError:
                continue
            except (RedisError, OSError) as failed:
                raise StoreDown(_flat(failed)) from failed

    def _write(
        self,
        partition: int,
        rows: Sequence[Row],
        positions: Mapping[str, int],
        confirmed: Mapping[str, int],
    ) -> int:
        where = position_key(partition)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.watch(where)  # type: ignore[no-untyped-call]
            _check(confirmed, _positions(pipe.hgetall(where)))
            fresh = self._newer(rows)
            pipe.multi()
            for row in fresh:
                _put(pipe, row)
            pipe.hset(where, mapping={topic: str(offset) for topic, offset in positions.items()})
            pipe.execute()
        return len(fresh)

    def _newer(self, rows: Sequence[Row]) -> list[Row]:
        """Rows that say more than what is stored."""
        if not rows:
            return []
        with self._client.pipeline(transaction=False) as pipe:
            for row in rows:
                pipe.hget(row_key(row.kind, row.row_id), "seq")
            stored: list[Any] = pipe.execute()
        pairs = zip(rows, stored, strict=True)
        return [row for row, seq in pairs if row.deleted or seq is None or row.seq > int(seq)]

    def stands_at(self, partition: int) -> dict[str, int]:
        return _positions(self._answer("hgetall", position_key(partition)))

    def count(self, index: str) -> int:
        return int(self._answer("zcard", PREFIX + index))

    def first(self, index: str, limit: int) -> list[str]:
        return [member.decode() for member in self._answer("zrange", PREFIX + index, 0, limit - 1)]

    def rows(self, kind: str, row_ids: Iterable[str]) -> list[dict[str, str]]:
        return [_strings(self._answer("hgetall", row_key(kind, row_id))) for row_id in row_ids]

    def lines(self, kind: str) -> list[bytes]:
        lines: list[bytes] = self._answer("hvals", board_key(kind))
        return lines

    def _answer(self, command: str, *arguments: Any) -> Any:
        try:
            return getattr(self._client, command)(*arguments)
        except (RedisError, OSError) as failed:
            raise StoreDown(_flat(failed)) from failed


def _positions(answer: Any) -> dict[str, int]:
    return {topic: int(offset) for topic, offset in _strings(answer).items()}


def _check(confirmed: Mapping[str, int], stored: Mapping[str, int]) -> None:
    for topic, offset in confirmed.items():
        if stored.get(topic, 0) < offset:
            raise StoreBehind(
                f"redis stands at {topic} offset {stored.get(topic, 0)}, but had stored {offset}"
            )


def _put(pipe: Any, row: Row) -> None:
    key, index = row_key(row.kind, row.row_id), PREFIX + row.index
    if row.deleted:
        pipe.delete(key)
    else:
        pipe.hset(key, mapping=row.fields)
        if row.ended:
            pipe.expire(key, KEEP_ENDED_S)
    if row.line:
        pipe.hset(board_key(row.kind), row.row_id, row.line)
    else:
        pipe.hdel(board_key(row.kind), row.row_id)
    if row.score is None:
        pipe.zrem(index, row.row_id)
    else:
        pipe.zadd(index, {row.row_id: row.score})


def _strings(answer: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in answer.items()}


def _flat(failed: Exception) -> str:
    return " ".join(str(failed).split()) or type(failed).__name__


def connect(url: str, **sign_in: str) -> RedisStore:
    """A store at `url`; nothing is sent yet. sign_in: username, password."""
    client = redis.Redis.from_url(
        url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S, health_check_interval=30, **sign_in
    )
    return RedisStore(client)
