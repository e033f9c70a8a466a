"""How long a fetch waits at the broker: not at all after silence, for company while records keep coming."""

from __future__ import annotations

from typing import NamedTuple

from controltower.streaming.limits import StreamLimits

#: Fewer records since the last fetch are few: then the next ones are waited for so many times as long. At 10
#: and at 500 reports/s that saves a third of all transactions, and p99 stays below 300 ms
#: (docs/performance.md).
FEW_RECORDS = 100
FEW_WAIT = 1.5


class Wait(NamedTuple):
    """The broker answers once it has so many bytes, or after so many ms with what there is."""

    longest_ms: int
    least_bytes: int


class Gathering:
    """Chooses the wait of each fetch from one broker.

    A fetch whose last answer had records waits `fetch_wait_ms` for more of them, since each answer costs a
    transaction and stage; so answers keep a distance under load. Where few records come, the rest of the way
    is quick, so it waits longer, but for a stage whose records were gathered before. One whose last answer
    had none is answered by the first record, and goes round at the broker less often the longer that takes.

    times: gathers so many times as long as others. idles: the stage says up to when its inputs are read, so
    a fetch that finds nothing has to be answered sooner.
    """

    def __init__(self, limits: StreamLimits, times: float = 1.0, idles: bool = True) -> None:
        gather_ms = max(1, round(limits.fetch_wait_ms * times))
        few_ms = round(gather_ms * FEW_WAIT) if times >= 1 else gather_ms
        listen_ms = limits.fetch_listen_ms if idles else limits.fetch_listen_idly_ms
        self._gather = Wait(gather_ms, limits.fetch_min_bytes)
        self._gather_few = Wait(few_ms, limits.fetch_min_bytes)
        self._listen = Wait(max(few_ms, listen_ms), 1)
        self._busy: dict[int, bool] = {}
        self._handed = 0
        self._handed_by_then: dict[int, int] = {}

    def choose(self, node_id: int, all_asked: bool) -> Wait:
        """all_asked: the fetch asks for every partition of ours. One that is left out, since its records wait
        for room, must not wait for the silence of the others too."""
        few = self._handed - self._handed_by_then.get(node_id, 0) < FEW_RECORDS
        self._handed_by_then[node_id] = self._handed
        if all_asked and not self._busy.get(node_id, False):
            return self._listen
        return self._gather_few if all_asked and few else self._gather

    def answered(self, node_id: int, had_records: bool) -> None:
        self._busy[node_id] = had_records

    def handed(self, records: int) -> None:
        """So many went on to the fold, from whichever broker."""
        self._handed += records
