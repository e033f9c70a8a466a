"""Options that several commands share."""

from __future__ import annotations

import argparse
import re
from datetime import datetime

from agents.errors import CommandError
from controltower.clock import epoch_ms_of, wall_ms
from controltower.doctor.finding import Level
from controltower.doctor.kafka import check_broker
from controltower.settings import EMBEDDED, Settings
from controltower.streaming.exits import RestartMe

_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
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


def since_ms(text: str) -> int:
    """An instant with its offset from UTC, or how long ago."""
    ago = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if ago:
        return wall_ms() - int(ago[1]) * _UNIT_MS[ago[2]]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither 2026-03-02T08:00:00Z nor 90m, 6h, 2d"
        ) from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} says no offset from UTC, such as Z")
    return epoch_ms_of(at)
