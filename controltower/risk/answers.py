"""Answers to a batch of questions: all rows in one table, each row for itself."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Final, NamedTuple

import numpy as np

from controltower.risk.features import FEATURE_SET, FEATURES, SHARED_SET, SITUATION_FROM, Row
from controltower.risk.models import Models
from controltower.risk.predictions import HORIZON, SLACK, Floats, Predictions, horizon_s, join_table
from controltower.risk.scorer import Scorer
from controltower.route.limits import Limits
from controltower.route.scores import LATE_STEPS, late_steps_of
from schemas import wire

#: Numbers of a row, by feature set and the numbers that are told once for all rows.
_WIDTHS: Final = {
    (FEATURE_SET, 0): len(FEATURES),
    (SHARED_SET, len(FEATURES) - SITUATION_FROM): SITUATION_FROM,
}
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


class _Asked(NamedTuple):
    """All rows of a batch, those of shifts among them, and how many in turn are of one moment.

    stop_ids: of each row; of a shift's none.
    """

    table: Floats
    sizes: list[int]
    stop_ids: list[str]


class _Said(NamedTuple):
    """What was said to each row, as plain numbers: numpy's cost a microsecond each to take one by one.

    Quantiles of a row are relative to its ETA; here, as in a record, they are seconds from `as_of`.
    """

    p_late: list[float]
    p10_s: list[int]
    p50_s: list[int]
    p90_s: list[int]
    stops: list[wire.StopScore]


def is_in_features(question: wire.ScoreRequest) -> bool:
    """Whether it is told in the features that are known here, and in all of them."""
    width = _WIDTHS.get((question.feature_set, len(question.situation)))
    widths = {len(row.features) for row in question.rows}
    if question.shift is not None:
        widths.add(len(question.shift))
    return widths == {width}


def answer(questions: Sequence[wire.ScoreRequest], models: Models) -> Answered:
    """One prediction for all rows; the last row of a question may be its shift."""
    asked = _gather(questions)
    said = models.live.predict(asked.table, asked.sizes)
    beside = None if models.shadow is None else models.shadow.predict(asked.table, asked.sizes).p_late
    plain, scores, at = _plain(asked, said, beside), [], 0
    for question in questions:
        scores.append(_score(question, at, asked.table, plain, models))
        at += len(question.rows) + (question.shift is not None)
    if beside is None:
        return Answered(scores, asked.table, [], 0)
    turned = int(np.sum((said.p_late >= ACTS_FROM) != (beside >= ACTS_FROM)))
    return Answered(scores, asked.table, np.abs(said.p_late - beside).tolist(), turned)


def _plain(asked: _Asked, said: Predictions, beside: Floats | None) -> _Said:
    p_late = _rounded(said.p_late)
    quantiles = np.rint(horizon_s(asked.table) + np.array(said[1:])).astype(np.int64).tolist()
    columns = [asked.stop_ids, p_late, *quantiles]
    if beside is not None:
        columns.append(_rounded(beside))
    p10_s, p50_s, p90_s = quantiles
    return _Said(p_late, p10_s, p50_s, p90_s, list(map(wire.StopScore, *columns)))


def _rounded(p: Floats) -> list[float]:
    rounded: list[float] = (np.rint(p * _P_STEPS) / _P_STEPS).tolist()
    return rounded


def _gather(questions: Sequence[wire.ScoreRequest]) -> _Asked:
    """The rows of a question that says its situation once are of one moment, others each of its own."""
    ahead, situations, sizes, stop_ids = list[Row](), list[Row](), list[int](), list[str]()
    for question in questions:
        rows = [row.features for row in question.rows]
        stop_ids += [row.stop_id for row in question.rows]
        if question.shift is not None:
            rows.append(question.shift)
            stop_ids.append("")
        if question.feature_set == SHARED_SET:
            ahead += rows
            situations.append(question.situation)
            sizes.append(len(rows))
        else:
            ahead += [row[:SITUATION_FROM] for row in rows]
            situations += [row[SITUATION_FROM:] for row in rows]
            sizes += [1] * len(rows)
    return _Asked(join_table(ahead, situations, sizes), sizes, stop_ids)


def _score(question: wire.ScoreRequest, at: int, table: Floats, said: _Said, models: Models) -> wire.Score:
    end, worst = at + len(question.rows), None
    if _is_to_be_explained(question, range(at, end), table, said):
        worst = max(range(at, end), key=said.p_late.__getitem__)
    return wire.Score(
        request_id=question.request_id,
        route_id=question.route_id,
        as_of=question.as_of,
        stops=tuple(said.stops[at:end]),
        scored_by=models.live.source,
        model_version=models.live.version,
        p_shift=None if question.shift is None else round(1.0 - said.p_late[end], 6),
        explained_stop=None if worst is None else said.stops[worst].stop_id,
        explanation=() if worst is None else _explain(table[worst], models.live),
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
