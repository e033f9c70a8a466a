"""The one table of topics: who writes them, who reads them, what keys them, how long they live."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

_DAY_MS = 24 * 3600 * 1000
#: Logs are kept 8 days: a week of replay and a day of slack.
LOG_RETENTION_MS = 8 * _DAY_MS
#: Original bytes may hold personal data and are kept for a week only.
RAW_RETENTION_MS = 7 * _DAY_MS
#: Compacted outputs keep every transition readable for a week.
COMPACTION_LAG_MS = 7 * _DAY_MS
#: What outsiders manage to send must fit, and what we make of it: a dead letter has more headers, a plan
#: grows when every field is written out.
_LARGE = {"max.message.bytes": str(4 * 1024 * 1024)}
_LARGER = {"max.message.bytes": str(8 * 1024 * 1024)}


class Role(StrEnum):
    """What a topic is for."""

    INTAKE = "intake"
    LOG = "log"
    OUTPUT = "output"
    CHANGELOG = "changelog"


class Topic(NamedTuple):
    """One topic. `schemas` are the records that may stand in it; () means bytes as received."""

    name: str
    role: Role
    key: str
    schemas: tuple[str, ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    about: str
    config: dict[str, str]


def _log(retention_ms: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        "message.timestamp.type": "LogAppendTime",
    }


_COMPACTED_OUTPUT = {
    "cleanup.policy": "compact",
    "min.compaction.lag.ms": str(COMPACTION_LAG_MS),
} | _LARGER
#: Changelogs stay small: short segments, eager cleaning.
#: The append time teaches a stage the broker's clock, so that its own may be wrong.
_CHANGELOG = {
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
    "segment.ms": str(600_000),
    "segment.bytes": str(64 * 1024 * 1024),
    "min.cleanable.dirty.ratio": "0.2",
    "delete.retention.ms": str(3_600_000),
} | _LARGER

CARRIER_EVENTS = "carrier-events"
PLANS = "plans"
COMMANDS = "commands"
DISPATCH_FEEDBACK = "dispatch-feedback"
ROUTE_EVENTS = "route-events"
SHIPMENT_EVENTS = "shipment-events"
RECOVERY_EVENTS = "recovery-events"
SCORE_REQUESTS = "score-requests"
FEED_HEALTH = "feed-health"
AREA_EVENTS = "area-events"
EXCEPTIONS = "exceptions"
DISPATCH = "dispatch"
ROUTE_STATUS = "route-status"
SHIPMENT_STATUS = "shipment-status"
COMMAND_REPLIES = "command-replies"
FEED_STATUS = "feed-status"
DEAD_LETTERS = "dead-letters"
DELIVERY_REQUESTS = "delivery-requests"
UNDELIVERED = "undelivered"

_SCAN, _PLAN, _TICK = "controltower.scan/1", "controltower.plan/1", "controltower.tick/1"
_EXCEPTION, _ACTION = "controltower.exception/1", "controltower.action/1"
_PLAYBOOK, _SWITCH = "controltower.playbook/1", "controltower.switch/1"
_PERMITS = ("controltower.permit-request/1", "controltower.permit/1", "controltower.permit-return/1")
_HAUL_PLAN = "controltower.haul-plan/1"
_COMMAND, _FEEDBACK = "controltower.command/1", "controltower.feedback/1"

STAGES = ("normalize", "assign", "track", "score", "recover", "project")
#: Runs only where somebody is to be told (CONTROLTOWER_SINKS); nothing in the flow waits for it.
DELIVER = "deliver"
ALL_STAGES = (*STAGES, DELIVER)

TOPICS: tuple[Topic, ...] = (
    Topic(
        CARRIER_EVENTS,
        Role.INTAKE,
        "the carrier's choice; by vehicle or parcel keeps their order",
        (),
        ("carriers",),
        ("normalize",),
        "Raw payloads as received; the header `feed` names the feed.",
        _log(RAW_RETENTION_MS) | _LARGE,
    ),
    Topic(
        PLANS,
        Role.INTAKE,
        "route_id; of a line haul shipment_id",
        (_PLAN, _HAUL_PLAN),
        ("planners",),
        ("normalize",),
        "Versions of route plans, and of the line hauls of shipments.",
        _log(LOG_RETENTION_MS) | _LARGE,
    ),
    Topic(
        COMMANDS,
        Role.INTAKE,
        "any",
        (_COMMAND, _PLAYBOOK, _SWITCH),
        ("ops",),
        ("normalize",),
        "What people tell the control tower; playbooks and switches are for everybody.",
        _log(LOG_RETENTION_MS) | _LARGE,
    ),
    Topic(
        DISPATCH_FEEDBACK,
        Role.INTAKE,
        "any",
        (_FEEDBACK,),
        ("dispatch systems",),
        ("normalize",),
        "What dispatch systems answer to actions.",
        _log(LOG_RETENTION_MS) | _LARGE,
    ),
    Topic(
        ROUTE_EVENTS,
        Role.LOG,
        "route_id",
        (
            _SCAN,
            _PLAN,
            _TICK,
            "controltower.vehicle-moved/1",
            "controltower.score/1",
            _COMMAND,
            _ACTION,
            "controltower.feeds-judged/1",
            "controltower.suppression/1",
            "controltower.shipments-read/1",
        ),
        ("normalize", "assign", "score", "recover"),
        ("track",),
        "Everything that changes the state of a route, in one order.",
        _log(LOG_RETENTION_MS) | _LARGER,
    ),
    Topic(
        SHIPMENT_EVENTS,
        Role.LOG,
        "shipment_id",
        (
            _SCAN,
            "controltower.assignment/1",
            _TICK,
            _COMMAND,
            _ACTION,
            _HAUL_PLAN,
            "controltower.haul-score/1",
        ),
        ("normalize", "score", "recover"),
        ("assign",),
        "Everything that changes the state of a shipment, in one order.",
        _log(LOG_RETENTION_MS) | _LARGER,
    ),
    Topic(
        RECOVERY_EVENTS,
        Role.LOG,
        "home of the exception; permit-request and permit-return: target",
        (_EXCEPTION, _FEEDBACK, _COMMAND, _TICK, _PLAYBOOK, _SWITCH, *_PERMITS),
        ("normalize", "assign", "track", "recover"),
        ("recover",),
        "Everything that decides about recovery actions, in one order.",
        _log(LOG_RETENTION_MS) | _LARGER,
    ),
    Topic(
        SCORE_REQUESTS,
        Role.LOG,
        "route_id; of a line haul shipment_id",
        ("controltower.score-request/1", "controltower.model-change/1", "controltower.haul-request/1"),
        ("assign", "track"),
        ("score",),
        "Questions to the delay model and to the line-haul model.",
        _log(LOG_RETENTION_MS) | _LARGER,
    ),
    Topic(
        FEED_HEALTH,
        Role.LOG,
        "carrier",
        ("controltower.feed-pulse/1", _TICK),
        ("normalize",),
        ("assign",),
        "What was received of each feed, slot by slot: where all records of a feed meet.",
        _log(LOG_RETENTION_MS) | _LARGER,
    ),
    Topic(
        AREA_EVENTS,
        Role.LOG,
        "tenant",
        (_EXCEPTION, _COMMAND, _ACTION, _TICK),
        ("normalize", "track", "recover"),
        ("assign",),
        "Exceptions that may have a cause in common: where all of a tenant meet.",
        _log(LOG_RETENTION_MS) | _LARGER,
    ),
    Topic(
        EXCEPTIONS,
        Role.OUTPUT,
        "exception_id; partition by home",
        (_EXCEPTION,),
        ("assign", "track"),
        ("project", DELIVER, "downstream"),
        "The life of every exception, transition by transition.",
        _COMPACTED_OUTPUT,
    ),
    Topic(
        DISPATCH,
        Role.OUTPUT,
        "action_id; partition by home",
        (_ACTION,),
        ("recover",),
        ("project", DELIVER, "dispatch systems"),
        "The life of every recovery action, the suppressed ones too.",
        _COMPACTED_OUTPUT,
    ),
    Topic(
        ROUTE_STATUS,
        Role.OUTPUT,
        "route_id",
        ("controltower.route-status/1",),
        ("track",),
        ("project", "downstream"),
        "The latest view of every route.",
        _COMPACTED_OUTPUT,
    ),
    Topic(
        SHIPMENT_STATUS,
        Role.OUTPUT,
        "shipment_id",
        ("controltower.shipment-status/1",),
        ("assign",),
        ("project", "downstream"),
        "The latest view of every shipment with a line haul: p(late) until a route carries it.",
        _COMPACTED_OUTPUT,
    ),
    Topic(
        COMMAND_REPLIES,
        Role.OUTPUT,
        "command_id; partition by home",
        ("controltower.command-reply/1",),
        ("assign", "track", "recover"),
        ("ops",),
        "What became of each command: accepted, or refused with the reason.",
        _log(LOG_RETENTION_MS) | _LARGER,
    ),
    Topic(
        FEED_STATUS,
        Role.OUTPUT,
        "feed; partition by carrier",
        ("controltower.feed-status/1",),
        ("assign",),
        ("ops",),
        "The latest view of every feed.",
        _COMPACTED_OUTPUT,
    ),
    Topic(
        DEAD_LETTERS,
        Role.OUTPUT,
        "as received",
        (),
        ("normalize",),
        ("ops",),
        "Rejected intake records: original bytes and headers; ct-reason, ct-detail and ct-source say why.",
        _log(RAW_RETENTION_MS) | _LARGER,
    ),
    Topic(
        DELIVERY_REQUESTS,
        Role.LOG,
        "event id",
        (),
        ("ops",),
        (DELIVER,),
        "Events that a sink is to be told again; the headers ct-sink and ct-id say which.",
        _log(RAW_RETENTION_MS) | _LARGER,
    ),
    Topic(
        UNDELIVERED,
        Role.OUTPUT,
        "event id",
        (),
        (DELIVER,),
        ("ops",),
        "Events that a sink could not be told; ct-sink, ct-id, ct-reason and ct-attempts say why.",
        _log(RAW_RETENTION_MS) | _LARGER,
    ),
    *(
        Topic(
            f"controltower-{stage}-changelog",
            Role.CHANGELOG,
            "state key",
            (),
            (stage,),
            (stage,),
            f"State and position of the stage {stage}.",
            _CHANGELOG,
        )
        for stage in ALL_STAGES
    ),
)

BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}


def changelog_of(stage: str) -> str:
    """Name of the changelog of a stage."""
    return f"controltower-{stage}-changelog"
