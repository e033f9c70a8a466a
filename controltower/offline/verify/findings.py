"""What a check found: how much it compared, and the first thing that is wrong, in plain words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Check:
    """One finished check. `difference` None: all that was compared is equal."""

    name: str
    compared: int
    of_what: str
    difference: str | None = None


class Difference(Exception):
    """The first difference; the message says where it is, what was expected and what was found."""
