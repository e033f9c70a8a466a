"""How bad: 1 (worst) to 4, from the code and its numbers."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.vocabulary import CODE_TRAITS, ExceptionCode

#: A number at or beyond each of these makes the code one step worse. Half an hour of standstill or silence
#: costs a route about a tenth of its shift. Codes that are scored tell their own level, which does not flap.
_WORSE_FROM: dict[ExceptionCode, tuple[str, tuple[float, ...]]] = {
    ExceptionCode.LONG_HALT: ("halt_s", (1800.0,)),
    ExceptionCode.EXCESS_DWELL: ("dwell_s", (1800.0,)),
    ExceptionCode.ROUTE_DEVIATION: ("off_path_s", (900.0,)),
    ExceptionCode.SLA_AT_RISK: ("level", (2.0,)),
    ExceptionCode.ETA_SLIP: ("level", (2.0, 3.0)),
}


def grade(code: ExceptionCode, metrics: Mapping[str, float | str]) -> int:
    """Severity of an exception with these metrics."""
    base = CODE_TRAITS[code].severity
    if code not in _WORSE_FROM:
        return base
    name, from_values = _WORSE_FROM[code]
    value = metrics.get(name)
    if not isinstance(value, int | float):
        return base
    return max(1, base - sum(value >= each for each in from_values))
