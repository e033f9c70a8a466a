"""docker-compose.yml: complete, pinned, closed, and in step with the code. It is never started here."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agents.cli import import_command, make_parser
from controltower.feeds.registry import load_feeds
from controltower.gateway.config import read_gateway_file
from controltower.settings import PREFIX, Settings, load_settings, variable_of
from controltower.sinks.config import read_sinks_file
from schemas.topics import ALL_STAGES
from tests.contract.deployment import ROOT, read_compose

COMPOSE = read_compose()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = (*ALL_STAGES, "topics", "api", "gateway", "simulator")
each_service = pytest.mark.parametrize("name", SERVICES)
each_stage = pytest.mark.parametrize("stage", ALL_STAGES)


def environment_of(name: str) -> dict[str, str]:
    found: dict[str, str] = SERVICES[name].get("environment", {})
    return found


def test_compose_accepts_the_file() -> None:
    """`docker compose config` validates the file against the compose specification, where it is installed."""
    docker = shutil.which("docker")
    profiles = ["--profile", "demo", "--profile", "gateway", "--profile", "sinks"]
    command = [docker or "docker", "compose", *profiles, "config", "--quiet"]
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker with its compose plugin is not installed")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_everything_a_user_needs_is_there() -> None:
    """Kafka, Redis, the topics, every stage, the read API, the gateway, the simulator and what watches."""
    assert set(SERVICES) == {"kafka", "redis", *OURS, "prometheus", "alertmanager", "grafana"}


@each_service
def test_images_are_pinned(name: str) -> None:
    """Each image has a tag with a full version, so that a build tomorrow is the build of today."""
    assert re.search(r":v?\d+\.\d+\.\d+(-[a-z0-9.]+)?$", SERVICES[name]["image"])


@each_service
def test_no_container_is_root(name: str) -> None:
    """Each runs as a numbered user without capabilities and cannot gain any."""
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert "cap_add" not in service


@each_service
def test_root_file_systems_are_read_only(name: str) -> None:
    """All but Kafka's, whose image writes its configuration at the start."""
    assert SERVICES[name].get("read_only", False) is (name != "kafka")


@each_service
def test_ports_are_open_on_loopback_alone(name: str) -> None:
    """What is published is bound to 127.0.0.1; only deliver has a way out, and nothing a way in."""
    service = SERVICES[name]
    ports = service.get("ports", [])
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    more = ["loopback"] if ports else ["outside"] if name == "deliver" else []
    assert service["networks"] == ["inside", *more]
    assert "network_mode" not in service


def test_the_inner_network_is_internal() -> None:
    """Stages, Kafka and Redis talk to each other on a network that leads nowhere."""
    assert COMPOSE["networks"]["inside"] == {"internal": True}


@each_service
def test_health_is_checked(name: str) -> None:
    """Each long-running service has a check; what runs once says that it has none."""
    check = SERVICES[name]["healthcheck"]
    assert check.get("disable") is True if name in ("topics", "simulator") else check["test"]


@each_stage
def test_a_stage_is_checked_and_scraped_where_it_listens(stage: str) -> None:
    """The port is CONTROLTOWER_METRICS_PORT plus the stage's place, on the container's own address."""
    environment = environment_of(stage)
    port = int(environment[variable_of("metrics_port")]) + ALL_STAGES.index(stage)
    assert SERVICES[stage]["healthcheck"]["test"] == ["CMD", "check-stage", str(port)]
    assert environment[variable_of("metrics_host")] == "0.0.0.0"


@each_stage
def test_a_stage_restarts_after_passing_faults(stage: str) -> None:
    """On failure only, behind the script that keeps down what a restart cannot mend, with time to leave."""
    service = SERVICES[stage]
    assert service["restart"] == "on-failure"
    assert service["entrypoint"] == ["hold-stage", stage]
    assert int(service["stop_grace_period"].removesuffix("s")) > Settings().stop_s


@each_stage
def test_a_stage_waits_for_what_it_needs(stage: str) -> None:
    """Topics exist before a stage starts; project also has Redis."""
    needed = {"topics": {"condition": "service_completed_successfully"}}
    if stage == "project":
        needed["redis"] = {"condition": "service_healthy"}
    assert SERVICES[stage]["depends_on"] == needed


@pytest.mark.parametrize("name", OURS)
def test_our_settings_exist_and_are_accepted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every CONTROLTOWER_ variable is a setting, and the values of each service load together."""
    environment = environment_of(name)
    assert all(variable.startswith(PREFIX) for variable in environment)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert settings.brokers == "kafka:19092"
    assert settings.partitions == 4


def test_all_of_ours_is_one_image() -> None:
    """Stages, topics and the simulator run the image that deploy/docker/Dockerfile makes."""
    assert {SERVICES[name]["image"] for name in OURS} == {"controltower:0.1.0"}
    for name in OURS:
        build = SERVICES[name]["build"]
        assert (ROOT / build["context"] / build["dockerfile"]).is_file()


def test_the_gateway_has_its_file_and_listens_where_it_is_published() -> None:
    """The shipped file can be used once its secrets are made; the port is the setting's."""
    service, port = SERVICES["gateway"], Settings().gateway_port
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert service["healthcheck"]["test"] == ["CMD", "check-stage", str(port)]
    environment = environment_of("gateway")
    assert environment[variable_of("gateway_host")] == "0.0.0.0"
    inside = Path(environment[variable_of("gateway_file")])
    assert service["volumes"] == [f"./deploy/gateway:{inside.parent}:ro"]
    file = read_gateway_file(ROOT / "deploy" / "gateway" / inside.name)
    assert set(file.feeds) <= set(load_feeds())


def test_deliver_has_its_file_and_runs_where_it_is_asked_for() -> None:
    """The shipped file is right, and the service needs its profile, since its secrets are made first."""
    service = SERVICES["deliver"]
    assert service["profiles"] == ["sinks"]
    inside = Path(environment_of("deliver")[variable_of("sinks")])
    assert service["volumes"] == [f"./deploy/sinks:{inside.parent}:ro"]
    assert read_sinks_file(ROOT / "deploy" / "sinks" / inside.name).sinks


def test_mounted_files_exist() -> None:
    """Every path of this repository that a service mounts is there, and is mounted read-only."""
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    ours = [mount for mount in mounts if mount.startswith("./")]
    assert ours
    for mount in ours:
        source, _target, mode = mount.split(":")
        assert (ROOT / source).exists(), source
        assert mode == "ro"
    named = {mount.partition(":")[0] for mount in mounts if mount not in ours}
    assert named == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_commands_exist(name: str) -> None:
    """What a container calls is a command of ours with options that it has."""
    service = SERVICES[name]
    arguments = service.get("command") or ["worker", "--stage", service["entrypoint"][1]]
    make_parser({arguments[0]: import_command(arguments[0])}).parse_args(arguments)
