"""Our public records as CloudEvents 1.0: the headers of the Kafka binding in binary mode.

The value of a record stays the plain JSON of its schema; the headers name it for brokers and gateways that
route by them. They are a function of the record, so a replay writes the same ones. Built by hand, since
they stand on the hot path; a test reads them with the published package.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final

Headers = tuple[tuple[str, bytes], ...]

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
#: (id within the stage, when it happened in stream time) -> the headers of one record
Stamp = Callable[[str, datetime], Headers]


@lru_cache
def stamp_of(schema: str, stage: str) -> Stamp:
    """Stamps records of one schema, such as `controltower.exception/1`, written by one stage.

    The id of a record is unique within its source: an id of ours, a slash and its seq.
    """
    fixed: Headers = (
        ("ce_specversion", SPEC_VERSION.encode()),
        ("ce_type", schema.encode()),
        ("ce_source", f"/controltower/{stage}".encode()),
        ("ce_dataschema", f"urn:{schema.replace('/', ':')}".encode()),
        ("content-type", CONTENT_TYPE.encode()),
    )

    def stamp(event_id: str, at: datetime) -> Headers:
        return (*fixed, ("ce_id", event_id.encode()), ("ce_time", at.isoformat().encode()))

    return stamp
