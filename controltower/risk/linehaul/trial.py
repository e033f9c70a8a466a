"""Try the stages of a line-haul model in a child process before they are loaded, as risk/canary.py does.

As a program it reads the candidates from standard input and ends with 0, or with 1 and one line.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from controltower.risk.canary import try_in_child
from controltower.risk.linehaul.features import Stage
from controltower.risk.linehaul.model import Curve, LineHaulModel, inputs_of
from controltower.risk.linehaul.moments import examples_of
from controltower.risk.linehaul.table import Milestones

_CANARIES: Final = 16
#: A canary may differ by rounding in the last digits, not by more.
_TOLERANCE: Final = 1e-6


class Canary(msgspec.Struct, frozen=True):
    """What trees and curve see of a shipment, None where missing, and what the model must say to it."""

    features: tuple[float | None, ...]
    plain: tuple[float, ...]
    p_late: float


class Candidate(msgspec.Struct, frozen=True):
    """A stage of a model that nobody has parsed yet."""

    stage: Stage
    trees: str
    curve: Curve
    canaries: tuple[Canary, ...]


def canaries_of(model: LineHaulModel, milestones: Milestones) -> tuple[Canary, ...]:
    """Shipments from all over the table, with what the model says to them."""
    known = examples_of(milestones, model.stage).known
    chosen = np.linspace(0, len(known) - 1, _CANARIES).round().astype(np.int64)
    features, plain = inputs_of(known.of_rows(chosen), model.stage)
    said = model.answer(features, plain)
    return tuple(
        Canary(
            tuple(None if np.isnan(value) else float(value) for value in row),
            tuple(map(float, beside)),
            float(p),
        )
        for row, beside, p in zip(features, plain, said, strict=True)
    )


def try_stages(candidates: Sequence[Candidate]) -> None:
    """Raises ModelRefusedError where the model dies or says something else than its manifest tells."""
    try_in_child(__name__, msgspec.json.encode(candidates))


def load_stage(candidate: Candidate) -> LineHaulModel:
    """Parse the trees. Only what matches its digest, and in a child process first."""
    import lightgbm

    return LineHaulModel(candidate.stage, lightgbm.Booster(model_str=candidate.trees), candidate.curve)


def find_wrong_canary(candidate: Candidate) -> str | None:
    """What the model says differently than it should, or None where all is as it was when it was made."""
    if not candidate.canaries:
        return "the manifest has no canaries"
    features = np.array([canary.features for canary in candidate.canaries], dtype=np.float64)
    plain = np.array([canary.plain for canary in candidate.canaries], dtype=np.float64)
    said = load_stage(candidate).answer(features, plain)
    for number, (canary, p) in enumerate(zip(candidate.canaries, said, strict=True), start=1):
        if not abs(p - canary.p_late) <= _TOLERANCE:
            return f"canary {number}: p_late is {p:.6g} instead of {canary.p_late:.6g}"
    return None


def main() -> int:
    """The child."""
    candidates = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Candidate])
    wrong = next(filter(None, map(find_wrong_canary, candidates)), None)
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
