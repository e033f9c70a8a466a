"""What a model folder says about its model: nothing is loaded that does not match it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from controltower.risk.features import FEATURE_SET, FEATURES

MODEL_FILE = "model.txt"
MANIFEST_FILE = "manifest.json"


class Training(BaseModel):
    """Where the model comes from."""

    model_config = ConfigDict(frozen=True)
    source: str
    first_seed: int
    days: int
    routes: int
    rows: int
    late_share: float
    rounds: int
    lightgbm: str
    parameters: dict[str, float | int | str | bool | list[int]]


class Manifest(BaseModel):
    """The file manifest.json beside model.txt."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())
    schema_name: str = "controltower.model/1"
    model_version: str
    sha256: str
    feature_set: str
    features: tuple[str, ...]
    training: Training
    #: measure -> value on held-out days, for the model and for the rule that stands in
    held_out: dict[str, dict[str, float]]


class ModelRefusedError(Exception):
    """A model folder that must not be used; the message says why in one line."""


def digest_of(data: bytes) -> str:
    """SHA-256 as hex."""
    return hashlib.sha256(data).hexdigest()


def read_model(folder: Path) -> tuple[Manifest, str]:
    """Manifest and model text. Raises ModelRefusedError where they are missing, altered or of other features.

    The text is checked before the library sees it: its parser is not made for damaged files.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST_FILE).read_bytes())
        data = (folder / MODEL_FILE).read_bytes()
    except OSError as wrong:
        raise ModelRefusedError(
            f"{folder.name}: {wrong.strerror}: {Path(str(wrong.filename)).name}"
        ) from None
    except ValidationError as wrong:
        field = ".".join(str(part) for part in wrong.errors()[0]["loc"])
        raise ModelRefusedError(f"{MANIFEST_FILE}: {field}: {wrong.errors()[0]['msg']}") from None
    if digest_of(data) != manifest.sha256:
        raise ModelRefusedError(f"{MODEL_FILE} does not match the sha256 of its manifest")
    names = tuple(name for name, _ in FEATURES)
    if manifest.feature_set != FEATURE_SET or manifest.features != names:
        raise ModelRefusedError(
            f"{MANIFEST_FILE}: made for features {manifest.feature_set}, not {FEATURE_SET}"
        )
    return manifest, data.decode()
