"""Payload bytes to a value that paths go through, by the format that the mapping names."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from controltower.feeds.epcis import decode_epcis
from controltower.feeds.gtfs_realtime import decode_gtfs_realtime
from controltower.feeds.payload import check_size, decode_payload, decode_text
from controltower.feeds.rejection import Rejected
from controltower.feeds.xml_payload import decode_xml
from schemas.vocabulary import RejectReason

Decode = Callable[[bytes | None], Any]
Format = Literal["json", "ndjson", "xml", "csv", "gtfs-realtime", "epcis"]
#: How bytes are text where they are not UTF-8. XML says so itself in its first line.
Encoding = Literal["utf-8", "iso-8859-1", "iso-8859-15", "windows-1250", "windows-1252", "utf-16"]
#: Formats whose values are all text, so that numbers are read from text.
TEXT_FORMATS = ("xml", "csv")
#: Formats whose payload is a list; its members are the events unless the mapping says otherwise.
LIST_FORMATS = ("ndjson", "csv")


class CsvSpec(BaseModel):
    """How a CSV file is written; `columns` names them where the file has no header line."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    columns: tuple[str, ...] | None = Field(default=None, min_length=1)


def find_decode(name: Format, csv_spec: CsvSpec, encoding: Encoding = "utf-8") -> Decode:
    """The decoder of a format; it raises Rejected and nothing else."""
    decode: Decode = (lambda value: decode_csv(value, csv_spec)) if name == "csv" else _DECODERS[name]
    return decode if encoding == "utf-8" else lambda value: decode(_in_utf8(value, encoding))


def _in_utf8(value: bytes | None, encoding: str) -> bytes:
    content = check_size(value)
    try:
        return content.decode(encoding).encode()
    except UnicodeError:
        raise Rejected(RejectReason.NOT_PARSABLE, f"the value is not {encoding}") from None


def decode_ndjson(value: bytes | None) -> list[Any]:
    """One JSON value per line; empty lines are left out."""
    content = check_size(value)
    rows = []
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            try:
                rows.append(decode_payload(line))
            except Rejected as rejected:
                raise rejected.within(f"line {number}") from None
    return rows


def decode_csv(value: bytes | None, spec: CsvSpec) -> list[dict[str, str]]:
    """One row per line as a dict of text; a row with more values than columns is refused."""
    text = decode_text(check_size(value)).removeprefix("\ufeff")
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=spec.delimiter, quotechar=spec.quote, strict=True
    )
    rows: list[dict[str, str]] = []
    try:
        columns = list(spec.columns) if spec.columns else [name.strip() for name in next(reader, [])]
        for row in reader:
            if len(row) > len(columns):
                raise Rejected(
                    RejectReason.WRONG_TYPE, f"line {reader.line_num} has more values than columns"
                )
            if any(row):
                rows.append(dict(zip(columns, (cell.strip() for cell in row), strict=False)))
    except csv.Error:
        raise Rejected(RejectReason.NOT_PARSABLE, f"line {reader.line_num} is not CSV") from None
    return rows


_DECODERS: dict[str, Decode] = {
    "json": decode_payload,
    "ndjson": decode_ndjson,
    "xml": decode_xml,
    "gtfs-realtime": decode_gtfs_realtime,
    "epcis": decode_epcis,
}
