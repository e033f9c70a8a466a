"""Plans of routes and of line hauls from files: check them, load them into the running system, look at them.

controltower plans check FILE...                 every reason why a plan would be refused
controltower plans load FILE...                  check, and append to the topic plans
controltower plans show FILE --out plan.svg      a picture of stops and path

A file is JSON (one plan or a list), .jsonl or .ndjson (one per line) or .csv (one line per stop, its columns
named as the fields in docs/plans.md). A new version has a higher `version`: stops and parcels that it
leaves out are cancelled, those it adds are added, and vehicle and driver are those it names. Plans of line
hauls (docs/line-haul.md) are JSON or one per line; there is no picture of them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from agents.errors import CommandError
from agents.options import add_brokers, reach_kafka
from agents.publisher import Publisher
from controltower.plans.draw import draw_plan
from controltower.plans.files import PlanRead, read_plans
from controltower.settings import Settings
from controltower.streaming.stage import Out
from schemas.haul import HaulPlan
from schemas.plan import Plan
from schemas.topics import PLANS

HELP = "check, load or draw plans of routes and line hauls"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("check", "load", "show"))
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--zone", metavar="ZONE", help="IANA zone of times that have no offset")
    parser.add_argument("--route", metavar="ID", help="`show` this route (default: the first)")
    parser.add_argument("--out", type=Path, metavar="FILE.svg", help="`show` into this file")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    plans = [read for path in args.files for read in read_plans(path.name, _content(path), args.zone)]
    if args.what == "show":
        return _show(plans, args)
    if args.what == "load" and not any(read.faults for read in plans):
        _load(plans, settings)
    _print(plans, args.what, as_json=args.json)
    return 1 if any(read.faults for read in plans) else 0


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failed:
        raise CommandError(f"{path} cannot be read: {failed.strerror}") from None


def _load(plans: list[PlanRead], settings: Settings) -> None:
    """All or none: nothing is sent while one of the plans has a fault."""
    publisher = Publisher(reach_kafka(settings), settings.security())
    found = [read.plan for read in plans if read.plan]
    publisher.send(
        Out(PLANS, _id_of(plan).encode(), plan.model_dump_json(by_alias=True, exclude_none=True).encode())
        for plan in found
    )
    publisher.flush()


def _id_of(plan: Plan | HaulPlan) -> str:
    """The key of its record: where all its versions meet."""
    return plan.shipment_id if isinstance(plan, HaulPlan) else plan.route_id


def _show(plans: list[PlanRead], args: argparse.Namespace) -> int:
    routes = [read.plan for read in plans if isinstance(read.plan, Plan)]
    found = [plan for plan in routes if args.route in (None, plan.route_id)]
    if not found:
        raise CommandError(
            "there is no such plan among the files", "controltower plans check FILE tells what is wrong"
        )
    picture = draw_plan(found[0])
    if args.out is None:
        print(picture, end="")
    else:
        args.out.write_text(picture, encoding="utf-8")
        print(f"{args.out}: {found[0].route_id}, {len(found[0].stops)} stops")
    return 0


def _print(plans: list[PlanRead], what: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_as_dict(read) for read in plans], indent=1))
        return
    for read in plans:
        if read.plan is not None:
            holds = _describe(read.plan)
            print(f"{read.where}: {_id_of(read.plan)} version {read.plan.version}, {holds}")
        for fault in read.faults:
            print(f"{read.where}: {fault.reason}: {fault.detail}")
    wrong = sum(bool(read.faults) for read in plans)
    done = "loaded" if what == "load" and not wrong else "good"
    print(f"{len(plans) - wrong} plans {done}" + (f", {wrong} refused; nothing is loaded" if wrong else ""))


def _describe(plan: Plan | HaulPlan) -> str:
    if isinstance(plan, HaulPlan):
        return f"{len(plan.inbound)} inbound legs, promised by {plan.promised_by.isoformat()}"
    shipments = sum(len(stop.shipment_ids) for stop in plan.stops)
    return f"{len(plan.stops)} stops, {shipments} shipments"


def _as_dict(read: PlanRead) -> dict[str, object]:
    route = read.plan if isinstance(read.plan, Plan) else None
    haul = read.plan if isinstance(read.plan, HaulPlan) else None
    return {
        "where": read.where,
        "route_id": route.route_id if route else None,
        "shipment_id": haul.shipment_id if haul else None,
        "version": read.plan.version if read.plan else None,
        "stops": len(route.stops) if route else None,
        "promised_by": haul.promised_by.isoformat() if haul else None,
        "faults": [{"reason": fault.reason, "detail": fault.detail} for fault in read.faults],
    }
