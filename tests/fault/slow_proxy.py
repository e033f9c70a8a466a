"""A TCP proxy that holds up everything it passes on, in both directions."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from controltower.embedded.ports import find_free_port

_CHUNK_BYTES = 65_536


class SlowProxy:
    """Listens at once and connects to `target` (host, port) per client; `delay_s` may change at any time."""

    def __init__(self) -> None:
        self.target = ("127.0.0.1", 0)
        self.delay_s = 0.0
        self.passed_on = 0
        self.port = find_free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, name="slow-proxy", daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            try:
                server = socket.create_connection(self.target, timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                time.sleep(self.delay_s)
                target.sendall(data)
                self.passed_on += 1
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
