"""Metrics: one table, the observer that fills it, the server that shows it."""

from controltower.metrics.board import BOARD
from controltower.metrics.health import Health
from controltower.metrics.observer import PrometheusObserver, UnknownTally
from controltower.metrics.server import MetricsServer, serve_metrics
from controltower.metrics.table import METRICS, metrics_table
from controltower.metrics.tallies import TALLIES

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
