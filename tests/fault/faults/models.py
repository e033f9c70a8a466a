"""A delay model that is missing, damaged, of other features, or swapped while it works."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import ClassVar

from agents.cli import EXIT_WRONG_USE
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
_COMMAND_LIMIT_S = 120.0


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
        return _scores(tower)[-1].scored_by


def _scores(tower: FaultTower) -> list[wire.Score]:
    events = (
        wire.decode_route_event(record.value or b"") for record in read_topic(tower.brokers, [ROUTE_EVENTS])
    )
    scores = [event for event in events if isinstance(event, wire.Score)]
    return sorted(scores, key=lambda score: (score.as_of, score.scored_by))


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
    """A record swaps the model of a running stage, it stays through a kill -9; a damaged one is refused."""

    name: ClassVar[str] = "model swapped while running"

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        other = self._other_version(tower.folder / "other")
        assert self._use(tower, tower.folder / "other") == 0
        self._await_version(tower, other)
        self.restart(tower)
        self._await_version(tower, other)
        _flip_a_bit(tower.folder / "model", rng)
        assert self._use(tower, tower.folder / "model") == EXIT_WRONG_USE
        self._await_version(tower, other)
        return 3

    def _use(self, tower: FaultTower, folder: Path) -> int:
        return tower.start("use", "model", "use", str(folder)).wait(timeout=_COMMAND_LIMIT_S)

    def _other_version(self, folder: Path) -> str:
        """The shipped model under another name, which is another digest."""
        shutil.copytree(SHIPPED_MODEL, folder)
        manifest = json.loads((folder / MANIFEST_FILE).read_text())
        manifest["model_version"] += "-b"
        (folder / MANIFEST_FILE).write_text(json.dumps(manifest))
        return str(manifest["model_version"])

    def _await_version(self, tower: FaultTower, version: str) -> None:
        """The next scores are its."""
        before = len(_scores(tower))
        tower.wait_a_while("another score", lambda: len(_scores(tower)) > before)
        tower.wait_a_while(f"a score of {version}", lambda: _scores(tower)[-1].model_version == version)
