"""Rows of a GTFS folder: `<name>.txt` as the standard says, or `<name>.csv`."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

#: A cell longer than this is a broken quote, not a value.
csv.field_size_limit(1 << 20)


class GtfsError(ValueError):
    """A folder can't be read; the message is one line that names file, row and column."""


class Row:
    """One row; every reader of a cell raises GtfsError with file, row and column."""

    __slots__ = ("_cells", "_file", "_number")

    def __init__(self, file: str, number: int, cells: Mapping[str, str]) -> None:
        self._file, self._number, self._cells = file, number, cells

    def find_text(self, column: str) -> str | None:
        """The trimmed cell; None when it is empty or the column is absent."""
        return (self._cells.get(column) or "").strip() or None

    def text(self, column: str) -> str:
        found = self.find_text(column)
        if found is None:
            raise self.error(column, "is empty" if column in self._cells else "is missing")
        return found

    def find_number(self, column: str) -> float | None:
        """A finite number, or None when the cell is empty."""
        text = self.find_text(column)
        if text is None:
            return None
        try:
            number = float(text)
        except ValueError:
            raise self.error(column, f"is no number: {text[:40]!r}") from None
        if not math.isfinite(number):
            raise self.error(column, f"is not finite: {text[:40]!r}")
        return number

    def number(self, column: str, low: float = -math.inf, high: float = math.inf) -> float:
        found = self.find_number(column)
        if found is None:
            raise self.error(column, "is empty" if column in self._cells else "is missing")
        if not low <= found <= high:
            raise self.error(column, f"is outside {low:g} to {high:g}: {found:g}")
        return found

    def whole(self, column: str) -> int:
        """A whole number, also as some exporters write it: `63.0`."""
        found = self.number(column)
        if found != int(found):
            raise self.error(column, f"is no whole number: {found:g}")
        return int(found)

    def error(self, column: str, what: str) -> GtfsError:
        return GtfsError(f"{self._file}, row {self._number}, column {column}: {what}")


def find_table(folder: Path, name: str) -> Path | None:
    """The file of a table, or None when the folder has none."""
    for suffix in (".txt", ".csv"):
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path
    return None


def read_table(folder: Path, name: str, *columns: str) -> Iterator[Row]:
    """All rows of a table that must exist and have `columns`. Row 1 is the header."""
    path = find_table(folder, name)
    if path is None:
        raise GtfsError(f"{folder}: has neither {name}.txt nor {name}.csv")
    yield from _rows(path, columns)


def read_optional_table(folder: Path, name: str, *columns: str) -> Iterator[Row]:
    """As `read_table`; nothing when the folder has no such table."""
    path = find_table(folder, name)
    if path is not None:
        yield from _rows(path, columns)


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    row_number = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True, restval="")
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            for column in columns:
                if column not in reader.fieldnames:
                    raise GtfsError(f"{path.name}, row 1: has no column {column}")
            for cells in reader:
                row_number = reader.line_num
                yield Row(path.name, row_number, cells)
    except UnicodeDecodeError:
        raise GtfsError(f"{path.name}, after row {row_number}: is not UTF-8") from None
    except csv.Error as broken:
        raise GtfsError(f"{path.name}, after row {row_number}: {broken}") from None
    except OSError as unreadable:
        raise GtfsError(f"{path}: {unreadable.strerror}") from None
