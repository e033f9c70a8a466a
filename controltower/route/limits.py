"""The numbers the rules work with, in one place, with units. Starting points from the vocabulary."""

from __future__ import annotations

import msgspec

from controltower.route.timeline import HOUR_MS, MINUTE_MS


class Limits(msgspec.Struct, frozen=True):
    """Thresholds. Each pair opens at the harder and clears at the softer value."""

    version: str = "rules/4"
    #: a fix may come this late and still count as if it had come in order (98 % come within 15 s)
    reorder_ms: int = 90_000

    #: half width of the corridor around a planned path; twice the accuracy of a fix is added beyond 20 m
    corridor_m: float = 75.0
    corridor_clear_share: float = 0.8
    detour_fixes: int = 3
    detour_sparse_fixes: int = 2
    detour_ms: int = 80_000
    detour_clear_fixes: int = 2
    #: a tracker that reports less often than this is sparse: fewer fixes must do
    sparse_cadence_ms: int = 60_000

    #: limits of halts and dwells learned from what is usual: the quantile, the weight of the prior in stays,
    #: the stays that count, the longest limit, and what of the history of one day counts on the next
    learned_quantile: float = 0.95
    learned_prior_weight: float = 20.0
    learned_least_ms: int = MINUTE_MS
    learned_longest_ms: int = 30 * MINUTE_MS
    learned_keep_share: float = 0.9

    #: slower than this a vehicle is parked: its driver walks. The mean that this is measured from remembers
    #: so many reports, and at least so long
    walking_mps: float = 1.2
    pace_memory_reports: float = 1.2
    pace_memory_ms: float = 6_000.0

    standing_radius_m: float = 60.0
    standing_exit_m: float = 150.0
    halt_ms: int = 10 * MINUTE_MS
    #: standing this near to the end of its plan, a vehicle waits for its bay, its gate or its next trip
    terminal_m: float = 150.0
    #: standing counts up to the next report, but no further ahead than this
    report_ms: int = 30_000
    #: prior of the q95 of a stop's service where there is no history: planned service x 3, at least 8 min
    dwell_service_share: float = 3.0
    dwell_floor_ms: int = 8 * MINUTE_MS
    stop_radius_m: float = 45.0
    #: leaving the first stop by this much is departing
    departed_m: float = 120.0
    #: back at the first stop before it got this far, it has not departed
    return_m: float = 1500.0
    late_departure_ms: int = 15 * MINUTE_MS

    #: SLOW_PROGRESS: share of the planned progress over three looks, only of a vehicle as late as this
    slow_every_ms: int = 5 * MINUTE_MS
    slow_open_share: float = 0.4
    slow_clear_share: float = 0.6
    slow_slip_ms: int = 3 * MINUTE_MS
    #: SEQUENCE_BREAK: fixes in a row that lie this much behind the one before, over this time and way
    reversal_step_m: float = 20.0
    reversal_fixes: int = 4
    reversal_m: float = 300.0
    reversal_ms: int = 90_000
    #: STOP_SKIPPED: so many later stops were served
    skipped_after: int = 2

    silence_ms: int = 5 * MINUTE_MS
    silence_cadences: float = 3.0
    #: before the rhythm of a tracker is known; not shorter than silence_ms
    silence_unknown_ms: int = 10 * MINUTE_MS
    #: silence this close to the end of the plan is an ending trip, not a lost signal
    last_leg_m: float = 500.0

    #: what answers say is a mean with this memory, and over once it was low for so long: see steadied.py
    score_memory_ms: int = 2 * MINUTE_MS
    score_low_ms: int = 10 * MINUTE_MS
    #: SLA_AT_RISK: steadied p(late); severe from, and until
    risk_open: float = 0.75
    risk_clear: float = 0.3
    severe_open: float = 0.85
    severe_clear: float = 0.7
    #: a promise at a stop where nothing is delivered is a timetable: so far beyond it, an arrival
    #: is what SLA_AT_RISK warns of, and a promise is broken
    timetable_risk_ms: int = 8 * MINUTE_MS
    timetable_breach_ms: int = 10 * MINUTE_MS
    #: a delivery may be scanned this much after it happened
    breach_wait_ms: int = 2 * MINUTE_MS
    #: ETA_SLIP: lateness against the frozen plan, three levels, and where it is over
    slip_open_ms: int = 15 * MINUTE_MS
    slip_worse_ms: int = 30 * MINUTE_MS
    slip_worst_ms: int = 60 * MINUTE_MS
    slip_clear_ms: int = 10 * MINUTE_MS
    slip_looks: int = 2
    #: ROUTE_OVERLOADED: steadied P(all stops done by the end of the shift)
    done_open: float = 0.5
    done_clear: float = 0.7
    #: what a score has opened may come back within this time as the same one: scores move slowly
    scored_hold_ms: int = 15 * MINUTE_MS
    score_every_ms: int = 5 * MINUTE_MS
    score_slack_ms: int = MINUTE_MS
    score_stops: int = 8

    #: an exception that cleared may come back within this time as the same one
    hold_ms: int = 5 * MINUTE_MS
    route_over_ms: int = 6 * HOUR_MS
    forget_ms: int = 24 * HOUR_MS
    #: a status is said where the slip moved so far that the next ETA leaves the band (p10 to p90) that was
    #: told, and by this at least: 1.28 x 60 s, half of the rule's narrowest band. Once a minute at most, else
    #: every 5 min
    status_slip_ms: int = 77_000
    status_every_ms: int = MINUTE_MS
    status_latest_ms: int = 5 * MINUTE_MS
    #: fastest believable travel, for the window in which a fix is looked for on the path
    fastest_mps: float = 35.0


DEFAULT_LIMITS = Limits()
