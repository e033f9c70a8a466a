"""A real Prometheus for tests, on loopback, with our rules and targets of the test's choice."""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from controltower.embedded.ports import find_free_port
from tests.contract.deployment import DEPLOY, need_tool, read_yaml

_LIMIT_S = 60.0


class PrometheusServer:
    """Asked over its HTTP interface."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The instant vector of an expression now: [{"metric": labels, "value": [at, text]}]."""
        words = urllib.parse.urlencode({"query": expr})
        with urllib.request.urlopen(f"{self._url}/api/v1/query?{words}", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Ask again until it holds; AssertionError after a minute."""
    pause = threading.Event()
    deadline = time.monotonic() + _LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        pause.wait(0.2)


def configure(
    targets: Mapping[str, int], rules: Path, api: int | None = None, alertmanager: int | None = None
) -> dict[str, Any]:
    """Our configuration with the addresses replaced by ports on loopback; all intervals 1 s.

    targets: stage -> port. rules: the folder with the rule files.
    """
    found: dict[str, Any] = read_yaml(DEPLOY / "prometheus" / "prometheus.yml")
    found["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    found["rule_files"] = [str(rules / "*.yml")]
    (job,) = (job for job in found["scrape_configs"] if job["job_name"] == "controltower")
    del job["dns_sd_configs"], job["relabel_configs"]
    job["static_configs"] = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"stage": stage}} for stage, port in targets.items()
    ]
    found["scrape_configs"] = [job]
    if api is not None:
        api_job = {"job_name": "controltower-api", "static_configs": [{"targets": [f"127.0.0.1:{api}"]}]}
        found["scrape_configs"].append(api_job)
    found["alerting"] = {"alertmanagers": []}
    if alertmanager is not None:
        targets_of = [{"targets": [f"127.0.0.1:{alertmanager}"]}]
        found["alerting"] = {"alertmanagers": [{"static_configs": targets_of}]}
    return found


@contextmanager
def prometheus(
    targets: Mapping[str, int],
    folder: Path,
    rules: Path = DEPLOY / "prometheus" / "rules",
    api: int | None = None,
    alertmanager: int | None = None,
) -> Iterator[PrometheusServer]:
    """Running and ready; ended afterwards."""
    program, port = need_tool("prometheus"), find_free_port()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configure(targets, rules, api, alertmanager)))
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
    ]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server = PrometheusServer(port)
        wait_until(server.ready, "Prometheus")
        yield server
    finally:
        process.terminate()
        process.wait(30)
