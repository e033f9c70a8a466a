"""The read model's Redis, and the stages' own ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException

import redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from controltower.doctor.finding import Finding, fail, ok, warn
from schemas.topics import STAGES

_ANSWER_S = 3.0
_OLDEST_REDIS = (6, 2)
_EVERY_ADDRESS = ("0.0.0.0", "::", "")


def check_redis(url: str, sign_in: Mapping[str, str]) -> Finding:
    """The scan path does not need it: project waits while it is away."""
    limits = {"socket_timeout": _ANSWER_S, "socket_connect_timeout": _ANSWER_S}
    try:
        client = redis.Redis.from_url(url, **limits, **sign_in)
        about = client.info()
    except (AuthenticationError, ResponseError) as refused:
        hint = "check CONTROLTOWER_REDIS_PASSWORD and CONTROLTOWER_REDIS_USERNAME"
        return fail("redis", f"{url} refuses the sign-in: {refused}", hint)
    except (RedisError, OSError, ValueError) as failed:
        return fail("redis", f"{url} does not answer: {failed}", "start it, or set CONTROLTOWER_REDIS_URL")
    assert isinstance(about, dict)
    return judge_redis(url, about)


def judge_redis(url: str, about: Mapping[str, object]) -> Finding:
    """`about` is what INFO says."""
    version = str(about.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_REDIS:
        return fail("redis", f"{url} is version {version}", "use Redis 6.2 or newer")
    if about.get("role") == "slave":
        return fail(
            "redis", f"{url} is a replica and cannot be written", "set CONTROLTOWER_REDIS_URL to the primary"
        )
    limit, used = int(str(about.get("maxmemory", 0))), int(str(about.get("used_memory", 0)))
    if limit and used > 0.9 * limit:
        return warn("redis", f"{url} is full to {100 * used // limit} %", "raise its maxmemory")
    return ok("redis", f"{url} answers, version {version}")


def check_ports(host: str, first_port: int, stages: Sequence[str] = STAGES) -> Iterator[Finding]:
    """/healthz and /readyz of each stage; silence is no fault, since a stage may run on another machine."""
    here = "127.0.0.1" if host in _EVERY_ADDRESS else host
    for number, stage in enumerate(stages):
        yield _check_port(stage, here, first_port + number)


def _check_port(stage: str, host: str, port: int) -> Finding:
    subject, where = f"port {port}", f"{stage} at {host}:{port}"
    try:
        answers = {path: _ask(host, port, path) for path in ("/healthz", "/readyz")}
    except ConnectionRefusedError:
        return ok(subject, f"{stage} does not listen here (not started, or on another machine)")
    except (TimeoutError, socket.gaierror, OSError, HTTPException) as failed:
        return fail(
            subject, f"{where} hangs: {failed}", "its process is stopped or stuck: kill it, it starts again"
        )
    for path, (status, text) in answers.items():
        if status != 200:
            hint = "docs/runbooks/StageNotReady.md" if path == "/readyz" else "docs/runbooks/StageDown.md"
            return fail(subject, f"{where} answers {status} at {path}: {text}", hint)
    return ok(subject, f"{stage} is alive and ready")


def _ask(host: str, port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection(host, port, timeout=_ANSWER_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(200).decode(errors="replace").strip()
    finally:
        connection.close()
