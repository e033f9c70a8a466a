"""The score stage for one partition: the questions of a poll in one batch, answers into the routes' log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from controltower.risk.features import FEATURE_SET
from controltower.risk.predictions import to_table
from controltower.risk.scorer import Scorer
from controltower.streaming.stage import Commit, Out, Record
from schemas import topics, wire


class ScoreFold:
    """Keeps nothing: every answer is a record, so a replay needs no model."""

    def __init__(self, partition: int, partitions: int, scorer: Scorer) -> None:
        self.partition = partition
        self._scorer = scorer

    def restore(self, key: bytes, value: bytes) -> None:
        """There is no state."""

    def restored(self) -> None:
        """There is no state."""

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """Nothing happens without a question."""
        return None

    def fold(self, records: Sequence[Record]) -> Commit:
        """Answer each question once. A question in features of another version is counted and left."""
        questions = [question for r in records if (question := _read(r)) is not None]
        known = [question for question in questions if question.feature_set == FEATURE_SET]
        rows = [row.features for question in known for row in question.rows]
        answers = iter(self._scorer.predict(to_table(rows)).p_late.tolist() if rows else ())
        commit = Commit([self._answer(q, [next(answers) for _ in q.rows]) for q in known])
        if known:
            commit.tallies[("score", self._scorer.source.value)] = len(known)
            commit.tallies[("model", self._scorer.version)] = len(known)
            commit.tallies[("rows",)] = len(rows)
        if len(known) < len(questions):
            commit.tallies[("unknown_features",)] = len(questions) - len(known)
        if len(questions) < len(records):
            commit.tallies[("unreadable",)] = len(records) - len(questions)
        return commit

    def _answer(self, question: wire.ScoreRequest, p_late: list[float]) -> Out:
        score = wire.Score(
            request_id=question.request_id,
            route_id=question.route_id,
            as_of=question.as_of,
            stops=tuple(
                wire.StopScore(r.stop_id, round(p, 6)) for r, p in zip(question.rows, p_late, strict=True)
            ),
            scored_by=self._scorer.source,
            model_version=self._scorer.version,
        )
        return Out(topics.ROUTE_EVENTS, question.route_id.encode(), wire.encode(score), self.partition)


def _read(record: Record) -> wire.ScoreRequest | None:
    """The question, or None for what was not written by us: it must not stop the partition."""
    try:
        return wire.decode_score_request(record.value or b"")
    except msgspec.DecodeError:
        return None
