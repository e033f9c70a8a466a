"""Serve the read API: routes, exceptions, actions and carriers as they stand, from the read model in Redis.

Read-only JSON over HTTP with paging and ETags; docs/read-api.json is its OpenAPI document. On loopback
anybody may read; elsewhere a file with bearer tokens is needed (CONTROLTOWER_API_TOKENS).
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from datetime import datetime

import uvicorn

from agents.errors import CommandError
from controltower.clock import instant_of, wall_ms
from controltower.readapi.app import make_app
from controltower.readapi.tokens import Tokens, read_tokens
from controltower.readmodel.store import connect
from controltower.settings import Settings

HELP = "serve the read API"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", dest="api_host", metavar="HOST", help="address to listen on")
    parser.add_argument("--port", dest="api_port", type=int, metavar="N", help="port to listen on")
    parser.add_argument("--openapi", action="store_true", help="print the OpenAPI document and end")


def run(args: argparse.Namespace, settings: Settings) -> int:
    store = connect(settings.redis_url, **settings.redis_sign_in())
    if args.openapi:
        app = make_app(store, Tokens([]), time.monotonic, _now)
        print(json.dumps(app.openapi(), indent=2, ensure_ascii=False, sort_keys=True))
        return 0
    host = args.api_host or settings.api_host
    port = settings.api_port if args.api_port is None else args.api_port
    app = make_app(store, read_tokens(settings.api_tokens, host, settings.api_open), time.monotonic, _now)
    return serve(uvicorn.Config(app, host, port, log_level="warning", access_log=False))


def _now() -> datetime:
    return instant_of(wall_ms())


def serve(config: uvicorn.Config, name: str = "read API") -> int:
    """Until SIGINT or SIGTERM. Raises CommandError where the port is taken.

    uvicorn finishes what it answers and then hands the signal on, so here SIGTERM means an end without fault.
    """
    try:
        listening = config.bind_socket()
    except SystemExit:
        raise CommandError(
            f"cannot listen on {config.host}:{config.port}", "another port with --port, 0 for any free one"
        ) from None
    host, port = listening.getsockname()[:2]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"{name} on http://{host}:{port}/v1/", flush=True)
    uvicorn.Server(config).run([listening])
    return 0
