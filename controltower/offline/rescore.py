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
from schemas.vocabulary import HaulScoreSource

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
    scored_by: str = ""


_header = msgspec.json.Decoder(_Header).decode
#: By the log that answers stand in: the schema of an answer, and of its question.
_ASKED = {
    topics.ROUTE_EVENTS: ("controltower.score/1", "controltower.score-request/1"),
    topics.SHIPMENT_EVENTS: ("controltower.haul-score/1", "controltower.haul-request/1"),
}


@dataclass(slots=True, frozen=True)
class RescoredRecording(Recording):
    """Reads like the recording it is made of. `kept`: answers that stayed: of other features, gone, or of
    line hauls without a model at hand."""

    score: StageSpec
    kept: Counter[str] = field(default_factory=Counter)

    def read(self, topic: str, partition: int) -> Iterator[Record]:
        """See Recording."""
        if topic not in _ASKED:
            yield from Recording.read(self, topic, partition)
            return
        schema, asked = _ASKED[topic]
        answers = self._answers(asked, partition)
        for record in Recording.read(self, topic, partition):
            yield self._replaced(record, schema, answers)

    def _replaced(self, record: Record, schema: str, answers: dict[str, bytes]) -> Record:
        header = _header(record.value) if record.value and b'"request_id"' in record.value else _Header()
        if header.schema != schema:
            return record
        answer = answers.get(header.request_id)
        if answer is None:
            self.kept[schema] += 1
            return record
        return msgspec.structs.replace(record, value=answer)

    def _answers(self, asked: str, partition: int) -> dict[str, bytes]:
        """Of every question of this schema in the partition, by its id."""
        fold = self.score.make_fold(partition, self.partitions)
        fold.restored()
        answers: dict[str, bytes] = {}
        batch: list[Record] = []
        for record in Recording.read(self, topics.SCORE_REQUESTS, partition):
            if record.value is not None and _header(record.value).schema == asked:
                batch.append(record)
            if len(batch) >= _BATCH:
                answers.update(_told(fold.fold(batch).outputs))
                batch = []
        answers.update(_told(fold.fold(batch).outputs))
        return answers


def _told(outs: Iterable[Out]) -> Iterator[tuple[str, bytes]]:
    """By question. That no model is at hand is no answer that takes the place of a recorded one."""
    for out in outs:
        header = _header(out.value) if out.value is not None else _Header()
        if out.value is not None and header.scored_by != HaulScoreSource.NO_MODEL:
            yield header.request_id, out.value
