"""Answers to a batch of questions: all rows in one table, each row for itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from controltower.risk.features import FEATURES
from controltower.risk.models import Models
from controltower.risk.predictions import HORIZON, Floats, Predictions, to_table
from controltower.risk.scorer import Scorer
from controltower.route.limits import Limits
from schemas import wire

#: An explanation has the strongest of its reasons.
_REASONS: Final = 5
_NAMES: Final = tuple(name for name, _ in FEATURES)
#: p(late) from which SLA_AT_RISK opens: models that lie on two sides of it differ for dispatch.
ACTS_FROM: Final = Limits().risk_open


class Answered(NamedTuple):
    """Scores in the order of the questions; the table that was asked; |live - candidate| per row."""

    scores: list[wire.Score]
    table: Floats
    differences: list[float]
    turned: int


class _Said(NamedTuple):
    """What was said to each row, as plain numbers: numpy's cost a microsecond each to take one by one.

    Quantiles of a row are relative to its ETA; here, as in a record, they are seconds from `as_of`.
    """

    p_late: list[float]
    p10_s: list[int]
    p50_s: list[int]
    p90_s: list[int]
    beside: list[float] | None


def answer(questions: Sequence[wire.ScoreRequest], models: Models) -> Answered:
    """One prediction for all rows; the last row of a question may be its shift."""
    table = to_table([row for question in questions for row in _rows(question)])
    said = models.live.predict(table)
    beside = models.shadow.predict(table).p_late if models.shadow is not None else None
    plain, scores, at = _plain(table, said, beside), [], 0
    for question in questions:
        scores.append(_score(question, at, table, plain, models))
        at += len(question.rows) + (question.shift is not None)
    if beside is None:
        return Answered(scores, table, [], 0)
    turned = int(np.sum((said.p_late >= ACTS_FROM) != (beside >= ACTS_FROM)))
    return Answered(scores, table, np.abs(said.p_late - beside).tolist(), turned)


def _plain(table: Floats, said: Predictions, beside: Floats | None) -> _Said:
    eta_s = np.nan_to_num(table[:, HORIZON])
    p10_s, p50_s, p90_s = (
        np.rint(eta_s + quantile).astype(np.int64).tolist()
        for quantile in (said.p10_s, said.p50_s, said.p90_s)
    )
    return _Said(said.p_late.tolist(), p10_s, p50_s, p90_s, None if beside is None else beside.tolist())


def _rows(question: wire.ScoreRequest) -> Iterator[Sequence[float | None]]:
    yield from (row.features for row in question.rows)
    if question.shift is not None:
        yield question.shift


def _score(question: wire.ScoreRequest, at: int, table: Floats, said: _Said, models: Models) -> wire.Score:
    end = at + len(question.rows)
    worst = max(range(at, end), key=said.p_late.__getitem__)
    explained = question.explain_from is not None and said.p_late[worst] >= question.explain_from
    return wire.Score(
        request_id=question.request_id,
        route_id=question.route_id,
        as_of=question.as_of,
        stops=tuple([_stop(row.stop_id, i, said) for i, row in enumerate(question.rows, at)]),
        scored_by=models.live.source,
        model_version=models.live.version,
        p_shift=None if question.shift is None else round(1.0 - said.p_late[end], 6),
        explained_stop=question.rows[worst - at].stop_id if explained else None,
        explanation=_explain(table[worst], models.live) if explained else (),
        shadow_version=None if models.shadow is None else models.shadow.version,
    )


def _stop(stop_id: str, i: int, said: _Said) -> wire.StopScore:
    return wire.StopScore(
        stop_id,
        round(said.p_late[i], 6),
        said.p10_s[i],
        said.p50_s[i],
        said.p90_s[i],
        None if said.beside is None else round(said.beside[i], 6),
    )


def _explain(row: Floats, scorer: Scorer) -> tuple[wire.Contribution, ...]:
    """The strongest contributions of one row, by their weight."""
    effects = scorer.contributions(row.reshape(1, -1))[0]
    strongest = np.argsort(-np.abs(effects), kind="stable")[:_REASONS]
    return tuple(
        [
            wire.Contribution(
                _NAMES[i], None if np.isnan(row[i]) else float(row[i]), round(float(effects[i]), 4)
            )
            for i in map(int, strongest)
            if effects[i]
        ]
    )
