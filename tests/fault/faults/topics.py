"""Topics that were lost or made again: a clear refusal, and the way out."""

from __future__ import annotations

from random import Random
from typing import ClassVar

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from controltower.streaming.exits import Exit
from schemas.topics import COMMANDS, STAGES, changelog_of
from tests.fault.installation import FaultTower
from tests.fault.suite import Scenario
from tests.integration.tower import recreate_topic
from tests.kafka import RealKafka


class ResetScenario(Scenario):
    """The stage ends with code 3 and names `controltower reset`; after that it goes on. Nothing is lost.

    A stage that starts anew tells its log again with the same ids and seq, so here `twice` is no fault.
    """

    tells_again: ClassVar[bool] = True
    day_s = 120.0
    stage: ClassVar[str] = "track"

    def launch(self, tower: FaultTower) -> None:
        for stage in STAGES:
            tower.start_worker(stage, stage)

    def lose(self, brokers: str) -> None:
        raise NotImplementedError

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        tower.pause_while_flowing(8)
        assert tower.stop(self.stage) == Exit.CLEAN
        self.lose(tower.brokers)
        tower.start_worker("refused", self.stage)
        code = tower.wait("refused")
        assert code == Exit.PERSON, f"ended with {code}\n{tower.log('refused')}"
        assert f"controltower reset --stage {self.stage}" in tower.log("refused"), tower.log("refused")
        assert tower.run("reset", "reset", "--stage", self.stage, "--yes") == 0, tower.log("reset")
        tower.start_worker(self.stage, self.stage)
        tower.wait_for_work()
        return 1


class LostChangelog(ResetScenario):
    """One partition of a changelog is empty although its group has read on."""

    name: ClassVar[str] = "changelog partition emptied"

    def lose(self, brokers: str) -> None:
        """Records of a compacted topic can't be deleted, so for a moment it is none."""
        admin, changelog = AdminClient({"bootstrap.servers": brokers}), changelog_of(self.stage)
        for policy in ("delete", "compact"):
            entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
            wanted = ConfigResource(ResourceType.TOPIC, changelog, incremental_configs=[entry])
            admin.incremental_alter_configs([wanted])[wanted].result(10)
            if policy == "delete":
                for deleted in admin.delete_records([TopicPartition(changelog, 0, -1)]).values():
                    deleted.result(10)


class RecreatedIntake(ResetScenario):
    """An input topic was deleted and created again."""

    name: ClassVar[str] = "input topic made again"
    stage = "normalize"

    def lose(self, brokers: str) -> None:
        recreate_topic(brokers, COMMANDS)
