"""Whether inputs and changelog of a running stage are still the topics that it has taken over."""

from __future__ import annotations

from collections.abc import Mapping

from controltower.streaming.connection import Connection
from controltower.streaming.exits import RestartMe
from controltower.streaming.preflight import find_topics
from controltower.streaming.quiet_admin import QuietAdmin
from controltower.streaming.resume import another_topic

_ANSWER_S = 5.0


class TopicWatch:
    """Blocking, for a thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._admin: QuietAdmin | None = None
        self._known: dict[str, str] = {}
        self._missing: set[str] = set()

    def look(self, topic_ids: Mapping[str, str]) -> bool:
        """Whether the broker answers. Raises Refused for another topic, RestartMe for one that is gone.

        topic_ids: topic -> id at the takeover.

        What was once seen counts: a group gives the partitions of a deleted topic to nobody. A broker that
        has just started may not know a topic yet, so only the second look in a row says that it is gone.
        """
        if self._admin is None:
            connection = self._connection
            self._admin = QuietAdmin(connection.brokers, connection.security)
        try:
            found = find_topics(self._connection, self._admin, _ANSWER_S)
        except RestartMe:  # how long that may last is for others to judge
            return False
        self._known = {**topic_ids, **self._known}
        for topic, topic_id in self._known.items():
            if topic in found and found[topic].topic_id not in (None, topic_id):
                raise another_topic(self._connection, topic)
        missing = self._known.keys() - found.keys()
        if gone := missing & self._missing:
            raise RestartMe(f"topics are gone: {', '.join(sorted(gone))}")
        self._missing = missing
        return True
