"""A dispatch system to begin with: reads `dispatch`, answers on `dispatch-feedback`, approves on `commands`.

It plays the reference (controltower/dispatching/reference.py): replace `Dispatcher` by what you do with an
action, and keep the position and the answers.
"""

import sys
import time

from confluent_kafka import Consumer, Producer

from controltower.clock import wall_ms
from controltower.dispatching.reference import Dispatcher
from schemas.wire import Action, decode_any

brokers = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9092"
consumer = Consumer(
    {
        "bootstrap.servers": brokers,
        "group.id": f"dispatch-{time.time_ns()}",
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
    }
)
consumer.subscribe(["dispatch"])
producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True})
dispatcher = Dispatcher()
print("listening", flush=True)
while True:
    message = consumer.poll(0.2)
    action = decode_any(message.value()) if message and message.value() else None
    if isinstance(action, Action):
        dispatcher.hear(action, wall_ms())
    for out in dispatcher.say(wall_ms()):
        producer.produce(out.topic, out.value, out.key)
        producer.poll(0)
