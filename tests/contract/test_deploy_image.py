"""The image: its locks, its Dockerfile, and the two scripts in it. The image itself is never built here."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.supervisor import needs_person
from controltower.metrics import Health, MetricsServer, PrometheusObserver, serve_metrics
from controltower.streaming.exits import Exit
from tests.contract.deployment import DEPLOY, ROOT

DOCKER = DEPLOY / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")


def pins_of(path: Path) -> dict[str, frozenset[str]]:
    """name==version -> hashes, without the markers."""
    entries = re.split(r"\n(?=[a-z])", path.read_text(encoding="utf-8"))
    return {
        entry.split()[0]: frozenset(re.findall(r"--hash=(\S+)", entry))
        for entry in entries
        if entry[:1].isalpha()
    }


def test_the_image_installs_the_locked_versions() -> None:
    """Its lock is the part of requirements.lock that runs: same versions and hashes, no tools of developers.

    After a change: uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes
    --no-header --no-annotate -c requirements.lock -o deploy/docker/requirements.lock
    """
    image, everything = pins_of(DOCKER / "requirements.lock"), pins_of(ROOT / "requirements.lock")
    assert len(image) > 30
    assert image.items() <= everything.items()
    assert not {name for name in image if name.startswith(("pytest==", "mypy==", "ruff=="))}


def test_the_builder_compiles_with_the_locked_tools() -> None:
    """What only the build stage has (mypyc's needs) is locked like the rest and stays out of the image."""
    tools, everything = pins_of(DOCKER / "build.lock"), pins_of(ROOT / "requirements.lock")
    assert "mypy" in {name.split("==")[0] for name in tools}
    assert tools.items() <= everything.items()
    assert not tools.keys() & pins_of(DOCKER / "requirements.lock").keys()
    (stage,) = [line for line in DOCKERFILE.splitlines() if line.startswith("COPY --from=build")]
    assert "/opt/build" not in stage


def test_the_image_has_every_dependency() -> None:
    """Each name under `dependencies` in pyproject.toml is in the image's lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[^\w-]", dependency)[0] for dependency in project["dependencies"]}
    assert wanted <= {name.split("==")[0] for name in pins_of(DOCKER / "requirements.lock")}


@pytest.mark.parametrize(
    "path", [DOCKER / "requirements.lock", DOCKER / "build.lock", ROOT / "requirements.lock"]
)
def test_locks_name_no_index(path: Path) -> None:
    """Where packages come from is the installer's business; every entry has hashes."""
    assert "://" not in path.read_text(encoding="utf-8")
    assert all(pins_of(path).values())


def test_the_dockerfile_is_pinned_and_not_root() -> None:
    """Both stages start from one full version; the last user is a number; pip checks hashes."""
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"python:3.11.13-slim-bookworm"}
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1] == "10001:10001"
    assert "--require-hashes" in DOCKERFILE
    assert "libgomp1" in DOCKERFILE


def test_the_builder_gets_what_it_copies() -> None:
    """.dockerignore lets in every path that the Dockerfile copies, and nothing named like a secret."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.MULTILINE)
        for word in line.split()[:-1]
        if not word.startswith("--")
    ]
    assert copied
    assert all(any(path == item or path.startswith(f"{item}/") for item in allowed) for path in copied)
    assert not [item for item in allowed if item.startswith(".")]


@pytest.fixture
def hold(tmp_path: Path) -> list[str]:
    """hold-stage with a `controltower` on the PATH that does what CONTROL_DOES says."""
    fake = tmp_path / "controltower"
    fake.write_text('#!/bin/sh\necho "$@"\neval "$CONTROL_DOES"\n')
    fake.chmod(0o755)
    return ["env", f"PATH={tmp_path}:{os.environ['PATH']}", str(DOCKER / "hold-stage"), "track"]


@pytest.mark.parametrize("code", [*Exit, 1, 70, 137])
def test_a_stage_is_held_where_a_restart_changes_nothing(hold: list[str], code: int) -> None:
    """Codes that the supervisor gives up on become 0 with a line that names them; others are passed on."""
    environment = {**os.environ, "CONTROL_DOES": f"exit {int(code)}"}
    done = subprocess.run(hold, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "worker --stage track\n"
    assert done.returncode == (0 if needs_person(code) else code)
    assert (f"held down after exit code {int(code)}" in done.stderr) is needs_person(code)


def test_a_stage_behind_hold_leaves_cleanly(hold: list[str], tmp_path: Path) -> None:
    """SIGTERM reaches the stage, and its own exit code comes back after it has finished."""
    does = "trap 'echo leaving; exit 75' TERM; echo up; while :; do read x <&3; done"
    command = ["sh", "-c", 'mkfifo "$0"; exec "$@" 3<>"$0"', str(tmp_path / "fifo"), *hold]
    process = subprocess.Popen(
        command, env={**os.environ, "CONTROL_DOES": does}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert [process.stdout.readline(), process.stdout.readline()] == ["worker --stage track\n", "up\n"]
    process.send_signal(signal.SIGTERM)
    assert process.stdout.read() == "leaving\n"
    assert process.wait(60) == 75


@pytest.fixture
def served() -> Iterator[tuple[PrometheusObserver, MetricsServer]]:
    observer = PrometheusObserver(Health(30.0))
    server = serve_metrics("127.0.0.1", 0, observer)
    yield observer, server
    server.close()


def check_stage(port: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DOCKER / "check-stage"), str(port)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_health_check_tells_a_ready_stage(served: tuple[PrometheusObserver, MetricsServer]) -> None:
    """0 once /healthz and /readyz say so, 1 before, with what they answered."""
    observer, server = served
    before = check_stage(server.port)
    assert before.returncode == 1
    assert "/readyz: 503" in before.stdout
    observer.ready(True)
    after = check_stage(server.port)
    assert (after.returncode, after.stdout) == (0, "alive and ready\n")


def test_the_health_check_tells_a_stage_that_is_gone() -> None:
    """Nothing listens on port 1: one line, no traceback."""
    done = check_stage(1)
    assert done.returncode == 1
    assert "/healthz:" in done.stdout
    assert done.stderr == ""
