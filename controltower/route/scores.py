"""What a score says, kept so that it stays right as the vehicle moves on."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import erfc, sqrt
from typing import Final

from controltower.route.eta import Z_90, estimate_p50s
from controltower.route.packed import NO_ENTRIES, Arrival, open_arrivals, open_shares, pack
from controltower.route.plan import RoutePlan
from controltower.route.route import Route
from controltower.route.state import open_load
from controltower.route.timeline import to_ms
from schemas import wire

TO_ERFC: Final = Z_90 / sqrt(2)
#: p(late) is told to so many parts.
LATE_STEPS: Final = 10_000
_TO_STEPS: Final = 0.5 * LATE_STEPS


def question_of(score: wire.Score) -> tuple[int, int]:
    """Its moment (ms), and which of its route it was: 0 where its id does not end in a number."""
    number = score.request_id.rpartition("/")[2]
    return to_ms(score.as_of), int(number) if number.isdecimal() else 0


def take_score(route: Route, plan: RoutePlan, score: wire.Score, now_ms: int) -> dict[int, int]:
    """Keep the answer, unless the one kept is to a later question; the median arrival (ms) at each stop of
    what is kept that is still ahead.

    An arrival is kept against the ETA of the rule, so that it moves with the slip until the next score.
    """
    risk, left, question = route.state.risk, set(route.remaining()), question_of(score)
    if question < risk.answered:
        return _find_etas(route, plan, now_ms)
    risk.answered = question
    if score.p_shift is not None:
        load = open_load(risk)
        load.p_done = score.p_shift
        risk.load = pack(load)
    answered = {plan.stop_index.get(stop.stop_id, -1): stop for stop in score.stops}
    known = sorted(i for i in answered if i in left)
    risk.p_late = pack({i: answered[i].p_late for i in known})
    risk.model_version = sys.intern(score.model_version)
    ruled = estimate_p50s(plan.stops, known, route.slip_ms(now_ms), now_ms)
    as_of_s = to_ms(score.as_of) // 1000
    etas_ms: dict[int, int] = {}
    arrivals: dict[int, Arrival] = {}
    for i, rule_ms in zip(known, ruled, strict=True):
        etas_ms[i] = rule_ms
        stop = answered[i]
        if stop.p10_s is None or stop.p50_s is None or stop.p90_s is None:
            continue
        etas_ms[i] = (as_of_s + stop.p50_s) * 1000
        arrivals[i] = (
            as_of_s + stop.p50_s - rule_ms // 1000,
            stop.p50_s - stop.p10_s,
            stop.p90_s - stop.p50_s,
        )
    risk.arrivals = pack(arrivals) if arrivals else NO_ENTRIES
    return etas_ms


def _find_etas(route: Route, plan: RoutePlan, now_ms: int) -> dict[int, int]:
    """The median arrival (ms) at each stop of the answer that is kept."""
    risk = route.state.risk
    known, arrivals = list(open_shares(risk.p_late)), open_arrivals(risk.arrivals)
    ruled = estimate_p50s(plan.stops, known, route.slip_ms(now_ms), now_ms)
    shifts = (arrivals[i][0] if i in arrivals else 0 for i in known)
    return {i: rule_ms + 1000 * shift_s for i, rule_ms, shift_s in zip(known, ruled, shifts, strict=True)}


def spread_arrivals(scored: Mapping[int, Arrival], left: Sequence[int]) -> list[Arrival]:
    """For each stop left: its arrival where it was scored, else between those of its scored neighbours.

    Before the first and behind the last scored stop it is as there. Empty where none of them was scored.
    """
    known = [place for place, i in enumerate(left) if i in scored]
    if not known:
        return []
    spread = [scored[left[known[0]]]] * known[0]
    for at, to in pairwise(known):
        begin, end, steps = scored[left[at]], scored[left[to]], to - at
        spread += [
            (
                begin[0] + (end[0] - begin[0]) * k // steps,
                begin[1] + (end[1] - begin[1]) * k // steps,
                begin[2] + (end[2] - begin[2]) * k // steps,
            )
            for k in range(steps)
        ]
    return spread + [scored[left[known[-1]]]] * (len(left) - known[-1])


def late_steps_of(slack_s: int, early_s: int, late_s: int) -> int:
    """P(arrival after the promise) in steps of a ten-thousandth, each side of the median taken as normal:
    10 % lie 1.28 sigma away."""
    width_s = late_s if slack_s >= 0 else early_s
    return int(_TO_STEPS * erfc(slack_s * TO_ERFC / (width_s or 1)) + 0.5)
