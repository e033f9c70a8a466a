"""What a model folder says about its model: nothing is loaded that does not match it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from controltower.risk.calibration import Calibration
from controltower.risk.features import FEATURE_SET, FEATURES

MANIFEST_FILE = "manifest.json"
SCHEMA = "controltower.model/3"
#: The boosters of a model and the files they stand in: the probability of missing the promise, and three
#: quantiles of the arrival relative to the ETA of the question.
MODEL_FILES = {"late": "late.txt", "p10": "p10.txt", "p50": "p50.txt", "p90": "p90.txt"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Training(_Part):
    """Where the model comes from. blocks: short hashes of the vehicle days that it has seen, so that nobody
    judges it by them."""

    source: str
    split: str
    first_at: str
    last_at: str
    routes: int
    rows: int
    late_share: float
    #: trees per booster
    rounds: dict[str, int]
    lightgbm: str
    parameters: dict[str, float | int | str | bool | list[int]]
    blocks: tuple[str, ...] = ()


class Spread(_Part):
    """What the distances of the 10 % and the 90 % quantile from the median are multiplied by."""

    low: float = 1.0
    high: float = 1.0


class Reference(_Part):
    """How a feature was distributed in training: the share below each edge in turn, above the last one, and
    missing. What serving sees is held against it (population stability)."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float


class Canary(_Part):
    """A row of features and what the model must say to it."""

    row: tuple[float | None, ...]
    p_late: float
    p10_s: float
    p50_s: float
    p90_s: float


class Manifest(_Part):
    """The file manifest.json."""

    schema_name: str = SCHEMA
    model_version: str
    #: file -> SHA-256
    files: dict[str, str]
    feature_set: str
    features: tuple[str, ...]
    training: Training
    calibration: Calibration
    spread: Spread
    reference: dict[str, Reference]
    canaries: tuple[Canary, ...]
    #: who (model, baselines) -> measure -> value on the held-out period
    held_out: dict[str, dict[str, float | None]]
    #: why the rule stands in for it although it is whole, or None where it beat every baseline
    beaten_by: str | None = None


class ModelRefusedError(Exception):
    """A model folder that must not be used; the message says why in one line."""


def digest_of(data: bytes) -> str:
    """SHA-256 as hex."""
    return hashlib.sha256(data).hexdigest()


def read_model(folder: Path) -> tuple[Manifest, dict[str, str]]:
    """Manifest and the text of each booster. Raises ModelRefusedError where they are missing, altered or of
    other features.

    The text is checked before the library sees it: its parser is not made for damaged files.
    """
    manifest = read_manifest(folder)
    texts = {}
    for name, file in MODEL_FILES.items():
        data = _read(folder, file)
        if digest_of(data) != manifest.files.get(file):
            raise ModelRefusedError(f"{file} does not match the sha256 of its manifest")
        texts[name] = data.decode()
    return manifest, texts


def read_manifest(folder: Path) -> Manifest:
    """Raises ModelRefusedError, also where it is made for other features."""
    try:
        manifest = Manifest.model_validate_json(_read(folder, MANIFEST_FILE))
    except ValidationError as wrong:
        field = ".".join(str(part) for part in wrong.errors()[0]["loc"])
        raise ModelRefusedError(f"{MANIFEST_FILE}: {field}: {wrong.errors()[0]['msg']}") from None
    if manifest.schema_name != SCHEMA:
        raise ModelRefusedError(f"{MANIFEST_FILE}: is of the schema {manifest.schema_name}, not {SCHEMA}")
    names = tuple(name for name, _ in FEATURES)
    if manifest.feature_set != FEATURE_SET or manifest.features != names:
        raise ModelRefusedError(
            f"{MANIFEST_FILE}: made for features {manifest.feature_set}, not {FEATURE_SET}"
        )
    return manifest


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as wrong:
        raise ModelRefusedError(f"{folder.name}: {wrong.strerror}: {name}") from None
