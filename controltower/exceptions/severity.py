"""How bad: 1 (worst) to 4, from the code and its numbers."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.vocabulary import CODE_TRAITS, ExceptionCode

#: A number at or beyond this makes the code one step worse. Half an hour of standstill or silence costs
#: a route about a tenth of its shift; p(late) of 0.85 leaves little to hope for.
_WORSE_FROM: dict[ExceptionCode, tuple[str, float]] = {
    ExceptionCode.LONG_HALT: ("halt_s", 1800.0),
    ExceptionCode.EXCESS_DWELL: ("dwell_s", 1800.0),
    ExceptionCode.ROUTE_DEVIATION: ("off_path_s", 900.0),
    ExceptionCode.SLA_AT_RISK: ("p_late", 0.85),
}


def grade(code: ExceptionCode, metrics: Mapping[str, float | str]) -> int:
    """Severity of an exception with these metrics."""
    base = CODE_TRAITS[code].severity
    if code not in _WORSE_FROM:
        return base
    name, from_value = _WORSE_FROM[code]
    value = metrics.get(name)
    worse = isinstance(value, int | float) and value >= from_value
    return max(1, base - 1) if worse else base
