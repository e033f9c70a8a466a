"""The open exceptions, kept in a file: kill it whenever you like and start it again."""

import sys

from controltower.client import Follower, State

brokers = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9092"
file = sys.argv[2] if len(sys.argv) > 2 else "exceptions.db"
state = State("exceptions", file)
with Follower(brokers, state) as follower:
    while True:
        news = follower.poll(1.0)
        for record in news:
            print(record["code"], record["exception_id"], record["transition"], record["seq"], flush=True)
        follower.save()  # what was not saved when it dies is read again, and changes nothing
        if news:
            print(sum(one["status"] not in ("RESOLVED", "CLOSED") for one in state), "open", flush=True)
