"""Asks the stages how they are: their metrics, as Prometheus would scrape them."""

from __future__ import annotations

import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families

_TIMEOUT_S = 1.0
_ASKED = (
    "controltower_stream_ready_bool",
    "controltower_normalize_received_total",
    "controltower_normalize_accepted_total",
    "controltower_normalize_rejected_total",
    "controltower_stream_committed_records_total",
    "controltower_stream_lag_records",
)


@dataclass(slots=True)
class Readings:
    """Sums over all stages that answered."""

    answered: int = 0
    ready: int = 0
    received: int = 0
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    #: (stage, topic) -> records not yet committed
    lag: dict[str, int] = field(default_factory=dict)
    committed: Counter[str] = field(default_factory=Counter)

    @property
    def rejected_total(self) -> int:
        """Over all reasons."""
        return sum(self.rejected.values())


def ask_stages(ports: Iterable[int]) -> Readings:
    """Read /metrics on loopback; a stage that does not answer is left out."""
    readings = Readings()
    for port in ports:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_TIMEOUT_S) as answer:
                text = answer.read().decode()
        except (OSError, HTTPException):
            # Where nobody listens yet, loopback may connect a caller with itself and echo its request.
            continue
        readings.answered += 1
        read_metrics(text, readings)
    return readings


def read_metrics(text: str, readings: Readings) -> None:
    """Add one stage's metrics, in the text format, to the readings.

    Only the lines that are asked for are parsed: they are a tenth, and the whole, every second from every
    stage, took a twentieth of a core.
    """
    asked = "\n".join(line for line in text.splitlines() if line.startswith(_ASKED))
    for family in text_string_to_metric_families(asked + "\n"):
        for sample in family.samples:
            value = int(sample.value)
            match sample.name:
                case "controltower_stream_ready_bool":
                    readings.ready += value
                case "controltower_normalize_received_total":
                    readings.received += value
                case "controltower_normalize_accepted_total":
                    readings.accepted += value
                case "controltower_normalize_rejected_total":
                    readings.rejected[sample.labels["reason"]] += value
                case "controltower_stream_committed_records_total":
                    readings.committed[sample.labels["stage"]] += value
                case "controltower_stream_lag_records":
                    stage = sample.labels["stage"]
                    readings.lag[stage] = readings.lag.get(stage, 0) + value
