"""The kinds of panels that the dashboards are made of, on Grafana's own builders.

Aggregates come from Prometheus; tables, the map and timelines of single routes from the read API, through the
Infinity data source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    geomap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid="prometheus")
READ_API = models.DataSourceRef(type_val="yesoreyeram-infinity-datasource", uid="read-api")
#: Shown where a query has no result, so that an empty panel is never taken for a zero.
EMPTY = "no value"
Query = tuple[str, str]
Step = tuple[float | None, str]
CALM: tuple[Step, ...] = ((None, "green"),)


class ReadApi:
    """A query of the read API: a URL below /v1/ and the fields to show of each item, with their headings."""

    def __init__(self, path: str, columns: Sequence[tuple[str, str, str]]) -> None:
        self._path = path
        self._columns = columns

    def build(self) -> ReadApiQuery:
        return ReadApiQuery(self._path, self._columns)


class ReadApiQuery(Dataquery):
    """As the Infinity data source stores it, parsed by its backend so that the server asks, not the browser."""

    def __init__(self, path: str, columns: Sequence[tuple[str, str, str]]) -> None:
        self.path = path
        self.columns = columns

    def to_json(self) -> dict[str, Any]:
        return {
            "refId": "A",
            "datasource": READ_API,
            "type": "json",
            "source": "url",
            "format": "table",
            "parser": "backend",
            "url": f"/v1/{self.path}",
            "url_options": {"method": "GET", "data": ""},
            "root_selector": "items",
            "columns": [
                {"selector": selector, "text": text, "type": kind} for selector, text, kind in self.columns
            ],
        }


def _steps(steps: Sequence[Step]) -> dash.ThresholdsConfig:
    made = [models.Threshold(value=value, color=colour) for value, colour in steps]
    return dash.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


def _ask(panel: Any, queries: Sequence[Query], *, instant: bool = False) -> Any:
    for place, (expr, legend) in enumerate(queries):
        query = prometheus.Dataquery().ref_id(chr(ord("A") + place)).expr(expr).legend_format(legend)
        panel = panel.with_target((query.instant() if instant else query.range()).datasource(PROMETHEUS))
    return panel.datasource(PROMETHEUS)


def _frame(panel: Any, title: str, about: str, unit: str, width: int, height: int) -> Any:
    return panel.title(title).description(about).unit(unit).no_value(EMPTY).span(width).height(height)


def number(
    title: str, about: str, expr: str, unit: str = "none", steps: Sequence[Step] = CALM, decimals: int = 0
) -> Any:
    """One number, coloured from its thresholds, with the way it came."""
    panel = _frame(stat.Panel(), title, about, unit, 4, 4).thresholds(_steps(steps)).decimals(decimals)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.color_mode(common_models.BigValueColorMode.VALUE)
    return _ask(panel.graph_mode(common_models.BigValueGraphMode.AREA), [(expr, title.lower())])


def graph(
    title: str,
    about: str,
    queries: Sequence[Query],
    unit: str = "none",
    *,
    stacked: bool = False,
    steps: Sequence[Step] = (),
    width: int = 12,
) -> Any:
    """Lines over time; stacked ones add up to a whole. Steps become lines of threshold."""
    panel = _frame(timeseries.Panel(), title, about, unit, width, 8)
    mode = common_models.StackingMode.NORMAL if stacked else common_models.StackingMode.NONE
    panel = panel.stacking(common.StackingConfig().mode(mode).group("A"))
    panel = panel.fill_opacity(25 if stacked else 5).axis_soft_min(0)
    if steps:
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds(_steps(steps)).thresholds_style(style)
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.TABLE)
    legend = legend.placement(common_models.LegendPlacement.RIGHT).calcs(["lastNotNull", "max"])
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    return _ask(panel.legend(legend).tooltip(tooltip), queries)


def bars(title: str, about: str, expr: str, legend: str, unit: str = "none", width: int = 8) -> Any:
    """One bar per series, as it is now."""
    panel = _frame(bargauge.Panel(), title, about, unit, width, 8).thresholds(_steps(CALM))
    panel = panel.orientation(common_models.VizOrientation.HORIZONTAL).min(0)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    return _ask(panel, [(expr, legend)], instant=True)


def listing(
    title: str, about: str, path: str, columns: Sequence[tuple[str, str, str]], width: int = 24
) -> Any:
    """A table of items of the read API. columns: field, heading, type (string, number, timestamp)."""
    panel = _frame(table.Panel(), title, about, "none", width, 10).datasource(READ_API)
    return panel.with_target(ReadApi(path, columns))


def world(title: str, about: str, path: str, columns: Sequence[tuple[str, str, str]]) -> Any:
    """A map with a marker per item that has the fields lat and lon."""
    place = common.FrameGeometrySource().mode(common_models.FrameGeometrySourceMode.COORDS)
    place = place.latitude("lat").longitude("lon")
    layer = common.MapLayerOptions().type("markers").name(title).location(place).tooltip(True)
    layer = layer.config({"showLegend": False})
    panel = _frame(geomap.Panel(), title, about, "none", 24, 14).datasource(READ_API)
    return panel.layers([layer]).with_target(ReadApi(path, columns))


def states(title: str, about: str, path: str, columns: Sequence[tuple[str, str, str]]) -> Any:
    """Which state something was in, over time."""
    panel = _frame(statetimeline.Panel(), title, about, "none", 24, 6).datasource(READ_API)
    return panel.merge_values(True).with_target(ReadApi(path, columns))


def choice(name: str, label: str, metric: str) -> dash.QueryVariable:
    """A choice at the top of a dashboard: the values that the label `name` of `metric` has."""
    query = {"query": f"label_values({metric}, {name})", "refId": name}
    variable = dash.QueryVariable(name).label(label).query(query).datasource(PROMETHEUS)
    variable = variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    variable = variable.sort(models.VariableSort.ALPHABETICAL_ASC)
    return variable.multi(True).include_all(True).all_value(".*")


def text_choice(name: str, label: str, value: str) -> dash.TextBoxVariable:
    """A free text at the top of a dashboard."""
    return dash.TextBoxVariable(name).label(label).default_value(value)


def board(
    uid: str, title: str, about: str, variables: Sequence[Any], rows: Sequence[Any]
) -> models.Dashboard:
    """A dashboard with alerts, restarts, deployments and model swaps marked on its graphs.

    rows: (heading, panels) each.
    """
    made = dash.Dashboard(title).uid(uid).description(about).tags(["controltower"]).readonly()
    made = made.refresh("10s").time("now-1h", "now").timezone("browser")
    made = made.tooltip(models.DashboardCursorSync.CROSSHAIR)
    for variable in variables:
        made = made.with_variable(variable)
    for name, expr, colour in _ANNOTATIONS:
        marks = dash.AnnotationQuery().name(name).datasource(PROMETHEUS).enable(True)
        made = made.annotation(marks.icon_color(colour).expr(expr))
    links = dash.DashboardLink("Control tower").type(models.DashboardLinkType.DASHBOARDS)
    made = made.link(links.tags(["controltower"]).as_dropdown(True).keep_time(True))
    for heading, panels in rows:
        made = made.with_row(dash.Row(heading))
        for panel in panels:
            made = made.with_panel(panel)
    return made.build()


#: name, query, colour
_ANNOTATIONS = (
    ("Alerts", 'ALERTS{alertstate="firing"}', "red"),
    ("Restarts", "changes(controltower_stream_ready_bool[1m]) > 0", "blue"),
    (
        "Deployments",
        "group by (version) (controltower_stream_version_bool) "
        "unless group by (version) (controltower_stream_version_bool offset 1m)",
        "purple",
    ),
    (
        "Model swaps",
        "group by (model) (rate(controltower_score_answers_total[5m]) > 0) "
        "unless group by (model) (rate(controltower_score_answers_total[5m] offset 1m) > 0)",
        "yellow",
    ),
)
