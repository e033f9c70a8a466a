"""A time of a payload. Apart from its readers, since a struct is not compiled."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Instant(msgspec.Struct, frozen=True, gc=False):
    """A time in UTC, the zone that was assumed because the payload had none, and the time as written."""

    at: datetime
    assumed_zone: str | None
    local: datetime
