"""The models of one partition of the score stage: the live one, and a candidate that is scored beside it.

A change takes effect by a record in the log of questions (version and digest), so every question is answered
by the model that stood in its log before it, however polls are cut. What cannot be loaded changes nothing.
A record before that one has it loaded beside the fold, so that no poll waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from controltower.risk.linehaul.publishing import MANIFEST_FILE as HAUL_MANIFEST_FILE
from controltower.risk.linehaul.serving import HaulScorer, load_haul_model
from controltower.risk.manifest import MANIFEST_FILE, ModelRefusedError, digest_of
from controltower.risk.scorer import Scorer, load_model_scorer
from schemas import wire
from schemas.vocabulary import HaulScoreSource, ModelUse

LIVE_KEY: Final = b"m/live"
SHADOW_KEY: Final = b"m/shadow"
HAUL_KEY: Final = b"m/haul"
_KEYS: Final = {
    ModelUse.LIVE: LIVE_KEY,
    ModelUse.SHADOW: SHADOW_KEY,
    ModelUse.NO_SHADOW: SHADOW_KEY,
    ModelUse.HAUL: HAUL_KEY,
}

#: A model of routes or one of line hauls: the folder tells which.
AnyScorer = Scorer | HaulScorer
Load = Callable[[wire.ModelChange], AnyScorer]


def digest_of_model(folder: Path) -> str:
    """SHA-256 of the manifest, which holds the digests of all other files. Raises ModelRefusedError."""
    name = HAUL_MANIFEST_FILE if is_haul_model(folder) else MANIFEST_FILE
    try:
        return digest_of((folder / name).read_bytes())
    except OSError as wrong:
        raise ModelRefusedError(f"{folder}: {wrong.strerror}") from None


def is_haul_model(folder: Path) -> bool:
    """Whether the folder is one of a line-haul model."""
    return (folder / HAUL_MANIFEST_FILE).is_file()


def load_change(change: wire.ModelChange) -> AnyScorer:
    """The model that a record names. Raises ModelRefusedError where it is missing, altered or broken."""
    folder = Path(change.folder)
    if digest_of_model(folder) != change.digest:
        raise ModelRefusedError(f"{folder}: is not {change.model_version} any more, its manifest was altered")
    try:
        return load_haul_model(folder) if is_haul_model(folder) else load_model_scorer(folder)
    except (ImportError, OSError) as wrong:
        raise ModelRefusedError(f"LightGBM cannot be loaded: {wrong}") from None


class ModelCache:
    """The models of a process: partitions that follow one another to a model load it once."""

    def __init__(self, load: Load = load_change, told: Callable[[str], None] = lambda line: None) -> None:
        self._load = load
        self._told = told
        self._loaded: dict[str, AnyScorer] = {}
        self._loading: dict[str, Future[AnyScorer]] = {}

    def prepare(self, change: wire.ModelChange) -> None:
        """Begin to load the model of this record beside the fold; `find` takes it from there."""
        if change.digest in self._loaded or change.digest in self._loading:
            return
        loader = ThreadPoolExecutor(1, "model")
        self._loading[change.digest] = loader.submit(self._load, change)
        loader.shutdown(wait=False)

    def find(self, change: wire.ModelChange) -> AnyScorer | None:
        """The model of this record, or None where it is refused; why is told once."""
        known = self._loaded.get(change.digest)
        if known is not None:
            return known
        try:
            loading = self._loading.pop(change.digest, None)
            scorer = self._loaded[change.digest] = loading.result() if loading else self._load(change)
        except ModelRefusedError as refused:
            self._told(f"model {change.model_version} refused, the one before stays: {refused}")
            return None
        self._told(f"model {change.model_version} loaded ({change.use.value})")
        return scorer


class Models:
    """What answers, what is asked beside it, and what answers for line hauls."""

    def __init__(self, standard: Scorer, cache: ModelCache, haul: HaulScorer | None = None) -> None:
        self.live = standard
        self.haul = haul or HaulScorer(HaulScoreSource.NO_MODEL)
        self.shadow: Scorer | None = None
        self._cache = cache

    def restore(self, key: bytes, value: bytes) -> None:
        """Take an entry of the changelog."""
        if key in (LIVE_KEY, SHADOW_KEY, HAUL_KEY):
            self._put(wire.decode_model_change(value))

    def prepare(self, change: wire.ModelChange) -> None:
        """A change to this model follows: it is loaded meanwhile."""
        self._cache.prepare(change)

    def take(self, change: wire.ModelChange) -> tuple[bytes, bytes | None] | None:
        """Obey a record; the entry for the changelog, or None where it is refused and all stays."""
        if not self._put(change):
            return None
        gone = change.use is ModelUse.NO_SHADOW
        return _KEYS[change.use], None if gone else wire.encode(change)

    def _put(self, change: wire.ModelChange) -> bool:
        if change.use is ModelUse.NO_SHADOW:
            self.shadow = None
            return True
        scorer = self._cache.find(change)
        if scorer is None or isinstance(scorer, HaulScorer) is not (change.use is ModelUse.HAUL):
            return False
        if isinstance(scorer, HaulScorer):
            self.haul = scorer
        elif change.use is ModelUse.LIVE:
            self.live = scorer
        else:
            self.shadow = scorer
        return True
