"""How far this machine's clock is from the broker's."""

from __future__ import annotations

from controltower.doctor.finding import Finding, ok, warn

#: Where clocks are kept by NTP they are within milliseconds; below this nobody would notice.
_NOTICED_S = 2.0


def judge_clock(sent_ms: float, appended_ms: int | None, confirmed_ms: float) -> Finding:
    """A record was sent and confirmed at these times of ours and appended at that time of the broker's.

    appended_ms None: the topic keeps the sender's time, so nothing is known.
    """
    if appended_ms is None:
        return warn("clock", "the topic does not keep the broker's time", "see the topics above")
    early_ms, late_ms = sent_ms - appended_ms, confirmed_ms - appended_ms
    ahead_s = 0.0 if early_ms <= 0 <= late_ms else min(early_ms, late_ms, key=abs) / 1000
    if abs(ahead_s) <= _NOTICED_S:
        return ok("clock", f"within {_NOTICED_S:.0f} s of the broker's")
    return warn(
        "clock",
        f"this machine is {abs(ahead_s):,.0f} s {'ahead of' if ahead_s > 0 else 'behind'} the broker",
        "set both by NTP; exceptions go by the broker's clock, but published_at is wrong",
    )
