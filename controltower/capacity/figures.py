"""The measured figures that a capacity estimate stands on, each with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("measured.json")


class Figure(msgspec.Struct, frozen=True):
    """A value, its unit, and the command or the source that it comes from."""

    value: float
    unit: str
    origin: str


class Figures(msgspec.Struct):
    """`machine` says on what the CPU figures were measured."""

    machine: str
    figures: dict[str, Figure]

    def __getitem__(self, name: str) -> float:
        return self.figures[name].value

    def total(self, prefix: str) -> float:
        """The sum of all figures whose names begin so."""
        return sum(figure.value for name, figure in self.figures.items() if name.startswith(prefix))


def load_figures(file: Path = FILE) -> Figures:
    return msgspec.json.decode(file.read_bytes(), type=Figures)


def save_figures(new: Mapping[str, Figure], machine: str | None = None, file: Path = FILE) -> None:
    """Put figures in the place of those with the same names."""
    known = load_figures(file)
    merged = Figures(machine or known.machine, dict(sorted((known.figures | dict(new)).items())))
    file.write_bytes(msgspec.json.format(msgspec.json.encode(merged), indent=1) + b"\n")
