"""Structured logs on stderr, with what must not be in them taken out before they are written."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog

#: Values of these keys are masked wherever they turn up.
SECRET_KEYS = frozenset(
    {
        "password",
        "secret",
        "token",
        "authorization",
        "api_key",
        "sasl_password",
        "sasl_username",
        "sasl_plain_password",
        "ssl_key_password",
        "kafka_sasl_password",
        "redis_password",
    }
)
#: These tell of a person (recipient, driver, operator) or hold a carrier's raw bytes: dropped.
PERSONAL_KEYS = frozenset(
    {
        "address",
        "by",
        "driver",
        "email",
        "lat",
        "lon",
        "name_of_recipient",
        "payload",
        "phone",
        "raw_text",
        "recipient",
        "signature",
        "value",
        "why",
    }
)
MASK = "***"
#: The part between scheme and host of an address that signs in.
_SIGN_IN_IN_URL = re.compile(r"(?<=://)[^/\s@]*@")
#: Libraries that tell more than an operator wants to read.
_QUIET = ("faust", "mode", "aiokafka", "asyncio", "urllib3")

#: While a broker is away they say the same things many times a second; one in this time is enough.
_SAID_AGAIN_AFTER_S = 10.0

Event = MutableMapping[str, Any]
#: Of the whole process: contexts are not handed on to the threads of a pool.
_EVERY_LINE: dict[str, str] = {}


def keep_private(_logger: Any, _method: str, event: Event) -> Event:
    """Processor: masks secrets, drops personal data; looks into nested mappings too."""
    return {key: _masked(key, value) for key, value in event.items() if key.lower() not in PERSONAL_KEYS}


def _masked(key: str, value: Any) -> Any:
    if key.lower() in SECRET_KEYS:
        return MASK
    if isinstance(value, dict):
        return keep_private(None, "", value)
    return _SIGN_IN_IN_URL.sub(f"{MASK}@", value) if isinstance(value, str) else value


def set_up_logs(level: str = "info", log_format: str = "json", stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's records through one chain to `stream` (stderr)."""
    shared: list[Any] = [
        _say_every_line,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(log_format, shared))
    handler.addFilter(NoRepeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class NoRepeats(logging.Filter):
    """Lets a library say a thing once in 10 s; the next time it says how often it was left out.

    The same thing: the same text before its arguments are filled in. Our own lines all pass.
    """

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic_s = monotonic_s
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in _QUIET:
            return True
        now_s, what = self._monotonic_s(), (record.name, str(record.msg)[:80])
        said_s, left_out = self._said.get(what, (-_SAID_AGAIN_AFTER_S, 0))
        if now_s - said_s < _SAID_AGAIN_AFTER_S:
            self._said[what] = said_s, left_out + 1
            return False
        self._said[what] = now_s, 0
        if left_out:
            record.left_out = left_out
        return True


def _formatter(log_format: str, shared: list[Any]) -> logging.Formatter:
    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    console = structlog.dev.ConsoleRenderer(colors=False)
    ending: list[Any] = [console] if log_format == "console" else [structlog.processors.JSONRenderer()]
    first: list[Any] = [] if log_format == "console" else [structlog.processors.format_exc_info]
    foreign = [*shared, structlog.stdlib.ExtraAdder()]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=foreign,
        processors=[drop, *first, keep_private, *ending],
    )


def bind_stage(stage: str) -> None:
    """From here on every line of this process says its stage, whatever thread it comes from."""
    _EVERY_LINE["stage"] = stage


def _say_every_line(_logger: Any, _method: str, event: Event) -> Event:
    return {**_EVERY_LINE, **event}


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that says `name` with each line; may be made before `set_up_logs`."""
    lazy: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return lazy
