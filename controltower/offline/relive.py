"""A recording folded again: the answers of models and people stand in its logs, so nothing else is needed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from heapq import merge
from operator import itemgetter
from typing import NamedTuple

import msgspec

from controltower.offline.recording import Recording, RecordingError
from controltower.offline.shard import BuildStages
from controltower.offline.verify.refold import refold
from controltower.streaming.stage import Out, StageSpec
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS, SHIPMENT_STATUS

_PUBLISHED = (EXCEPTIONS, DISPATCH, ROUTE_STATUS, SHIPMENT_STATUS)
#: The stages that publish; the others only fill the logs that are recorded.
RELIVED = ("assign", "track", "recover")


_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_Timed = tuple[datetime, Out]


class _When(msgspec.Struct):
    updated_at: datetime = _LONG_AGO
    decided_at: datetime = _LONG_AGO
    as_of: datetime = _LONG_AGO


_when = msgspec.json.Decoder(_When).decode


def _no_clock() -> int:
    """The time of publication, which is no part of what is relived."""
    return 0


def relive(
    recording: Recording,
    build: BuildStages,
    workers: int = 1,
    advance: Callable[[int], None] = lambda records: None,
) -> Iterator[Out]:
    """What the stages publish, in order per home and merged by stream time.

    The logs are folded by so many processes, one log of a partition at a time; `advance` is told the records
    of each. The result is the same for any number. Raises RecordingError when the recording lacks a log or
    the beginning of one.
    """
    parts = _parts(recording, build(_no_clock))
    _check(recording, parts)
    told: list[list[_Timed]] = []
    if workers == 1:
        stages = {stage.name: stage for stage in build(_no_clock)}
        for part in parts:
            told.append(_relive_part(recording, stages[part.stage], part))
            advance(recording.records_of(part.log, part.partition))
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, _set_up, (recording, build)) as pool:
            for part, timed in zip(parts, pool.map(_relive_there, parts), strict=True):
                told.append(timed)
                advance(recording.records_of(part.log, part.partition))
    return (out for _, out in merge(*told, key=itemgetter(0)))


def records_to_relive(recording: Recording, stages: Sequence[StageSpec]) -> int:
    """How many records `relive` folds."""
    return sum(recording.records_of(part.log, part.partition) for part in _parts(recording, stages))


class _Part(NamedTuple):
    """One log of one partition, folded by one stage."""

    stage: str
    log: str
    partition: int


def _parts(recording: Recording, stages: Sequence[StageSpec]) -> list[_Part]:
    return [
        _Part(stage.name, log, partition)
        for stage in stages
        if stage.name in RELIVED
        for log in stage.inputs
        for partition in range(recording.partitions)
    ]


def _check(recording: Recording, parts: Sequence[_Part]) -> None:
    for stage, log, partition in parts:
        if log not in recording.topics:
            raise RecordingError(f"{recording.folder}: holds no {log}, which {stage} is folded from")
        if recording.first_offset(log, partition) > 0:
            raise RecordingError(
                f"{recording.folder}: the beginning of {log}/{partition} was gone when recorded"
            )


_there: tuple[Recording, dict[str, StageSpec]]


def _set_up(recording: Recording, build: BuildStages) -> None:
    """In a process of the pool: the stages are made once."""
    global _there
    _there = recording, {stage.name: stage for stage in build(_no_clock)}


def _relive_there(part: _Part) -> list[_Timed]:
    recording, stages = _there
    return _relive_part(recording, stages[part.stage], part)


def _relive_part(recording: Recording, stage: StageSpec, part: _Part) -> list[_Timed]:
    log = recording.read(part.log, part.partition)
    result = refold(stage, part.partition, recording.partitions, log, None)
    return _in_time([out for out in result.outputs if out.topic in _PUBLISHED and out.value is not None])


def _in_time(outs: Sequence[Out]) -> list[_Timed]:
    """Each with the latest instant told so far: merging by it keeps the order of every log."""
    timed: list[_Timed] = []
    latest = _LONG_AGO
    for out in outs:
        when = _when(out.value or b"{}")
        latest = max(latest, when.updated_at, when.decided_at, when.as_of)
        timed.append((latest, out))
    return timed
