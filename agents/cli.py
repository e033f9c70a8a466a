"""The command `controltower`: one module per subcommand, errors as one line and a hint."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from controltower.settings import Settings, SettingsError, load_settings

#: The subcommands in the order of --help; each is a module in agents/commands.
COMMANDS = (
    "demo",
    "doctor",
    "topics",
    "worker",
    "status",
    "readmodel",
    "api",
    "gateway",
    "poll",
    "feeds",
    "plans",
    "stream",
    "record",
    "verify",
    "replay",
    "explain",
    "playbook",
    "actions",
    "dead-letters",
    "sinks",
    "erase",
    "reset",
    "history",
    "train",
    "model",
    "evaluate",
    "capacity",
)
EXIT_WRONG_USE = 2
EXIT_FAULT = 70
EXIT_INTERRUPTED = 130

_ABOUT = "Last-mile control tower: scans in, exceptions and governed recovery actions out."
_EXAMPLES = """\
examples:
  controltower demo                             two minutes of a simulated city; needs no Kafka
  controltower replay GTFS_FOLDER --out results a recorded day, offline
  controltower topics create                    on the Kafka of CONTROLTOWER_BROKERS
  controltower worker                           all stages; --stage track for one of them
  controltower stream GTFS_FOLDER --speed 60    a recorded day as a feed would publish it
  controltower verify                           live against its own replay
  controltower explain EXCEPTION_ID             its timeline in plain words, and a picture
  controltower actions why EXCEPTION_ID         what was done about it, what was not, and who decided
  controltower dead-letters list                what was rejected, and why

Settings come from options, the environment (CONTROLTOWER_...) and a TOML file; docs/settings.md lists them.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 a difference was found, 2 wrong use or input, 70 a fault of the program."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    chosen = next((word for word in words if word in COMMANDS), None)
    modules = {name: import_command(name) for name in COMMANDS if chosen in (None, name)}
    args = make_parser(modules).parse_args(words)
    settings: Settings | None = None
    try:
        options = vars(args)
        settings = load_settings({name: options.get(name) for name in ("config", "brokers")})
        code: int = modules[args.command].run(args, settings)
        return code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_INTERRUPTED
    except Exception as error:
        return _explain(error, debug=settings is not None and settings.log_level == "debug")


def import_command(name: str) -> ModuleType:
    return import_module(f"agents.commands.{name.replace('-', '_')}")


def make_parser(modules: dict[str, ModuleType]) -> argparse.ArgumentParser:
    """The parser for these subcommands."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "controltower", description=_ABOUT, epilog=_EXAMPLES, formatter_class=plain
    )
    parser.add_argument("--config", metavar="FILE.toml", help="settings file")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in modules.items():
        command = commands.add_parser(
            name, help=module.HELP, description=module.__doc__, formatter_class=plain
        )
        module.configure(command)
    return parser


def _explain(error: Exception, *, debug: bool) -> int:
    """One line on standard error, and a hint where there is one."""
    if debug:
        traceback.print_exc()
    if not isinstance(error, _user_errors()):
        print(f"controltower: a fault in the program: {type(error).__name__}: {error}", file=sys.stderr)
        print("  hint: CONTROLTOWER_LOG_LEVEL=debug shows where", file=sys.stderr)
        return EXIT_FAULT
    print(f"controltower: {' '.join(str(error).split())}", file=sys.stderr)
    hint = getattr(error, "hint", "")
    if hint:
        print(f"  hint: {hint}", file=sys.stderr)
    code: int = getattr(error, "code", EXIT_WRONG_USE)
    return code


def _user_errors() -> tuple[type[Exception], ...]:
    """What a user can mend. Imported here, since a command that goes well needs none of it."""
    from agents.errors import CommandError
    from controltower.detect.rules import RulesError
    from controltower.feeds.registry import MappingError
    from controltower.gtfs.tables import GtfsError
    from controltower.offline.broker import BrokerError
    from controltower.offline.recording import RecordingError
    from controltower.recovery.playbook import PlaybookError
    from controltower.risk.history import HistoryError
    from controltower.streaming.exits import StageStopped

    return (
        CommandError,
        SettingsError,
        MappingError,
        GtfsError,
        BrokerError,
        RecordingError,
        HistoryError,
        PlaybookError,
        RulesError,
        StageStopped,
    )


if __name__ == "__main__":
    sys.exit(main())
