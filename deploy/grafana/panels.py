"""What a dashboard is made of, and how Grafana wants it written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SOURCE = {"type": "prometheus", "uid": "prometheus"}
COLUMNS = 24
HEIGHT = 8
STAT_HEIGHT = 4
#: Shown where a query has no result, so that an empty panel is never taken for a zero.
EMPTY = "no value"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `queries` are (PromQL, legend); `unit` is Grafana's name of it; `width` of 24 columns."""

    title: str
    about: str
    queries: tuple[tuple[str, str], ...]
    unit: str
    width: int = 12
    kind: str = "timeseries"
    stacked: bool = False
    #: (value, colour) from which the value is shown in that colour; the first one is the base
    steps: tuple[tuple[float | None, str], ...] = ((None, "green"),)
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of the dashboard: the values that the label `name` of `metric` has."""

    name: str
    label: str
    metric: str


def dashboard(
    uid: str, title: str, about: str, variables: Sequence[Variable], rows: Sequence[Row]
) -> dict[str, Any]:
    """The dashboard in Grafana's own JSON."""
    return {
        "uid": uid,
        "title": title,
        "description": about,
        "tags": ["controltower"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_variable(variable) for variable in variables]},
        "annotations": {"list": [_firing_alerts()]},
        "panels": _panels(rows),
    }


def _panels(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows below each other, panels from left to right."""
    shown: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        shown.append(
            {"id": len(shown) + 1, "type": "row", "title": row.title, "gridPos": place, "panels": []}
        )
        x, y = 0, y + 1
        for panel in row.panels:
            height = STAT_HEIGHT if panel.kind == "stat" else HEIGHT
            if x + panel.width > COLUMNS:
                x, y = 0, y + height
            place = {"x": x, "y": y, "w": panel.width, "h": height}
            shown.append(_panel(panel, len(shown) + 1, place))
            x += panel.width
        y += height
    return shown


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
        "targets": [
            {"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
            for i, (expr, legend) in enumerate(panel.queries)
        ],
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    """Unit, colours and what stands where there is no value."""
    steps = [{"value": value, "color": colour} for value, colour in panel.steps]
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "noValue": EMPTY,
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "fillOpacity": 25 if panel.stacked else 5,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        }
    return defaults


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"}
    return {
        "legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _variable(variable: Variable) -> dict[str, Any]:
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": f"label_values({variable.metric}, {variable.name})", "refId": variable.name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _firing_alerts() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{stage}}{{feed}}{{source}}",
    }
