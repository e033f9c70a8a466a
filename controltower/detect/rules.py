"""The file of rules: thresholds as data, with units in their names, checked before anything runs.

`python -m controltower.detect.rules` writes the JSON schema of the file beside the shipped one.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, create_model

from controltower.marked_yaml import read_marked
from controltower.route.limits import DEFAULT_LIMITS, Limits

SHIPPED = Path(__file__).with_name("default_rules.yaml")
JSON_SCHEMA = Path(__file__).with_name("rules.schema.json")

#: What stands in which section, by the names of Limits.
_SECTIONS: dict[str, tuple[str, ...]] = {
    "motion": (
        "reorder_ms",
        "walking_mps",
        "pace_memory_reports",
        "pace_memory_ms",
        "report_ms",
        "standing_radius_m",
        "standing_exit_m",
        "stop_radius_m",
        "departed_m",
        "return_m",
    ),
    "long_halt": ("halt_ms", "terminal_m"),
    "excess_dwell": ("dwell_service_share", "dwell_floor_ms"),
    "learned": (
        "learned_quantile",
        "learned_prior_weight",
        "learned_least_ms",
        "learned_longest_ms",
        "learned_keep_share",
    ),
    "route_deviation": (
        "corridor_m",
        "corridor_clear_share",
        "detour_fixes",
        "detour_ms",
        "detour_clear_fixes",
        "sparse_cadence_ms",
        "detour_sparse_fixes",
    ),
    "late_departure": ("late_departure_ms",),
    "slow_progress": ("slow_every_ms", "slow_open_share", "slow_clear_share", "slow_slip_ms"),
    "sequence_break": ("reversal_step_m", "reversal_fixes", "reversal_m", "reversal_ms"),
    "stop_skipped": ("skipped_after",),
    "signal_lost": ("silence_ms", "silence_cadences", "silence_unknown_ms", "last_leg_m"),
    "scores": ("score_memory_ms", "score_low_ms"),
    "sla_at_risk": (
        "risk_open",
        "risk_clear",
        "severe_open",
        "severe_clear",
        "timetable_risk_ms",
    ),
    "sla_breached": ("breach_wait_ms", "timetable_breach_ms"),
    "eta_slip": ("slip_open_ms", "slip_worse_ms", "slip_worst_ms", "slip_clear_ms", "slip_looks"),
    "route_overloaded": ("done_open", "done_clear"),
    "lifecycle": ("hold_ms", "scored_hold_ms"),
}
#: (softer, harder): the first must be below the second, else a rule opens and clears at once.
_ORDERED = (
    ("risk_clear", "risk_open"),
    ("severe_clear", "severe_open"),
    ("timetable_risk_ms", "timetable_breach_ms"),
    ("slip_clear_ms", "slip_open_ms"),
    ("slip_open_ms", "slip_worse_ms"),
    ("slip_worse_ms", "slip_worst_ms"),
    ("done_open", "done_clear"),
    ("hold_ms", "scored_hold_ms"),
    ("slow_open_share", "slow_clear_share"),
    ("standing_radius_m", "standing_exit_m"),
    ("silence_ms", "silence_unknown_ms"),
    ("halt_ms", "learned_longest_ms"),
    ("dwell_floor_ms", "learned_longest_ms"),
)
#: Shares and probabilities: between 0 and 1, both left out.
_SHARES = ("_share", "_open", "_clear", "_quantile")
_WHOLE = (
    "detour_fixes",
    "detour_clear_fixes",
    "detour_sparse_fixes",
    "reversal_fixes",
    "skipped_after",
    "slip_looks",
)
_LONGEST_S = 86_400


class RulesError(Exception):
    """The rules cannot be used. The message is one line."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


def in_file(name: str) -> str:
    """The name in the file: seconds there, milliseconds in Limits."""
    return f"{name.removesuffix('_ms')}_s" if name.endswith("_ms") else name


def _field(name: str) -> tuple[Any, Any]:
    value = getattr(DEFAULT_LIMITS, name)
    if name.endswith("_ms"):
        return float, Field(default=value / 1000, gt=0, le=_LONGEST_S, description="seconds")
    if name in _WHOLE or name.endswith("_evaluations"):
        return int, Field(default=value, ge=1, le=100)
    if name.endswith(_SHARES) and name != "dwell_service_share":
        return float, Field(default=value, gt=0, lt=1)
    unit = {"m": "metres", "mps": "metres per second"}.get(name.rpartition("_")[2])
    return float, Field(default=value, gt=0, le=100_000, description=unit)


def _section(section: str, names: tuple[str, ...]) -> type[_Section]:
    fields: Any = {in_file(name): _field(name) for name in names}
    return create_model(section.title().replace("_", ""), __base__=_Section, **fields)


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, title="Rules")
    version: str = Field(pattern=r"^[\w./-]{1,40}$", description="your name for this set of rules")


def _sections() -> dict[str, Any]:
    models = {section: _section(section, names) for section, names in _SECTIONS.items()}
    return {section: (model, Field(default=model())) for section, model in models.items()}


#: The model of the file: a version, and a section per rule.
Rules = create_model("Rules", __base__=_Rules, **_sections())


def values_of(rules: BaseModel) -> dict[str, Any]:
    """The values by the names of Limits."""
    content = rules.model_dump()
    values: dict[str, Any] = {}
    for section, names in _SECTIONS.items():
        for name in names:
            value = content[section][in_file(name)]
            whole = isinstance(getattr(DEFAULT_LIMITS, name), int)
            scaled = value * 1000 if name.endswith("_ms") else value
            values[name] = round(scaled) if whole else float(scaled)
    return values


def parse_rules(text: str, name: str) -> Limits:
    """The limits that a YAML text says; `name` stands in errors. Raises RulesError."""
    rules = read_marked(text, name, Rules, RulesError)
    values = values_of(rules)
    for softer, harder in _ORDERED:
        if values[softer] > values[harder]:
            low, high = in_file(softer), in_file(harder)
            line = _line_of(text, low) or _line_of(text, high)
            raise RulesError(f"{name} line {line}, {low}: must not be above {high}")
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]
    return msgspec.structs.replace(DEFAULT_LIMITS, version=f"{rules.version}+{digest}", **values)


def _line_of(text: str, key: str) -> int:
    """The line on which a key is set; 0 where it is not."""
    lines = enumerate(text.splitlines(), 1)
    return next((number for number, line in lines if line.strip().startswith(f"{key}:")), 0)


def load_limits(path: Path | None = None) -> Limits:
    """The limits of the file at `path`, or the shipped ones. Raises RulesError."""
    file = path or SHIPPED
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failed:
        raise RulesError(f"{file}: cannot be read: {failed}") from None
    return parse_rules(text, file.name)


def write_schema() -> str:
    """The JSON schema of the file."""
    return json.dumps(Rules.model_json_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    JSON_SCHEMA.write_text(write_schema(), encoding="utf-8")
