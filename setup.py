"""The build, as pyproject.toml has it; with CONTROLTOWER_COMPILED=1 the hot paths of the stages are compiled.

Whole modules, unchanged, by mypyc: a wheel built so needs a C compiler once and none where it is installed.
Only for wheels: beside the sources a compiled module would hide every later change of them. See
docs/decisions.md for what it gains.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from setuptools import Extension, setup

_ROOT = Path(__file__).resolve().parent
#: Packages and modules that an event passes.
_HOT = (
    "controltower/clock.py",
    "controltower/detect",
    "controltower/exceptions",
    "controltower/feedhealth/meter.py",
    "controltower/feedhealth/slots.py",
    "controltower/feeds/clock.py",
    "controltower/feeds/event_reader.py",
    "controltower/feeds/field_readers.py",
    "controltower/feeds/fold.py",
    "controltower/feeds/identity.py",
    "controltower/feeds/mapper.py",
    "controltower/feeds/meanings.py",
    "controltower/feeds/paths.py",
    "controltower/feeds/payload.py",
    "controltower/feeds/plain_event.py",
    "controltower/feeds/times.py",
    "controltower/feeds/values.py",
    "controltower/feeds/vehicles.py",
    "controltower/publishing.py",
    "controltower/readmodel/fold.py",
    "controltower/readmodel/rows.py",
    "controltower/risk/features.py",
    "controltower/route",
    "controltower/shipment",
    "controltower/stamped.py",
    "schemas/cloud_events.py",
)
#: What mypyc cannot compile as it is meant: what a class of a plain module inherits from, and classes
#: with options.
_PLAIN = ("controltower/route/waiting.py",)
_PLAIN_BASES = ("(msgspec.Struct", "import pydantic", "from pydantic")
#: How the generated C reads attributes.
_ATTRIBUTES = _ROOT / "deploy" / "compiled" / "fast_attributes.h"


def find_modules() -> Iterator[str]:
    """The modules to compile."""
    for name in _HOT:
        place = _ROOT / name
        for file in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            module, text = file.relative_to(_ROOT).as_posix(), file.read_text(encoding="utf-8")
            if module.endswith("__init__.py") or module in _PLAIN:
                continue
            if not any(base in text for base in _PLAIN_BASES):
                yield module


def find_extensions() -> list[Extension]:
    """None, but where they are asked for."""
    if os.environ.get("CONTROLTOWER_COMPILED") != "1":
        return []
    from mypyc.build import mypycify

    extensions = list(mypycify(["--follow-imports=silent", *find_modules()], group_name="controltower_hot"))
    for extension in extensions:
        if extension.name.endswith("__mypyc"):  # the others only load it
            extension.extra_compile_args = [*extension.extra_compile_args, "-include", str(_ATTRIBUTES)]
            extension.depends.append(str(_ATTRIBUTES))
    return extensions


setup(ext_modules=find_extensions())
