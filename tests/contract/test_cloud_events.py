"""Public records are CloudEvents: the published package reads what our folds write."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from controltower.streaming.stage import Record
from schemas.topics import TOPICS, Role
from tests.unit.recorded_afternoon import run_afternoon

PUBLIC = {topic.name for topic in TOPICS if topic.role is Role.OUTPUT and topic.schemas}
#: Where the time of a record stands.
TIMES = ("updated_at", "decided_at", "as_of")


@pytest.fixture(scope="module")
def published() -> list[Record]:
    return [record for record in run_afternoon()[0] if record.topic in PUBLIC and record.value is not None]


def test_the_package_reads_every_record(published: list[Record]) -> None:
    """Type, subject's key, time in the stream and the JSON itself come out of the binary mode."""
    assert {"exceptions", "dispatch", "route-status"} <= {record.topic for record in published}
    for record in published:
        message = KafkaMessage(dict(record.headers), record.key, record.value or b"")
        event = from_binary(message, JSONFormat())
        content = msgspec.json.decode(record.value or b"")
        assert event.get_type() == content["schema"]
        assert event.get_data() == content
        assert event.get_datacontenttype() == "application/json"
        at = next(content[name] for name in TIMES if name in content)
        assert event.get_time() == msgspec.convert(at, type(event.get_time()))
        assert event.get_extension("partitionkey") == (record.key or b"").decode()


def test_an_id_is_given_once_by_a_source(published: list[Record]) -> None:
    """source and id name one record, so whoever dedupes by them loses nothing."""
    names = Counter((dict(r.headers)["ce_source"], dict(r.headers)["ce_id"]) for r in published)
    assert set(names.values()) == {1}
    assert {source for source, _ in names} <= {b"/controltower/track", b"/controltower/recover"} | {
        b"/controltower/assign"
    }
