"""A store in dictionaries, with the same promises as the one in Redis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from controltower.readmodel.rows import Row
from controltower.readmodel.store import StoreBehind, StoreDown


class DictStore:
    """Keeps rows, sorted sets and positions; is down for the next `failures` writes."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.hashes: dict[tuple[str, str], dict[str, str]] = {}
        self.sets: dict[str, dict[str, int]] = {}
        self.boards: dict[str, dict[str, str]] = {}
        self.expiring: set[tuple[str, str]] = set()
        self.positions: dict[int, dict[str, int]] = {}
        self.runs: dict[int, str] = {}
        self._run_of: dict[tuple[str, str], str] = {}

    def write(
        self,
        partition: int,
        rows: Sequence[Row],
        positions: Mapping[str, int],
        confirmed: Mapping[str, int] | None = None,
        run: str = "",
    ) -> int:
        self.check(partition, confirmed or {}, run)
        fresh = [row for row in rows if row.deleted or row.seq > self._seq(row)]
        for row in fresh:
            self._put(row, run)
        self.positions.setdefault(partition, {}).update(positions)
        return len(fresh)

    def begin(self, partition: int, run: str) -> dict[str, int]:
        if self.failures:
            self.failures -= 1
            raise StoreDown("connection refused")
        if self.runs.get(partition, "") != run:
            self.runs[partition], self.positions[partition] = run, {}
            self._sweep()
        return self.positions[partition]

    def check(self, partition: int, confirmed: Mapping[str, int], run: str) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreDown("connection refused")
        stored = self.positions.get(partition, {})
        if self.runs.get(partition, "") != run:
            raise StoreBehind("another run")
        if any(stored.get(topic, 0) < offset for topic, offset in confirmed.items()):
            raise StoreBehind("lost something")

    def _sweep(self) -> None:
        for place in list(self.hashes):
            if self._run_of[place] not in self.runs.values():
                del self.hashes[place]
                for members in self.sets.values():
                    members.pop(place[1], None)
                self.boards.get(place[0], {}).pop(place[1], None)

    def count(self, index: str) -> int:
        return len(self.sets.get(index, {}))

    def first(self, index: str, limit: int) -> list[str]:
        members = self.sets.get(index, {})
        return sorted(members, key=lambda member: (members[member], member))[:limit]

    def rows(self, kind: str, row_ids: Iterable[str]) -> list[dict[str, str]]:
        return [self.hashes.get((kind, row_id), {}) for row_id in row_ids]

    def lines(self, kind: str) -> list[bytes]:
        return [line.encode() for line in self.boards.get(kind, {}).values()]

    def steps(self, route_id: str) -> list[tuple[int, str, str]]:
        return []

    def _seq(self, row: Row) -> int:
        return int(self.hashes.get((row.kind, row.row_id), {}).get("seq", "0"))

    def _put(self, row: Row, run: str) -> None:
        place = (row.kind, row.row_id)
        self._run_of[place] = run
        members = self.sets.setdefault(row.index, {})
        if row.deleted:
            self.hashes.pop(place, None)
        else:
            self.hashes[place] = row.fields
        if row.ended:
            self.expiring.add(place)
        elif row.may_return:
            self.expiring.discard(place)
        if row.line:
            self.boards.setdefault(row.kind, {})[row.row_id] = row.line
        else:
            self.boards.get(row.kind, {}).pop(row.row_id, None)
        if row.score is None:
            members.pop(row.row_id, None)
        else:
            members[row.row_id] = row.score
