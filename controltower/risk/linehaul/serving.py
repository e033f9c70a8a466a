"""Answers of the line-haul model to questions of the stream; where there is no model, nothing answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from controltower.risk.linehaul.features import Stage
from controltower.risk.linehaul.model import LineHaulModel
from controltower.risk.linehaul.publishing import load_served
from controltower.risk.linehaul.table import LEGS, STEPS, Floats, Milestones
from controltower.risk.manifest import ModelRefusedError
from schemas import wire
from schemas.vocabulary import HaulScoreSource, HaulStage

_FLIGHTS: Final = slice(1, len(STEPS) - 1, 2)


class HaulScorer:
    """What answers: the models of the stages, or none and the reason why."""

    def __init__(
        self,
        source: HaulScoreSource,
        version: str | None = None,
        models: dict[Stage, LineHaulModel] | None = None,
        refused_because: str | None = None,
    ) -> None:
        self.source = source
        self.version = version
        self.refused_because = refused_because
        self._models = models or {}

    def answer(self, questions: Sequence[wire.HaulRequest]) -> list[wire.HaulScore]:
        """In the order of the questions; all of one stage in one prediction, each for itself."""
        said: dict[str, float] = {}
        for stage in HaulStage:
            asked = [question for question in questions if question.stage is stage]
            model = self._models.get(Stage(stage.value))
            if asked and model is not None:
                found = model.predict(milestones_of(asked)).tolist()
                said |= {one.request_id: round(p, 6) for one, p in zip(asked, found, strict=True)}
        return [self._score(question, said.get(question.request_id)) for question in questions]

    def _score(self, question: wire.HaulRequest, p_late: float | None) -> wire.HaulScore:
        return wire.HaulScore(
            request_id=question.request_id,
            shipment_id=question.shipment_id,
            as_of=question.as_of,
            stage=question.stage,
            p_late=p_late,
            scored_by=self.source,
            model_version=self.version,
        )


def milestones_of(questions: Sequence[wire.HaulRequest]) -> Milestones:
    """The questions as rows of a milestone table, as far as it is known."""
    planned = np.full((len(questions), len(LEGS), len(STEPS)), np.nan)
    effective, waiting = np.full_like(planned, np.nan), np.full((len(questions), len(LEGS)), np.nan)
    for row, question in enumerate(questions):
        for leg, minutes in enumerate(question.legs):
            planned[row, leg] = _column(minutes.planned)
            effective[row, leg] = _column(minutes.effective)
            waiting[row, leg] = np.nan if minutes.waiting_min is None else minutes.waiting_min
    flights = np.isfinite(planned[:, :, _FLIGHTS]).sum(axis=2)
    return Milestones(planned, effective, np.where(flights > 0, flights, np.nan), waiting)


def _column(minutes: Sequence[float | None]) -> Floats:
    """Of a leg; a leg that is not there is missing as a whole."""
    return np.array(minutes if len(minutes) == len(STEPS) else [None] * len(STEPS), dtype=np.float64)


def load_haul_scorer(folder: Path | None) -> HaulScorer:
    """The model of this folder, or nothing with the reason why not."""
    if folder is None:
        return HaulScorer(HaulScoreSource.NO_MODEL)
    try:
        return load_haul_model(folder)
    except ModelRefusedError as refused:
        return HaulScorer(HaulScoreSource.MODEL_REFUSED, refused_because=str(refused))
    except (ImportError, OSError) as wrong:
        return HaulScorer(HaulScoreSource.NO_LIBRARY, refused_because=f"LightGBM cannot be loaded: {wrong}")


def load_haul_model(folder: Path) -> HaulScorer:
    """Raises ModelRefusedError: whoever swaps models keeps the old one; ImportError or OSError where LightGBM
    itself cannot be loaded."""
    import lightgbm  # noqa: F401  where the library is at fault, the model is not blamed

    version, models = load_served(folder, [Stage(stage.value) for stage in HaulStage])
    return HaulScorer(HaulScoreSource.MODEL, version, models)
