"""The composition root: the only place where folds, models, policies and observers meet their stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from controltower.clock import wall_ms as read_wall_clock
from controltower.settings import Settings
from controltower.streaming.stage import StageSpec
from schemas.topics import ALL_STAGES, COMMANDS, DISPATCH_FEEDBACK, PLANS, STAGES

if TYPE_CHECKING:
    from controltower.metrics.observer import PrometheusObserver

Clock = Callable[[], int]
#: The stages whose outputs are a function of the logs; project writes to Redis.
OFFLINE_STAGES = tuple(stage for stage in STAGES if stage != "project")


def build_stage(name: str, settings: Settings, wall_ms: Clock = read_wall_clock) -> StageSpec:
    """The stage with everything it needs. Each is imported here, so that a process loads only its own."""
    match name:
        case "normalize":
            from agents import normalize

            return normalize.build(settings)
        case "assign":
            from agents import assign

            return assign.build(wall_ms)
        case "track":
            from agents import track

            return track.build(settings, wall_ms)
        case "score":
            from agents import score

            return score.build(settings)
        case "recover":
            from agents import recover

            return recover.build(settings, wall_ms)
        case "project":
            from agents import project

            return project.build(settings)
        case "deliver":
            from agents import deliver

            return deliver.build(settings, wall_ms)
    raise ValueError(f"there is no stage {name!r}; the stages are {', '.join(ALL_STAGES)}")


def build_offline_stages(settings: Settings, wall_ms: Clock) -> list[StageSpec]:
    """All stages of a replay in the order of the flow; what is rejected is counted and stops nothing."""
    unlimited = settings.model_copy(update={"rejected_limit": 0})
    return [build_stage(name, unlimited, wall_ms) for name in OFFLINE_STAGES]


def run_stage(name: str, settings: Settings, *, embedded: bool = False) -> int:
    """Run a stage in this process until SIGTERM; returns its exit code. Raises SettingsError."""
    from controltower.logs import bind_stage, set_up_logs
    from controltower.streaming import run

    set_up_logs(settings.log_level, settings.log_format)
    bind_stage(name)
    return run.run_stage(
        build_stage(name, settings),
        brokers=settings.brokers,
        app_id=settings.app_id,
        observer=_observe(name, settings),
        security=settings.security(),
        limits=settings.limits(),
        embedded=embedded,
    )


def _observe(name: str, settings: Settings) -> PrometheusObserver:
    """Metrics and health of this stage, served on its own port unless that is off."""
    from controltower.feeds.registry import load_feeds
    from controltower.metrics.health import Health
    from controltower.metrics.observer import PrometheusObserver
    from controltower.metrics.server import serve_metrics

    feeds = (*load_feeds(settings.feeds_dir), PLANS, COMMANDS, DISPATCH_FEEDBACK)
    observer = PrometheusObserver(Health(settings.stuck_loop_s), feeds)
    if settings.metrics_port:
        serve_metrics(settings.metrics_host, settings.metrics_port + ALL_STAGES.index(name), observer)
    return observer
