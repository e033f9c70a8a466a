"""A recording folded again: the answers of models and people stand in its logs, so nothing else is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from heapq import merge
from operator import itemgetter

import msgspec

from controltower.offline.recording import Recording, RecordingError
from controltower.offline.verify.refold import refold
from controltower.streaming.stage import Out, StageSpec
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS

_PUBLISHED = (EXCEPTIONS, DISPATCH, ROUTE_STATUS)
#: The stages that publish; the others only fill the logs that are recorded.
RELIVED = ("assign", "track", "recover")


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class _When(msgspec.Struct):
    updated_at: datetime = _LONG_AGO
    decided_at: datetime = _LONG_AGO
    as_of: datetime = _LONG_AGO


_when = msgspec.json.Decoder(_When).decode


def relive(recording: Recording, stages: Sequence[StageSpec]) -> Iterator[Out]:
    """What the stages publish, in order per home and merged by stream time.

    Raises RecordingError when the recording lacks a log or the beginning of one.
    """
    told = [
        _in_time(_publish(recording, stage, log, partition))
        for stage in stages
        if stage.name in RELIVED
        for log in stage.inputs
        for partition in range(recording.partitions)
    ]
    return (out for _, out in merge(*told, key=itemgetter(0)))


def _publish(recording: Recording, stage: StageSpec, log: str, partition: int) -> list[Out]:
    if log not in recording.topics:
        raise RecordingError(f"{recording.folder}: holds no {log}, which {stage.name} is folded from")
    if recording.first_offset(log, partition) > 0:
        raise RecordingError(f"{recording.folder}: the beginning of {log}/{partition} was gone when recorded")
    result = refold(stage, partition, recording.partitions, recording.read(log, partition), None)
    return [out for out in result.outputs if out.topic in _PUBLISHED and out.value is not None]


def _in_time(outs: Sequence[Out]) -> list[tuple[datetime, Out]]:
    """Each with the latest instant told so far: merging by it keeps the order of every log."""
    timed: list[tuple[datetime, Out]] = []
    latest = _LONG_AGO
    for out in outs:
        when = _when(out.value or b"{}")
        latest = max(latest, when.updated_at, when.decided_at, when.as_of)
        timed.append((latest, out))
    return timed
