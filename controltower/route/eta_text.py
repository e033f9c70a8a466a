"""The ETAs of a status, written as JSON at once: a status tells every stop left, and there are many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from controltower.route.eta import SPREAD_S, SPREAD_SHARE, estimate_p50s
from controltower.route.plan import RoutePlan
from controltower.route.scores import p_late_of, spread_arrivals
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


class _Spread(dict[int, tuple[int, int]]):
    """Seconds to the median arrival -> those to the 10 % quantile, not before now, and to the 90 %."""

    def __missing__(self, ahead_s: int) -> tuple[int, int]:
        if len(self) >= _SECONDS_KEPT:
            self.clear()
        width_s = int(SPREAD_S + SPREAD_SHARE * ahead_s)
        band = self[ahead_s] = max(0, ahead_s - width_s), ahead_s + width_s
        return band


_TEXTS, _SPREAD = _Texts(), _Spread()


@lru_cache(maxsize=_SECONDS_KEPT)
def _late_text(slack_s: int, early_s: int, late_s: int) -> str:
    """Kept, since the stops of all routes share the few widths, and many the slack."""
    return repr(p_late_of(slack_s, early_s, late_s))


def write_etas(
    plan: RoutePlan, left: Sequence[int], risk: Risk, slip_ms: int, now_ms: int
) -> tuple[bytes, float | None]:
    """The ETA of each stop left, to the whole second, as the JSON array of `wire.StopEta`; and the least
    slack among them (s). Of the model where it was asked, between scored stops where some were, else of the
    rule; p_late of the other stops follows from that."""
    stops, now_s = plan.stops, now_ms // 1000
    lates = {i: wire.encode(p).decode() for i, p in risk.p_late.items()}
    arrivals = spread_arrivals(risk.arrivals, left) if risk.arrivals else []
    etas, slack_ms = [], None
    for place, p50_ms in enumerate(estimate_p50s(stops, left, slip_ms, now_ms)):
        i = left[place]
        stop, p50_s = stops[i], p50_ms // 1000
        if arrivals:
            later_s, early_s, late_s = arrivals[place]
            p50_s = p50_s + later_s if p50_s + later_s > now_s else now_s
            lower_s, upper_s = max(0, p50_s - early_s - now_s), p50_s + late_s - now_s
        else:
            lower_s, upper_s = _SPREAD[p50_s - now_s]
            early_s = late_s = upper_s + now_s - p50_s
        p10, p50, p90 = _TEXTS[now_s + lower_s], _TEXTS[p50_s], _TEXTS[now_s + upper_s]
        late, promised_ms = lates.get(i), stop.promised_ms
        if promised_ms is not None:
            left_ms = promised_ms - p50_s * 1000
            if slack_ms is None or left_ms < slack_ms:
                slack_ms = left_ms
            if late is None:
                late = _late_text(left_ms // 1000, early_s, late_s)
        etas.append(f'{stop.eta_head}{p10}","p50":"{p50}","p90":"{p90}","p_late":{late or "null"}}}')
    return f"[{','.join(etas)}]".encode(), None if slack_ms is None else slack_ms / 1000
