"""From a fault to a message and back: real Prometheus, real Alertmanager, a webhook, our rules and routes.

Faults are those of processes that serve our metrics. Times of the rules are shortened, all else is as
shipped.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from controltower.embedded.ports import find_free_port, find_free_ports
from controltower.metrics import Health, PrometheusObserver, serve_metrics
from controltower.metrics.server import MetricsServer
from schemas.topics import STAGES
from schemas.vocabulary import RejectReason, ScoreSource
from tests.contract.deployment import DEPLOY, need_tool, read_yaml
from tests.contract.prometheus_server import prometheus, wait_until
from tests.contract.test_deploy_prometheus import ALERTS

CONFIGURATION = DEPLOY / "alertmanager" / "alertmanager.yml"
FEED = "plain"


def test_amtool_accepts_the_configuration() -> None:
    """Routes, inhibitions and receivers are valid."""
    command = [need_tool("amtool"), "check-config", str(CONFIGURATION)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_only_names_alerts_that_exist() -> None:
    """What inhibits and what is inhibited are alerts of the rules."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    named = {name for names in re.findall(r'alertname=~?"([^"]+)"', text) for name in names.split("|")}
    assert len(named) > 5
    assert named <= set(ALERTS)


@pytest.mark.parametrize(("severity", "wait"), [("critical", "0s"), ("warning", "15s")])
def test_critical_alerts_do_not_wait(severity: str, wait: str) -> None:
    """amtool's own routing ends at a route with the wait that is meant."""
    command = [need_tool("amtool"), "config", "routes", "test", f"--config.file={CONFIGURATION}"]
    done = subprocess.run([*command, f"severity={severity}"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "operations"
    top = read_yaml(CONFIGURATION)["route"]
    route = next((r for r in top["routes"] if f'severity="{severity}"' in r["matchers"]), top)
    assert route["group_wait"] == wait


class Inbox:
    """A webhook that keeps what it is told: (alert, status) in order."""

    def __init__(self, stack: ExitStack) -> None:
        self.told: list[tuple[str, str]] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                told.extend((alert["labels"]["alertname"], alert["status"]) for alert in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)

    def has(self, alert: str, status: str) -> bool:
        return (alert, status) in self.told


class Tower:
    """Stages that count whatever they are told to, as six processes would."""

    def __init__(self) -> None:
        self.observers = {stage: PrometheusObserver(Health(30.0), [FEED], strict=True) for stage in STAGES}
        first = find_free_ports(len(STAGES))
        self.ports = {stage: first + place for place, stage in enumerate(STAGES)}
        self._servers: dict[str, MetricsServer] = {}
        self.poison = 0
        self.source = ScoreSource.MODEL
        self.ticking = True

    def start(self, stage: str) -> None:
        self.observers[stage].ready(True)
        self._servers[stage] = serve_metrics("127.0.0.1", self.ports[stage], self.observers[stage])

    def kill(self, stage: str) -> None:
        self._servers.pop(stage).close()

    def close(self) -> None:
        for stage in list(self._servers):
            self.kill(stage)

    def work(self) -> None:
        """A moment of a healthy tower, but for what the test has broken."""
        reject = ("rejected", FEED, RejectReason.NOT_PARSABLE.value)
        counted = {("received", FEED): 100 + self.poison, ("accepted", FEED): 100, reject: self.poison}
        self.observers["normalize"].tallies("normalize", counted)
        self.observers["score"].tallies("score", {("score", self.source.value): 3})
        if self.ticking:
            now = {("events", "Tick"): 4, ("clock", "0"): int(time.time())}
            self.observers["track"].tallies("track", now)


def shortened(folder: Path) -> Path:
    """Our rules with `for` of 1 s and windows of 5 s."""
    rules = folder / "rules"
    rules.mkdir()
    for path in (DEPLOY / "prometheus" / "rules").glob("*.yml"):
        text = re.sub(r"\bfor: \d+[smh]", "for: 1s", path.read_text(encoding="utf-8"))
        (rules / path.name).write_text(re.sub(r"\[\d+[mh]\]", "[5s]", text), encoding="utf-8")
    return rules


@contextmanager
def alertmanager(folder: Path, inbox: Inbox) -> Iterator[int]:
    """Running with our configuration, but our webhook and short waits; yields its port."""
    found: dict[str, Any] = read_yaml(CONFIGURATION)
    (receiver,) = found["receivers"]
    receiver["webhook_configs"][0]["url"] = inbox.url
    for route in (found["route"], *found["route"]["routes"]):
        route.update(group_wait="0s", group_interval="1s")
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(found))
    port = find_free_port()
    command = [need_tool("prometheus-alertmanager"), f"--config.file={folder / 'alertmanager.yml'}"]
    command += [f"--storage.path={folder / 'am'}", f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(
        [*command, "--cluster.listen-address="], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/-/ready"), "Alertmanager")
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tower, Inbox]]:
    folder = tmp_path_factory.mktemp("alerts")
    with ExitStack() as stack:
        inbox, tower = Inbox(stack), Tower()
        stack.callback(tower.close)
        for stage in STAGES:
            tower.start(stage)
        port = stack.enter_context(alertmanager(folder, inbox))
        stack.enter_context(prometheus(tower.ports, folder, shortened(folder), alertmanager=port))
        yield tower, inbox


def _until_told(tower: Tower, inbox: Inbox, alert: str, status: str) -> None:
    def told() -> bool:
        tower.work()
        return inbox.has(alert, status)

    wait_until(told, f"{alert} {status}, told: {inbox.told}")


def test_a_killed_worker_is_told_and_its_return(watched: tuple[Tower, Inbox]) -> None:
    """StageDown fires when recover no longer answers, and is resolved when it is back."""
    tower, inbox = watched
    tower.kill("recover")
    _until_told(tower, inbox, "StageDown", "firing")
    tower.start("recover")
    _until_told(tower, inbox, "StageDown", "resolved")


def test_a_flood_of_poison_is_told_and_its_end(watched: tuple[Tower, Inbox]) -> None:
    """RejectionsSurge while half of the payloads are rejected."""
    tower, inbox = watched
    tower.poison = 100
    _until_told(tower, inbox, "RejectionsSurge", "firing")
    tower.poison = 0
    _until_told(tower, inbox, "RejectionsSurge", "resolved")


def test_a_lost_model_is_told_and_its_return(watched: tuple[Tower, Inbox]) -> None:
    """ScoreFallback while a rule answers."""
    tower, inbox = watched
    tower.source = ScoreSource.RULE_NO_MODEL
    _until_told(tower, inbox, "ScoreFallback", "firing")
    tower.source = ScoreSource.MODEL
    _until_told(tower, inbox, "ScoreFallback", "resolved")


def test_a_stopped_feed_of_ticks_is_told_once(watched: tuple[Tower, Inbox]) -> None:
    """ClockStalled fires when no tick comes, and holds back the alert that follows from it."""
    tower, inbox = watched
    before = len(inbox.told)
    tower.ticking = False
    _until_told(tower, inbox, "ClockStalled", "firing")
    tower.ticking = True
    _until_told(tower, inbox, "ClockStalled", "resolved")
    assert not [alert for alert, _ in inbox.told[before:] if alert in ("ClockBehind", "ExceptionsLate")]
