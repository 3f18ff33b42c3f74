"""Figures for Prometheus, read from database and Redis when they are asked for: no process keeps its own.

All metrics are declared here once. The text format is small enough to be written by hand.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import redis
from django.db.models import Count, Sum

from migrator.api.readiness import redis_client
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.observations.queries import lag
from migrator.observations.queries.arrivals import completeness_since
from migrator.rollout import guard, ramp_queries
from migrator.rollout.models import RampState
from migrator.rollout.queries import convergence

COMPLETENESS_OVER = timedelta(hours=1)

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric with its samples."""

    name: str
    kind: str
    help: str
    samples: list[tuple[Labels, float]] = field(default_factory=list)

    def add(self, value: float, **labels: str) -> None:
        self.samples.append((labels, value))

    def lines(self) -> Iterator[str]:
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.samples:
            told = ",".join(f'{name}="{escaped(text)}"' for name, text in labels.items())
            yield f"{self.name}{{{told}}} {value:.17g}" if told else f"{self.name} {value:.17g}"


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def exposition(*, projects: Sequence[Project], now: datetime) -> str:
    """Every metric of these projects, in Prometheus's text format."""
    metrics = [
        *_units(projects),
        *_data_planes(projects, now),
        _completeness(projects, now),
        *_reports(now),
        *_ramps(projects),
    ]
    return "\n".join(line for metric in metrics for line in metric.lines()) + "\n"


def _units(projects: Sequence[Project]) -> list[Metric]:
    units = Metric("migrator_units", "gauge", "Tracked units by stage.")
    flips = Metric("migrator_flips_total", "counter", "Entries in the ledger.")
    tables = Metric("migrator_table_version", "gauge", "Number of the routing table that is committed.")
    rows = Unit.objects.tracked().filter(project__in=projects).values_list("project_id", "stage").order_by()
    counts = {(project_id, stage): count for project_id, stage, count in rows.annotate(count=Count("pk"))}
    # A unit's version counts its flips, so their sum is the length of the ledger without reading it.
    moved = Unit.objects.filter(project__in=projects).values_list("project_id").order_by()
    made: dict[int, int] = dict(moved.annotate(made=Sum("version")))
    for project in projects:
        for stage in Stage:
            units.add(counts.get((project.pk, stage.value), 0), project=project.slug, stage=stage)
        flips.add(made.get(project.pk, 0), project=project.slug)
        tables.add(project.version, project=project.slug)
    return [units, flips, tables]


def _data_planes(projects: Sequence[Project], now: datetime) -> list[Metric]:
    live = Metric("migrator_data_planes_live", "gauge", "Data planes heard within the last seconds.")
    confirmed = Metric("migrator_data_planes_converged", "gauge", "Of the live ones, those on the committed table.")
    silent = Metric("migrator_data_planes_silent", "gauge", "Data planes heard today, but not lately.")
    for project in projects:
        seen = convergence(project=project, now=now)
        live.add(seen.live, project=project.slug)
        confirmed.add(seen.confirmed, project=project.slug)
        silent.add(len(seen.silent), project=project.slug)
    return [live, confirmed, silent]


def _completeness(projects: Sequence[Project], now: datetime) -> Metric:
    metric = Metric("migrator_completeness", "gauge", "Observations of the last hour counted, of those made.")
    since = now - COMPLETENESS_OVER
    shares = completeness_since(wanted=[(project.pk, since) for project in projects], now=now)
    for project in projects:
        share = shares[project.pk, since]
        # No sample is no data. A number would be a claim.
        if share is not None:
            metric.add(share, project=project.slug)
    return metric


def _reports(now: datetime) -> list[Metric]:
    up = Metric("migrator_redis_up", "gauge", "Whether Redis answers.")
    waiting = Metric("migrator_reports_waiting", "gauge", "Reports in the stream that are not counted yet.")
    oldest = Metric("migrator_reports_lag_seconds", "gauge", "Age of the oldest report that is not counted yet.")
    dead = Metric("migrator_dead_letters", "gauge", "Reports that could not be counted and wait for a person.")
    try:
        with redis_client() as client:
            seen = lag(now=now, client=client)
    except redis.RedisError:
        # Without Redis nobody knows how many wait: no sample, rather than a zero that looks well.
        up.add(0)
    else:
        up.add(1)
        waiting.add(seen.waiting)
        oldest.add(seen.oldest_s or 0.0)
        dead.add(seen.dead_letters)
    return [up, waiting, oldest, dead]


def _ramps(projects: Sequence[Project]) -> list[Metric]:
    age = Metric("migrator_guard_age_seconds", "gauge", "Since the guard looked last; no sample where it never did.")
    ramps = Metric("migrator_ramps", "gauge", "Ramps that have not ended, by state.")
    beat = guard.pulse()
    for driver, seconds in (("any", beat.age_s), ("regular", beat.regular_age_s)):
        if seconds is not None:
            age.add(seconds, driver=driver)
    for project in projects:
        numbers = ramp_queries.counts(project=project)
        for state in (RampState.RUNNING, RampState.PAUSED, RampState.COOLING):
            ramps.add(numbers.get(state, 0), project=project.slug, state=state)
    return [age, ramps]
