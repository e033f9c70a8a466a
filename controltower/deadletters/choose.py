"""Which dead letters are meant, and which of them may go back into the intake."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from controltower.deadletters.letter import INTAKE, Letter, Place


class Verdict(StrEnum):
    """What becomes of a letter at a replay."""

    REPLAY = "replayed"
    ALREADY = "already replayed"
    OMITTED = "too large, its bytes are not in the letter"
    NO_INTAKE = "not from an intake topic"


@dataclass(slots=True, frozen=True)
class Wanted:
    """A filter; what is empty or None lets everything pass. `since_ms`: rejected then or later."""

    reasons: Collection[str] = ()
    feeds: Collection[str] = ()
    since_ms: int | None = None
    places: Collection[tuple[int, int]] = ()

    def __contains__(self, letter: Letter) -> bool:
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.feeds or letter.feed in self.feeds)
            and (self.since_ms is None or letter.rejected_at_ms >= self.since_ms)
            and (not self.places or letter.at[1:] in self.places)
        )


def judge(letter: Letter, replayed: Collection[str]) -> Verdict:
    """`replayed`: sources of letters that stand in the intake as replays."""
    if letter.source.topic not in INTAKE:
        return Verdict.NO_INTAKE
    if letter.omitted_bytes is not None:
        return Verdict.OMITTED
    if str(letter.source) in replayed:
        return Verdict.ALREADY
    return Verdict.REPLAY


def parse_at(text: str) -> tuple[int, int]:
    """PARTITION/OFFSET of a letter. Raises ValueError."""
    place = Place("dead-letters", *map(int, text.split("/")))
    return place.partition, place.offset
