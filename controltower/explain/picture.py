"""A story as a picture: path and stops, the fixes before, during and after, where it stood or strayed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from controltower import polyline
from controltower.areas.grouping import RADIUS_M
from controltower.explain.story import Sighting, Story, metres_per_degree_lon
from controltower.route.limits import DEFAULT_LIMITS
from controltower.route.path import METRES_PER_DEGREE
from schemas.vocabulary import ExceptionCode as Code

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: So much of the drive before and after is drawn.
AROUND: Final = timedelta(minutes=6)
_MARGIN_M: Final = 300.0
_BEFORE, _DURING, _AFTER = "#8c8c8c", "#d62728", "#1f77b4"

Points = Sequence[tuple[float, float]]


class Frame:
    """Metres east and north of a place: near enough to a map for a picture of some kilometres."""

    def __init__(self, lat: float, lon: float) -> None:
        self._lat, self._lon = lat, lon
        self._east_m = metres_per_degree_lon(lat)

    def place(self, lat: float, lon: float) -> tuple[float, float]:
        return (lon - self._lon) * self._east_m, (lat - self._lat) * METRES_PER_DEGREE


def draw(story: Story, file: Path) -> bool:
    """Write the picture (SVG or PNG, by the name); False where nothing is known to draw.

    Raises OSError when the file can't be written, ValueError for a name that ends otherwise.
    """
    if file.suffix not in (".svg", ".png"):
        raise ValueError(f"{file}: a picture ends with .svg or .png")
    seen = _seen_around(story)
    centre = _centre_of(story, seen)
    if centre is None:
        return False
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.add_subplot()
    frame = Frame(*centre)
    _draw_plan(axes, story, frame)
    drawn = _draw_sightings(axes, story, seen, frame) + _draw_children(axes, story, frame)
    _mark(axes, story, frame, drawn)
    _finish(axes, story, drawn or [(0.0, 0.0)])
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    return True


def _span(story: Story) -> tuple[datetime, datetime]:
    first, last = story.life[0], story.last
    return first.onset_at, last.resolved_at or last.cleared_at or last.updated_at


def _seen_around(story: Story) -> list[Sighting]:
    begins, ends = _span(story)
    return [s for s in story.sightings if begins - AROUND <= s.at <= ends + AROUND]


def _centre_of(story: Story, seen: Sequence[Sighting]) -> tuple[float, float] | None:
    where = story.life[0].location
    if where is not None and where.lat is not None and where.lon is not None:
        return where.lat, where.lon
    return (seen[0].lat, seen[0].lon) if seen else None


def _draw_plan(axes: Axes, story: Story, frame: Frame) -> None:
    if story.plan is None:
        return
    stops = [frame.place(stop.lat, stop.lon) for stop in story.plan.stops]
    path: Points = stops
    if story.plan.path is not None:
        path = [frame.place(*point) for point in polyline.decode(story.plan.path)]
    style = "-" if story.plan.path is not None else ":"
    axes.plot(*_columns(path), style, color="black", linewidth=1, zorder=1, label="planned path")
    axes.plot(*_columns(stops), "s", color="black", markersize=4, zorder=2, label="stops")


def _draw_sightings(
    axes: Axes, story: Story, seen: Sequence[Sighting], frame: Frame
) -> list[tuple[float, float]]:
    begins, ends = _span(story)
    groups = (
        ("fixes before", _BEFORE, [s for s in seen if s.at < begins]),
        ("fixes during", _DURING, [s for s in seen if begins <= s.at <= ends]),
        ("fixes after", _AFTER, [s for s in seen if s.at > ends]),
    )
    for label, colour, sightings in groups:
        points = [frame.place(s.lat, s.lon) for s in sightings]
        axes.plot(*_columns(points), ".-", color=colour, linewidth=0.8, zorder=3, label=label)
    return [frame.place(s.lat, s.lon) for s in seen]


def _draw_children(axes: Axes, story: Story, frame: Frame) -> list[tuple[float, float]]:
    places = [child.location for child in story.children if child.location is not None]
    points = [frame.place(p.lat, p.lon) for p in places if p.lat is not None and p.lon is not None]
    if points:
        axes.plot(*_columns(points), "o", color=_DURING, zorder=3, label="children")
    return points


def _mark(axes: Axes, story: Story, frame: Frame, drawn: Points) -> None:
    """Where it stood, or how far it reached."""
    code, where = story.last.code, story.life[0].location
    radii = {
        Code.LONG_HALT: DEFAULT_LIMITS.standing_radius_m,
        Code.EXCESS_DWELL: DEFAULT_LIMITS.stop_radius_m,
        Code.AREA_DISRUPTION: RADIUS_M,
    }
    if where is None or where.lat is None or where.lon is None:
        return
    centre = frame.place(where.lat, where.lon)
    axes.plot(*centre, "x", color="black", markersize=9, zorder=4, label="told here")
    if code in radii:
        from matplotlib.patches import Circle

        circle = Circle(centre, radii[code], fill=False, color=_DURING, label=f"{radii[code]:.0f} m around")
        axes.add_patch(circle)


def _finish(axes: Axes, story: Story, drawn: Points) -> None:
    first = story.life[0]
    easts, norths = _columns(drawn)
    axes.set_xlim(min(easts) - _MARGIN_M, max(easts) + _MARGIN_M)
    axes.set_ylim(min(norths) - _MARGIN_M, max(norths) + _MARGIN_M)
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlabel("metres east of where it was told")
    axes.set_ylabel("metres north")
    axes.set_title(
        f"{first.code.value}  {first.subject_id}\nfrom {first.onset_at:%Y-%m-%d %H:%M:%S}Z", fontsize=10
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8)


def _columns(points: Points) -> tuple[list[Any], list[Any]]:
    return [x for x, _ in points], [y for _, y in points]
