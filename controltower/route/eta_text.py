"""The ETAs of a status, written as JSON at once: a status tells every stop left, and there are many."""

from __future__ import annotations

from datetime import UTC, datetime
from math import erfc
from typing import Final, NamedTuple

from controltower.route.eta import SPREAD_S, SPREAD_SHARE, estimate_p50s
from controltower.route.packed import NO_ENTRIES, open_arrivals, open_shares
from controltower.route.plan import RoutePlan
from controltower.route.scores import LATE_STEPS, TO_ERFC, spread_arrivals
from controltower.route.state import Risk
from schemas import wire

#: A week: all ETAs fall into the same few hours.
_MINUTES_KEPT: Final = 10_080


class _Minutes(dict[int, str]):
    """Whole minutes since the epoch -> how JSON writes the instants within, up to the seconds.

    So few of them are in use that they stay in the processor's cache; each instant by itself did not.
    """

    def __missing__(self, minute: int) -> str:
        if len(self) >= _MINUTES_KEPT:
            self.clear()
        instant = wire.encode(datetime.fromtimestamp(60 * minute, UTC)).decode()
        text = self[minute] = instant[1 : -len(_SECONDS[0]) - 1]
        return text


_SECONDS: Final = [f"{second:02}Z" for second in range(60)]
_MINUTES: Final = _Minutes()
_LATE_TEXTS: Final = tuple([repr(steps / LATE_STEPS) for steps in range(LATE_STEPS + 1)])


class Etas(NamedTuple):
    """`text`: the JSON array of `wire.StopEta`; the least slack among them; how far the next stop's median
    lies from the nearer end of its band, 0 where no stop is left."""

    text: bytes
    slack_s: float | None
    band_s: int


def write_etas(plan: RoutePlan, left: tuple[int, ...], risk: Risk, slip_ms: int, now_ms: int) -> Etas:
    """The ETA of each stop left, to the whole second. Of the model where it was asked, between scored stops
    where some were, else of the rule; p_late of the other stops follows from that."""
    stops, minutes, seconds, late_texts, now_s = plan.stops, _MINUTES, _SECONDS, _LATE_TEXTS, now_ms // 1000
    to_steps, to_erfc, tail_of, begins_ms = LATE_STEPS / 2, TO_ERFC, erfc, now_s * 1000
    lates = {i: wire.encode(p).decode() for i, p in open_shares(risk.p_late).items()}
    spread = [] if risk.arrivals is NO_ENTRIES else spread_arrivals(open_arrivals(risk.arrivals), left)
    p50s_ms = estimate_p50s(stops, left, slip_ms, now_ms)
    etas, slacks_ms, band_s = [], [], 0
    for place in range(len(left)):
        i, p50_s = left[place], p50s_ms[place] // 1000
        stop = stops[i]
        if spread:
            later_s, early_s, late_s = spread[place]
            p50_s += later_s
            if p50_s < now_s:
                p50_s = now_s
        else:
            early_s = late_s = int(SPREAD_S + SPREAD_SHARE * (p50_s - now_s))
        if not place:
            band_s = early_s if early_s < late_s else late_s
        promised_ms = stop.promised_ms
        if promised_ms is None:
            late = "null"
        else:
            left_ms = promised_ms - begins_ms - (p50_s - now_s) * 1000  # of small numbers, where compiled
            slacks_ms.append(left_ms)
            width_s = late_s if left_ms >= 0 else early_s  # as `late_steps_of`, which would be a call a stop
            late = late_texts[int(to_steps * tail_of(left_ms // 1000 * to_erfc / (width_s or 1)) + 0.5)]
        if i in lates:
            late = lates[i]
        p10_s, p90_s = p50_s - early_s, p50_s + late_s
        if p10_s < now_s:
            p10_s = now_s
        etas.append(
            f'{stop.eta_head}{minutes[p10_s // 60]}{seconds[p10_s % 60]}","p50":"{minutes[p50_s // 60]}'
            f'{seconds[p50_s % 60]}","p90":"{minutes[p90_s // 60]}{seconds[p90_s % 60]}","p_late":{late}}}'
        )
    text, slack_s = f"[{','.join(etas)}]".encode(), min(slacks_ms) / 1000 if slacks_ms else None
    return Etas(text, slack_s, band_s)
