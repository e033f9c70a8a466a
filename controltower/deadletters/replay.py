"""Putting dead letters back: each once, whoever else tries and wherever it is interrupted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final, Protocol

from controltower.deadletters.choose import Verdict, judge
from controltower.deadletters.letter import Letter, NotALetter, marks_of, put_back, read_letter
from controltower.streaming.stage import Commit, Out, Record

_MOST_LETTERS: Final = 500
_MOST_BYTES: Final = 4 << 20


class Writer(Protocol):
    """Writes a list of records, all or nothing, to the topics that they name."""

    def write(
        self, commit: Commit, changelog: str, partition: int, positions: list[tuple[bytes, bytes]]
    ) -> None: ...


def letters_among(records: Iterable[Record]) -> Iterator[Letter]:
    """The letters; records that normalize did not write are passed over."""
    for record in records:
        try:
            yield read_letter(record)
        except NotALetter:
            continue


def find_replayed(intake: Iterable[Record]) -> set[str]:
    """The sources of all letters that stand in the intake as replays."""
    return {mark for record in intake for mark in marks_of(record)}


def replay(
    letters: Iterable[Letter],
    replayed: Collection[str],
    writer: Writer | None,
) -> Counter[Verdict]:
    """Put back what may be put back, transaction by transaction; `writer` None: only count.

    A letter counts as replayed as soon as its transaction is committed, so a run that was interrupted is
    simply started again. A stage that was reset rejects a record a second time: two letters of one source
    are one record.
    """
    counts: Counter[Verdict] = Counter()
    done = set(replayed)
    batch: list[Out] = []
    size = 0
    for letter in letters:
        verdict = judge(letter, done)
        counts[verdict] += 1
        if verdict is not Verdict.REPLAY:
            continue
        done.add(str(letter.source))
        batch.append(put_back(letter))
        size += len(letter.value or b"")
        if len(batch) >= _MOST_LETTERS or size >= _MOST_BYTES:
            _write(writer, batch)
            batch, size = [], 0
    _write(writer, batch)
    return counts


def _write(writer: Writer | None, batch: list[Out]) -> None:
    if writer is not None and batch:
        writer.write(Commit(batch), "", 0, [])
