"""Records and positions that last: in one SQLite file, or nowhere."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

_TABLES: Final = """
create table if not exists records (name text primary key, value blob not null);
create table if not exists positions (partition integer primary key, next_offset integer not null);
"""


class Kept:
    """Read whole when opened; what changed is written by `save`, in one transaction."""

    def __init__(self, file: Path | str | None = None) -> None:
        """Raises OSError for a file that can't be used."""
        self.records: dict[str, bytes] = {}
        self.positions: dict[int, int] = {}
        self._changed: set[str] = set()
        self._database: sqlite3.Connection | None = None
        if file is None:
            return
        try:
            self._database = sqlite3.connect(file)
            self._database.executescript(_TABLES)
            self.records = dict(self._database.execute("select name, value from records"))
            self.positions = dict(self._database.execute("select partition, next_offset from positions"))
        except sqlite3.Error as failed:
            raise OSError(f"{file} cannot be used: {failed}") from failed

    def put(self, name: str, value: bytes | None) -> None:
        """None: it is gone."""
        self._changed.add(name)
        if value is None:
            self.records.pop(name, None)
        else:
            self.records[name] = value

    def save(self) -> None:
        """All or nothing, also through kill -9."""
        changed, self._changed = self._changed, set()
        if self._database is None:
            return
        stored = [(name, self.records[name]) for name in changed if name in self.records]
        gone = [(name,) for name in changed if name not in self.records]
        with self._database:
            self._database.executemany("replace into records values (?, ?)", stored)
            self._database.executemany("delete from records where name = ?", gone)
            self._database.executemany("replace into positions values (?, ?)", self.positions.items())
