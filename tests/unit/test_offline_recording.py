"""Recordings: what was written is read, exactly; what is broken is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controltower.offline.record_lines import decode_record, encode_record
from controltower.offline.recording import (
    MANIFEST,
    RecordingError,
    RecordingWriter,
    file_of,
    is_recording,
    open_recording,
)
from controltower.streaming.stage import Record

contents = st.none() | st.binary(max_size=30) | st.text(max_size=20).map(str.encode)
headers = st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=10)), max_size=3).map(tuple)


@given(st.integers(0, 2**60), st.integers(0, 2**42), contents, contents, headers)
def test_any_record_survives(
    offset: int,
    timestamp_ms: int,
    key: bytes | None,
    value: bytes | None,
    found: tuple[tuple[str, bytes], ...],
) -> None:
    """Text or not, empty or absent, with headers of any bytes."""
    record = Record("t", 3, offset, timestamp_ms, key, value, found)
    line = encode_record(record)
    assert b"\n" not in line
    assert decode_record("t", 3, line) == record


def write(folder: Path) -> list[Record]:
    records = [Record("a", 1, offset, 7, b"k", b"\xff", (("h", b"v"),)) for offset in (5, 6, 9)]
    with RecordingWriter(folder, 2, {"a": "id-a", "b": None}) as writer:
        writer.begins_at("a", 1, 5)
        for record in records:
            writer.append(record)
    return records


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Records, counts, topic ids and where the log began."""
    records = write(tmp_path)
    recording = open_recording(tmp_path)
    assert is_recording(tmp_path)
    assert list(recording.read("a", 1)) == records
    assert list(recording.read("b", 0)) == []
    assert recording.first_offset("a", 1) == 5
    assert recording.manifest.topics["a"].topic_id == "id-a"
    assert recording.records_of("a", 1) + recording.records_of("b", 0) == 3
    assert recording.records_of("c", 0) == 0


def test_a_recording_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    """Its end may be missing, so nothing can be judged by it."""
    with pytest.raises(ZeroDivisionError), RecordingWriter(tmp_path, 1, {"a": None}):
        raise ZeroDivisionError
    with pytest.raises(RecordingError, match="cut off"):
        open_recording(tmp_path)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """By file and number."""
    write(tmp_path)
    path = file_of(tmp_path, "a", 1)
    path.write_bytes(path.read_bytes().replace(b'"offset":6', b'"offset":x'))
    with pytest.raises(RecordingError, match=r"a-1.ndjson, line 2: JSON is malformed"):
        list(open_recording(tmp_path).read("a", 1))


def test_foreign_folders_are_refused(tmp_path: Path) -> None:
    """No manifest, a manifest of another format, and a folder that is not empty."""
    with pytest.raises(RecordingError, match="No such file"):
        open_recording(tmp_path)
    (tmp_path / MANIFEST).write_text('{"format": "other/9", "partitions": 1, "complete": true}')
    with pytest.raises(RecordingError, match="other/9"):
        open_recording(tmp_path)
    with pytest.raises(RecordingError, match="is not empty"):
        RecordingWriter(tmp_path, 1, {})
