"""The folder of a line-haul model: one booster and one curve per stage, and a manifest with their digests and
canaries. As for the main model nothing is parsed here that was altered, or that fails in a child process."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from controltower.risk.linehaul.features import WORDS, Stage
from controltower.risk.linehaul.model import PARAMETERS, Curve, LineHaulModel, fit_line_haul
from controltower.risk.linehaul.moments import examples_of
from controltower.risk.linehaul.table import Floats, Milestones
from controltower.risk.linehaul.trial import Canary, Candidate, canaries_of, load_stage, try_stages
from controltower.risk.manifest import ModelRefusedError, digest_of
from controltower.risk.measures import measure

MANIFEST_FILE = "linehaul.json"
SCHEMA = "controltower.linehaul-model/3"
#: In file order: shipments are listed as they end, so what comes later is held out.
SPLIT = 0.7


def split(milestones: Milestones) -> tuple[Milestones, Milestones]:
    """The first 70 % and the rest."""
    cut = int(len(milestones) * SPLIT)
    return milestones.of_rows(slice(cut)), milestones.of_rows(slice(cut, None))


def train_line_haul(milestones: Milestones, out: Path, advance: Callable[[], None]) -> list[str]:
    """Judge on the last 30 % of the file, then learn from all of it and write the folder. Raises OSError."""
    learn, judged = split(milestones)
    base = learn.late().mean()
    lines: list[str] = []
    files: dict[str, str] = {}
    held_out: dict[str, dict[str, dict[str, float]]] = {}
    canaries: dict[str, object] = {}
    out.mkdir(parents=True, exist_ok=True)
    for stage in Stage:
        asked = examples_of(judged, stage)
        said = fit_line_haul(learn, stage).predict(asked.known)
        held_out[stage.value] = {
            "model": measure(said, asked.late),
            "share of late shipments": measure(np.full(len(asked.late), base), asked.late),
        }
        lines.append(_line(stage, said, asked.late))
        final = fit_line_haul(milestones, stage)
        files |= _write(out, final)
        canaries[stage.value] = msgspec.to_builtins(canaries_of(final, milestones))
        advance()
    manifest = {
        "schema": SCHEMA,
        "files": files,
        "parameters": PARAMETERS,
        "held_out": held_out,
        "canaries": canaries,
    }
    (out / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1) + "\n")
    return lines


def _line(stage: Stage, said: Floats, late: Floats) -> str:
    found = measure(said, late)
    return f"  {WORDS[stage]:<22} " + ", ".join(f"{name} {value:.4f}" for name, value in found.items())


def _write(out: Path, model: LineHaulModel) -> dict[str, str]:
    """The trees as text and the curve as numbers; their digests."""
    trees, curve = _files_of(model.stage)
    texts = {trees: model.trees.model_to_string(), curve: msgspec.json.encode(model.curve).decode()}
    for name, text in texts.items():
        (out / name).write_text(text)
    return {name: digest_of(text.encode()) for name, text in texts.items()}


def _files_of(stage: Stage) -> tuple[str, str]:
    return f"{stage.value}.txt", f"{stage.value}.json"


def load_line_haul(folder: Path, stage: Stage) -> LineHaulModel:
    """Digests first, then a trial in a child process, then the parser. Raises ModelRefusedError with one
    line."""
    return load_served(folder, [stage])[1][stage]


def load_served(folder: Path, stages: Sequence[Stage]) -> tuple[str, dict[Stage, LineHaulModel]]:
    """The version of the model, and the models of these stages after one trial of all of them. Raises
    ModelRefusedError."""
    try:
        content = (folder / MANIFEST_FILE).read_bytes()
        manifest = msgspec.json.decode(content, type=_Manifest)
        if manifest.schema != SCHEMA:
            raise ModelRefusedError(f"{MANIFEST_FILE}: is of the schema {manifest.schema}, not {SCHEMA}")
        candidates = [_read_candidate(folder, manifest, stage) for stage in stages]
    except (OSError, msgspec.DecodeError) as wrong:
        raise ModelRefusedError(f"{folder.name}: is no line-haul model: {wrong}") from None
    try_stages(candidates)
    version = f"linehaul-{digest_of(content)[:12]}"
    return version, {candidate.stage: load_stage(candidate) for candidate in candidates}


def _read_candidate(folder: Path, manifest: _Manifest, stage: Stage) -> Candidate:
    trees, curve = (_read(folder, name, manifest.files.get(name)) for name in _files_of(stage))
    numbers = msgspec.json.decode(curve, type=Curve)
    return Candidate(stage, trees.decode(), numbers, manifest.canaries.get(stage.value, ()))


class _Manifest(msgspec.Struct):
    schema: str
    files: dict[str, str]
    canaries: dict[str, tuple[Canary, ...]] = {}


def _read(folder: Path, name: str, digest: str | None) -> bytes:
    data = (folder / name).read_bytes()
    if digest_of(data) != digest:
        raise ModelRefusedError(f"{name} does not match the sha256 of its manifest")
    return data
