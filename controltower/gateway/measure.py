"""The gateway's metrics. Labels: the feeds of its file, answers and reasons of closed lists."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from controltower.gateway.refusal import Refusal
from controltower.metrics.gateway import GATEWAY_EVENTS, GATEWAY_REFUSED, GATEWAY_SECONDS

#: The label of a request that is about no feed.
NO_FEED = "unknown"


class Measures:
    """What is counted of each request."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter(GATEWAY_EVENTS.name, GATEWAY_EVENTS.about, ("feed",), registry=self.registry)
        self._refused = Counter(
            GATEWAY_REFUSED.name, GATEWAY_REFUSED.about, ("feed", "reason"), registry=self.registry
        )
        self._seconds = Histogram(
            GATEWAY_SECONDS.name,
            GATEWAY_SECONDS.about,
            registry=self.registry,
            buckets=GATEWAY_SECONDS.buckets,
        )
        ProcessCollector(registry=self.registry)

    def stored(self, feed: str, events: int, seconds: float) -> None:
        self._events.labels(feed).inc(events)
        self._seconds.observe(seconds)

    def refused(self, feed: str, reason: Refusal) -> None:
        self._refused.labels(feed, reason.value).inc()
