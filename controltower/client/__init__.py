"""For whoever reads our topics: the current state of what they tell, right through duplicates and restarts.

with Follower("kafka:9092", State("exceptions", "exceptions.db")) as follower:
    while True:
        for record in follower.poll(1.0):
            print(record["code"], record["status"])
        follower.save()
"""

from controltower.client.follower import Follower, FollowError
from controltower.client.state import State
from controltower.latest import Latest

__all__ = ["FollowError", "Follower", "Latest", "State"]
