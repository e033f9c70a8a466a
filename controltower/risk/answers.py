"""Answers to a batch of questions: all rows in one table, each row for itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from math import floor
from typing import Final, NamedTuple

import numpy as np

from controltower.risk.features import FEATURES, SHARED_SET, SITUATION_FROM, Row
from controltower.risk.models import Models
from controltower.risk.predictions import HORIZON, SLACK, Floats, Predictions, join_table
from controltower.risk.scorer import Scorer
from controltower.route.limits import Limits
from controltower.route.scores import LATE_STEPS, late_steps_of
from schemas import wire

#: An explanation has the strongest of its reasons.
_REASONS: Final = 5
_NAMES: Final = tuple(name for name, _ in FEATURES)
#: p(late) from which SLA_AT_RISK opens: models that lie on two sides of it differ for dispatch.
ACTS_FROM: Final = Limits().risk_open


#: A probability has six digits.
_P_STEPS: Final = 1e6
_SUM_ERROR_S: Final = 1e-6


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
    table, sizes = _table(questions)
    said = models.live.predict(table, sizes)
    beside = models.shadow.predict(table, sizes).p_late if models.shadow is not None else None
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
    return _Said(_rounded(said.p_late), p10_s, p50_s, p90_s, None if beside is None else _rounded(beside))


def _rounded(p: Floats) -> list[float]:
    rounded: list[float] = (np.rint(p * _P_STEPS) / _P_STEPS).tolist()
    return rounded


def _table(questions: Sequence[wire.ScoreRequest]) -> tuple[Floats, list[int]]:
    """All rows, and how many of them in turn are of one moment: those of a question that says its situation
    once, else each by itself."""
    ahead, situations, sizes = list[Row](), list[Row](), list[int]()
    for question in questions:
        rows = [row.features for row in question.rows]
        if question.shift is not None:
            rows.append(question.shift)
        if question.feature_set == SHARED_SET:
            ahead += rows
            situations.append(question.situation)
            sizes.append(len(rows))
        else:
            ahead += [row[:SITUATION_FROM] for row in rows]
            situations += [row[SITUATION_FROM:] for row in rows]
            sizes += [1] * len(rows)
    return join_table(ahead, situations, sizes), sizes


def _score(question: wire.ScoreRequest, at: int, table: Floats, said: _Said, models: Models) -> wire.Score:
    end = at + len(question.rows)
    worst = max(range(at, end), key=said.p_late.__getitem__)
    explained = _is_to_be_explained(question, range(at, end), table, said)
    return wire.Score(
        request_id=question.request_id,
        route_id=question.route_id,
        as_of=question.as_of,
        stops=_stops(question.rows, slice(at, end), said),
        scored_by=models.live.source,
        model_version=models.live.version,
        p_shift=None if question.shift is None else round(1.0 - said.p_late[end], 6),
        explained_stop=question.rows[worst - at].stop_id if explained else None,
        explanation=_explain(table[worst], models.live) if explained else (),
        shadow_version=None if models.shadow is None else models.shadow.version,
    )


def _is_to_be_explained(question: wire.ScoreRequest, here: range, table: Floats, said: _Said) -> bool:
    """Whether some answer is such that track would act on it: see `detect/sla_at_risk.py` for timetables."""
    least, beyond_s = question.explain_from, question.explain_beyond_s
    if least is None:
        return False
    likely = [i for i in here if said.p_late[i] >= least]
    if not beyond_s:
        return bool(likely)
    return any(_late_by(beyond_s, i, table, said) >= least for i in likely)


def _late_by(beyond_s: float, i: int, table: Floats, said: _Said) -> float:
    """P(arrival more than `beyond_s` behind the promise) by the quantiles of the answer."""
    promised_s = table[i, SLACK] + table[i, HORIZON] + beyond_s  # known to the ms, and summed with an error
    p50_s = said.p50_s[i]
    slack_s = floor(promised_s + _SUM_ERROR_S) - p50_s
    return late_steps_of(slack_s, p50_s - said.p10_s[i], said.p90_s[i] - p50_s) / LATE_STEPS


def _stops(rows: Sequence[wire.ScoreRow], here: slice, said: _Said) -> tuple[wire.StopScore, ...]:
    beside = repeat(None) if said.beside is None else said.beside[here]
    numbers = zip(
        said.p_late[here], said.p10_s[here], said.p50_s[here], said.p90_s[here], beside, strict=False
    )
    return tuple([wire.StopScore(row.stop_id, *told) for row, told in zip(rows, numbers, strict=True)])


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
