"""The model card, as Markdown and as HTML: what it is, how good beside the baselines, what it is not for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader

from controltower.risk.judging import Judgement
from controltower.risk.manifest import Manifest
from controltower.risk.plots import PLOTS, draw_plots
from controltower.risk.training import Trained

CARD_MD: Final = "card.md"
CARD_HTML: Final = "card.html"
_TEMPLATES = Path(__file__).parent / "templates"
_SOURCES = {
    "simulated": "days of the simulated city (see docs/simulated-city.md): it has never seen a real vehicle",
    "gtfs": "a GTFS folder with recorded positions",
    "recorded topics": "recorded topics of this installation",
}
NOT_FOR: Final = (
    "routes longer than, or hours other than, what it was trained on: look at the ranges above",
    "weather, strikes and road closures: it knows only what the vehicle itself shows",
    "the reason of a delay: contributions say what the model looked at, not what caused it",
    "judging drivers: pace and dwell are those of a route on a day, with its traffic and its doors",
    "stops further ahead than an hour where the history has none: there the schedule is as good",
)


def write_card(folder: Path, manifest: Manifest, trained: Trained, judgement: Judgement) -> None:
    """Write card.md, card.html and the plots beside the model. Raises OSError."""
    draw_plots(folder, trained)
    facts = {
        "manifest": manifest,
        "source": _SOURCES.get(manifest.training.source, manifest.training.source),
        "judgement": judgement,
        "measures": list(judgement.held_out["model"]),
        "plots": PLOTS,
        "not_for": NOT_FOR,
    }
    for name, escaped in ((CARD_MD, False), (CARD_HTML, True)):
        loader = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=escaped, trim_blocks=True)
        (folder / name).write_text(loader.get_template(f"{name}.j2").render(facts).rstrip() + "\n")
