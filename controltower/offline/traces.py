"""Traces of positions in a CSV file, with hand-made labels where it has them."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from controltower.detect.trace import Point
from controltower.gtfs.tables import GtfsError, Row
from controltower.route.path import Frame

#: What a column may be called, the first that is there counts.
_TRACE = ("id", "trace", "trace_id", "trajectory", "trip_id", "vehicle_id")
_TIME = ("t", "time", "timestamp")
_X, _Y = ("x", "x_m"), ("y", "y_m")
_LAT, _LON = ("lat", "latitude"), ("lon", "lng", "longitude")
_LABEL = ("label", "groundtruth", "motion")
_PARKED = frozenset({"parked", "onfoot", "stopped", "still", "1", "true"})
_MOVING = frozenset({"moving", "driving", "0", "false"})
_LATEST_S = 32_503_680_000.0  # the year 3000


@dataclass(slots=True)
class Trace:
    """The points of one trace in order of time, each with the row it stands in.

    parked: what the label says, None where there is none. times: as the file writes them.
    """

    trace_id: str
    points: list[Point] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    parked: list[bool | None] = field(default_factory=list)


def read_traces(path: Path) -> list[Trace]:
    """All traces of a CSV file in order of first appearance. Raises GtfsError with row and column.

    Columns: `t` (epoch seconds or ISO 8601), `x` and `y` in metres or `lat` and `lon` in degrees; an id
    where there are several traces; a label (parked or OnFoot, moving or Driving) where there is one.
    """
    traces: dict[str, Trace] = {}
    frames: dict[str, Frame] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            columns = _find_columns(path, [name.strip() for name in reader.fieldnames or ()])
            for cells in reader:
                row = Row(path.name, reader.line_num, cells)
                trace_id = row.text(columns["trace"]) if "trace" in columns else ""
                trace = traces.setdefault(trace_id, Trace(trace_id))
                _take(trace, row, reader.line_num, columns, frames)
    except OSError as failed:
        raise GtfsError(f"{path}: {failed.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as broken:
        raise GtfsError(f"{path.name}: is no CSV in UTF-8: {broken}") from None
    return [_in_order(trace) for trace in traces.values()]


def _find_columns(path: Path, names: list[str]) -> dict[str, str]:
    wanted = {"trace": _TRACE, "t": _TIME, "x": _X, "y": _Y, "lat": _LAT, "lon": _LON, "label": _LABEL}
    found = {
        what: next(name for name in known if name in names)
        for what, known in wanted.items()
        if any(name in names for name in known)
    }
    flat, round_ = {"x", "y"} <= found.keys(), {"lat", "lon"} <= found.keys()
    if "t" not in found or not (flat or round_):
        raise GtfsError(f"{path.name}, row 1: needs the columns t and x, y (metres) or lat, lon (degrees)")
    return found


def _take(trace: Trace, row: Row, number: int, columns: Mapping[str, str], frames: dict[str, Frame]) -> None:
    if "x" in columns and "y" in columns:
        x, y = row.number(columns["x"]), row.number(columns["y"])
    else:
        lat, lon = row.number(columns["lat"], -90, 90), row.number(columns["lon"], -180, 180)
        x, y = frames.setdefault(trace.trace_id, Frame.at(lat, lon)).to_xy(lat, lon)
    trace.points.append(Point(_ms(row, columns["t"]), x, y))
    trace.rows.append(number)
    trace.times.append(row.text(columns["t"]))
    trace.parked.append(_label(row, columns["label"]) if "label" in columns else None)


def _ms(row: Row, column: str) -> int:
    text = row.text(column)
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = datetime.fromisoformat(text.partition(".")[0].replace("Z", "+00:00"))
        except ValueError:
            raise row.error(column, f"is neither seconds nor ISO 8601: {text[:40]!r}") from None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        fraction = text.partition(".")[2].rstrip("Z").partition("+")[0]
        seconds = at.timestamp() + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)
    if not math.isfinite(seconds) or abs(seconds) > _LATEST_S:
        raise row.error(column, f"is no time: {text[:40]!r}")
    return round(seconds * 1000)


def _label(row: Row, column: str) -> bool | None:
    text = (row.find_text(column) or "").lower()
    if not text:
        return None
    if text in _PARKED or text in _MOVING:
        return text in _PARKED
    raise row.error(column, f"is neither parked (OnFoot) nor moving (Driving): {text[:40]!r}")


def _in_order(trace: Trace) -> Trace:
    order = sorted(range(len(trace.points)), key=lambda i: trace.points[i].at_ms)
    return Trace(
        trace.trace_id,
        [trace.points[i] for i in order],
        [trace.rows[i] for i in order],
        [trace.times[i] for i in order],
        [trace.parked[i] for i in order],
    )
