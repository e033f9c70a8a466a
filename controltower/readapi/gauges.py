"""The boards as Prometheus gauges, counted at the moment of a scrape.

They come from the read model, so they are the same in every process and survive the restart of any stage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from controltower.metrics.board import (
    BOARD_ACTIONS,
    BOARD_EXCEPTIONS,
    BOARD_OLDEST_APPROVAL,
    BOARD_READABLE,
    BOARD_ROUTES,
    BOARD_TROUBLED,
)
from controltower.metrics.kinds import Metric
from controltower.readapi.boards import Boards
from controltower.readapi.carriers import UNNAMED
from controltower.readmodel.board import ActionLine, troubles_of
from controltower.readmodel.store import StoreDown
from schemas.vocabulary import ActionState

_WAITING = frozenset({ActionState.PROPOSED, ActionState.PENDING_APPROVAL})


class BoardGauges(Collector):
    """Collects from the boards. now: the wall clock, for how long an approval has waited."""

    def __init__(self, boards: Boards, now: Callable[[], datetime]) -> None:
        self._boards = boards
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """While the store is down only that is told: old counts would be taken for true ones."""
        try:
            routes, exceptions, actions = (
                self._boards.read(kind).lines for kind in ("route", "exception", "action")
            )
        except StoreDown:
            yield _family(BOARD_READABLE, {(): 0.0})
            return
        yield _family(BOARD_READABLE, {(): 1.0})
        yield from _routes(routes)
        yield _counted(BOARD_EXCEPTIONS, ((e.code, str(e.severity), e.status) for e in _any(exceptions)))
        yield _counted(BOARD_ACTIONS, ((a.action, a.state) for a in _any(actions)))
        yield _family(BOARD_OLDEST_APPROVAL, {(): self._oldest_s(_any(actions))})

    def _oldest_s(self, actions: Iterable[ActionLine]) -> float:
        since = min((action.decided_at for action in actions if action.state in _WAITING), default=None)
        return 0.0 if since is None else max(0.0, (self._now() - since).total_seconds())


def _any(lines: Iterable[Any]) -> Iterable[Any]:
    return lines


def _routes(lines: Iterable[Any]) -> Iterator[GaugeMetricFamily]:
    routes = list(lines)
    yield _counted(BOARD_ROUTES, ((r.carrier or UNNAMED, r.phase, r.motion) for r in routes))
    yield _counted(BOARD_TROUBLED, ((r.carrier or UNNAMED, t) for r in routes for t in troubles_of(r)))


def _counted(metric: Metric, labels: Iterable[tuple[str, ...]]) -> GaugeMetricFamily:
    return _family(metric, {values: float(n) for values, n in Counter(labels).items()})


def _family(metric: Metric, values: dict[tuple[str, ...], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.about, labels=[label.name for label in metric.labels])
    for labels, value in values.items():
        family.add_metric([str(label) for label in labels], value)
    return family


def board_registry(boards: Boards, now: Callable[[], datetime]) -> CollectorRegistry:
    """A registry with nothing but the board gauges."""
    registry = CollectorRegistry()
    registry.register(BoardGauges(boards, now))
    return registry
