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

    def write(
        self,
        partition: int,
        rows: Sequence[Row],
        positions: Mapping[str, int],
        confirmed: Mapping[str, int] | None = None,
    ) -> int:
        if self.failures:
            self.failures -= 1
            raise StoreDown("connection refused")
        stored = self.stands_at(partition)
        if any(stored.get(topic, 0) < offset for topic, offset in (confirmed or {}).items()):
            raise StoreBehind("lost something")
        fresh = [row for row in rows if row.deleted or row.seq > self._seq(row)]
        for row in fresh:
            self._put(row)
        self.positions.setdefault(partition, {}).update(positions)
        return len(fresh)

    def stands_at(self, partition: int) -> dict[str, int]:
        if self.failures:
            raise StoreDown("connection refused")
        return self.positions.get(partition, {})

    def count(self, index: str) -> int:
        return len(self.sets.get(index, {}))

    def first(self, index: str, limit: int) -> list[str]:
        members = self.sets.get(index, {})
        return sorted(members, key=lambda member: (members[member], member))[:limit]

    def rows(self, kind: str, row_ids: Iterable[str]) -> list[dict[str, str]]:
        return [self.hashes.get((kind, row_id), {}) for row_id in row_ids]

    def lines(self, kind: str) -> list[bytes]:
        return [line.encode() for line in self.boards.get(kind, {}).values()]

    def _seq(self, row: Row) -> int:
        return int(self.hashes.get((row.kind, row.row_id), {}).get("seq", "0"))

    def _put(self, row: Row) -> None:
        place = (row.kind, row.row_id)
        members = self.sets.setdefault(row.index, {})
        if row.deleted:
            self.hashes.pop(place, None)
        else:
            self.hashes[place] = row.fields
        if row.ended:
            self.expiring.add(place)
        if row.line:
            self.boards.setdefault(row.kind, {})[row.row_id] = row.line
        else:
            self.boards.get(row.kind, {}).pop(row.row_id, None)
        if row.score is None:
            members.pop(row.row_id, None)
        else:
            members[row.row_id] = row.score
