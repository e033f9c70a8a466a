"""One thing looked at, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """WARN: it works, but not as it should; FAIL: it does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(slots=True, frozen=True)
class Finding:
    """`subject` is what was looked at, `what` one line about it, `hint` what to do; no secrets in any."""

    level: Level
    subject: str
    what: str
    hint: str = ""


def ok(subject: str, what: str) -> Finding:
    return Finding(Level.OK, subject, what)


def warn(subject: str, what: str, hint: str) -> Finding:
    return Finding(Level.WARN, subject, " ".join(what.split()), hint)


def fail(subject: str, what: str, hint: str) -> Finding:
    return Finding(Level.FAIL, subject, " ".join(what.split()), hint)
