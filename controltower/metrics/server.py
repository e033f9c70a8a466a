"""Serves metrics and health over HTTP, on loopback unless told otherwise."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from controltower.metrics.health import Health
from controltower.metrics.observer import PrometheusObserver
from controltower.settings import SettingsError


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A scraper that hung up before the answer was out is no error of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class MetricsServer:
    """Serves /metrics, /healthz and /readyz from a daemon thread until `close`."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.port: int = server.server_address[1]
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def serve_metrics(host: str, port: int, observer: PrometheusObserver) -> MetricsServer:
    """Listen on host:port (0: any free port). Raises SettingsError."""
    answers = _answers(observer.registry, observer.health)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            status, kind, body = (
                answer(self.headers.get("Accept", "")) if answer else (404, _TEXT, b"not here\n")
            )
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: a line per scrape helps nobody."""

    try:
        server = _Server((host, port), Handler)
    except OSError as failed:
        raise SettingsError(
            f"CONTROLTOWER_METRICS_PORT: cannot listen on {host}:{port}: {failed.strerror} "
            "(choose another port, or 0 for none)"
        ) from None
    return MetricsServer(server)


_TEXT = "text/plain; charset=utf-8"
_Answer = Callable[[str], tuple[int, str, bytes]]


def _not_here(_accept: str) -> tuple[int, str, bytes]:
    return 404, _TEXT, b"not here\n"


def _answers(registry: CollectorRegistry, health: Health) -> dict[str, _Answer]:
    def metrics(accept: str) -> tuple[int, str, bytes]:
        encode, kind = choose_encoder(accept)
        return 200, kind, encode(registry)

    def healthz(_accept: str) -> tuple[int, str, bytes]:
        text = f"the loop last turned {health.beat_age_s():.1f} s ago\n"
        return (200 if health.alive() else 503), _TEXT, text.encode()

    def readyz(_accept: str) -> tuple[int, str, bytes]:
        text = (
            b"ready\n"
            if health.ready
            else b"not ready: joining the group, restoring state, or without an answer of the broker\n"
        )
        return (200 if health.ready else 503), _TEXT, text

    return {"/metrics": metrics, "/healthz": healthz, "/readyz": readyz}
