"""Hold exceptions against what truly happened: found, missed, false. Pure; the demo prints it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from controltower.clock import epoch_ms_of
from controltower.simulate.incidents import Kind
from controltower.simulate.truth import TrueEvent
from schemas.vocabulary import ExceptionCode, Resolution
from schemas.wire import ExceptionRecord

#: An exception may begin or end this much beside the event: one ping interval and the reordering.
SLACK_MS: Final = 60_000
#: Which codes tell of which event. A dwell told as a halt is told; the reverse is not, as halts are set far
#: from every stop. Lateness is told of the whole route, before or after it happens.
CODES_OF: Final[dict[Kind, tuple[ExceptionCode, ...]]] = {
    Kind.LONG_HALT: (ExceptionCode.LONG_HALT,),
    Kind.EXCESS_DWELL: (ExceptionCode.EXCESS_DWELL, ExceptionCode.LONG_HALT),
    Kind.ROUTE_DEVIATION: (ExceptionCode.ROUTE_DEVIATION,),
    Kind.SIGNAL_LOST: (ExceptionCode.SIGNAL_LOST,),
    Kind.LATE_DEPARTURE: (ExceptionCode.LATE_DEPARTURE,),
    Kind.LATE_STOPS: (ExceptionCode.SLA_AT_RISK, ExceptionCode.SLA_BREACHED),
}


@dataclass(slots=True)
class Episode:
    """One exception, folded from its records: the highest seq is right."""

    exception_id: str
    code: ExceptionCode
    route_id: str | None
    onset_at_ms: int
    detected_at_ms: int
    seq: int = 0
    ended_at_ms: int | None = None
    resolution: Resolution | None = None

    def overlaps(self, event: TrueEvent) -> bool:
        """Whether it could be about the event."""
        ends_at_ms = self.ended_at_ms if self.ended_at_ms is not None else event.ends_at_ms
        begins = self.onset_at_ms <= event.ends_at_ms + SLACK_MS
        return begins and ends_at_ms >= event.starts_at_ms - SLACK_MS


@dataclass(slots=True)
class CodeScore:
    """How well one kind of event was told. `delay_s`: detected minus begun, median over what was found."""

    kind: Kind
    due: int = 0
    found: int = 0
    false: int = 0
    split: int = 0
    delay_s: float | None = None
    missed: list[TrueEvent] = field(default_factory=list)
    false_episodes: list[Episode] = field(default_factory=list)


def fold_episodes(records: Iterable[ExceptionRecord]) -> list[Episode]:
    """One episode per exception_id, in order of first appearance; records may come in any order, or twice."""
    episodes: dict[str, Episode] = {}
    for record in records:
        episode = episodes.get(record.exception_id)
        if episode is None:
            episode = episodes[record.exception_id] = Episode(
                record.exception_id,
                record.code,
                record.route_id,
                epoch_ms_of(record.onset_at),
                epoch_ms_of(record.detected_at),
            )
        if record.seq > episode.seq:
            ended_at = record.resolved_at or record.cleared_at
            episode.seq, episode.resolution = record.seq, record.resolution
            episode.ended_at_ms = epoch_ms_of(ended_at) if ended_at else None
    return list(episodes.values())


def score(records: Iterable[ExceptionRecord], truth: Sequence[TrueEvent]) -> list[CodeScore]:
    """One row per kind of event that deserves an exception; retracted exceptions count neither way."""
    episodes = [e for e in fold_episodes(records) if e.resolution is not Resolution.RETRACTED]
    used: set[str] = set()
    rows = [_score_kind(kind, codes, episodes, truth, used) for kind, codes in CODES_OF.items()]
    by_code = {codes[0]: row for row, codes in zip(rows, CODES_OF.values(), strict=True)}
    by_code[ExceptionCode.SLA_BREACHED] = by_code[ExceptionCode.SLA_AT_RISK]
    for episode in episodes:
        row = by_code.get(episode.code)
        if row is not None and episode.exception_id not in used:
            row.false += 1
            row.false_episodes.append(episode)
    return rows


def _score_kind(
    kind: Kind,
    codes: tuple[ExceptionCode, ...],
    episodes: Sequence[Episode],
    truth: Sequence[TrueEvent],
    used: set[str],
) -> CodeScore:
    row = CodeScore(kind)
    delays: list[float] = []
    for event in (event for event in truth if event.kind is kind):
        row.due += 1
        hits = [e for e in episodes if e.code in codes and e.route_id == event.route_id and _tells(e, event)]
        used.update(hit.exception_id for hit in hits)
        if not hits:
            row.missed.append(event)
            continue
        row.found += 1
        row.split += len({hit.code for hit in hits}) < len(hits)
        delays.append((min(hit.detected_at_ms for hit in hits) - event.starts_at_ms) / 1000)
    row.delay_s = median(delays) if delays else None
    return row


def _tells(episode: Episode, event: TrueEvent) -> bool:
    if event.kind is Kind.LATE_STOPS:
        return episode.detected_at_ms <= event.ends_at_ms + SLACK_MS
    return episode.overlaps(event)
