"""Fills the table of metrics from what the streaming edge and the folds tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from controltower.metrics.health import Health
from controltower.metrics.kinds import FEED, OTHER, Kind, Label, Metric
from controltower.metrics.stream import (
    BEHIND,
    BUSY,
    FENCED,
    FOLDED,
    LAG,
    OUTPUTS,
    READY,
    REBALANCES,
    RECORDS,
    RESTORE,
    RESTORED,
    RESTORING,
    TRANSACTION,
    UNNAMED,
    VERSION,
)
from controltower.metrics.table import METRICS
from controltower.metrics.tallies import TALLIES


class UnknownTally(Exception):
    """A fold counts something that the table of metrics does not have."""


class PrometheusObserver:
    """Fills the table's metrics; a StreamObserver. Thread-safe, as prometheus_client is.

    feeds: the values of the label `feed`. strict: an unknown tally or label value raises UnknownTally;
    otherwise it is counted under `unknown` and in controltower_stream_unnamed_tallies_total.
    """

    def __init__(
        self,
        health: Health,
        feeds: Iterable[str] = (),
        registry: CollectorRegistry | None = None,
        strict: bool = False,
    ) -> None:
        self.registry = registry or CollectorRegistry()
        self.health = health
        self._strict = strict
        self._feeds = frozenset(feeds)
        self._made = {metric.name: _make(metric, self.registry) for metric in METRICS}
        self._tallies = {metric.tally: metric for metric in TALLIES}
        ProcessCollector(registry=self.registry)
        self._set(VERSION, 1, version("controltower"))

    def records_in(self, stage: str, topic: str, records: int) -> None:
        self._count(RECORDS, (stage, topic), records)

    def transaction(self, stage: str, seconds: float, records: int, outputs: int) -> None:
        self._observe(TRANSACTION, stage, seconds)
        self._count(FOLDED, (stage,), records)
        self._count(OUTPUTS, (stage,), outputs)

    def restoring(self, stage: str, share: float) -> None:
        self._set(RESTORING, share, stage)

    def restored(self, stage: str, partition: int, entries: int, seconds: float) -> None:
        self._count(RESTORED, (stage,), entries)
        self._observe(RESTORE, stage, seconds)

    def rebalanced(self, stage: str) -> None:
        self._count(REBALANCES, (stage,), 1)

    def fenced(self, stage: str) -> None:
        self._count(FENCED, (stage,), 1)

    def lag(self, stage: str, topic: str, partition: int, records: int) -> None:
        self._set(LAG, records, stage, topic, str(partition))

    def behind(self, stage: str, topic: str, partition: int, seconds: float) -> None:
        self._set(BEHIND, seconds, stage, topic, str(partition))

    def busy(self, stage: str, seconds: float) -> None:
        self._set(BUSY, seconds, stage)

    def ready(self, ready: bool) -> None:
        self._set(READY, ready)
        self.health.ready = ready

    def beat(self) -> None:
        """The event loop turns; /healthz fails when this is not called for too long."""
        self.health.beat()

    def tallies(self, stage: str, tallies: Mapping[tuple[str, ...], int]) -> None:
        """Take over what a committed fold told; the table says how each kind of metric is told."""
        for (name, *values), count in tallies.items():
            metric = self._tallies.get((stage, name))
            if metric is None or len(values) != len(metric.labels) + (metric.kind is Kind.HISTOGRAM):
                self._unnamed(stage, f"{stage} counts {(name, *values)}: not in the table of metrics")
                continue
            pairs = zip(metric.labels, values, strict=False)
            self._tell(metric, [self._value(stage, metric, *pair) for pair in pairs], values[-1:], count)

    def _tell(self, metric: Metric, labels: list[str], rest: list[str], count: int) -> None:
        made = self._made[metric.name]
        shown = made.labels(*labels) if labels else made
        match shown:
            case Counter():
                shown.inc(count)
            case Gauge():
                shown.set(count)
            case Histogram():
                for _ in range(count):
                    shown.observe(float(rest[0]))

    def _value(self, stage: str, metric: Metric, label: Label, value: str) -> str:
        """The value to show: one of the closed list, else `unknown`."""
        if label is FEED:
            return value if value in self._feeds else OTHER
        if label.values is not None and value not in label.values:
            self._unnamed(stage, f"{metric.name}: {value!r} is no value of the label {label.name}")
            return OTHER
        return str(value)

    def _unnamed(self, stage: str, message: str) -> None:
        if self._strict:
            raise UnknownTally(message)
        self._count(UNNAMED, (stage,), 1)

    def _set(self, metric: Metric, value: float, *labels: str) -> None:
        gauge = self._made[metric.name]
        assert isinstance(gauge, Gauge)
        (gauge.labels(*labels) if labels else gauge).set(value)

    def _count(self, metric: Metric, values: Iterable[str], count: int) -> None:
        counter = self._made[metric.name]
        assert isinstance(counter, Counter)
        labels = tuple(values)
        (counter.labels(*labels) if labels else counter).inc(count)

    def _observe(self, metric: Metric, stage: str, seconds: float) -> None:
        histogram = self._made[metric.name]
        assert isinstance(histogram, Histogram)
        histogram.labels(stage).observe(seconds)


def _make(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    names = tuple(label.name for label in metric.labels)
    if metric.kind is Kind.HISTOGRAM:
        return Histogram(metric.name, metric.about, names, registry=registry, buckets=metric.buckets)
    make = Counter if metric.kind is Kind.COUNTER else Gauge
    return make(metric.name, metric.about, names, registry=registry)
