"""Hypothesis strategies for the wire structs, drawn from their own types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as kinds

from schemas import wire
from schemas.vocabulary import HaulStepKind

_INSTANTS = st.integers(0, 4_000_000_000_000).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12)
_FLOATS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: value + 0.0)
_POSITIVE = st.floats(0, 1e6, allow_nan=False)

#: Fields whose models allow less than their type does.
_NARROW: dict[str, st.SearchStrategy[Any]] = {
    "lat": st.floats(-90, 90),
    "lon": st.floats(-180, 180),
    "p_late": st.floats(0, 1),
    "p_shift": st.floats(0, 1),
    "shadow_p_late": st.floats(0, 1),
    "explain_from": st.floats(0, 1),
    "severity": st.integers(1, 4),
    "escalation_level": st.integers(0, 3),
    "flags": st.lists(st.sampled_from(["SUPPRESSED", "SNOOZED", "FLAPPING"]), max_size=2).map(tuple),
    "metrics": st.dictionaries(_WORDS, _FLOATS, max_size=3),
    "parameters": st.dictionaries(_WORDS, _WORDS, max_size=3),
    "service_s": _POSITIVE,
    "planned_min": st.floats(0.5, 10_000),
    "late_s": st.none() | _POSITIVE,
    "clock_skew_s": _POSITIVE,
    "accuracy_m": st.none() | _POSITIVE,
    "speed_mps": st.none() | _POSITIVE,
    "signal_age_s": st.none() | _POSITIVE,
    "cost": _POSITIVE,
    "expected_gain_s": _POSITIVE,
}
_ORDERED_PAIRS = (
    ("planned_arrival", "planned_departure"),
    ("window_from", "window_to"),
    ("departs_at", "ends_by"),
)


def values_of(struct: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Instances of a wire struct that its model accepts."""
    info = kinds.type_info(struct)
    assert isinstance(info, kinds.StructType)
    fields = {field.name: _field(field) for field in info.fields}
    if "rows" in fields or struct.__name__ == "Plan":
        name = "rows" if "rows" in fields else "stops"
        element = next(f.type for f in info.fields if f.name == name)
        assert isinstance(element, kinds.VarTupleType)
        fields[name] = st.lists(_value(element.item_type), min_size=1, max_size=3).map(tuple)
    return st.fixed_dictionaries(fields).map(lambda drawn: _repair(struct, drawn))


def _field(field: kinds.Field) -> st.SearchStrategy[Any]:
    if field.name in ("lat", "lon", "p_late") and isinstance(field.type, kinds.UnionType):
        return _NARROW[field.name]
    return _NARROW[field.name] if field.name in _NARROW else _value(field.type)


def _value(kind: kinds.Type) -> st.SearchStrategy[Any]:
    match kind:
        case kinds.StructType():
            return values_of(kind.cls)
        case kinds.UnionType():
            return st.one_of([_value(each) for each in kind.types])
        case kinds.VarTupleType():
            return st.lists(_value(kind.item_type), max_size=2).map(tuple)
        case kinds.EnumType():
            return st.sampled_from(list(kind.cls))
        case kinds.NoneType():
            return st.none()
        case kinds.DateTimeType():
            return _INSTANTS
        case kinds.BoolType():
            return st.booleans()
        case kinds.IntType():
            return st.integers(1, 2**31)
        case kinds.FloatType():
            return _FLOATS
        case kinds.StrType():
            return _WORDS
    raise AssertionError(f"no strategy for {kind}")


def _repair(struct: type[msgspec.Struct], drawn: dict[str, Any]) -> Any:
    """Put into order what a model wants ordered."""
    for low, high in _ORDERED_PAIRS:
        if drawn.get(low) is not None and drawn.get(high) is not None:
            drawn[low], drawn[high] = sorted((drawn[low], drawn[high]))
    if struct.__name__ == "Plan":
        drawn["stops"] = tuple(
            msgspec.structs.replace(stop, sequence=i, stop_id=f"{i}-{stop.stop_id}")
            for i, stop in enumerate(drawn["stops"])
        )
    if struct.__name__ == "HaulPlan":
        drawn["inbound"] = tuple(_leg(f"in-{i}", leg) for i, leg in enumerate(drawn["inbound"]))
        drawn["inbound"] = drawn["inbound"] or (_leg("in", drawn["outbound"]),)
        drawn["outbound"] = _leg("out", drawn["outbound"])
    if struct.__name__ == "HaulRequest":
        drawn["legs"] = (drawn["legs"] * 4 + (wire.LegMinutes((), ()),) * 4)[:4]
    if struct.__name__ == "Command":
        target = drawn["exception_id"] or "x"
        drawn["exception_id"], drawn["action_id"] = target, None
    return struct(**drawn)


def _leg(name: str, drawn: wire.HaulLeg) -> wire.HaulLeg:
    """A leg of one flight, at places of its own, with what was drawn where it can be kept."""
    minutes = [step.planned_min for step in drawn.steps] or [60.0]
    steps = tuple(
        wire.HaulStep(step=kind, place=f"{name}-{kind}", planned_min=minutes[i % len(minutes)])
        for i, kind in enumerate(HaulStepKind)
    )
    return wire.HaulLeg(f"{name}-{drawn.leg_id}", steps)
