"""Exit codes of a stage process, and the error that ends it with a hint for a person."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of a stage process means to whoever supervises it."""

    CLEAN = 0  # asked to stop, and did
    SETTINGS = 2  # a setting is wrong; a restart changes nothing
    PERSON = 3  # going on could lose or double records; a person must look, a restart changes nothing
    RESTART = 75  # a passing fault (broker gone, fenced by a new owner, stuck): restart me


class StageStopped(Exception):
    """The process must end with `code`; the message is one line, `hint` says the way out."""

    code = Exit.RESTART

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Refused(StageStopped):
    """Going on would lose or double records, or make no sense; only a person can decide."""

    code = Exit.PERSON


class WrongSettings(StageStopped):
    """A setting keeps the stage from starting."""

    code = Exit.SETTINGS


class RestartMe(StageStopped):
    """A fault that a fresh start gets over; nothing is lost, the open transaction is aborted."""


class Fenced(RestartMe):
    """Another process owns the partition now; this one's writes are refused by the broker."""
