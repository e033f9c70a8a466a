"""Routes of a partition that wait for something the log has yet to say."""

from __future__ import annotations

from collections.abc import Iterable


class WaitingRoutes:
    """First come first, and quick to change: an outage makes thousands wait at once. Part of what the log has
    said is kept beside it, so both change under one mark."""

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}
        self._changed = False

    def wait(self, route_id: str) -> None:
        """Something of this route is decided once more is known."""
        self._changed = True
        self._waiting[route_id] = None

    def wait_no_more(self, route_id: str) -> None:
        """Everything of this route is decided."""
        self._changed = True
        self._waiting.pop(route_id, None)

    def waiting(self) -> list[str]:
        """Routes that wait, first come first."""
        return list(self._waiting)

    def _restore_waiting(self, routes: Iterable[str]) -> None:
        self._waiting = dict.fromkeys(routes)

    def _take_changed(self) -> bool:
        """Whether anything changed since the last call."""
        changed, self._changed = self._changed, False
        return changed
