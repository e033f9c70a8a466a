"""What came true of the scores, joined by the route itself: a stop is served or passed, or its promise ends.

Kept per stop is p(late) as it was said first, so that a score a minute before the end does not make the
model look better than what dispatch had to act on.
"""

from __future__ import annotations

from typing import Final

from controltower.route.packed import open_shares
from controltower.route.plan import RoutePlan
from controltower.route.route import Effects, Route
from controltower.route.state import FORETOLD, pack_foretold
from controltower.route.timeline import MINUTE_MS

#: p(late) is counted in tenths.
SAID: Final = tuple(f"{i / 10:.1f}" for i in range(10))
CAME: Final = ("in_time", "late")
#: A stop that was served in time is known to be by then.
_SERVED_LATER_MS: Final = 2 * MINUTE_MS


def await_outcomes(route: Route, plan: RoutePlan) -> None:
    """Remember what the last answer said about stops that had no answer before."""
    risk = route.state.risk
    known = {i for i, _ in FORETOLD.iter_unpack(risk.foretold)}
    said = open_shares(risk.p_late).items()
    new = {i: p for i, p in said if i not in known and plan.stops[i].promised_ms is not None}
    if new:
        risk.foretold += pack_foretold(new)


def settle_outcomes(route: Route, at_ms: int, now_ms: int, effects: Effects) -> None:
    """Count what is known by now: what was served or passed, at `at_ms`, and promises that ended before."""
    risk, plan = route.state.risk, route.plan
    if not risk.foretold or plan is None:
        return
    stops, next_stop, served = plan.stops, route.snapshot.progress.next_stop, route.state.served
    ended_ms = now_ms - _SERVED_LATER_MS
    known: set[int] = set()
    for i, permille in FORETOLD.iter_unpack(risk.foretold):
        promised_ms = stops[i].promised_ms or 0
        if i < next_stop or served >> i & 1:
            count_outcome(permille, at_ms > promised_ms, effects)
        elif promised_ms < ended_ms:
            count_outcome(permille, True, effects)
        else:
            continue
        known.add(i)
    if known:  # at most looks nothing is
        said = FORETOLD.iter_unpack(risk.foretold)
        risk.foretold = b"".join([FORETOLD.pack(i, permille) for i, permille in said if i not in known])


def count_outcome(permille: int, late: bool, effects: Effects) -> None:
    """One stop: what was said of it, and what it came to."""
    said = SAID[min(9, permille // 100)]
    effects.count("outcomes", said, CAME[late])
    name = ("said_permille", said)
    effects.tallies[name] = effects.tallies.get(name, 0) + permille
