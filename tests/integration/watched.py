"""A whole installation watched: Kafka, Redis, all stages, read API, Prometheus, Alertmanager, and a day."""

from __future__ import annotations

import shutil
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from controltower.clock import epoch_ms_of
from controltower.dispatching.reference import Dispatcher
from controltower.embedded.ports import find_free_port, find_free_ports
from controltower.embedded.redis import EmbeddedRedis
from controltower.intake import RECEIVED_AT_HEADER
from controltower.offline.broker import TopicTail
from controltower.risk.scorer import SHIPPED_MODEL
from controltower.streaming.client import produce_all
from controltower.streaming.stage import Out
from schemas import wire
from schemas.topics import ALL_STAGES, CARRIER_EVENTS, COMMANDS, DISPATCH, EXCEPTIONS
from schemas.vocabulary import ActionState, CommandKind, Transition
from tests.contract.prometheus_server import PrometheusServer, prometheus
from tests.contract.test_deploy_alertmanager import Inbox, alertmanager, shortened
from tests.integration.tower import Tower, fresh_topics
from tests.unit.receivers import SECRET, http_receiver

PARTITIONS = 4
#: Four hours become ten minutes, so that the day is not over before a slow machine has looked at all of it.
SPEED = "25"


class Desk:
    """People and a dispatch system: actions are answered; exceptions are taken, disputed, or left alone."""

    def __init__(self, brokers: str) -> None:
        self._brokers, self._dispatcher = brokers, Dispatcher()
        self._tail = TopicTail(brokers, {}, (EXCEPTIONS, DISPATCH), PARTITIONS)
        self._opened = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(30)
        self._tail.close()

    def _work(self) -> None:
        while not self._over.wait(1.0):
            records = [wire.decode_any(r.value) for r in self._tail.catch_up() if r.value is not None]
            outs = [out for record in records for out in self._answers(record)]
            if outs:
                produce_all(self._brokers, outs)

    def _answers(self, record: wire.AnyRecord) -> Iterator[Out]:
        if isinstance(record, wire.Action) and record.state is not ActionState.SUPPRESSED:
            yield from self._dispatcher.answer([record], epoch_ms_of(record.decided_at))
        elif isinstance(record, wire.ExceptionRecord) and record.transition is Transition.OPENED:
            self._opened += 1
            kinds = (CommandKind.ACKNOWLEDGE, CommandKind.DISPUTE, None)
            kind = kinds[self._opened % len(kinds)]
            if kind is not None:
                yield _command(record, kind)


def _command(record: wire.ExceptionRecord, kind: CommandKind) -> Out:
    command = wire.Command(
        command_id=f"{kind}-{record.exception_id}",
        kind=kind,
        exception_id=record.exception_id,
        home=record.home,
        by="test-desk",
        why="looked at",
        issued_at=record.updated_at,
    )
    at = ((RECEIVED_AT_HEADER, b"%d" % epoch_ms_of(record.updated_at)),)
    return Out(COMMANDS, record.exception_id.encode(), wire.encode(command), headers=at)


class Watched:
    """What a test may look at and break. `shown` has the shipped rules; `alerting` has shorter times."""

    def __init__(
        self,
        tower: Tower,
        ports: dict[str, int],
        api: int,
        shown: PrometheusServer,
        inbox: Inbox,
        model: Path,
    ) -> None:
        self.tower, self.ports, self.api = tower, ports, api
        self.shown, self.inbox, self.model = shown, inbox, model

    def feed(self, stopped: bool) -> None:
        """The process that sends the day hangs, or goes on."""
        self.tower.signal("stream", signal.SIGSTOP if stopped else signal.SIGCONT)

    def poison(self, records: int) -> None:
        """Payloads that no mapping understands, all at once."""
        headers = (("feed", b"plain"),)
        garbage = [Out(CARRIER_EVENTS, b"%d" % n, b"\xff garbage", headers=headers) for n in range(records)]
        produce_all(self.tower.brokers, garbage)


@contextmanager
def watched(brokers: str, folder: Path) -> Iterator[Watched]:
    """Everything started and ready, the day begun."""
    with ExitStack() as stack:
        fresh_topics(brokers)
        redis = stack.enter_context(EmbeddedRedis())
        receiver = stack.enter_context(http_receiver())
        model = folder / "model"
        shutil.copytree(SHIPPED_MODEL, model)
        first, api = find_free_ports(len(ALL_STAGES)), find_free_port()
        tower = Tower(
            brokers,
            f"watched-{uuid.uuid4().hex[:8]}",
            folder,
            redis.url,
            metrics_port=str(first),
            api_port=str(api),
            model_dir=str(model),
            sinks=str(_sinks(folder, receiver.url)),
        )
        stack.callback(tower.close)
        tower.start("worker", "worker", *(word for stage in ALL_STAGES for word in ("--stage", stage)))
        tower.start("api", "api")
        tower.wait_ready("worker", ALL_STAGES)
        desk = Desk(brokers)
        stack.callback(desk.stop)
        tower.start("stream", "stream", "--simulate", "1", "--speed", SPEED)
        targets = {stage: first + place for place, stage in enumerate(ALL_STAGES)}
        inbox = Inbox(stack)
        port = stack.enter_context(alertmanager(folder, inbox))
        for name in ("shown", "alerting"):
            (folder / name).mkdir()
        shown = stack.enter_context(prometheus(targets, folder / "shown", api=api))
        rules = shortened(folder)
        stack.enter_context(prometheus(targets, folder / "alerting", rules, api=api, alertmanager=port))
        yield Watched(tower, targets, api, shown, inbox, model)


def _sinks(folder: Path, url: str) -> Path:
    (folder / "secret").write_text(SECRET)
    hook = {"url": url, "secret_files": ["secret"], "exceptions": {}, "actions": {}}
    path = folder / "sinks.yaml"
    path.write_text(yaml.safe_dump({"allow_loopback": True, "webhooks": {"desk": hook}}))
    return path
