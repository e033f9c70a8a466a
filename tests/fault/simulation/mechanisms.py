"""What keeps a stage exact, each part with a switch, so that the simulation can show what it is there for."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self


@dataclass(slots=True, frozen=True)
class Mechanisms:
    """All on: the product. Each that is off is replaced by what a plainer system would do."""

    #: one transactional.id per partition, and the loan in its positions; off: one per process, and no loans
    fencing: bool = True
    #: off: only the partition's own id is fenced, not the one that its former owner wrote it under
    loans_are_fenced: bool = True
    #: off: what the former owner committed while its loan was being fenced is not read
    read_on_behind_loans: bool = True
    #: fence the former owner, then read the changelog; off: the other way round
    fence_before_restore: bool = True
    #: off: a second transaction after the first
    position_in_transaction: bool = True
    #: off: outputs are sent before the transaction, as by a plain producer
    outputs_in_transaction: bool = True
    #: off: changelog, position, outputs, one after the other as by a plain producer
    transaction: bool = True
    #: off: a takeover starts with empty state
    restore: bool = True
    #: off: a takeover also believes what was aborted or is not committed yet
    restore_reads_committed: bool = True
    #: off: the input is also read where it was aborted or is not committed yet
    input_reads_committed: bool = True
    #: off: positions are counted by records, so control records lead astray
    position_knows_holes: bool = True
    #: off: go on at the group's committed offset, which only shows lag
    position_from_changelog: bool = True
    #: off: a poll that a seek has overtaken is folded, and a gap between polls is not noticed
    overtaken_polls_are_dropped: bool = True
    #: off: a poll that is lost on its way through Faust is not noticed
    missing_polls_end_the_process: bool = True
    #: off: a rebalance does not wait for the transaction in flight
    drain_at_rebalance: bool = True
    #: off: a fold looks at the clock of its worker
    clock_in_the_log: bool = True
    #: off: a reader of the outputs reads uncommitted
    readers_read_committed: bool = True
    #: off: the time of a source that is read to its end is the worker's, not the broker's
    idle_asks_brokers_clock: bool = True
    #: off: ... and it is the time of looking instead of that of asking the broker
    idle_takes_time_of_asking: bool = True
    #: off: ... and what an open transaction holds back counts as not there
    idle_knows_open_transactions: bool = True

    def without(self, name: str) -> Self:
        """The same with one switched off."""
        return replace(self, **{name: False})


ALL_ON = Mechanisms()
NAMES = tuple(field.name for field in fields(Mechanisms))
