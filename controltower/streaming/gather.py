"""How long a fetch waits at the broker: not at all after silence, for company while records keep coming."""

from __future__ import annotations

from typing import NamedTuple

from controltower.streaming.limits import StreamLimits


class Wait(NamedTuple):
    """The broker answers once it has so many bytes, or after so many ms with what there is."""

    longest_ms: int
    least_bytes: int


class Gathering:
    """Chooses the wait of each fetch from one broker.

    A fetch whose last answer had records waits `fetch_wait_ms` for more of them, since each answer costs a
    transaction per partition and stage; so answers keep a distance under load. One whose last answer had
    none is answered by the first record, and goes round at the broker less often the longer that takes.
    """

    def __init__(self, limits: StreamLimits, times: float = 1.0) -> None:
        gather_ms = max(1, round(limits.fetch_wait_ms * times))
        self._gather = Wait(gather_ms, limits.fetch_min_bytes)
        self._listen = Wait(max(gather_ms, limits.fetch_listen_ms), 1)
        self._busy: dict[int, bool] = {}

    def choose(self, node_id: int, all_asked: bool) -> Wait:
        """all_asked: the fetch asks for every partition of ours. One that is left out, since its records wait
        for room, must not wait for the silence of the others too."""
        return self._listen if all_asked and not self._busy.get(node_id, False) else self._gather

    def answered(self, node_id: int, had_records: bool) -> None:
        self._busy[node_id] = had_records
