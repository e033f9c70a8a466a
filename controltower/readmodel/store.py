"""The read model's Redis: rows and the position they stand for in one MULTI, the highest seq kept.

Every row bears the run of the stage that wrote it. A stage that starts anew, after a reset or on topics that
were made again, has another run: what earlier ones wrote says nothing about these topics and goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisError, WatchError
from redis.retry import Retry

from controltower.readmodel.rows import KINDS, Row, find_newer
from schemas.topics import ROUTE_STATUS

#: The number grows when the meaning of a key changes, so old and new readers never mix.
PREFIX: Final = "ct:2:"
#: Rows of what ended are kept this long for readers that come late; Kafka has them for a week.
KEEP_ENDED_S: Final = 24 * 3600
#: A route changes its phase or motion a few times per stop.
KEEP_STEPS: Final = 500
#: Less than a stage has for what is in flight when it must stop or rebalance.
_ANSWER_S: Final = 4.0
_RUN: Final = "run"
#: The kind whose rows have a timeline.
_ROUTE: Final = KINDS[ROUTE_STATUS][0]
_SCANNED_AT_ONCE: Final = 1000
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
        run: str = "",
    ) -> int:
        """Write rows and positions (topic -> next offset), all or nothing; returns how many rows were new.

        Rows with a seq not above the stored one are left out. Raises StoreBehind where a stored position is
        below the one in `confirmed`, or of another run.
        """

    def begin(self, partition: int, run: str) -> dict[str, int]:
        """The positions that this run has stored; for a new run none, and what no run owns is removed."""

    def check(self, partition: int, confirmed: Mapping[str, int], run: str) -> None:
        """Raises StoreBehind as write() would."""

    def count(self, index: str) -> int:
        """Members of a sorted set."""

    def first(self, index: str, limit: int) -> list[str]:
        """The first members of a sorted set, least score first."""

    def rows(self, kind: str, row_ids: Iterable[str]) -> list[dict[str, str]]:
        """Fields of rows, in order; empty where a row is gone."""

    def lines(self, kind: str) -> list[bytes]:
        """The board of a kind: a JSON line (board.py) of each that is not over, in no order."""

    def steps(self, route_id: str) -> list[tuple[int, str, str]]:
        """When (ms) a route changed its phase or motion, and to which, oldest first."""


def row_key(kind: str, row_id: str) -> str:
    """The hash of one row."""
    return f"{PREFIX}{kind}:{row_id}"


def board_key(kind: str) -> str:
    """The hash with the lines of one kind: id -> JSON."""
    return f"{PREFIX}board:{kind}"


def timeline_key(route_id: str) -> str:
    """The sorted set of a route's changes of phase and motion, by time in ms."""
    return f"{PREFIX}timeline:{route_id}"


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
        run: str = "",
    ) -> int:
        """Every writer moves the position, so it is watched: if somebody else did meanwhile, look again."""
        while True:
            try:
                return self._write(partition, rows, positions, confirmed, run)
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
        run: str,
    ) -> int:
        where = position_key(partition)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.watch(where)  # type: ignore[no-untyped-call]
            position, stored = self._read(where, rows)
            _check(confirmed, run, position)
            fresh = find_newer(rows, stored)
            pipe.multi()
            for row in fresh:
                _put(pipe, row, run)
            _put_lists(pipe, fresh)
            pipe.hset(where, mapping={topic: str(offset) for topic, offset in positions.items()})
            pipe.execute()
        return len(fresh)

    def _read(self, where: str, rows: Sequence[Row]) -> tuple[dict[str, str], list[Any]]:
        """The position, and (seq, phase, motion) of each row as stored, in one round trip."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hgetall(where)
            for row in rows:
                pipe.hmget(row_key(row.kind, row.row_id), ["seq", "phase", "motion"])
            position, *stored = pipe.execute()
        return _strings(position), stored

    def begin(self, partition: int, run: str) -> dict[str, int]:
        stored = _strings(self._answer("hgetall", position_key(partition)))
        if stored.get(_RUN, "") == run:
            return _positions(stored)
        try:
            with self._client.pipeline(transaction=True) as pipe:
                pipe.delete(position_key(partition))
                pipe.hset(position_key(partition), _RUN, run)
                pipe.execute()
            self._sweep()
        except (RedisError, OSError) as failed:
            raise StoreDown(_flat(failed)) from failed
        return {}

    def check(self, partition: int, confirmed: Mapping[str, int], run: str) -> None:
        _check(confirmed, run, _strings(self._answer("hgetall", position_key(partition))))

    def forget(self) -> int:
        """Remove everything; the stage project notices and reads its topics again. Returns how many keys."""
        removed = 0
        try:
            # positions first: from then on nobody takes the rest for complete. And once more at the end: what
            # a stage that began anew meanwhile wrote may have gone with the rest, so it must read it again.
            for pattern in (f"{PREFIX}position:*", f"{PREFIX}*", f"{PREFIX}position:*"):
                names = list(self._client.scan_iter(pattern, _SCANNED_AT_ONCE))
                for start in range(0, len(names), _SCANNED_AT_ONCE):
                    unlinked: Any = self._client.unlink(*names[start : start + _SCANNED_AT_ONCE])
                    removed += unlinked
        except (RedisError, OSError) as failed:
            raise StoreDown(_flat(failed)) from failed
        return removed

    def positions(self, partitions: int) -> dict[tuple[str, int], int]:
        """(topic, partition) -> next offset, as far as the read model has got."""
        found = {}
        for partition in range(partitions):
            stored = _positions(_strings(self._answer("hgetall", position_key(partition))))
            found.update({(topic, partition): offset for topic, offset in stored.items()})
        return found

    def memory(self, sample: int) -> dict[str, tuple[int, float]]:
        """Kind of key -> (how many, bytes of each on average over at most `sample` of them)."""
        sizes: dict[str, list[int]] = {}
        counts: dict[str, int] = {}
        try:
            for name in self._client.scan_iter(f"{PREFIX}*", _SCANNED_AT_ONCE):
                kind = name.decode().removeprefix(PREFIX).partition(":")[0]
                counts[kind] = counts.get(kind, 0) + 1
                if len(sizes.setdefault(kind, [])) < sample:
                    used: Any = self._client.memory_usage(name)
                    sizes[kind].append(used or 0)
        except (RedisError, OSError) as failed:
            raise StoreDown(_flat(failed)) from failed
        return {kind: (counts[kind], sum(found) / len(found)) for kind, found in sorted(sizes.items())}

    def _sweep(self) -> None:
        """Remove the rows of runs that no partition is in any more."""
        places = list(self._client.scan_iter(f"{PREFIX}position:*", _SCANNED_AT_ONCE))
        living = {self._client.hget(place, _RUN) for place in places}
        for kind, index in KINDS.values():
            names: list[Any] = []
            for name in self._client.scan_iter(f"{PREFIX}{kind}:*", _SCANNED_AT_ONCE):
                names.append(name)
                if len(names) == _SCANNED_AT_ONCE:
                    self._remove_unless(living, kind, index, names)
                    names = []
            self._remove_unless(living, kind, index, names)

    def _remove_unless(self, living: set[Any], kind: str, index: str, names: list[Any]) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hget(name, _RUN)
            runs: list[Any] = pipe.execute()
            for name, run in zip(names, runs, strict=True):
                if run not in living:
                    row_id = name.decode().removeprefix(row_key(kind, ""))
                    pipe.delete(name)
                    pipe.zrem(PREFIX + index, row_id)
                    pipe.hdel(board_key(kind), row_id)
                    if kind == _ROUTE:
                        pipe.delete(timeline_key(row_id))
            pipe.execute()

    def count(self, index: str) -> int:
        return int(self._answer("zcard", PREFIX + index))

    def first(self, index: str, limit: int) -> list[str]:
        return [member.decode() for member in self._answer("zrange", PREFIX + index, 0, limit - 1)]

    def rows(self, kind: str, row_ids: Iterable[str]) -> list[dict[str, str]]:
        return [_strings(self._answer("hgetall", row_key(kind, row_id))) for row_id in row_ids]

    def lines(self, kind: str) -> list[bytes]:
        lines: list[bytes] = self._answer("hvals", board_key(kind))
        return lines

    def steps(self, route_id: str) -> list[tuple[int, str, str]]:
        told = [
            member.decode().split("/", 2) for member in self._answer("zrange", timeline_key(route_id), 0, -1)
        ]
        return [(int(at_ms), phase, motion) for at_ms, phase, motion in told]

    def _answer(self, command: str, *arguments: Any) -> Any:
        try:
            return getattr(self._client, command)(*arguments)
        except (RedisError, OSError) as failed:
            raise StoreDown(_flat(failed)) from failed


def _positions(stored: Mapping[str, str]) -> dict[str, int]:
    return {topic: int(offset) for topic, offset in stored.items() if topic != _RUN}


def _check(confirmed: Mapping[str, int], run: str, stored: Mapping[str, str]) -> None:
    if stored.get(_RUN, "") != run:
        raise StoreBehind("redis was filled by another run of this stage, or is empty")
    positions = _positions(stored)
    for topic, offset in confirmed.items():
        if positions.get(topic, 0) < offset:
            raise StoreBehind(
                f"redis stands at {topic} offset {positions.get(topic, 0)}, but had stored {offset}"
            )


def _put_step(pipe: Any, row: Row) -> None:
    """Steps are kept by time, so reading again adds nothing; the oldest go first."""
    key = timeline_key(row.row_id)
    if row.step is None:
        pipe.delete(key)
        return
    at_ms, phase, motion = row.step
    pipe.zadd(key, {f"{at_ms}/{phase}/{motion}": at_ms})
    pipe.zremrangebyrank(key, 0, -1 - KEEP_STEPS)
    if row.ended:
        pipe.expire(key, KEEP_ENDED_S)


def _put(pipe: Any, row: Row, run: str) -> None:
    key = row_key(row.kind, row.row_id)
    if row.deleted:
        pipe.delete(key)
    else:
        pipe.hset(key, mapping={**row.fields, _RUN: run})
        if row.ended:
            pipe.expire(key, KEEP_ENDED_S)
        elif row.may_return:
            pipe.persist(key)
    if row.step or (row.deleted and row.kind == _ROUTE):
        _put_step(pipe, row)


def _put_lists(pipe: Any, rows: Iterable[Row]) -> None:
    """The board and sorted set of each kind, one command for all rows: the client pays by the command."""
    newest: dict[str, dict[str, Row]] = {}
    for row in rows:
        newest.setdefault(row.topic, {})[row.row_id] = row
    for topic, ours in newest.items():
        kind, index = KINDS[topic]
        lines = {row_id: row.line for row_id, row in ours.items() if row.line}
        scores = {row_id: row.score for row_id, row in ours.items() if row.score is not None}
        if lines:
            pipe.hset(board_key(kind), mapping=lines)
        if over := ours.keys() - lines.keys():
            pipe.hdel(board_key(kind), *sorted(over))
        if scores:
            pipe.zadd(PREFIX + index, scores)
        if unlisted := ours.keys() - scores.keys():
            pipe.zrem(PREFIX + index, *sorted(unlisted))


def _strings(answer: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in answer.items()}


def _flat(failed: Exception) -> str:
    return " ".join(str(failed).split()) or type(failed).__name__


def connect(url: str, **sign_in: str) -> RedisStore:
    """A store at `url`; nothing is sent yet. sign_in: username, password."""
    client = redis.Redis.from_url(
        url,
        socket_timeout=_ANSWER_S,
        socket_connect_timeout=_ANSWER_S,
        health_check_interval=30,
        # once, for a connection that an idle server closed; who calls us waits and asks again by himself
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisGone,)),
        **sign_in,
    )
    return RedisStore(client)
