"""Whether inputs and changelog of a running stage are still the topics that it has taken over."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from confluent_kafka.admin import AdminClient

from controltower.streaming.connection import Connection
from controltower.streaming.exits import RestartMe
from controltower.streaming.kafka_config import client_config
from controltower.streaming.preflight import find_topics
from controltower.streaming.resume import another_topic

log = structlog.get_logger(__name__)


class TopicWatch:
    """Blocking, for a thread. A broker that does not answer is for others to judge."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._admin: AdminClient | None = None
        self._known: dict[str, str] = {}
        self._missing: set[str] = set()

    def look(self, topic_ids: Mapping[str, str]) -> None:
        """topic_ids: topic -> id at the takeover. Raises Refused for another one, RestartMe for one gone.

        What was once seen counts: a group gives the partitions of a deleted topic to nobody. A broker that
        has just started may not know a topic yet, so only the second look in a row says that it is gone.
        """
        if self._admin is None:
            connection = self._connection
            self._admin = AdminClient(client_config(connection.brokers, connection.security))
        try:
            found = find_topics(self._connection, self._admin)
        except RestartMe as away:
            log.info("topics_not_looked_at", reason=str(away))
            return
        self._known = {**topic_ids, **self._known}
        for topic, topic_id in self._known.items():
            if topic in found and found[topic].topic_id not in (None, topic_id):
                raise another_topic(self._connection, topic)
        missing = self._known.keys() - found.keys()
        if gone := missing & self._missing:
            raise RestartMe(f"topics are gone: {', '.join(sorted(gone))}")
        self._missing = missing
