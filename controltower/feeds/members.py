"""Members of a list on the way through a path. Apart from the paths, since what is a list is not compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Members(list[Any]):
    """All members of a list, which a path goes through together."""

    def map(self, step: Callable[[Any], Any]) -> Any:
        """What the step finds in each of them; None where it finds nothing."""
        found = Members()
        for member in self:
            value = step(member)
            if type(value) is Members:
                found += value
            elif value is not None:
                found.append(value)
        return found or None
