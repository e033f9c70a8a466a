"""Redis against the compacted topics: each row is the latest record of its id."""

from __future__ import annotations

from typing import Any

from controltower.readmodel.rows import Row, make_row
from controltower.readmodel.store import PREFIX, row_key
from controltower.streaming.client import read_topic
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS


def differing_rows(brokers: str, client: Any) -> list[str]:
    """What Redis lacks or has wrong, in words; empty when the read model equals the topics."""
    latest: dict[tuple[str, str], Row] = {}
    for record in read_topic(brokers, [EXCEPTIONS, DISPATCH, ROUTE_STATUS]):
        row = make_row(record)
        known = latest.get((row.kind, row.row_id))
        if known is None or row.deleted or row.seq > known.seq:
            latest[row.kind, row.row_id] = row
    wrong = [difference for row in latest.values() for difference in _differences(client, row)]
    for index in {row.index for row in latest.values()}:
        wanted = {row.row_id for row in latest.values() if row.index == index and row.score is not None}
        too_many = set(client.zrange(PREFIX + index, 0, -1)) - wanted
        wrong += [f"{index} has {row_id}, which is over" for row_id in sorted(too_many)]
    return wrong


def _differences(client: Any, row: Row) -> list[str]:
    name = row_key(row.kind, row.row_id)
    stored = client.hgetall(name)
    if row.deleted:
        return [f"{name} is there after its tombstone"] if stored else []
    if not stored:
        return [f"{name} is missing"]
    wrong = [f"{name}: {field} differs" for field in row.fields if stored.get(field) != row.fields[field]][:1]
    if client.zscore(PREFIX + row.index, row.row_id) != row.score:
        wrong.append(f"{row.index}: the score of {row.row_id} differs")
    return wrong
