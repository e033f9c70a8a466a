"""A gateway for tests: its file with secrets, the process as a user starts it, and signed requests."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml
from standardwebhooks.webhooks import Webhook

OLD_SECRET, NEW_SECRET = (
    f"whsec_{base64.b64encode(word * 4).decode()}" for word in (b"oldest-s", b"newest-s")
)
TOKEN = "a-token-of-a-carrier-0123456789"
PLANNER_TOKEN = "a-token-of-a-planner-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PLANNER = {"Authorization": f"Bearer {PLANNER_TOKEN}"}

SCAN = {
    "event_id": "e-1",
    "occurred_at": "2026-03-02T08:15:00Z",
    "route_id": "R-1",
    "vehicle_id": "V-1",
    "place": {"lat": 52.5, "lon": 13.4},
}


def scan(number: int) -> bytes:
    """One event of the feed `plain`."""
    return json.dumps(SCAN | {"event_id": f"e-{number}", "vehicle_id": f"V-{number % 7}"}).encode()


def write_site(folder: Path, **plain: Any) -> Path:
    """The gateway's file: `plain` by a token (settings may be given), `swiftpost` by signatures."""
    secrets = {"old": OLD_SECRET, "new": NEW_SECRET, "token": TOKEN, "planner": PLANNER_TOKEN}
    for name, secret in secrets.items():
        (folder / name).write_text(f"{secret}\n", encoding="utf-8")
    content = {
        "feeds": {
            "plain": {"bearer": ["token"], "key": "vehicle_id", **plain},
            "swiftpost": {"hmac": ["new", "old"]},
        },
        "planners": {"routing": {"bearer": ["planner"]}},
    }
    path = folder / "gateway.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def sign(secret: str, body: bytes, at: datetime | None = None) -> dict[str, str]:
    """The three headers of standard webhooks."""
    at = at or datetime.now(UTC)
    return {
        "webhook-id": "msg-1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg-1", at, body.decode()),
    }


@contextmanager
def running_gateway(
    brokers: str, file: Path, extra: dict[str, str] | None = None
) -> Iterator[GatewayProcess]:
    """`controltower gateway` on a free port."""
    process = GatewayProcess(brokers, file)
    try:
        yield process
    finally:
        process.end()


class GatewayProcess:
    """Started when made; `url` once it listens."""

    def __init__(self, brokers: str, file: Path) -> None:
        environment = {**os.environ, "CONTROLTOWER_GATEWAY_FILE": str(file)}
        command = [sys.executable, "-m", "agents.cli", "gateway", "--brokers", brokers, "--port", "0"]
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"http://\S+?(?=/v1/)", line)
        assert found, line + self._process.stdout.read()
        self.url = found[0]
        wait_for(self._listens)

    def _listens(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def end(self) -> int:
        """SIGTERM, and the exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(90)

    def cpu_s(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(is_so: Callable[[], bool], limit_s: float = 90.0) -> None:
    deadline = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
