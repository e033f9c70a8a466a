"""Training rows: what was asked, and what came true. One file per history, or several put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from controltower.risk.features import FEATURE_SET, FEATURES

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Words = NDArray[np.str_]
FORMAT = "controltower.history/2"


class HistoryError(Exception):
    """A history can't be read or made; the message is one line."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class History:
    """n rows of k routes.

    features (n, F): see FEATURES. error_s (n,): arrival minus the ETA of the question, NaN where nobody
    knows. late (n,): 1 the promise was missed, 0 kept, NaN without a promise or outcome. as_of_ms (n,).
    route (n,): index into the arrays of routes. place, stop (n,): indices in the plan of the next stop and
    of the one asked about. route_id, block, carrier (k,): a block is whose rows are never told apart, a
    vehicle's day. leg_route, leg_stop (m,): a leg by its end; leg (m,): between which stops;
    leg_gain_s (m,): slip gained on it; leg_ends_ms (m,): when that was known.
    """

    source: str
    features: Floats
    error_s: Floats
    late: Floats
    as_of_ms: Whole
    route: Whole
    place: Whole
    stop: Whole
    route_id: Words
    block: Words
    carrier: Words
    leg_route: Whole
    leg_stop: Whole
    leg: Words
    leg_gain_s: Floats
    leg_ends_ms: Whole

    def __len__(self) -> int:
        return len(self.late)

    def column(self, name: str) -> Floats:
        """A feature by its name, shape (n,)."""
        return self.features[:, _INDEX[name]]

    def blocks(self) -> Words:
        """The block of each row."""
        return self.block[self.route]

    def of_rows(self, chosen: NDArray[np.bool_]) -> History:
        """The same with these rows only; routes and legs stay."""
        return _replace(self, **{name: getattr(self, name)[chosen] for name in _PER_ROW})

    def of_routes(self, chosen: NDArray[np.bool_]) -> History:
        """Rows and legs of these routes only; their indices stay."""
        legs = chosen[self.leg_route]
        kept = self.of_rows(chosen[self.route])
        return _replace(kept, **{name: getattr(self, name)[legs] for name in _PER_LEG})

    def save(self, path: Path) -> None:
        """Write one compressed file. Raises HistoryError."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                np.savez_compressed(file, format=FORMAT, feature_set=FEATURE_SET, **_arrays(self))  # type: ignore[arg-type]
        except OSError as failed:
            raise HistoryError(f"{path}: {failed.strerror}") from None


_INDEX = {name: index for index, (name, _) in enumerate(FEATURES)}
_PER_ROW = ("features", "error_s", "late", "as_of_ms", "route", "place", "stop")
_PER_ROUTE = ("route_id", "block", "carrier")
_PER_LEG = ("leg_route", "leg_stop", "leg", "leg_gain_s", "leg_ends_ms")


def _arrays(history: History) -> dict[str, NDArray[np.generic]]:
    return {f.name: np.asarray(getattr(history, f.name)) for f in fields(history)}


def _replace(history: History, **changes: NDArray[np.generic]) -> History:
    return History(**{**{f.name: getattr(history, f.name) for f in fields(history)}, **changes})


def load_history(path: Path) -> History:
    """Raises HistoryError where it is none, or of other features."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            form, feature_set = str(stored["format"]), str(stored["feature_set"])
            if form != FORMAT or feature_set != FEATURE_SET:
                raise HistoryError(
                    f"{path}: is {form} with features {feature_set}, not {FORMAT} with {FEATURE_SET}",
                    "build it anew: controltower history build",
                )
            arrays = {f.name: stored[f.name] for f in fields(History)}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as wrong:
        raise HistoryError(f"{path}: is no history ({type(wrong).__name__})") from None
    return History(**{**arrays, "source": str(arrays["source"])})


def join(histories: Iterable[History]) -> History:
    """One history of several; their routes stay apart."""
    parts = list(histories)
    starts = np.cumsum([0, *(len(part.route_id) for part in parts)])
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in (*_PER_ROW, *_PER_ROUTE, *_PER_LEG)
    }
    for name in ("route", "leg_route"):
        joined[name] = np.concatenate(
            [getattr(part, name) + start for part, start in zip(parts, starts, strict=False)]
        )
    return History(source=" + ".join(dict.fromkeys(part.source for part in parts)), **joined)
