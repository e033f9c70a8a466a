"""Limits in time and size of a stage process, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class StreamLimits:
    """Durations in seconds. The defaults suit a broker in the same region."""

    #: a process silent for this long loses its partitions (kill -9 to processing again: this and a bit)
    session_timeout_s: float = 6.0
    #: the broker aborts a transaction open for longer; until then it hides later records from readers
    transaction_timeout_s: float = 15.0
    #: one Kafka call of takeover or commit may take this long, then the process restarts
    broker_call_s: float = 30.0
    #: missing topics are waited for at the start
    topics_wait_s: float = 30.0
    #: the watchdog ends a process whose event loop does not turn for this long
    stuck_loop_s: float = 30.0
    #: ... or that has no assignment, or makes no progress in restoring, for this long
    unready_s: float = 120.0
    #: on SIGTERM, time for what is in flight and for leaving the group
    stop_s: float = 8.0
    #: on a rebalance, time for what is in flight before it is given up
    drain_s: float = 5.0
    #: the group's committed offsets (they only show lag) are written this often
    show_lag_every_s: float = 5.0
    #: a running stage looks this often whether its inputs are still the topics it has taken over
    look_at_topics_every_s: float = 5.0
    #: while records keep coming, answers of the broker keep this distance; a part of the latency
    fetch_wait_ms: int = 100
    #: ... unless so much has come before
    fetch_min_bytes: int = 1 << 20
    #: after silence a fetch waits so long at the broker for the first record
    fetch_listen_ms: int = 500
    #: ... in a stage that has nothing to say about silence
    fetch_listen_idly_ms: int = 2000
    partition_fetch_bytes: int = 1 << 20
    #: one poll has at most so many records over all partitions; back-pressure is counted in polls
    poll_records: int = 4000
    polls_in_flight: int = 2
    #: a partition's own id is used at rebalances only, and a broker forgets what was not used for a week
    #: (`transactional.id.expiration.ms`); after so long it is taken anew
    deed_lasts_s: float = 5 * 86_400.0
    #: transactions at once in a process: under load one is written while another waits for the broker
    writers: int = 2
