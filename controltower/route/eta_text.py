"""The ETAs of a status, written as JSON at once: a status tells every stop left, and there are many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import erfc
from typing import NamedTuple

from controltower.route.eta import SPREAD_S, SPREAD_SHARE, estimate_p50s
from controltower.route.packed import NO_ENTRIES, open_arrivals, open_shares
from controltower.route.plan import RoutePlan
from controltower.route.scores import LATE_STEPS, TO_ERFC, spread_arrivals
from controltower.route.state import Risk
from schemas import wire

#: Half a day: all ETAs fall into the same few hours.
_SECONDS_KEPT = 43_200


class _Texts(dict[int, str]):
    """Whole seconds since the epoch -> the instant as in JSON, without quotes."""

    def __missing__(self, second: int) -> str:
        if len(self) >= _SECONDS_KEPT:
            self.clear()
        text = self[second] = wire.encode(datetime.fromtimestamp(second, UTC))[1:-1].decode()
        return text


class _Widths(dict[int, int]):
    """Seconds to the median arrival -> those from it to the 10 % and to the 90 % quantile."""

    def __missing__(self, ahead_s: int) -> int:
        if len(self) >= _SECONDS_KEPT:
            self.clear()
        width_s = self[ahead_s] = int(SPREAD_S + SPREAD_SHARE * ahead_s)
        return width_s


_TEXTS, _WIDTHS = _Texts(), _Widths()
_LATE_TEXTS = tuple([repr(steps / LATE_STEPS) for steps in range(LATE_STEPS + 1)])


class Etas(NamedTuple):
    """`text`: the JSON array of `wire.StopEta`; the least slack among them; how far the next stop's median
    lies from the nearer end of its band, 0 where no stop is left."""

    text: bytes
    slack_s: float | None
    band_s: int


def write_etas(plan: RoutePlan, left: Sequence[int], risk: Risk, slip_ms: int, now_ms: int) -> Etas:
    """The ETA of each stop left, to the whole second. Of the model where it was asked, between scored stops
    where some were, else of the rule; p_late of the other stops follows from that."""
    stops, texts, late_texts, now_s = plan.stops, _TEXTS, _LATE_TEXTS, now_ms // 1000
    to_steps, to_erfc, begins_ms = LATE_STEPS / 2, TO_ERFC, now_s * 1000
    lates = {i: wire.encode(p).decode() for i, p in open_shares(risk.p_late).items()}
    arrivals = _find_arrivals(plan, left, risk, slip_ms, now_ms)
    etas, slacks_ms = [], []
    for i, (p50_s, early_s, late_s) in zip(left, arrivals, strict=True):
        stop, p10_s = stops[i], p50_s - early_s
        promised_ms = stop.promised_ms
        if promised_ms is None:
            late = "null"
        else:
            left_ms = promised_ms - begins_ms - (p50_s - now_s) * 1000  # of small numbers, where compiled
            slacks_ms.append(left_ms)
            width_s = late_s if left_ms >= 0 else early_s  # as `late_steps_of`, which would be a call a stop
            late = late_texts[int(to_steps * erfc(left_ms // 1000 * to_erfc / (width_s or 1)) + 0.5)]
        if i in lates:
            late = lates[i]
        p10, p90 = texts[p10_s if p10_s > now_s else now_s], texts[p50_s + late_s]
        etas.append(f'{stop.eta_head}{p10}","p50":"{texts[p50_s]}","p90":"{p90}","p_late":{late}}}')
    text, slack_s = f"[{','.join(etas)}]".encode(), min(slacks_ms) / 1000 if slacks_ms else None
    return Etas(text, slack_s, min(arrivals[0][1:]) if arrivals else 0)


def _find_arrivals(
    plan: RoutePlan, left: Sequence[int], risk: Risk, slip_ms: int, now_ms: int
) -> list[tuple[int, int, int]]:
    """For each stop left: its median (s since the epoch), from there down to the 10 % quantile and up to
    the 90 % (s)."""
    now_s, widths = now_ms // 1000, _WIDTHS
    spread = [] if risk.arrivals is NO_ENTRIES else spread_arrivals(open_arrivals(risk.arrivals), left)
    p50s_ms = estimate_p50s(plan.stops, left, slip_ms, now_ms)
    if not spread:
        return [(p50_s := p50 // 1000, width := widths[p50_s - now_s], width) for p50 in p50s_ms]
    return [
        (max(now_s, p50 // 1000 + later_s), early_s, late_s)
        for p50, (later_s, early_s, late_s) in zip(p50s_ms, spread, strict=True)
    ]
