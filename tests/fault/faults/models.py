"""A delay model that is missing, damaged, of other features, or swapped while it works."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import ClassVar

from controltower.risk.manifest import MANIFEST_FILE, MODEL_FILES
from controltower.risk.scorer import SHIPPED_MODEL
from controltower.streaming.client import read_topic
from schemas import wire
from schemas.topics import ROUTE_EVENTS
from schemas.vocabulary import ScoreSource
from tests.fault.installation import FaultTower
from tests.fault.suite import Scenario
from tests.kafka import RealKafka

MODEL_FILE = MODEL_FILES["late"]


def _remove(folder: Path, _rng: Random) -> None:
    (folder / MODEL_FILE).unlink()


def _truncate(folder: Path, _rng: Random) -> None:
    data = (folder / MODEL_FILE).read_bytes()
    (folder / MODEL_FILE).write_bytes(data[: len(data) // 2])


def _flip_a_bit(folder: Path, rng: Random) -> None:
    data = bytearray((folder / MODEL_FILE).read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    (folder / MODEL_FILE).write_bytes(data)


def _other_features(folder: Path, _rng: Random) -> None:
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    manifest["features"] = manifest["features"][:-1]
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))


DAMAGES: tuple[Callable[[Path, Random], None], ...] = (_remove, _truncate, _flip_a_bit, _other_features)


class ModelScenario(Scenario):
    """A model folder of the scenario's own."""

    day_s = 180.0

    def settings(self, folder: Path) -> dict[str, str]:
        self.mend(folder / "model")
        return {"model_dir": str(folder / "model")}

    def mend(self, model: Path) -> None:
        shutil.copytree(SHIPPED_MODEL, model, dirs_exist_ok=True)

    def restart(self, tower: FaultTower) -> None:
        tower.kill_stage("score")
        tower.wait_for_work()

    def last_source(self, tower: FaultTower) -> ScoreSource:
        """What gave the latest score, after one more has come."""
        before = _scores(tower)
        tower.wait_a_while("another score", lambda: len(_scores(tower)) > len(before))
        return _scores(tower)[-1]


def _scores(tower: FaultTower) -> list[ScoreSource]:
    events = (
        wire.decode_route_event(record.value or b"") for record in read_topic(tower.brokers, [ROUTE_EVENTS])
    )
    scores = sorted((e.as_of, e.scored_by) for e in events if isinstance(e, wire.Score))
    return [source for _, source in scores]


class BadModels(ModelScenario):
    """Missing, truncated, one bit flipped, other features: the stage lives, the rule answers and says so."""

    name: ClassVar[str] = "model damaged"

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        model = tower.folder / "model"
        for damage in DAMAGES:
            damage(model, rng)
            self.restart(tower)
            source = self.last_source(tower)
            assert source is ScoreSource.RULE_MODEL_REFUSED, f"{damage.__name__}: {source} answered"
            self.mend(model)
        self.restart(tower)
        assert self.last_source(tower) is ScoreSource.MODEL
        return len(DAMAGES)


class SwappedModel(ModelScenario):
    """Files swapped under a running stage change nothing until it starts again; then they are judged."""

    name: ClassVar[str] = "model swapped while running"

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        _flip_a_bit(tower.folder / "model", rng)
        tower.wait_for_work()
        assert self.last_source(tower) is ScoreSource.MODEL
        self.restart(tower)
        assert self.last_source(tower) is ScoreSource.RULE_MODEL_REFUSED
        return 1
