"""Metrics: one table, filled by the streaming edge and the folds, shown over HTTP."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from controltower.metrics import (
    BOARD,
    METRICS,
    Health,
    MetricsServer,
    PrometheusObserver,
    UnknownTally,
    metrics_table,
    serve_metrics,
)
from controltower.settings import SettingsError
from controltower.streaming.observer import StreamObserver
from schemas.topics import ALL_STAGES

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def observer(clock: Clock) -> PrometheusObserver:
    return PrometheusObserver(Health(30, clock), feeds=("acme",), registry=CollectorRegistry(), strict=True)


@pytest.fixture
def server(observer: PrometheusObserver) -> Iterator[MetricsServer]:
    served = serve_metrics("127.0.0.1", 0, observer)
    yield served
    served.close()


def _get(server: MetricsServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def _value(observer: PrometheusObserver, name: str, **labels: str) -> float | None:
    return observer.registry.get_sample_value(name, labels)


def test_names_follow_the_rule() -> None:
    """controltower_<stage>_<what>_<unit>, each name once, each metric with a meaning."""
    rule = re.compile(
        rf"controltower_({'|'.join(ALL_STAGES)}|stream|board)_[a-z_]*(total|seconds|records|ratio|permille|bool|routes|exceptions|actions)"
    )
    assert [metric.name for metric in (*METRICS, *BOARD) if not rule.fullmatch(metric.name)] == []
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert [metric.name for metric in METRICS if not metric.about] == []


def test_the_documentation_is_generated() -> None:
    """docs/metrics.md has exactly the table of the code."""
    assert metrics_table() in DOCS.read_text(encoding="utf-8")


def test_the_edge_is_measured(observer: PrometheusObserver) -> None:
    """What the streaming edge tells arrives in its metrics."""
    edge: StreamObserver = observer
    edge.records_in("track", "route-events", 5)
    edge.transaction("track", 0.03, 5, 2)
    edge.restoring("track", 0.25)
    edge.restored("track", 1, 40, 0.2)
    edge.rebalanced("track")
    edge.fenced("track")
    edge.lag("track", "route-events", 3, 17)
    assert _value(observer, "controltower_stream_records_total", stage="track", topic="route-events") == 5
    assert _value(observer, "controltower_stream_committed_records_total", stage="track") == 5
    assert _value(observer, "controltower_stream_output_records_total", stage="track") == 2
    assert _value(observer, "controltower_stream_transaction_seconds_sum", stage="track") == 0.03
    assert _value(observer, "controltower_stream_restored_ratio", stage="track") == 0.25
    assert _value(observer, "controltower_stream_restored_entries_total", stage="track") == 40
    assert _value(observer, "controltower_stream_fenced_total", stage="track") == 1
    lag = _value(
        observer, "controltower_stream_lag_records", stage="track", topic="route-events", partition="3"
    )
    assert lag == 17


def test_what_folds_count_is_added(observer: PrometheusObserver) -> None:
    """Tallies are added under their labels; a feed without a mapping is `unknown`."""
    observer.tallies("normalize", {("received", "acme"): 3, ("rejected", "rogue", "TOO_LARGE"): 1})
    observer.tallies("normalize", {("received", "acme"): 2, ("clock_marks",): 4})
    assert _value(observer, "controltower_normalize_received_total", feed="acme") == 5
    assert _value(observer, "controltower_normalize_rejected_total", feed="unknown", reason="TOO_LARGE") == 1
    assert _value(observer, "controltower_normalize_clock_marks_total") == 4


@pytest.mark.parametrize(
    ("stage", "tally"),
    [
        ("track", ("invented",)),
        ("track", ("duplicates", "surplus")),
        ("normalize", ("rejected", "acme", "BECAUSE")),
        ("elsewhere", ("duplicates",)),
    ],
)
def test_an_unknown_tally_is_a_fault(
    observer: PrometheusObserver, stage: str, tally: tuple[str, ...]
) -> None:
    """A name, a label or a value outside the table raises where tests run strictly."""
    with pytest.raises(UnknownTally):
        observer.tallies(stage, {tally: 1})


def test_an_unknown_tally_stops_no_stage(clock: Clock) -> None:
    """In production it is counted as a fault, and the rest is counted as usual."""
    observer = PrometheusObserver(Health(30, clock), registry=CollectorRegistry())
    observer.tallies("track", {("invented",): 7, ("duplicates",): 2})
    assert _value(observer, "controltower_stream_unnamed_tallies_total", stage="track") == 1
    assert _value(observer, "controltower_track_duplicates_total") == 2


def test_metrics_are_served(observer: PrometheusObserver, server: MetricsServer) -> None:
    """/metrics has the text that Prometheus reads; other paths are not found."""
    observer.tallies("recover", {("actions", "CONTACT_DRIVER", "DISPATCHED"): 1})
    status, text = _get(server, "/metrics")
    assert status == 200
    assert 'controltower_recover_actions_total{action="CONTACT_DRIVER",state="DISPATCHED"} 1.0' in text
    assert _get(server, "/other")[0] == 404


def test_health_follows_the_loop(observer: PrometheusObserver, server: MetricsServer, clock: Clock) -> None:
    """/healthz fails once the loop has not turned for longer than allowed, and recovers with it."""
    clock.now_s += 30
    assert _get(server, "/healthz")[0] == 200
    clock.now_s += 1
    assert _get(server, "/healthz")[0] == 503
    observer.beat()
    assert _get(server, "/healthz")[0] == 200


def test_ready_follows_the_assignment(observer: PrometheusObserver, server: MetricsServer) -> None:
    """/readyz answers 200 only while the edge says that it is ready."""
    assert _get(server, "/readyz")[0] == 503
    observer.ready(True)
    assert _get(server, "/readyz")[0] == 200
    assert _value(observer, "controltower_stream_ready_bool") == 1
    observer.ready(False)
    assert _get(server, "/readyz")[0] == 503


def test_a_taken_port_is_told_in_one_line(observer: PrometheusObserver, server: MetricsServer) -> None:
    """The error names the setting and the address."""
    with pytest.raises(SettingsError, match=rf"^CONTROLTOWER_METRICS_PORT: .*127\.0\.0\.1:{server.port}: "):
        serve_metrics("127.0.0.1", server.port, observer)


def test_a_fold_tells_each_kind_in_its_way(observer: PrometheusObserver) -> None:
    """A histogram takes each value as often as told, a gauge the last one, a counter the sum."""
    span = {"code": "LONG_HALT", "span": "ONSET_TO_DETECTION"}
    told = ("exception_seconds", *span.values(), "612.0")
    observer.tallies("track", {told: 2, ("clock", "3"): 1_771_000_000})
    observer.tallies("track", {("clock", "3"): 1_771_000_010})
    name = "controltower_track_exception_seconds"
    assert _value(observer, f"{name}_sum", **span) == 1224.0
    assert _value(observer, f"{name}_bucket", **span, le="660.0") == 2
    assert _value(observer, f"{name}_bucket", **span, le="420.0") == 0
    assert _value(observer, "controltower_track_clock_seconds", partition="3") == 1_771_000_010


def test_a_histogram_without_its_value_is_refused(observer: PrometheusObserver) -> None:
    """As any tally that the table does not know."""
    with pytest.raises(UnknownTally, match="exception_seconds"):
        observer.tallies("track", {("exception_seconds", "LONG_HALT", "ONSET_TO_DETECTION"): 1})
