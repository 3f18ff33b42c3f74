"""Will we make it? How far it is, when it ends, what holds it, and what changed: the manager's page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from dashboards import plan_figures, plan_tables, plan_words
from dashboards.exports import exported
from dashboards.figures import Figure
from dashboards.plan_marks import deadlines, pins, scope_steps
from dashboards.plan_outlook import look
from dashboards.plan_request import SPANS, VIEWS, Asked, asked
from dashboards.plan_tables import Table
from dashboards.seats import Seat, project_page
from dashboards.sight import Sight
from migrator.core.forecast import Forecast
from migrator.inventory.models import Kind, Project
from migrator.inventory.queries import choices
from migrator.planning.models import Phase
from migrator.planning.queries import (
    BurnUp,
    Measure,
    Prospect,
    Record,
    TrafficDay,
    oldest_stuck,
    prospect,
    record,
    time_in_stage,
    traffic,
)
from migrator.planning.queries.since import since

STUCK_SHOWN: Final = 8
RECORD_SHOWN: Final = 30
FORECAST_IN: Final = ("up", "down")
"""Views that look ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The chart that is asked for, and what lies behind it."""

    found: Prospect
    shown: BurnUp
    sight: Sight
    days: Sequence[TrafficDay]
    """Only for the chart of the traffic."""

    @property
    def forecast(self) -> Forecast | None:
        return self.sight.forecast


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    project, now = seat.project, timezone.now()
    wanted = asked(request.GET, today=now.astimezone(UTC).date())
    picture = picture_of(project, wanted, now)
    held = record(project=project, now=now, phase=_phase(project, wanted))
    context = {
        "here": "burndown",
        "wanted": wanted,
        "sentence": plan_words.verdict(picture.found, legacy=project.legacy_name),
        "facts": plan_words.facts(picture.found.found),
        "since": since(project=project, found=picture.found, units=wanted.units, day=wanted.since),
        "stuck": oldest_stuck(project=project, units=wanted.units, limit=STUCK_SHOWN),
        "dwell": time_in_stage(project=project, now=now),
        "forecast": picture.forecast,
        **_chart(project, wanted, picture),
        **_record(held, picture.found.found.deadline),
        **_choices(project, wanted, request),
    }
    return render(request, "dashboards/burndown.html", context)


@project_page
def holding(request: HttpRequest, seat: Seat) -> HttpResponse:
    """What holds the end up, and what two people who move would bring: a part of the page that takes longer."""
    now = timezone.now()
    wanted = asked(request.GET, today=now.astimezone(UTC).date())
    looked = look(
        project=seat.project,
        now=now,
        phase=wanted.units.phase,
        measure=wanted.measure,
        done_stage=wanted.done_stage,
    )
    context = {"looked": looked, "wanted": wanted, "best": looked.best[0] if looked.best else None}
    return render(request, "dashboards/_holding.html", context)


@project_page
def export(request: HttpRequest, seat: Seat, form: str) -> HttpResponseBase:
    """What the chart shows, day by day, oldest first."""
    now = timezone.now()
    wanted = asked(request.GET, today=now.astimezone(UTC).date())
    table = table_of(wanted, picture_of(seat.project, wanted, now))
    columns = [name.lower().replace(" ", "_") for name in (table.first_column, *table.columns)]
    rows = [(day.isoformat(), *cells) for day, cells in reversed(table.rows)]
    objects = (dict(zip(columns, row, strict=True)) for row in rows)
    return exported(name=f"{seat.project.slug}-{wanted.view}", form=form, columns=columns, cells=rows, objects=objects)


def picture_of(project: Project, wanted: Asked, now: datetime) -> Picture:
    """One read of the history, as far back as the chart and the comparison need it."""
    today = now.astimezone(UTC).date()
    found = prospect(
        project=project,
        now=now,
        units=wanted.units,
        days=_reach(wanted, today),
        measure=wanted.measure,
        done_stage=wanted.done_stage,
    )
    shown = wanted.shown(found.found)
    is_now = shown.days[-1] == found.found.days[-1]
    chance = found.chance
    sight = Sight(
        found=shown,
        forecast=found.forecast if isinstance(found.forecast, Forecast) and is_now else None,
        marks=deadlines(project=project, units=wanted.units, missed=chance is not None and chance < plan_words.EVEN),
        events=pins(project=project, first=shown.days[0], last=shown.days[-1]),
        steps=scope_steps(project=project, found=shown, units=wanted.units),
    )
    return Picture(found=found, shown=shown, sight=sight, days=_traffic(project, wanted, now, shown))


def _reach(wanted: Asked, today: date) -> int | None:
    """Days back from today that must be known; None is all."""
    days = (today - wanted.first).days if wanted.span == "custom" and wanted.first else wanted.days
    return None if days is None else max(days, (today - wanted.since).days + 1)


def _traffic(project: Project, wanted: Asked, now: datetime, shown: BurnUp) -> Sequence[TrafficDay]:
    if wanted.view != "traffic":
        return ()
    back = (now.astimezone(UTC).date() - shown.days[0]).days
    found = traffic(project=project, now=now, units=wanted.units, days=back)
    return found[: len(shown.days)]


# ----------------------------------------------------------------------------------- the chart


def _chart(project: Project, wanted: Asked, picture: Picture) -> dict[str, Any]:
    table = table_of(wanted, picture)
    shown, forecast = picture.shown, picture.forecast
    return {
        "title": title_of(wanted, project),
        "done_meaning": plan_words.done_meaning(shown, legacy=project.legacy_name),
        "figure": figure_of(wanted, picture) if shown.scope[-1] or any(shown.scope) else None,
        "columns": (table.first_column, *table.columns),
        "rows": table.thinned,
        "ahead": _ahead(wanted, picture),
        "pinned": wanted.view in (*FORECAST_IN, "flow"),
        "steps": list(reversed(picture.sight.steps))[:RECORD_SHOWN],
        "events": [each for each in reversed(picture.sight.events) if each.symbol != "line-ns-open"][:RECORD_SHOWN],
        "dates": [] if forecast is None else [(50, forecast.p50), (85, forecast.p85), (95, forecast.p95)],
    }


def title_of(wanted: Asked, project: Project) -> str:
    things = "Units" if wanted.measure is Measure.UNITS else "Points of effort"
    return {
        "up": f"{things} per stage, up to the scope line",
        "down": f"{things} that are not done",
        "flow": f"{things} that came at least as far as each stage",
        "traffic": f"Share of the requests that {project.candidate_name} answered",
        "throughput": f"{things} done per week",
    }[wanted.view]


def figure_of(wanted: Asked, picture: Picture) -> Figure:
    if wanted.view == "traffic":
        return plan_figures.share(picture.days, picture.sight.marks)
    draw = {
        "up": plan_figures.burn_up,
        "down": plan_figures.burn_down,
        "flow": plan_figures.flow,
        "throughput": plan_figures.throughput,
    }[wanted.view]
    is_forecast = wanted.view in FORECAST_IN
    return draw(picture.sight if is_forecast else replace(picture.sight, forecast=None))


def table_of(wanted: Asked, picture: Picture) -> Table:
    if wanted.view == "traffic":
        return plan_tables.by_traffic(picture.days)
    if wanted.view == "throughput":
        return plan_tables.by_week(picture.shown)
    return plan_tables.by_stage(picture.shown)


def _ahead(wanted: Asked, picture: Picture) -> Table | None:
    if picture.forecast is None or wanted.view not in FORECAST_IN:
        return None
    return plan_tables.to_come(picture.forecast, done=picture.shown.done[-1], scope=picture.shown.scope[-1])


# --------------------------------------------------------------------------------- the rest


def _record(held: Record, deadline: date | None) -> dict[str, Any]:
    judged = held.judged
    drawn = [each for each in held.kept if each.p85]
    return {
        "record": held,
        "record_sentence": plan_words.record_sentence(held=sum(bool(each.held) for each in judged), judged=len(judged)),
        "record_figure": plan_figures.track_record(drawn, held.ended, deadline) if len(drawn) > 1 else None,
        "past": list(held.kept[:RECORD_SHOWN]),
    }


def _choices(project: Project, wanted: Asked, request: HttpRequest) -> dict[str, Any]:
    return {
        "views": VIEWS.items(),
        "spans": SPANS.items(),
        "kinds": Kind.values,
        "phases": list(project.phases.values_list("name", flat=True)),
        "weekday": _since_name(wanted.since),
        "kept_by_filter": list(_others(request, FILTERS)),
        "kept_by_since": list(_others(request, ("since",))),
        **choices(project=project),
    }


FILTERS: Final = ("service", "team", "phase", "kind", "tagged", "by", "done", "from", "to")


def _others(request: HttpRequest, own: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What a form keeps of the address beside its own fields."""
    return ((name, str(value)) for name, value in request.GET.items() if name not in own and value)


def _since_name(day: date) -> str:
    return f"{day:%A}"


def _phase(project: Project, wanted: Asked) -> Phase | None:
    return project.phases.filter(name=wanted.units.phase).first() if wanted.units.phase else None
