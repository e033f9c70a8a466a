"""What the edges answer: why a record was rejected, what produced a score."""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """Why an intake record went to dead-letters."""

    EMPTY = "EMPTY"
    TOO_LARGE = "TOO_LARGE"
    NOT_UTF8 = "NOT_UTF8"
    NOT_PARSABLE = "NOT_PARSABLE"
    TOO_DEEP = "TOO_DEEP"
    UNKNOWN_FEED = "UNKNOWN_FEED"
    UNKNOWN_SCHEMA = "UNKNOWN_SCHEMA"
    MISSING_FIELD = "MISSING_FIELD"
    WRONG_TYPE = "WRONG_TYPE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    BAD_TIME = "BAD_TIME"
    NO_SUBJECT = "NO_SUBJECT"


class Nothing(StrEnum):
    """How a carrier has nothing to tell."""

    NOTHING_NEW = "NOTHING_NEW"
    NO_EVENTS = "NO_EVENTS"
    NOT_FOUND = "NOT_FOUND"
    CARRIER_ERROR = "CARRIER_ERROR"


class ModelUse(StrEnum):
    """What a model is to be used for; PREPARE: it is loaded beside the work, for a change that follows;
    HAUL: it answers for line hauls."""

    LIVE = "LIVE"
    SHADOW = "SHADOW"
    NO_SHADOW = "NO_SHADOW"
    PREPARE = "PREPARE"
    HAUL = "HAUL"


class ScoreSource(StrEnum):
    """What produced a score."""

    MODEL = "MODEL"
    RULE_NO_MODEL = "RULE_NO_MODEL"
    RULE_MODEL_REFUSED = "RULE_MODEL_REFUSED"
    RULE_NO_LIBRARY = "RULE_NO_LIBRARY"


class FeedState(StrEnum):
    """How a feed stands against its own rhythm. QUIET: silent, but too seldom heard to mean anything."""

    UP = "UP"
    QUIET = "QUIET"
    DOWN = "DOWN"
