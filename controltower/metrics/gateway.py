"""What the process `controltower gateway` measures."""

from __future__ import annotations

from controltower.metrics.kinds import FEED, Kind, Label, Metric

GATEWAY_EVENTS = Metric(
    "controltower_gateway_events_total",
    Kind.COUNTER,
    "events and plans that Kafka confirmed and that were answered 202",
    "1",
    (FEED,),
)
GATEWAY_REFUSED = Metric(
    "controltower_gateway_refused_total",
    Kind.COUNTER,
    "requests refused",
    "1",
    (FEED, Label("reason", None, "the reasons of docs/gateway.md")),
)
GATEWAY_SECONDS = Metric(
    "controltower_gateway_request_seconds",
    Kind.HISTOGRAM,
    "from the head of a request to Kafka's confirmation",
    "s",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
GATEWAY: tuple[Metric, ...] = (GATEWAY_EVENTS, GATEWAY_REFUSED, GATEWAY_SECONDS)
