"""What every part of a running stage needs to reach Kafka under its own names."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from controltower.streaming.limits import StreamLimits
from controltower.streaming.stage import StageSpec


@dataclass(slots=True, frozen=True)
class Connection:
    """embedded: the in-memory broker, where transactions mean nothing and nothing is restored."""

    spec: StageSpec
    brokers: str
    app_id: str
    security: Mapping[str, str] = field(default_factory=dict)
    limits: StreamLimits = field(default_factory=StreamLimits)
    embedded: bool = False

    @property
    def group(self) -> str:
        return f"{self.app_id}-{self.spec.name}"

    def transactional_id(self, partition: int) -> str:
        """The same for every process of the stage: this is what fences a former owner."""
        return f"{self.group}-{partition}"

    def new_transactional_id(self) -> str:
        """One that nobody else has: what owned partitions are lent to, so that they write together."""
        return f"{self.group}-all-{uuid.uuid4().hex}"
