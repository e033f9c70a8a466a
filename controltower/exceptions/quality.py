"""What the life of an exception says about its quality: how long each part of it took, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final

from schemas import wire
from schemas.vocabulary import Transition

#: A recorded day is published long after it was lived; how long says nothing about us.
_PLAYED_AFTER_S: Final = 24 * 3600
_FLAPPING: Final = "FLAPPING"


class Span(StrEnum):
    """A part of the life of an exception."""

    ONSET_TO_DETECTION = "ONSET_TO_DETECTION"
    DETECTION_TO_PUBLICATION = "DETECTION_TO_PUBLICATION"
    DETECTION_TO_ACKNOWLEDGEMENT = "DETECTION_TO_ACKNOWLEDGEMENT"
    DETECTION_TO_END = "DETECTION_TO_END"
    DETECTION_TO_BREACH = "DETECTION_TO_BREACH"


def quality_of(record: wire.ExceptionRecord) -> Iterator[tuple[str, ...]]:
    """Tallies of a record that is about to be published: spans in seconds, and the way it ended."""
    code = record.code.value
    if record.transition is Transition.OPENED:
        yield _span(Span.ONSET_TO_DETECTION, code, record.onset_at, record.detected_at)
        if record.respond_by is not None:  # what people have: from then on the tightest promise is broken
            yield _span(Span.DETECTION_TO_BREACH, code, record.detected_at, record.respond_by)
        if (record.published_at - record.detected_at).total_seconds() < _PLAYED_AFTER_S:
            yield _span(Span.DETECTION_TO_PUBLICATION, code, record.detected_at, record.published_at)
    elif record.transition is Transition.ACKNOWLEDGED:
        yield _span(Span.DETECTION_TO_ACKNOWLEDGEMENT, code, record.detected_at, record.updated_at)
    elif record.transition is Transition.RESOLVED and record.resolution is not None:
        yield _span(Span.DETECTION_TO_END, code, record.detected_at, record.updated_at)
        yield "resolutions", code, record.resolution.value
        if _FLAPPING in record.flags:
            yield "flapping", code


def _span(span: Span, code: str, start: datetime, end: datetime) -> tuple[str, ...]:
    seconds = max(0.0, (end - start).total_seconds())
    return "exception_seconds", code, span.value, f"{seconds:.3f}"
