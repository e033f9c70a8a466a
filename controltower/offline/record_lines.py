"""A record as one line of JSON: readable where it is text, exact where it is not."""

from __future__ import annotations

import base64

import msgspec

from controltower.streaming.stage import Headers, Record


class Line(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A record. Bytes that are UTF-8 stand as text, others as base64; a header is [name, text, base64]."""

    offset: int
    timestamp_ms: int
    key: str | None = None
    key_base64: str | None = None
    value: str | None = None
    value_base64: str | None = None
    headers: list[tuple[str, str | None, str | None]] = []


_encode_line = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(Line).decode


def encode_record(record: Record) -> bytes:
    """One line, without its end."""
    key, key_base64 = _as_text(record.key)
    value, value_base64 = _as_text(record.value)
    return _encode_line(
        Line(
            offset=record.offset,
            timestamp_ms=record.timestamp_ms,
            key=key,
            key_base64=key_base64,
            value=value,
            value_base64=value_base64,
            headers=[(name, *_as_text(content)) for name, content in record.headers],
        )
    )


def decode_record(topic: str, partition: int, text: bytes) -> Record:
    """The inverse of `encode_record`. Raises msgspec.DecodeError or ValueError."""
    line = _decode_line(text)
    headers: Headers = tuple(
        (name, _as_bytes(content, coded) or b"") for name, content, coded in line.headers
    )
    key, value = _as_bytes(line.key, line.key_base64), _as_bytes(line.value, line.value_base64)
    return Record(topic, partition, line.offset, line.timestamp_ms, key, value, headers)


def _as_text(content: bytes | None) -> tuple[str | None, str | None]:
    if content is None:
        return None, None
    try:
        return content.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(content).decode()


def _as_bytes(text: str | None, coded: str | None) -> bytes | None:
    if coded is not None:
        return base64.b64decode(coded, validate=True)
    return None if text is None else text.encode()
