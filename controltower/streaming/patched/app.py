"""The Faust app of one stage: one agent that hands the polls of each fetch to the ownership."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import faust
from faust.serializers import codecs

from controltower.streaming.connection import Connection
from controltower.streaming.exits import RestartMe
from controltower.streaming.ownership import Ownership
from controltower.streaming.patched.consumer import PollTransport

CODEC = "controltower_poll"
#: Faust's own commits are nothing here, so they need not come around.
NEVER_S = 86_400.0


class AsItIs(codecs.Codec):  # type: ignore[misc]
    """Hands the polls through where Faust would decode bytes."""

    def _loads(self, s: Any) -> Any:
        return s


class StageApp(faust.App):  # type: ignore[misc]
    """Faust keeps membership, assignment, consuming and the agent; tables and commits are not used."""

    connection: Connection
    ownership: Ownership

    def _new_transport(self) -> PollTransport:
        return PollTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Faust would leave a folder for tables, which are not used, where the worker was started."""

    def on_init_dependencies(self) -> Iterable[Any]:
        """Without Faust's monitor: it times each message and sums up every second, and nobody asks it."""
        services: Iterable[Any] = super().on_init_dependencies()
        self.sensors.remove(self.monitor)
        return services

    async def _on_agent_error(self, _agent: Any, failed: BaseException) -> None:
        """Faust would start the agent again, without the poll it was about to hand over."""
        self.ownership.fail(RestartMe(f"Faust's agent failed: {failed!r}"))


def build_app(connection: Connection, ownership: Ownership) -> StageApp:
    """The app with its agent connected; it starts with `await app.start()`."""
    codecs.register(CODEC, AsItIs())
    limits = connection.limits
    app = StageApp(
        connection.group,
        broker=[f"kafka://{broker}" for broker in connection.brokers.split(",")],
        broker_session_timeout=limits.session_timeout_s,
        broker_request_timeout=max(20.0, limits.session_timeout_s),
        broker_max_poll_interval=limits.unready_s,
        broker_commit_interval=NEVER_S,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
        store="memory://",
    )
    app.boot_strategy.enable_kafka_producer = False
    app.boot_strategy.enable_web = False
    app.connection, app.ownership = connection, ownership
    topic = app.topic(
        *connection.spec.inputs,
        key_type=bytes,
        key_serializer="raw",
        value_serializer=CODEC,
        acks=False,
    )

    @app.agent(topic, name=f"controltower.{connection.spec.name}")  # type: ignore[untyped-decorator]
    async def take(stream: Any) -> None:
        async for polls in stream.noack():
            for poll in polls:
                ownership.accept(poll)

    return app
