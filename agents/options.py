"""Options that several commands share."""

from __future__ import annotations

import argparse

from agents.errors import CommandError
from controltower.settings import EMBEDDED, Settings


def add_brokers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--brokers", metavar="HOST:PORT", help="Kafka; default: the setting `brokers`")


def require_kafka(settings: Settings) -> str:
    """The brokers' addresses. Raises CommandError for `embedded`, which lives within another process."""
    if settings.brokers == EMBEDDED:
        raise CommandError(
            "the embedded broker lives within `controltower worker`",
            "give its address, which the worker prints: --brokers 127.0.0.1:PORT",
        )
    return settings.brokers
