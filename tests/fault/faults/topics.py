"""Topics that were lost, made again, compacted, or that refuse a record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import ClassVar

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from controltower.streaming.client import read_topic
from controltower.streaming.exits import Exit
from schemas.topics import BY_NAME, CARRIER_EVENTS, ROUTE_STATUS, STAGES, changelog_of
from tests.fault.day import DayStream
from tests.fault.installation import FaultTower
from tests.fault.suite import Scenario
from tests.integration.tower import recreate_topic
from tests.kafka import RealKafka

_IMPATIENT = {"broker_call_s": "8", "transaction_timeout_s": "6", "topics_wait_s": "5"}


def configure(brokers: str, topic: str, settings: Mapping[str, str]) -> None:
    """Set these of a topic's settings."""
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    wanted = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.incremental_alter_configs([wanted])[wanted].result(10)


class StageScenario(Scenario):
    """Every stage is a process of its own, so that one may end without the others."""

    stage: ClassVar[str] = "track"

    def launch(self, tower: FaultTower) -> None:
        for stage in STAGES:
            tower.start_worker(stage, stage)

    def refused(self, tower: FaultTower, hint: str) -> None:
        """Start the stage; it must end with the code that wants a person, and say the way out."""
        tower.start_worker("refused", self.stage)
        code = tower.wait("refused")
        assert code == Exit.PERSON, f"ended with {code}\n{tower.log('refused')}"
        assert hint in tower.log("refused"), tower.log("refused")


class ResetScenario(StageScenario):
    """The stage ends with code 3 and names `controltower reset`; after that it goes on. Nothing is lost.

    A stage that starts anew tells its log again with the same ids and seq, so here `twice` is no fault.
    """

    tells_again: ClassVar[bool] = True
    day_s = 120.0

    def lose(self, tower: FaultTower) -> None:
        """What is done to the topics while the stage is stopped."""
        raise NotImplementedError

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        tower.pause_while_flowing(8)
        assert tower.stop(self.stage) == Exit.CLEAN
        self.lose(tower)
        self.start_anew(tower)
        return 1

    def start_anew(self, tower: FaultTower) -> None:
        """Refused, reset, and at work again."""
        self.refused(tower, f"controltower reset --stage {self.stage}")
        assert tower.run("reset", "reset", "--stage", self.stage, "--yes") == 0, tower.log("reset")
        tower.start_worker(self.stage, self.stage)
        tower.wait_for_work()


class LostChangelog(ResetScenario):
    """One partition of a changelog is empty although its group has read on."""

    name: ClassVar[str] = "changelog partition emptied"

    def lose(self, tower: FaultTower) -> None:
        """Records of a compacted topic can't be deleted, so for a moment it is none."""
        changelog = changelog_of(self.stage)
        configure(tower.brokers, changelog, {"cleanup.policy": "delete"})
        admin = AdminClient({"bootstrap.servers": tower.brokers})
        for deleted in admin.delete_records([TopicPartition(changelog, 0, -1)]).values():
            deleted.result(10)
        configure(tower.brokers, changelog, {"cleanup.policy": "compact"})


class ChangelogGone(ResetScenario):
    """The changelog is deleted under a running stage: it ends, and no start takes an empty one instead."""

    name: ClassVar[str] = "changelog topic gone"

    def settings(self, folder: Path) -> dict[str, str]:
        return _IMPATIENT

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        tower.pause_while_flowing(8)
        changelog = changelog_of(self.stage)
        admin = AdminClient({"bootstrap.servers": tower.brokers})
        admin.delete_topics([changelog])[changelog].result(30)
        code = tower.wait(self.stage)
        assert code in (Exit.RESTART, Exit.PERSON), f"ended with {code}"
        self.refused(tower, "controltower topics create")
        assert changelog in tower.log("refused"), tower.log("refused")
        assert tower.run("create", "topics", "create") == 0, tower.log("create")
        self.start_anew(tower)
        return 1


class RecreatedIntake(ResetScenario):
    """carrier-events is deleted and created again under a running stage, and soon has more than was read.

    A fetch goes by name and offset, so the stage would read on in the middle of the new topic.
    """

    name: ClassVar[str] = "input topic made again, being read"
    stage = "normalize"

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        tower.pause_while_flowing(8)
        first = tower.day
        assert first is not None
        first.cut()
        recreate_topic(tower.brokers, CARRIER_EVENTS)
        tower.day = DayStream(tower.brokers, first.plans, first.arrivals, self.day_s / 2)
        tower.day.speed *= 4
        tower.day.start()
        code = tower.wait(self.stage)
        assert code in (Exit.RESTART, Exit.PERSON), f"ended with {code}"
        self.start_anew(tower)
        return 1


class RejectedProduce(StageScenario):
    """The broker refuses a record as too large: code 3 and what to raise; after that nothing is missing."""

    name: ClassVar[str] = "produce rejected"
    day_s = 90.0

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        tower.pause_while_flowing(5)
        configure(tower.brokers, ROUTE_STATUS, {"max.message.bytes": "150"})
        code = tower.wait(self.stage)
        assert code == Exit.PERSON, f"ended with {code}\n{tower.log(self.stage)[-1500:]}"
        assert "Raise max.message.bytes" in tower.log(self.stage), tower.log(self.stage)[-1500:]
        usual = BY_NAME[ROUTE_STATUS].config["max.message.bytes"]
        configure(tower.brokers, ROUTE_STATUS, {"max.message.bytes": usual})
        tower.start_worker(self.stage, self.stage)
        tower.wait_for_work()
        return 1


class CompactedChangelogs(Scenario):
    """The cleaner has really run over the changelogs: what is restored from them is the whole state."""

    name: ClassVar[str] = "changelogs compacted, all killed"
    day_s = 120.0
    _EAGER: ClassVar[dict[str, str]] = {
        "segment.ms": "1000",
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "100",
    }

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        changelogs = [changelog_of(stage) for stage in ("normalize", "track")]
        for changelog in changelogs:
            configure(tower.brokers, changelog, self._EAGER)
        for round_ in range(2):
            for changelog in changelogs:
                tower.wait_until(f"{changelog} is compacted", lambda c=changelog: _kept(tower, c) < 0.5)
                tower.notes.append(f"{changelog}: {_kept(tower, changelog):.0%} kept")
            for stage in STAGES:
                tower.kill_stage(stage)
            tower.wait_for_work()
            tower.pause_while_flowing(3.0 * round_)
        return 2


def _kept(tower: FaultTower, changelog: str) -> float:
    """The share of a changelog's offsets that still has a record; control records are the rest."""
    time.sleep(1.0)
    kept = sum(1 for _ in read_topic(tower.brokers, [changelog]))
    written = tower.written(changelog)
    return kept / written if written > 200 else 1.0
