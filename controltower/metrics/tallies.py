"""What the folds of the stages count and measure, each told by its name."""

from __future__ import annotations

from typing import Final, get_args

from controltower.exceptions.quality import Span
from controltower.feedhealth.slots import DELAY_BOUNDS_S
from controltower.metrics.kinds import FEED, PARTITION, TOPIC, Kind, Label, Metric
from controltower.risk.features import FEATURES
from controltower.route.outcomes import CAME, SAID
from controltower.sinks.delivery import Outcome, Undelivered
from schemas import wire
from schemas.vocabulary import (
    ActionName,
    ActionState,
    CommandKind,
    ExceptionCode,
    FeedbackState,
    HaulScoreSource,
    HaulStage,
    ModelUse,
    Nothing,
    Refusal,
    RejectReason,
    Resolution,
    ScoreSource,
    SuppressReason,
    SwitchMode,
    Transition,
)

_DELAY: Final = Label("le", (*map(str, DELAY_BOUNDS_S), "+Inf"))
_REASON: Final = Label("reason", tuple(RejectReason))
_CODE: Final = Label("code", None, "the first 100 unknown codes of a feed, else `other`")
_NOTHING: Final = Label("name", tuple(Nothing))
_EVENT: Final = Label("kind", tuple(event.__name__ for event in get_args(wire.RouteEvent)))
#: 10 s is one tick of the clock; detectors take 2 to 20 min; a person answers within minutes or hours.
_LIFE_BUCKETS: Final = (0.1, 0.3, 1, 10, 30, 60, 120, 300, 420, 660, 1200, 3600, 4 * 3600, 24 * 3600)
#: Told within a second or so; the schedule of retries waits 5 s, 5 min, 30 min, 2 h, 5 h, 10 h.
_TOLD_BUCKETS: Final = (1, 2, 5, 10, 30, 120, 600, 3600, 6 * 3600, 24 * 3600, 72 * 3600)
_SINK: Final = Label("sink", None, "the sinks of the file CONTROLTOWER_SINKS, else `unknown`")
_DIFFERENCE_BUCKETS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)


def _tally(stage: str, name: str, about: str, *labels: Label, what: str = "") -> Metric:
    metric = f"controltower_{stage}_{what or name}_total"
    return Metric(metric, Kind.COUNTER, about, "1", labels, (stage, name))


def _measured(
    stage: str, name: str, about: str, unit: str, buckets: tuple[float, ...], *labels: Label, tally: str = ""
) -> Metric:
    told = (stage, tally or name)
    return Metric(f"controltower_{stage}_{name}", Kind.HISTOGRAM, about, unit, labels, told, buckets)


def _gauge(stage: str, tally: str, name: str, about: str, unit: str, *labels: Label) -> Metric:
    return Metric(f"controltower_{stage}_{name}", Kind.GAUGE, about, unit, labels, (stage, tally))


TALLIES: tuple[Metric, ...] = (
    _tally("normalize", "received", "intake records received; equals accepted + rejected", FEED),
    _tally("normalize", "accepted", "intake records that were understood", FEED),
    _tally("normalize", "rejected", "intake records sent to dead-letters", FEED, _REASON),
    _tally("normalize", "nothing", "payloads or shipments of which the carrier has nothing", FEED, _NOTHING),
    _tally("normalize", "unmapped_codes", "the same by code; the first 100 of a feed", FEED, _CODE),
    _tally("normalize", "mappings", "new versions of mappings that were taken"),
    _tally("normalize", "clock_marks", "clock marks of recorded days"),
    _tally("normalize", "scans", "normalized scans; one payload may hold several", FEED),
    _tally("normalize", "unmapped", "scans whose carrier code has no milestone", FEED),
    _tally("normalize", "future", "scans that happened more than 30 s after their receipt", FEED),
    _tally("normalize", "disordered", "reports older than the newest of their vehicle", FEED),
    _tally("normalize", "duplicates", "reports of the very time of the newest of their vehicle", FEED),
    _tally("normalize", "delays", "scans received within `le` seconds of their event", FEED, _DELAY),
    _tally("assign", "forwarded", "scans passed on to their route"),
    _tally("assign", "dropped", "scans too old to pass on once the shipment had a route"),
    _tally("assign", "duplicates", "scans seen before"),
    _tally(
        "assign",
        "haul_requests",
        "questions about line hauls of shipments without a route",
        Label("stage", tuple(HaulStage)),
    ),
    _tally("assign", "without_shipment", "records that name no shipment"),
    _tally("assign", "unreadable", "records that are no message of ours"),
    _tally(
        "assign",
        "exceptions",
        "transitions of exceptions",
        Label("code", tuple(ExceptionCode)),
        Label("transition", tuple(Transition)),
    ),
    _tally(
        "assign",
        "commands",
        "commands of people about what spans routes",
        Label("kind", tuple(CommandKind)),
        Label("outcome", ("ACCEPTED", *Refusal)),
    ),
    _tally(
        "assign",
        "disputed",
        "parents disputed as false alarms; against OPENED of the same code this is the rate",
        Label("code", tuple(ExceptionCode)),
        what="disputed_exceptions",
    ),
    _tally("track", "events", "events folded into routes", _EVENT),
    _tally("track", "duplicates", "events seen before"),
    _tally("track", "late", "events beyond the allowed lateness, or about an exception that is over"),
    _tally("track", "after_end", "events after the route's end, such as the way back to the depot"),
    _tally(
        "track",
        "exceptions",
        "transitions of exceptions",
        Label("code", tuple(ExceptionCode)),
        Label("transition", tuple(Transition)),
    ),
    _tally(
        "track",
        "resolutions",
        "ends of exceptions; RETRACTED ones were told by mistake",
        Label("code", tuple(ExceptionCode)),
        Label("resolution", tuple(Resolution)),
    ),
    _measured(
        "track",
        "exception_seconds",
        "from the onset to the detection; from the detection to the publication, the acknowledgement, the "
        "end, and the moment from which on the tightest promise of the route is broken (the lead time); all "
        "but the publication in stream time",
        "s",
        _LIFE_BUCKETS,
        Label("code", tuple(ExceptionCode)),
        Label("span", tuple(Span)),
    ),
    _gauge(
        "track",
        "clock",
        "clock_seconds",
        "stream time of a partition, seconds since 1970; far behind the wall while a recorded day plays",
        "s",
        PARTITION,
    ),
    _tally(
        "track",
        "commands",
        "commands of people about exceptions",
        Label("kind", tuple(CommandKind)),
        Label("outcome", ("ACCEPTED", *Refusal)),
    ),
    _tally(
        "track",
        "disputed",
        "exceptions disputed as false alarms; against OPENED of the same code this is the rate",
        Label("code", tuple(ExceptionCode)),
        what="disputed_exceptions",
    ),
    _tally(
        "track",
        "flapping",
        "exceptions that flapped (four openings or more), counted at their end",
        Label("code", tuple(ExceptionCode)),
        what="flapping_exceptions",
    ),
    _tally("track", "unreadable", "records that are no message of ours"),
    _tally("track", "score_requests", "questions to the delay model"),
    _tally(
        "track",
        "outcomes",
        "stops that were scored and served, passed or out of time, by the p(late) that was said first",
        Label("said", SAID),
        Label("came", CAME),
        what="scored_outcomes",
    ),
    _tally(
        "track",
        "said_permille",
        "the sum of p(late) x 1000 that was said of these stops; against those that came late this is the "
        "calibration",
        Label("said", SAID),
    ),
    _measured(
        "track",
        "score_age_seconds",
        "from the moment a score is about until its answer was taken, in stream time",
        "s",
        (1, 5, 10, 15, 30, 60, 300, 3600),
        tally="score_age",
    ),
    _tally("track", "status", "route statuses published", what="statuses"),
    _tally("track", "unknown_route", "events of routes without a plan", what="unknown_routes"),
    _tally("score", "score", "score requests answered", Label("source", tuple(ScoreSource)), what="requests"),
    _tally("score", "rows", "stops scored"),
    _tally(
        "score",
        "hauls",
        "questions about line hauls answered; without a model the answer is that there is none",
        Label("source", tuple(HaulScoreSource)),
    ),
    _tally(
        "score",
        "model",
        "score requests answered, by the version that answered; a new value of the label is a swap",
        Label("model", None, "the versions of models that were in use, and of the rule"),
        what="answers",
    ),
    _tally("score", "unreadable", "records that are no message of ours"),
    _tally("score", "explained", "scores that say what did it"),
    _tally(
        "score",
        "models",
        "records of changed models that this process obeyed, or refused since it cannot load the model",
        Label("use", tuple(ModelUse)),
        Label("fate", ("taken", "refused")),
        what="model_changes",
    ),
    Metric(
        "controltower_score_shadow_difference_ratio",
        Kind.HISTOGRAM,
        "of p(late) between the live model and the candidate beside it, per stop",
        "1",
        (),
        ("score", "shadow_difference"),
        _DIFFERENCE_BUCKETS,
    ),
    _tally(
        "score",
        "shadow_turned",
        "stops of which only one of the two says 0.75 or more, enough for SLA_AT_RISK",
    ),
    Metric(
        "controltower_score_stability_permille",
        Kind.GAUGE,
        "population stability index x 1000 of a feature: the last rows of this process against training",
        "1",
        (Label("feature", tuple(name for name, _ in FEATURES)),),
        ("score", "stability"),
    ),
    _tally("score", "unknown_features", "score requests in features of another version, left unanswered"),
    _tally(
        "recover",
        "actions",
        "transitions of recovery actions",
        Label("action", tuple(ActionName)),
        Label("state", tuple(ActionState)),
    ),
    _tally("recover", "suppressed", "actions held back", Label("reason", tuple(SuppressReason))),
    _tally("recover", "feedback", "answers of dispatch systems", Label("state", tuple(FeedbackState))),
    _tally(
        "recover",
        "commands",
        "approvals and refusals of people",
        Label("kind", tuple(CommandKind)),
        Label("outcome", ("ACCEPTED", *Refusal)),
    ),
    _tally(
        "recover",
        "permits",
        "questions about what spans routes (carriers, vehicles, tenants), answered",
        Label("outcome", ("granted", "refused")),
    ),
    _tally("recover", "switches", "switches turned, per partition", Label("mode", tuple(SwitchMode))),
    _tally("recover", "playbooks", "playbooks published, per partition"),
    _tally("recover", "unreadable", "records that are no message of ours"),
    _tally("project", "unreadable", "records that are no message of ours"),
    _tally("project", "rows", "rows written to the read model", TOPIC),
    _tally("deliver", "unreadable", "records that are no message of ours"),
    _tally(
        "deliver",
        "attempts",
        "attempts to tell a sink an event, or a mail's events, by what became of them",
        _SINK,
        Label("outcome", tuple(Outcome)),
    ),
    _tally(
        "deliver",
        "undelivered",
        "events given up; they stand in the topic undelivered",
        _SINK,
        Label("reason", tuple(Undelivered)),
    ),
    _measured(
        "deliver",
        "event_seconds",
        "from taking an event on to the receiver's answer, by our clock",
        "s",
        _TOLD_BUCKETS,
        _SINK,
        tally="seconds",
    ),
    _gauge("deliver", "waiting", "waiting_records", "events that wait for a sink", "1", _SINK, PARTITION),
    _gauge(
        "deliver",
        "late",
        "late_seconds",
        "how long the longest waiting event has waited for its sink, the gathering of a digest not counted",
        "s",
        _SINK,
        PARTITION,
    ),
)
