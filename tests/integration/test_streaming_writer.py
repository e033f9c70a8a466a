"""What the broker refuses of a transaction, as its writer tells it."""

from __future__ import annotations

import uuid

import pytest

from controltower.streaming.broker_clock import BrokerClock
from controltower.streaming.exits import Refused
from controltower.streaming.limits import StreamLimits
from controltower.streaming.stage import Commit, Out
from controltower.streaming.topics import create_topics
from controltower.streaming.writer import TransactionWriter
from tests.integration.toy import ToyTopic
from tests.kafka import RealKafka

pytestmark = pytest.mark.kafka
LARGEST = "2000"
OTHERS = 4


@pytest.mark.parametrize("behind", [0, 2_000, 20_000])
@pytest.mark.parametrize("before", [0, 1, 5])
def test_an_output_that_is_too_large_wherever_it_stands(
    real_kafka: RealKafka, before: int, behind: int
) -> None:
    """Only a topic's first output is reported; the refusal of a later one names what to do all the same.
    Neither what is dropped because of it, of other topics, hides it, nor what is not taken any more."""
    name = f"refused-{uuid.uuid4().hex[:8]}"
    others = [f"{name}-{number}" for number in range(OTHERS)]
    topics = [ToyTopic(name, {"max.message.bytes": LARGEST}, 2), ToyTopic(f"{name}-changelog", {}, 2)]
    create_topics(real_kafka.brokers, topics + [ToyTopic(other, {}, 2) for other in others])
    writer = TransactionWriter(real_kafka.brokers, {}, name, StreamLimits(), BrokerClock())
    writer.take_over()
    outs = [Out(name, b"k", b"small", 0)] * before + [Out(name, b"k", b"x" * 3000, 1)]
    outs += [Out(other, b"%d" % number, b"x" * 1000) for number in range(behind) for other in others]
    with pytest.raises(Refused, match="too large") as refused:
        writer.write(Commit(outs, [(b"s/k", b"state")], {}), f"{name}-changelog", 0, [])
    assert refused.value.hint == "Raise max.message.bytes of the topic."
