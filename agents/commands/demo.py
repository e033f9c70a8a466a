"""`controltower demo`: an afternoon of a simulated city through the real stages, on nothing but Python."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from agents.errors import CommandError
from controltower.settings import Settings

HELP = "watch an afternoon of a simulated city; needs no Kafka, no Redis, no Docker"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--seed", type=int, default=1, help="which city and day (default: %(default)s)")
    parser.add_argument("--vans", type=int, default=42, help="default: %(default)s")
    parser.add_argument("--parcels", type=int, default=2100, help="default: %(default)s")
    parser.add_argument("--hours", type=float, default=4.0, help="of the city (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=70.0, help="how long the day takes to stream (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, help="new folder for all records (default: demo-out/<time>)")
    parser.add_argument("--plain", action="store_true", help="lines instead of the live view")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """0 where the accounting adds up, else 1. Raises CommandError."""
    from agents.demo.run import Demo, Options  # broker and servers: --help needs none of them

    _refuse_wrong(args)
    folder = args.out or Path("demo-out") / f"{datetime.now():%Y%m%d-%H%M%S}"
    options = Options(args.seed, args.vans, args.parcels, args.hours, args.seconds, folder, args.plain)
    return Demo(options).run()


def _refuse_wrong(args: argparse.Namespace) -> None:
    if args.vans < 1 or args.parcels < args.vans:
        raise CommandError("--vans and --parcels: at least one van, and a parcel for each")
    if not 5 <= args.seconds <= 3600:
        raise CommandError("--seconds: between 5 and 3600")
    if not 1 <= args.hours <= 12:
        raise CommandError("--hours: between 1 and 12")
    if args.out is not None and args.out.exists() and any(args.out.iterdir()):
        raise CommandError(f"--out: {args.out} is not empty")
