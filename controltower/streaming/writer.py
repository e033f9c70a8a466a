"""A transactional producer: outputs, states and positions of one or more polls, all or nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from controltower.streaming.broker_clock import BrokerClock
from controltower.streaming.exits import Fenced, Refused, RestartMe
from controltower.streaming.kafka_config import Security, producer_config
from controltower.streaming.limits import StreamLimits
from controltower.streaming.stage import Commit

LARGEST_RECORD_BYTES = 8 << 20
#: What a partition gets of one transaction should fit into one request: librdkafka sends a partition's next
#: one when the last is answered, and until then its thread turns without a pause. All topics that a stage
#: writes take 8 MiB.
LARGEST_BATCH_BYTES = 4 << 20
#: What librdkafka takes for a partition and a time that are its own to choose.
_BY_KEY = -1
_NOW = 0
#: Of `Producer.produce`, by position: it is called for every record, and keywords cost as much as the call.
_Arguments = tuple[str, bytes | None, bytes | None, int, Any, None, int, Any]

_FENCED = {
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.INVALID_PRODUCER_ID_MAPPING,
}
#: a restart would meet the same answer
_HOPELESS = {
    KafkaError.MSG_SIZE_TOO_LARGE: "Raise max.message.bytes of the topic.",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "Grant this stage the right to write its topics.",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "Grant this stage the right to its transactional ids.",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "Grant this stage the right to write idempotently.",
}


@dataclass(slots=True, frozen=True)
class Share:
    """What one partition has in a transaction: what its fold said, and its positions as key and value."""

    partition: int
    commit: Commit
    positions: Sequence[tuple[bytes, bytes]]

    @property
    def size(self) -> int:
        """Records."""
        return len(self.commit.outputs) + len(self.commit.changes) + len(self.positions)


class TransactionWriter:
    """Blocking calls for a thread pool; one thread at a time."""

    def __init__(
        self,
        brokers: str,
        security: Security,
        transactional_id: str,
        limits: StreamLimits,
        clock: BrokerClock,
    ) -> None:
        self.transactional_id = transactional_id
        self._limits = limits
        self._clock = clock
        self._refused: KafkaError | None = None
        self._producer = Producer(
            {
                **producer_config(brokers, security),
                "transactional.id": transactional_id,
                "transaction.timeout.ms": int(limits.transaction_timeout_s * 1000),
                "message.max.bytes": LARGEST_RECORD_BYTES,
                "batch.size": LARGEST_BATCH_BYTES,
            }
        )

    def take_over(self) -> None:
        """Fence the former owner and abort what it left open; raises RestartMe when the broker won't answer.

        list_topics first: without known brokers librdkafka waits half a second before it asks for the
        transaction coordinator.
        """
        deadline = time.monotonic() + self._limits.broker_call_s
        self._retried(lambda: self._producer.list_topics(timeout=self._limits.broker_call_s), deadline)
        self._retried(lambda: self._producer.init_transactions(self._limits.broker_call_s), deadline)

    def write(
        self, commit: Commit, changelog: str, partition: int, positions: Sequence[tuple[bytes, bytes]]
    ) -> None:
        """A transaction of one partition; see write_all."""
        self.write_all(changelog, [Share(partition, commit, positions)])

    def write_all(self, changelog: str, shares: Sequence[Share]) -> None:
        """One transaction; raises Fenced, RestartMe or Refused, after which this writer is of no use."""
        deadline = time.monotonic() + self._limits.broker_call_s
        try:
            self._producer.begin_transaction()
            for share in shares:
                self._produce_share(changelog, share)
            self._retried(lambda: self._producer.commit_transaction(self._limits.broker_call_s), deadline)
        except KafkaException as failed:
            raise self._ending(self._reason_of(failed.args[0])) from failed

    def _reason_of(self, error: KafkaError) -> KafkaError:
        """A call that comes behind the failure of its transaction says only that it has failed. Beginning
        another one is refused with the reason, and could write nothing if it were not."""
        if error.code() == KafkaError._STATE:
            try:
                self._producer.begin_transaction()
            except KafkaException as failed:
                reason: KafkaError = failed.args[0]
                return reason
        return error

    def _produce_share(self, changelog: str, share: Share) -> None:
        produce = self._producer.produce
        for record in self._records_of(changelog, share):
            try:
                produce(*record)
            except BufferError:
                self._produce_once_there_is_room(record)

    def _records_of(self, changelog: str, share: Share) -> list[_Arguments]:
        """A topic's first output alone is reported, since a report costs as much as the call: what is refused
        of one is refused of all, but for one that is too large, which the commit tells as well."""
        records: list[_Arguments] = []
        reported: set[str] = set()
        for out in share.commit.outputs:
            told = None
            if out.topic not in reported:
                reported.add(out.topic)
                told = self._checked
            where = _BY_KEY if out.partition is None else out.partition
            headers = list(out.headers) or None
            records.append((out.topic, out.value, out.key, where, told, None, _NOW, headers))
        where = share.partition
        records += [(changelog, v, k, where, None, None, _NOW, None) for k, v in share.commit.changes]
        records += [(changelog, v, k, where, self._delivered, None, _NOW, None) for k, v in share.positions]
        return records

    def _produce_once_there_is_room(self, record: _Arguments) -> None:
        """The queue of librdkafka is full: let it send."""
        while True:
            self._producer.poll(0.05)
            with contextlib.suppress(BufferError):
                self._producer.produce(*record)
                return

    def _checked(self, error: KafkaError | None, _message: Any) -> None:
        if error is not None and self._refused is None:
            self._refused = error

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        self._checked(error, message)
        if error is None:
            self._clock.appended(*message.timestamp())

    def _retried(self, call: Callable[[], Any], deadline: float) -> None:
        while True:
            try:
                call()
                return
            except KafkaException as failed:
                error: KafkaError = failed.args[0]
                if not error.retriable() or time.monotonic() > deadline:
                    raise self._ending(error) from failed
                time.sleep(0.05)

    def _ending(self, error: KafkaError) -> Fenced | RestartMe | Refused:
        """The exception for an error; what the broker said about a single record explains more, where it is
        not that the record was dropped because of that error."""
        causes = [self._refused, error] if self._refused is not None else [error]
        with contextlib.suppress(KafkaException):
            if error.txn_requires_abort():
                self._producer.abort_transaction(2.0)
        if any(cause.code() in _FENCED for cause in causes):
            return Fenced(f"{self.transactional_id} has a new owner: {error.str()}")
        for cause in causes:
            if cause.code() in _HOPELESS:
                hint = _HOPELESS[cause.code()]
                return Refused(f"{self.transactional_id} cannot write: {cause.str()}", hint)
        return RestartMe(f"{self.transactional_id}: {causes[0].str()}")
