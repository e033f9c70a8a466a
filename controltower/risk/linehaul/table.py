"""Milestone tables: per shipment planned and effective minutes of each step of up to three inbound legs and
one outbound leg, as of Cargo iQ (RCS received, DEP departed, RCF received from flight, DLV delivered).

Column `i1_rcs_p` is inbound leg 1, step RCS, planned; `_e` effective. A 0 is a missing value. A shipment is
late where its longest inbound leg and its outbound leg together took longer than planned.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controltower.risk.history import HistoryError

Floats = NDArray[np.float64]
INBOUND = ("i1", "i2", "i3")
OUTBOUND = "o"
LEGS = (*INBOUND, OUTBOUND)
#: In the order in which they happen; up to three flights.
STEPS = ("rcs", "dep_1", "rcf_1", "dep_2", "rcf_2", "dep_3", "rcf_3", "dlv")
_REQUIRED = tuple(f"{leg}_{step}_{kind}" for leg in LEGS for step in STEPS for kind in ("p", "e"))


@dataclass(frozen=True, slots=True)
class Milestones:
    """n shipments in the order of their file. planned, effective: (n, 4 legs, 8 steps), minutes, NaN where
    missing; hops: (n, 4), NaN where the leg has none; waiting: (n, 4), minutes since the last known step of a
    leg that is under way, NaN where none is or the table is about what is over."""

    planned: Floats
    effective: Floats
    hops: Floats
    waiting: Floats

    def __len__(self) -> int:
        return len(self.planned)

    def of_rows(self, rows: slice | NDArray[np.int64]) -> Milestones:
        """Some of the shipments."""
        return Milestones(self.planned[rows], self.effective[rows], self.hops[rows], self.waiting[rows])

    def late(self) -> Floats:
        """1 where the promise was missed, shape (n,)."""
        return (total(self.effective) > total(self.planned)).astype(np.float64)


def total(minutes: Floats) -> Floats:
    """The longest inbound leg and the outbound leg, shape (n,); steps that are missing take no time."""
    legs = np.nansum(minutes, axis=2)
    return np.asarray(legs[:, :-1].max(axis=1) + legs[:, -1])


def is_milestone_folder(folder: Path) -> bool:
    """True where some table of the folder has the columns."""
    return any(_has_columns(path) for path in sorted(folder.glob("*.csv")))


def read_milestones(folder: Path) -> Milestones:
    """All tables of a folder, in order of name. Raises HistoryError."""
    parts = [_read(path) for path in sorted(folder.glob("*.csv")) if _has_columns(path)]
    if not parts:
        raise HistoryError(f"{folder}: holds no milestone table", "a CSV with columns such as i1_rcs_p")
    names = ("planned", "effective", "hops", "waiting")
    return Milestones(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _has_columns(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return set(_REQUIRED) <= set(next(csv.reader(file), []))
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def _read(path: Path) -> Milestones:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {name: _column(path, rows, name) for name in _REQUIRED}
    hops = [_column(path, rows, f"{leg}_hops") for leg in LEGS]
    planned, effective = (
        np.stack([[columns[f"{leg}_{step}_{kind}"] for step in STEPS] for leg in LEGS], axis=0)
        for kind in ("p", "e")
    )
    waiting = np.full((len(rows), len(LEGS)), np.nan)
    return Milestones(
        np.moveaxis(planned, 2, 0), np.moveaxis(effective, 2, 0), np.column_stack(hops), waiting
    )


def _column(path: Path, rows: list[dict[str, str]], name: str) -> Floats:
    values = np.full(len(rows), np.nan)
    for number, row in enumerate(rows):
        text = (row.get(name) or "").strip()
        if text in ("", "?", "0"):
            continue
        try:
            values[number] = float(text)
        except ValueError:
            raise HistoryError(f"{path.name}, row {number + 2}, column {name}: is no number") from None
    return values
