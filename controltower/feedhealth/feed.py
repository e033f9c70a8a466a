"""One feed of a carrier: its rhythm, its outage if there is one, and what falls due on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from controltower.exceptions.episode import Episode, Trigger
from controltower.feedhealth.outage import open_outage, tell_outage
from controltower.feedhealth.rhythm import LONGEST_LIMIT_MS, Rhythm
from controltower.route.timeline import HOUR_MS, MINUTE_MS
from schemas import wire
from schemas.vocabulary import FeedState, Resolution, Transition

#: An outage that ended may come back within this time as the same one.
HOLD_MS: Final = 5 * MINUTE_MS
#: A feed silent for so long is expected no more: its day is over.
EXPIRES_MS: Final = 6 * HOUR_MS

Tell = Callable[[wire.ExceptionRecord], None]


class Feed(msgspec.Struct, array_like=True):
    """State of one feed, as it stands in the changelog."""

    name: str
    carrier: str
    tenant: str
    rhythm: Rhythm = msgspec.field(default_factory=Rhythm)
    outage: Episode | None = None
    trigger: Trigger | None = None
    told_ms: int = 0
    told: FeedState | None = None

    @property
    def is_down(self) -> bool:
        return self.outage is not None and not self.outage.cleared_ms

    def state(self, at_ms: int) -> FeedState:
        """How it stands at `at_ms`, up to which everything due has fired."""
        if self.is_down:
            return FeedState.DOWN
        return FeedState.QUIET if at_ms - self.rhythm.heard_ms > LONGEST_LIMIT_MS else FeedState.UP

    def hear(self, slot: int, pulse: wire.FeedPulse, first_ms: int, last_ms: int, tell: Tell) -> None:
        """A pulse, after everything due before it has fired."""
        self.rhythm.take(slot, pulse, was_down=self.is_down)
        # what was received before the outage and is read anew does not end it
        if self.outage is not None and not self.outage.cleared_ms and last_ms > self.rhythm.heard_ms:
            self.outage.cleared_ms = first_ms
            self._tell(Transition.UPDATED, first_ms, tell)
        self.rhythm.heard_ms = max(self.rhythm.heard_ms, last_ms)

    def fire(self, upto_ms: int, tell: Tell, over_ms: int = 0) -> None:
        """Everything due at `upto_ms` or earlier, in order.

        over_ms: since when the recorded day that its sources play has no more records; 0 while it has.
        """
        while True:
            due = self._next_due(over_ms)
            if due is None or due.at_ms > upto_ms:
                return
            due.fire(due.at_ms, tell)

    def _next_due(self, over_ms: int) -> Due | None:
        dues = []
        outage, heard_ms = self.outage, self.rhythm.heard_ms
        if outage is not None and not outage.cleared_ms:
            dues.append(Due(heard_ms + EXPIRES_MS, 0, self._expire))
        else:
            limit_ms = self.rhythm.limit_ms()
            if limit_ms is not None and not 0 < over_ms < heard_ms + limit_ms:
                dues.append(Due(heard_ms + limit_ms, 1, self._silent))
            if outage is not None:
                dues.append(Due(outage.cleared_ms + HOLD_MS + LONGEST_LIMIT_MS, 2, self._hold_over))
        return min(dues, key=lambda due: due[:2], default=None)

    def _silent(self, at_ms: int, tell: Tell) -> None:
        heard_ms = self.rhythm.heard_ms
        metrics: dict[str, float | str] = {
            "feed": self.name,
            "silent_s": (at_ms - heard_ms) / 1000,
            "usual_gap_s": max(self.rhythm.gaps) * 10.0,
            "vehicles": float(self.rhythm.at_work()),
        }
        if self.outage is not None and heard_ms <= self.outage.cleared_ms + HOLD_MS:
            self.outage.cleared_ms = 0
            self.outage.occurrences += 1
            self.outage.metrics = metrics
            self._tell(Transition.UPDATED, at_ms, tell)
            return
        if self.outage is not None:
            self._hold_over(at_ms, tell)
        self.outage = open_outage(self.tenant, self.carrier, self.name, heard_ms, at_ms, metrics)
        self._tell(Transition.OPENED, at_ms, tell)

    def _hold_over(self, at_ms: int, tell: Tell) -> None:
        self._tell(Transition.RESOLVED, at_ms, tell, Resolution.AUTO)
        self.outage = None

    def _expire(self, at_ms: int, tell: Tell) -> None:
        self.rhythm.gaps.clear()
        self._tell(Transition.RESOLVED, at_ms, tell, Resolution.EXPIRED)
        self.outage = None

    def _tell(
        self, transition: Transition, at_ms: int, tell: Tell, resolution: Resolution | None = None
    ) -> None:
        assert self.outage is not None, "only an outage is told"
        self.outage.trigger = self.trigger
        tell(tell_outage(self.outage, self.tenant, self.carrier, transition, at_ms, resolution))


class Due(NamedTuple):
    """What falls due when; `rank` decides between equal times."""

    at_ms: int
    rank: int
    fire: Callable[[int, Tell], None]
