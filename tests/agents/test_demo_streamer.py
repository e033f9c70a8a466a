"""The demo's day waits for stages that are far behind, and goes on from where it stood."""

from __future__ import annotations

from agents.demo.streamer import Streamer
from controltower.embedded.broker import PARTITIONS, EmbeddedBroker
from controltower.simulate.day import simulate_day
from schemas.topics import TOPICS


def test_the_city_stands_still_until_the_stages_have_caught_up() -> None:
    """Held beyond 5,000 records of lag, and until it is below 2,000: then the whole day is sent."""
    day = simulate_day(1, vans=1, parcels=4, hours=0.2)
    with EmbeddedBroker() as broker:
        broker.create_topics([topic.name for topic in TOPICS])
        streamer = Streamer(broker.brokers, day, PARTITIONS, speed=1e6)
        streamer.open_day()
        streamer.hold(6000)
        streamer.start()
        streamer.hold(3000)
        assert streamer.held
        assert streamer.sent == len(day.plans)
        streamer.hold(1000)
        streamer.join(60)
        assert streamer.finished
        assert (streamer.failure, streamer.sent) == (None, len(day.plans) + len(list(day.arrivals)))


def test_a_demo_that_ends_while_the_city_waits_leaves_no_thread_behind() -> None:
    """Stopped, it does not wait for stages that are gone."""
    day = simulate_day(1, vans=1, parcels=4, hours=0.2)
    with EmbeddedBroker() as broker:
        broker.create_topics([topic.name for topic in TOPICS])
        streamer = Streamer(broker.brokers, day, PARTITIONS, speed=1e6)
        streamer.hold(6000)
        streamer.start()
        streamer.stop()
        streamer.join(60)
        assert streamer.finished
        assert streamer.sent == 0
