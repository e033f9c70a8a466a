"""What stands where right now, for a person: read from the store."""

from __future__ import annotations

from dataclasses import dataclass

from controltower.readmodel.rows import OPEN_EXCEPTIONS, ROUTES_UNDERWAY, WAITING_ACTIONS
from controltower.readmodel.store import Store

Fields = dict[str, str]


@dataclass(slots=True, frozen=True)
class Overview:
    """Counts, and the most pressing rows with their fields (docs/read-model.md)."""

    routes_underway: int
    exceptions_open: int
    actions_waiting: int
    #: worst and oldest first
    exceptions: list[Fields]
    #: soonest to expire first
    actions: list[Fields]


def overview(store: Store, limit: int = 10) -> Overview:
    """At most `limit` rows of each kind. Raises StoreDown."""
    return Overview(
        store.count(ROUTES_UNDERWAY),
        store.count(OPEN_EXCEPTIONS),
        store.count(WAITING_ACTIONS),
        _rows(store, "exception", store.first(OPEN_EXCEPTIONS, limit)),
        _rows(store, "action", store.first(WAITING_ACTIONS, limit)),
    )


def _rows(store: Store, kind: str, row_ids: list[str]) -> list[Fields]:
    """Rows that went between two reads are left out."""
    return [fields for fields in store.rows(kind, row_ids) if fields]
