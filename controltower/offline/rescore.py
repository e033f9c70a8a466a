"""A recording as if another model had answered: its questions are asked anew, its answers replaced in place.

Everything else stands in the logs as it was, and each answer stands where the recorded one stood. Changes of
models in the log are left out: the model that is asked is the one that stands at hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from controltower.offline.recording import Recording, RecordingError
from controltower.streaming.stage import Out, Record, StageSpec
from schemas import topics

#: Questions answered at once: enough to make a batch pay, few enough to stay small.
_BATCH = 2000


def rescored(recording: Recording, score: StageSpec) -> RescoredRecording:
    """The recording with the answers of this stage. Raises RecordingError without recorded questions."""
    if topics.SCORE_REQUESTS not in recording.topics:
        raise RecordingError(f"{recording.folder}: holds no {topics.SCORE_REQUESTS} to ask anew")
    return RescoredRecording(recording.folder, recording.manifest, score)


class _Header(msgspec.Struct):
    schema: str = ""
    request_id: str = ""


_header = msgspec.json.Decoder(_Header).decode
_SCORE, _REQUEST = "controltower.score/1", "controltower.score-request/1"


@dataclass(slots=True, frozen=True)
class RescoredRecording(Recording):
    """Reads like the recording it is made of. `kept`: answers that stayed, of other features or gone."""

    score: StageSpec
    kept: Counter[str] = field(default_factory=Counter)

    def read(self, topic: str, partition: int) -> Iterator[Record]:
        """See Recording."""
        if topic != topics.ROUTE_EVENTS:
            yield from Recording.read(self, topic, partition)
            return
        answers = self._answers(partition)
        for record in Recording.read(self, topic, partition):
            yield self._replaced(record, answers)

    def _replaced(self, record: Record, answers: dict[str, bytes]) -> Record:
        header = _header(record.value) if record.value and b'"request_id"' in record.value else _Header()
        if header.schema != _SCORE:
            return record
        answer = answers.get(header.request_id)
        if answer is None:
            self.kept[_SCORE] += 1
            return record
        return msgspec.structs.replace(record, value=answer)

    def _answers(self, partition: int) -> dict[str, bytes]:
        """Of every question of the partition, by its id."""
        fold = self.score.make_fold(partition, self.partitions)
        fold.restored()
        answers: dict[str, bytes] = {}
        batch: list[Record] = []
        for record in Recording.read(self, topics.SCORE_REQUESTS, partition):
            if record.value is not None and _header(record.value).schema == _REQUEST:
                batch.append(record)
            if len(batch) >= _BATCH:
                answers.update(_told(fold.fold(batch).outputs))
                batch = []
        answers.update(_told(fold.fold(batch).outputs))
        return answers


def _told(outs: Iterable[Out]) -> Iterator[tuple[str, bytes]]:
    for out in outs:
        if out.value is not None:
            yield _header(out.value).request_id, out.value
