"""aiokafka's unpacking of a fetch that makes our record at once, in place of its own and ours from it."""

from __future__ import annotations

from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.structs import TopicPartition as KafkaPartition

from controltower.streaming.stage import Record


class OurRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one partition's fetch. Deserializers are left out: our consumer has none."""

    def _consumer_record(self, tp: KafkaPartition, record: Any) -> Record:
        return Record(
            tp.topic,
            tp.partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            tuple(record.headers),
        )


def unpack_as_ours() -> None:
    """Every fetcher of this process unpacks into our records; the class has no other place to be given."""
    fetcher.PartitionRecords = OurRecords
