"""The score stage for one partition: the questions of a poll in one batch, answers into the asker's log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from controltower.risk.answers import answer, is_in_features
from controltower.risk.linehaul.serving import HaulScorer
from controltower.risk.models import ModelCache, Models
from controltower.risk.population import Population
from controltower.risk.scorer import Scorer
from controltower.streaming.stage import Commit, Out, Record
from schemas import topics, wire
from schemas.vocabulary import ModelUse


class ScoreFold:
    """Keeps which models stand in its log. Every answer is a record, so a replay needs no model."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        scorer: Scorer,
        cache: ModelCache | None = None,
        population: Population | None = None,
        haul: HaulScorer | None = None,
    ) -> None:
        self.partition = partition
        self._models = Models(scorer, cache or ModelCache(), haul)
        self._population = population or Population()

    def restore(self, key: bytes, value: bytes) -> None:
        """A model that is in force."""
        self._models.restore(key, value)

    def restored(self) -> None:
        """Nothing is scheduled."""

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """Nothing happens without a question."""
        return None

    def fold(self, records: Sequence[Record]) -> Commit:
        """Answer each question once. A question in other features is counted and left."""
        commit, waiting, hauls = Commit(), list[wire.ScoreRequest](), list[wire.HaulRequest]()
        for record in records:
            event = _read(record)
            if isinstance(event, wire.ModelChange):
                self._answer(waiting, commit)
                self._answer_hauls(hauls, commit)
                waiting, hauls = [], []
                self._change(event, commit)
            elif event is None:
                _count(commit, 1, "unreadable")
            elif isinstance(event, wire.HaulRequest):
                hauls.append(event)
            elif not is_in_features(event):
                _count(commit, 1, "unknown_features")
            else:
                waiting.append(event)
        self._answer(waiting, commit)
        self._answer_hauls(hauls, commit)
        return commit

    def _change(self, change: wire.ModelChange, commit: Commit) -> None:
        if change.use is ModelUse.PREPARE:
            self._models.prepare(change)
            _count(commit, 1, "models", change.use.value, "taken")
            return
        entry = self._models.take(change)
        _count(commit, 1, "models", change.use.value, "refused" if entry is None else "taken")
        if entry is not None:
            commit.changes.append(entry)

    def _answer(self, questions: Sequence[wire.ScoreRequest], commit: Commit) -> None:
        if not questions:
            return
        live = self._models.live
        answered = answer(questions, self._models)
        commit.outputs += [self._out(score) for score in answered.scores]
        _count(commit, len(questions), "score", live.source.value)
        _count(commit, len(questions), "model", live.version)
        _count(commit, sum(len(question.rows) for question in questions), "rows")
        _count(commit, sum(bool(score.explanation) for score in answered.scores), "explained")
        for difference in answered.differences:
            _count(commit, 1, "shadow_difference", f"{difference:.2f}")
        _count(commit, answered.turned, "shadow_turned")
        for name, index in self._population.watch(answered.table, live.manifest):
            commit.tallies["stability", name] = round(index * 1000)

    def _answer_hauls(self, questions: Sequence[wire.HaulRequest], commit: Commit) -> None:
        if not questions:
            return
        haul = self._models.haul
        for score in haul.answer(questions):
            key = score.shipment_id.encode()
            commit.outputs.append(Out(topics.SHIPMENT_EVENTS, key, wire.encode(score), self.partition))
        _count(commit, len(questions), "hauls", haul.source.value)
        if haul.version is not None:
            _count(commit, len(questions), "model", haul.version)

    def _out(self, score: wire.Score) -> Out:
        return Out(topics.ROUTE_EVENTS, score.route_id.encode(), wire.encode(score), self.partition)


def _count(commit: Commit, many: int, *name: str) -> None:
    if many:
        commit.tallies[name] = commit.tallies.get(name, 0) + many


def _read(record: Record) -> wire.ScoreEvent | None:
    """What it says, or None for what was not written by us: it must not stop the partition."""
    try:
        event: wire.ScoreEvent = wire.decode_score_event(record.value or b"")
    except msgspec.DecodeError:
        return None
    return event
