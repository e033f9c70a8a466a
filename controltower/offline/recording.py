"""A recording: a folder with one file of JSON lines per partition, and a manifest that says what it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from controltower.offline.record_lines import decode_record, encode_record
from controltower.streaming.stage import Record

FORMAT = "controltower.recording/1"
MANIFEST = "recording.json"


class RecordingError(Exception):
    """A recording can't be read; the message is one line that names the file and, where known, the line."""


class PartitionNote(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded partition. `first_offset` above 0: the broker had already deleted the beginning."""

    first_offset: int = 0
    records: int = 0


class TopicNote(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded topic; `topic_id` as the broker says, or null where it has none."""

    topic_id: str | None = None
    partitions: dict[int, PartitionNote] = {}


class Manifest(msgspec.Struct, kw_only=True):
    """`complete` is false while the recording is being written, and stays so when that was cut off."""

    format: str = FORMAT
    partitions: int
    complete: bool = False
    topics: dict[str, TopicNote] = {}


def file_of(folder: Path, topic: str, partition: int) -> Path:
    return folder / f"{topic}-{partition}.ndjson"


class RecordingWriter:
    """Use as a context manager: leaving it without an error marks the recording complete."""

    def __init__(self, folder: Path, partitions: int, topic_ids: Mapping[str, str | None]) -> None:
        """Starts a recording in a folder that is empty or absent. Raises RecordingError."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise RecordingError(f"{folder}: is not empty")
        except OSError as failed:
            raise RecordingError(f"{folder}: {failed.strerror}") from None
        self._folder = folder
        self._files: dict[tuple[str, int], BinaryIO] = {}
        self._first: dict[tuple[str, int], int] = {}
        self._counts: dict[tuple[str, int], int] = {}
        self._partitions, self._topic_ids = partitions, dict(topic_ids)
        self._write_manifest(complete=False)

    def begins_at(self, topic: str, partition: int, first_offset: int) -> None:
        """Say where the broker's log begins; without this it begins at 0."""
        self._first[topic, partition] = first_offset

    def append(self, record: Record) -> None:
        place = (record.topic, record.partition)
        file = self._files.get(place)
        if file is None:
            file = self._files[place] = file_of(self._folder, *place).open("wb", buffering=1 << 16)
        file.write(encode_record(record) + b"\n")
        self._counts[place] = self._counts.get(place, 0) + 1

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        self._write_manifest(complete=kind is None)

    def _write_manifest(self, *, complete: bool) -> None:
        topics: dict[str, TopicNote] = {}
        for topic, topic_id in self._topic_ids.items():
            notes = {
                partition: PartitionNote(
                    first_offset=self._first.get((topic, partition), 0),
                    records=self._counts.get((topic, partition), 0),
                )
                for partition in range(self._partitions)
            }
            topics[topic] = TopicNote(topic_id=topic_id, partitions=notes)
        manifest = Manifest(partitions=self._partitions, complete=complete, topics=topics)
        text = json.dumps(msgspec.to_builtins(manifest, str_keys=True), indent=1)
        (self._folder / MANIFEST).write_text(text + "\n")


@dataclass(slots=True, frozen=True)
class Recording:
    """An opened recording."""

    folder: Path
    manifest: Manifest

    @property
    def partitions(self) -> int:
        return self.manifest.partitions

    @property
    def topics(self) -> frozenset[str]:
        return frozenset(self.manifest.topics)

    def first_offset(self, topic: str, partition: int) -> int:
        """Where the broker's log began; 0 is its true beginning."""
        return self.manifest.topics[topic].partitions[partition].first_offset

    def records_of(self, topic: str, partition: int) -> int:
        """How many records of a partition it holds; 0 where it holds none."""
        note = self.manifest.topics.get(topic, TopicNote()).partitions.get(partition, PartitionNote())
        return note.records

    def read(self, topic: str, partition: int) -> Iterator[Record]:
        """The partition in order of offset. Raises RecordingError."""
        path = file_of(self.folder, topic, partition)
        if not path.exists():
            return
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                try:
                    yield decode_record(topic, partition, text)
                except (msgspec.DecodeError, ValueError) as broken:
                    raise RecordingError(f"{path.name}, line {number}: {broken}") from None


def is_recording(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def open_recording(folder: Path) -> Recording:
    """Raises RecordingError, also for a recording that was cut off while it was written."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest, strict=False)
    except OSError as failed:
        raise RecordingError(f"{path}: {failed.strerror}") from None
    except msgspec.DecodeError as broken:
        raise RecordingError(f"{path}: {broken}") from None
    if manifest.format != FORMAT:
        raise RecordingError(f"{path}: is of the format {manifest.format}, not {FORMAT}")
    if not manifest.complete:
        raise RecordingError(f"{path}: the recording was cut off while it was written")
    return Recording(folder, manifest)
