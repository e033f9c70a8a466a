"""A plan as a picture: stops in their order, and the path if there is one."""

from __future__ import annotations

import math
from collections.abc import Callable
from xml.sax.saxutils import escape

from controltower import polyline
from schemas.plan import Plan, Stop
from schemas.vocabulary import StopKind

_SIZE_PX = 900
_MARGIN_PX = 40
_COLOURS = {
    StopKind.DEPOT: "#444444",
    StopKind.HUB: "#444444",
    StopKind.PICKUP: "#0a7d3c",
    StopKind.BREAK: "#999999",
}
_DELIVERY = "#1f5fbf"
_Point = tuple[float, float]


def draw_plan(plan: Plan) -> str:
    """An SVG document, north up; without a path a dashed line joins the stops."""
    stops = [(stop.lat, stop.lon) for stop in plan.stops]
    path = polyline.decode(plan.path) if plan.path else []
    place = _fit([*stops, *path])
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, path or stops))
    dashes = "" if path else ' stroke-dasharray="6 5"'
    title = escape(f"{plan.route_id}, version {plan.version}, {len(stops)} stops")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE_PX} {_SIZE_PX}" '
        f'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{_MARGIN_PX}" y="24" font-size="16">{title}</text>',
        f'<polyline points="{line}" fill="none" stroke="#e07b39" stroke-width="2"{dashes}/>',
        *(_draw_stop(stop, *place((stop.lat, stop.lon))) for stop in plan.stops),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _draw_stop(stop: Stop, x: float, y: float) -> str:
    colour = _COLOURS.get(stop.kind, _DELIVERY)
    about = escape(f"{stop.stop_id}, {stop.planned_arrival:%H:%M}Z, {len(stop.shipment_ids)} shipments")
    return (
        f'<g><title>{about}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="{colour}"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" fill="#ffffff" text-anchor="middle">{stop.sequence}</text></g>'
    )


def _fit(points: list[_Point]) -> Callable[[_Point], _Point]:
    """Degrees to pixels, so that all points are in the picture and a metre is as long in each direction."""
    lats, lons = [lat for lat, _ in points], [lon for _, lon in points]
    squeeze = math.cos(math.radians((min(lats) + max(lats)) / 2))
    span = max(max(lats) - min(lats), (max(lons) - min(lons)) * squeeze, 1e-4)
    scale = (_SIZE_PX - 2 * _MARGIN_PX) / span

    def place(point: _Point) -> _Point:
        lat, lon = point
        x = _MARGIN_PX + (lon - min(lons)) * squeeze * scale
        return x, _MARGIN_PX + (max(lats) - lat) * scale

    return place
