"""Compare what the stages wrote with an offline replay of the same logs.

Every input record must be accounted for; exceptions, actions and final states must be equal but for
published_at. Prints the first difference of each check; exits 1 when there is one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from agents.app import build_offline_stages
from agents.options import add_brokers, reach_kafka
from agents.progress import ProgressShown
from controltower.offline.broker import BrokerError
from controltower.offline.evidence import Evidence
from controltower.offline.evidence_broker import BrokerEvidence
from controltower.offline.evidence_recording import RecordingEvidence
from controltower.offline.recording import open_recording
from controltower.offline.verify.verify import Verification
from controltower.settings import Settings
from controltower.streaming.stage import StageSpec

HELP = "compare live with the offline replay of the same logs"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recording", type=Path, metavar="DIR", help="judge a recording instead of the broker"
    )
    parser.add_argument(
        "--wait", type=float, default=30.0, metavar="S", help="time for the stages to read all (%(default)s)"
    )
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    stages = build_offline_stages(settings, lambda: 0)
    if args.recording is not None:
        return _judge(RecordingEvidence(open_recording(args.recording)), stages)
    evidence = BrokerEvidence(reach_kafka(settings), settings.security(), stages)
    try:
        behind = _gather(evidence, args.wait)
        if behind:
            raise BrokerError(f"after {args.wait:g} s the stages still have {behind:,} records to read")
        return _judge(evidence, stages)
    finally:
        evidence.close()


def _gather(evidence: BrokerEvidence, wait_s: float) -> int:
    with ProgressShown("reading", "records", None) as progress:

        def show(read: int, ahead: int, behind: int) -> None:
            progress.set(read, read + ahead, f"(the stages owe {behind:,})" if behind else "")

        return evidence.gather(wait_s, show)


def _judge(evidence: Evidence, stages: list[StageSpec]) -> int:
    differences = 0
    for check in Verification(evidence, stages).run():
        verdict = "equal" if check.difference is None else "DIFFERENT"
        print(f"{verdict:<9} {check.name}: {check.compared:,} {check.of_what}", flush=True)
        if check.difference is not None:
            differences += 1
            print(f"          {check.difference}", flush=True)
    print("live equals its replay" if not differences else f"{differences} checks found a difference")
    return 1 if differences else 0
