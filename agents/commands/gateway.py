"""Serve the HTTP gateway: carriers push events, planners send plans, both go to Kafka as they came.

A request is answered 202 once Kafka has confirmed it. The file named by CONTROLTOWER_GATEWAY_FILE says who
may send what (docs/gateway.md); docs/gateway-api.json is the OpenAPI document.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import uvicorn

from agents.commands.api import serve
from agents.options import add_brokers, require_kafka
from controltower.clock import wall_ms
from controltower.feeds.registry import load_feeds
from controltower.gateway.app import make_app
from controltower.gateway.config import GatewayFile, read_gateway_file
from controltower.gateway.doors import open_doors
from controltower.gateway.letters import BACK_MS, RejectionReader, Rejections
from controltower.gateway.store import Store
from controltower.settings import Settings

HELP = "serve the HTTP gateway for carriers and planners"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", dest="gateway_host", metavar="HOST", help="address to listen on")
    parser.add_argument("--port", dest="gateway_port", type=int, metavar="N", help="port to listen on")
    parser.add_argument("--openapi", action="store_true", help="print the OpenAPI document and end")
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.openapi:
        print(document(), end="")
        return 0
    file, feeds = read_gateway_file(settings.gateway_file), load_feeds(settings.feeds_dir)
    assert settings.gateway_file is not None, "read_gateway_file has refused that"
    doors = open_doors(file, settings.gateway_file.parent, feeds)
    brokers, security = require_kafka(settings), settings.security()
    store, rejections = Store(brokers, security), Rejections(doors.feeds)
    reader = RejectionReader(brokers, security, rejections, wall_ms() - BACK_MS)
    host = args.gateway_host or settings.gateway_host
    port = settings.gateway_port if args.gateway_port is None else args.gateway_port
    app = make_app(doors, store, rejections, wall_ms)
    try:
        return serve(uvicorn.Config(app, host, port, log_level="warning", access_log=False), "gateway")
    finally:
        store.close()
        reader.close()


def document() -> str:
    """The OpenAPI document as it stands in docs/gateway-api.json."""
    doors = open_doors(GatewayFile(), Path(), {})
    app = make_app(doors, Store("127.0.0.1:1", {}), Rejections([]), wall_ms)
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
