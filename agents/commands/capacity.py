"""How many partitions, processes, brokers and how much memory a day needs, with the arithmetic.

Stands on measured figures (`--figures` lists them with their origin) and needs no Kafka. docs/capacity.md
says what the answer means and what to do where one cluster no longer suffices.
"""

from __future__ import annotations

import argparse

from agents.errors import CommandError
from controltower.capacity.estimate import Demand, explain
from controltower.capacity.figures import Figures, load_figures
from controltower.settings import Settings

HELP = "partitions, processes, brokers and memory for a given day"

#: option, default, what it is
_NUMBERS = (
    ("--vehicles", 1_000, int, "vehicles on the road at once (%(default)s)"),
    ("--ping-interval", 30.0, float, "seconds between two positions of a vehicle (%(default)s)"),
    ("--parcels", 100_000, int, "parcels a day (%(default)s)"),
    ("--carriers", 5, int, "carriers, each with a feed (%(default)s)"),
    ("--scans-per-parcel", 10.0, float, "scans in the life of a parcel (%(default)s)"),
    ("--hours", 10.0, float, "hours on the road (%(default)s)"),
    ("--peak", 2.0, float, "scans in the busiest hour against the average one (%(default)s)"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    for option, default, kind, text in _NUMBERS:
        parser.add_argument(option, type=kind, default=default, metavar="N", help=text)
    parser.add_argument("--figures", action="store_true", help="list the measured figures and their origin")


def run(args: argparse.Namespace, settings: Settings) -> int:
    figures = load_figures()
    if args.figures:
        _list(figures)
        return 0
    demand = _demand(args)
    for line in explain(demand, figures):
        print(f"{line.what:<24} {line.amount:>14}   {line.because}")
    print(f"CPU figures: {figures.machine}")
    return 0


def _demand(args: argparse.Namespace) -> Demand:
    least = {"vehicles": 0, "parcels": 0, "carriers": 1}
    for name, lowest in least.items():
        if getattr(args, name) < lowest:
            raise CommandError(f"--{name}: {getattr(args, name)} is less than {lowest}")
    for name in ("ping_interval", "hours", "peak", "scans_per_parcel"):
        if not 0 < getattr(args, name) < 1e6:
            raise CommandError(
                f"--{name.replace('_', '-')}: {getattr(args, name):g} is not between 0 and 1e6"
            )
    return Demand(
        vehicles=args.vehicles,
        ping_interval_s=args.ping_interval,
        parcels=args.parcels,
        carriers=args.carriers,
        hours=args.hours,
        peak=args.peak,
        scans_per_parcel=args.scans_per_parcel,
    )


def _list(figures: Figures) -> None:
    for name, figure in figures.figures.items():
        print(f"{name:<55} {figure.value:>12,.1f} {figure.unit:<12} {figure.origin}")
