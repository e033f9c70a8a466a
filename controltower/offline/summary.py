"""What happened in a replayed or recorded day, counted from the published records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from controltower.latest import Latest
from controltower.offline.results import Published
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS


class _ExceptionLine(msgspec.Struct):
    exception_id: str
    seq: int
    code: str
    status: str
    resolution: str | None = None


class _ActionLine(msgspec.Struct):
    action_id: str
    seq: int
    action: str
    state: str
    suppressed_because: str | None = None


class Summary:
    """Takes published records one by one; says at the end what came of them."""

    def __init__(self) -> None:
        self.routes: set[bytes] = set()
        self.exceptions = Latest[_ExceptionLine]()
        self.actions = Latest[_ActionLine]()
        self._read: Mapping[str, Any] = {
            EXCEPTIONS: msgspec.json.Decoder(_ExceptionLine).decode,
            DISPATCH: msgspec.json.Decoder(_ActionLine).decode,
        }

    def take(self, record: Published) -> None:
        if record.value is None:
            return
        if record.topic == EXCEPTIONS:
            exception = self._read[EXCEPTIONS](record.value)
            self.exceptions.take(exception.exception_id, exception.seq, exception)
        elif record.topic == DISPATCH:
            action = self._read[DISPATCH](record.value)
            self.actions.take(action.action_id, action.seq, action)
        elif record.topic == ROUTE_STATUS and record.key is not None:
            self.routes.add(record.key)

    def lines(self, span_s: float) -> Iterator[str]:
        """For a terminal; `span_s` is how long the day's events last."""
        yield f"routes      {len(self.routes):>8,}"
        yield f"exceptions  {len(self.exceptions):>8,} opened, {_per_hour(len(self.exceptions), span_s)}"
        yield from self._exception_lines(span_s)
        yield f"actions     {len(self.actions):>8,}"
        yield from self._action_lines()

    def _exception_lines(self, span_s: float) -> Iterator[str]:
        endings: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for exception in self.exceptions.values():
            endings[exception.code][exception.resolution or "still open"] += 1
        for code, counts in sorted(endings.items()):
            opened = counts.total()
            yield f"  {code:<20} {opened:>5,}  {_per_hour(opened, span_s):>10}  {_listed(counts)}"

    def _action_lines(self) -> Iterator[str]:
        states: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for action in self.actions.values():
            state = action.state
            if action.suppressed_because:
                state = f"{state} ({action.suppressed_because})"
            states[action.action][state] += 1
        for name, counts in sorted(states.items()):
            yield f"  {name:<20} {counts.total():>5,}  {_listed(counts)}"


def intake_lines(tallies: Mapping[tuple[str, ...], int]) -> Iterator[str]:
    """received = accepted + rejected by reason, per feed, from the tallies of normalize."""
    feeds = sorted({key[1] for key in tallies if key[0] == "received"})
    for feed in feeds:
        reasons = Counter({key[2]: n for key, n in tallies.items() if key[:2] == ("rejected", feed)})
        received, accepted = tallies.get(("received", feed), 0), tallies.get(("accepted", feed), 0)
        rejected = f"{reasons.total():,} rejected" + (f" ({_listed(reasons)})" if reasons else "")
        yield f"{feed:<18} {received:>8,} received = {accepted:,} accepted + {rejected}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in counts.most_common())


def _per_hour(count: int, span_s: float) -> str:
    return f"{count / span_s * 3600:.1f}/h" if span_s > 0 else "-"
