"""Follow the exception topic the right way: the highest seq per exception_id wins."""

import json
import sys

from confluent_kafka import Consumer

brokers = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9092"
consumer = Consumer(
    {
        "bootstrap.servers": brokers,
        "group.id": "my-team",
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",  # never show what a transaction took back
    }
)
consumer.subscribe(["exceptions"])
latest: dict[str, dict] = {}
while True:
    message = consumer.poll(1.0)
    if message is None or message.error() or message.value() is None:
        continue
    record = json.loads(message.value())
    known = latest.get(record["exception_id"])
    if known is None or record["seq"] > known["seq"]:
        latest[record["exception_id"]] = record
        print(record["code"], record["route_id"], record["transition"], record["detected_at"], flush=True)
