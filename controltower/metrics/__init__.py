"""Metrics: one table, the observer that fills it, the server that shows it."""

from controltower.metrics.health import Health
from controltower.metrics.observer import PrometheusObserver, UnknownTally
from controltower.metrics.server import MetricsServer, serve_metrics
from controltower.metrics.table import BOARD, METRICS, TALLIES, metrics_table

__all__ = [
    "BOARD",
    "METRICS",
    "TALLIES",
    "Health",
    "MetricsServer",
    "PrometheusObserver",
    "UnknownTally",
    "metrics_table",
    "serve_metrics",
]
