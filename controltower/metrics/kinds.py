"""What a metric is: its name, kind, unit and labels from closed lists."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.topics import ALL_STAGES, BY_NAME

OTHER = "unknown"


class Kind(StrEnum):
    """What a Prometheus metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(slots=True, frozen=True)
class Label:
    """A label and all values it may have; `values` None: bounded by the installation, `bound` says how."""

    name: str
    values: tuple[str, ...] | None
    bound: str = ""


@dataclass(slots=True, frozen=True)
class Metric:
    """One metric. `tally` is the name under which a fold tells it, None for what the edge measures.

    A fold tells a counter as (name, labels...) -> how many; a histogram as (name, labels..., value) -> how
    many times; a gauge as (name, labels...) -> its value.
    """

    name: str
    kind: Kind
    about: str
    unit: str
    labels: tuple[Label, ...] = ()
    tally: tuple[str, str] | None = None
    buckets: tuple[float, ...] = ()


STAGE: Final = Label("stage", ALL_STAGES)
TOPIC: Final = Label("topic", tuple(BY_NAME))
PARTITION: Final = Label("partition", None, "0 to the number of partitions")
FEED: Final = Label("feed", None, "the feeds that have a mapping, else `unknown`")
