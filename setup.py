"""The build, as pyproject.toml has it; with CONTROLTOWER_COMPILED=1 the track stage's hot path is compiled.

Whole modules, unchanged, by mypyc: a wheel built so needs a C compiler once and none where it is installed.
Only for wheels: beside the sources a compiled module would hide every later change of them. See
docs/decisions.md for what it gains.
"""

from __future__ import annotations

import os

from setuptools import Extension, setup

_DETECT = (
    "eta_slip",
    "excess_dwell",
    "fold",
    "long_halt",
    "motion",
    "route_deviation",
    "sequence_break",
    "signal_lost",
    "slow_progress",
    "standing",
)
_ROUTE = (
    "apply",
    "asking",
    "eta",
    "eta_text",
    "judge",
    "outcomes",
    "path",
    "progress",
    "promises",
    "scores",
    "status",
    "timeline",
    "trail",
)
HOT = [
    *(f"controltower/detect/{name}.py" for name in _DETECT),
    *(f"controltower/route/{name}.py" for name in _ROUTE),
    "controltower/risk/features.py",
]


def find_extensions() -> list[Extension]:
    """None, but where they are asked for."""
    if os.environ.get("CONTROLTOWER_COMPILED") != "1":
        return []
    from mypyc.build import mypycify

    return list(mypycify(["--follow-imports=silent", *HOT], group_name="controltower_hot"))


setup(ext_modules=find_extensions())
