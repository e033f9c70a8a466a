"""Options that several commands share."""

from __future__ import annotations

import argparse

from agents.errors import CommandError
from controltower.doctor.finding import Level
from controltower.doctor.kafka import check_broker
from controltower.settings import EMBEDDED, Settings
from controltower.streaming.exits import RestartMe

#: A broker that is there answers in milliseconds, one behind a bad line within this; nobody waits longer.
_REACHED_WITHIN_S = 5.0


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


def reach_kafka(settings: Settings) -> str:
    """As require_kafka, once the broker has answered; raises RestartMe when it does not soon."""
    brokers = require_kafka(settings)
    finding = check_broker(brokers, settings.security(), _REACHED_WITHIN_S)
    if finding.level is not Level.OK:
        raise RestartMe(f"Kafka at {finding.what}", f"{finding.hint} (more: controltower doctor)")
    return brokers
