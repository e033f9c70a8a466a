"""A Redis that a test may stop, kill, freeze and start again on the same port with what it had saved."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import redis

from controltower.embedded.ports import find_free_port
from tests.integration.tower import wait_until


class RedisServer:
    """redis-server that saves only when told to: it starts with what the last `save` wrote."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = find_free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url, socket_timeout=5, decode_responses=True)

    @staticmethod
    def is_there() -> bool:
        return shutil.which("redis-server") is not None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            ["redis-server", *options, "--dir", str(self._folder), "--daemonize", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until("redis answers", self._answers, 15)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def save(self) -> None:
        """Write everything to disk, for the next start to find."""
        self.client.save()

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.client.close()
        self.kill()
