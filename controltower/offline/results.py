"""What a replay leaves behind: the published records, one JSON object a line, in order."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS, SHIPMENT_STATUS

FILES = {
    EXCEPTIONS: "exceptions.jsonl",
    DISPATCH: "actions.jsonl",
    ROUTE_STATUS: "route-status.jsonl",
    SHIPMENT_STATUS: "shipment-status.jsonl",
}


class Published(Protocol):
    """A record that was, or would be, published."""

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class ResultFiles:
    """Use as a context manager. The files appear under their names once they are whole."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError when the folder can't be written."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files: dict[str, BinaryIO] = {
            topic: (folder / f"{name}.part").open("wb") for topic, name in FILES.items()
        }

    def take(self, record: Published) -> None:
        """Write the record if its topic has a file; tombstones are no records."""
        file = self._files.get(record.topic)
        if file is not None and record.value is not None:
            file.write(record.value + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for topic, file in self._files.items():
            file.close()
            part = self._folder / f"{FILES[topic]}.part"
            if kind is None:
                part.replace(self._folder / FILES[topic])
            else:
                part.unlink()
