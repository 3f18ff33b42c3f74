"""Will we make it? How far it is, when it ends, what holds it, and what changed: the manager's page."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from dashboards import course, plan_answers, plan_figures, plan_tables, plan_words
from dashboards.exports import exported
from dashboards.figures import Figure
from dashboards.parameters import text
from dashboards.plan_marks import deadlines, pins, scope_steps
from dashboards.plan_outlook import look
from dashboards.plan_request import SPANS, VIEWS, Asked, asked, begun
from dashboards.plan_tables import Table
from dashboards.seats import Seat, project_page
from dashboards.sight import Sight
from migrator.core.forecast import Forecast
from migrator.core.stages import Stage
from migrator.inventory.models import Project
from migrator.inventory.queries import choices
from migrator.planning.models import Phase
from migrator.planning.queries import (
    BurnUp,
    Measure,
    Prospect,
    Record,
    Slice,
    Tagged,
    TrafficDay,
    deadline_of,
    oldest_stuck,
    prospect,
    record,
    time_in_stage,
    traffic,
)
from migrator.planning.queries.since import since

STUCK_SHOWN: Final = 6
RECORD_SHOWN: Final = 30
FORECAST_IN: Final = ("up", "down")
"""Views that look ahead."""
LEAST_DAYS: Final = 2
"""One day is a point, not a course."""


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
    context = {
        "here": "burndown",
        "wanted": wanted,
        "holding": _holding_of(wanted),
        "sentence": plan_words.verdict(picture.found, legacy=project.legacy_name),
        "facts": plan_words.facts(begun(picture.found.found), picture.found.forecast),
        "was_in_scope": any(picture.shown.scope),
        **_news(project, wanted, picture),
        **_chart(project, wanted, picture),
        **_choices(project, wanted, request),
        # What takes longer, and what few scroll to, comes after the page; without scripts it is asked for.
        **(_held(project, wanted, now) if text(request.GET, "holding") == "here" else {}),
        **(_below(project, wanted, now) if text(request.GET, "below") == "here" else {}),
    }
    return render(request, "dashboards/burndown.html", context)


@project_page
def holding(request: HttpRequest, seat: Seat) -> HttpResponse:
    """What holds the end up, and what two people who move would bring: a part of the page that takes longer."""
    now = timezone.now()
    wanted = asked(request.GET, today=now.astimezone(UTC).date())
    return render(request, "dashboards/_holding.html", {"wanted": wanted, **_held(seat.project, wanted, now)})


def _holding_of(wanted: Asked) -> str:
    """A name for what is said there: a page that asks for the same keeps it."""
    asked = repr((wanted.units, wanted.measure, wanted.done_stage))
    return f"holding-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"


def _held(project: Project, wanted: Asked, now: datetime) -> dict[str, Any]:
    measure, done_stage = wanted.measure, wanted.done_stage
    # Teams work on all kinds in one queue. Who moves helps the whole plan, and is looked at upon its page.
    part, whole = replace(wanted.units, kind="", tagged=Tagged.NOW), Slice(phase=wanted.units.phase)
    held = partial(look, project=project, now=now, measure=measure, done_stage=done_stage)
    moving = held(units=whole)
    best, *others = plan_answers.moves(moving) or (None,)
    found = prospect(project=project, now=now, units=wanted.units, measure=measure, done_stage=done_stage)
    return {
        "looked": moving if part == whole else held(units=part, ranked=False),
        "looked_at": plan_answers.looked_at(wanted.units),
        "moving": moving,
        "best": best,
        "others": others,
        "if_shared": plan_words.if_shared(found),
        "no_end": _("no end"),
    }


@project_page
def below(request: HttpRequest, seat: Seat) -> HttpResponse:
    """What lies below the chart: how long units stay in a stage, which stand longest, and past forecasts."""
    now = timezone.now()
    wanted = asked(request.GET, today=now.astimezone(UTC).date())
    return render(request, "dashboards/_burndown_below.html", _below(seat.project, wanted, now))


def _below(project: Project, wanted: Asked, now: datetime) -> dict[str, Any]:
    phase = _phase(project, wanted)
    held = record(project=project, now=now, phase=phase)
    return {
        "stuck": oldest_stuck(project=project, units=wanted.units, limit=STUCK_SHOWN),
        "dwell": time_in_stage(project=project, now=now),
        **_record(held, deadline_of(project=project, phase=wanted.units.phase), _done_of(project, phase)),
    }


@project_page
def export(request: HttpRequest, seat: Seat, form: str) -> HttpResponseBase:
    """What the chart shows, day by day, oldest first."""
    now = timezone.now()
    wanted = asked(request.GET, today=now.astimezone(UTC).date())
    with override("en"):  # programs read it
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
        until=wanted.until if wanted.until and is_now else None,
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


def _news(project: Project, wanted: Asked, picture: Picture) -> dict[str, Any]:
    found = since(project=project, found=picture.found, units=wanted.units, day=wanted.since)
    return {
        "since": found,
        "is_done": picture.found.found.left <= 0,
        "since_sentence": plan_answers.news(found),
        "since_name": plan_answers.since_name(wanted.since, today=picture.found.found.days[-1]),
    }


def _chart(project: Project, wanted: Asked, picture: Picture) -> dict[str, Any]:
    table = table_of(wanted, picture)
    shown, forecast = picture.shown, picture.forecast
    why_empty = why_no_chart(wanted, picture)
    return {
        "title": title_of(wanted, project),
        "done_meaning": plan_words.done_meaning(shown, legacy=project.legacy_name),
        "why_empty": why_empty,
        "figure": None if why_empty else figure_of(wanted, picture),
        "drawn": None if why_empty or wanted.view != "up" else _drawn(picture),
        "columns": (table.first_column, *table.columns),
        "rows": table.thinned,
        "ahead": None if why_empty else _ahead(wanted, picture),
        "pinned": wanted.view in (*FORECAST_IN, "flow"),
        "steps": list(reversed(picture.sight.steps))[:RECORD_SHOWN],
        "events": [each for each in reversed(picture.sight.events) if each.symbol != "line-ns-open"][:RECORD_SHOWN],
        "forecast": forecast,
        "dates": [] if forecast is None else [(50, forecast.p50), (85, forecast.p85), (95, forecast.p95)],
        "no_day": _("no day within ten years"),
    }


def _drawn(picture: Picture) -> dict[str, Any]:
    """The burn-up as a drawing for whoever has no scripts."""
    return {
        "picture": course.picture(replace(picture.found, found=picture.shown)),
        "deadline": picture.shown.deadline,
    }


def why_no_chart(wanted: Asked, picture: Picture) -> str:
    """What is said instead of empty axes; nothing where there is something to draw."""
    if len(picture.shown.days) < LEAST_DAYS:
        return _("The history begins today: the chart starts with its second day.")
    if wanted.view == "traffic" and not any(each.received for each in picture.days):
        return _("No request was counted in these days. The chart starts with the first that a data plane reports.")
    if wanted.view == "throughput" and not picture.shown.weeks:
        return _("No whole week has passed yet. The chart starts with the first.")
    return ""


def title_of(wanted: Asked, project: Project) -> str:
    told = {
        "up": _("{things} per stage, up to the scope line"),
        "down": _("{things} that are not done"),
        "flow": _("{things} that came at least as far as each stage"),
        "traffic": _("Share of the requests that {candidate} answered"),
        "throughput": _("{things} done per week"),
    }[wanted.view]
    things = _("Units") if wanted.measure is Measure.UNITS else _("Points of effort")
    return told.format(things=things, candidate=project.candidate_name)


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


def _record(held: Record, deadline: date | None, done_meaning: str) -> dict[str, Any]:
    judged = held.judged
    drawn = held.drawn
    return {
        "record": held,
        "record_sentence": plan_words.record_sentence(held=sum(bool(each.held) for each in judged), judged=len(judged)),
        "record_figure": plan_figures.track_record(drawn, held.ended, deadline) if len(drawn) > 1 else None,
        "record_done": f"{plan_words.capitalised(done_meaning)}.",
        "past": list(held.kept[:RECORD_SHOWN]),
    }


def _choices(project: Project, wanted: Asked, request: HttpRequest) -> dict[str, Any]:
    return {
        "views": [(name, _(told)) for name, told in VIEWS.items()],
        "spans": [(name, _(told)) for name, told in SPANS.items()],
        "first_day": _("the first day"),
        "today_told": _("today"),
        "phases": list(project.phases.values_list("name", flat=True)),
        "kept_by_filter": list(_others(request, FILTERS)),
        "kept_by_since": list(_others(request, ("since",))),
        **choices(project=project),
    }


FILTERS: Final = ("service", "team", "phase", "kind", "tagged", "by", "done", "from", "to")


def _others(request: HttpRequest, own: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What a form keeps of the address beside its own fields."""
    return ((name, str(value)) for name, value in request.GET.items() if name not in own and value)


def _phase(project: Project, wanted: Asked) -> Phase | None:
    return project.phases.filter(name=wanted.units.phase).first() if wanted.units.phase else None


def _done_of(project: Project, phase: Phase | None) -> str:
    """What past forecasts counted as done."""
    stage = Stage(phase.done_at) if phase else Stage.CUTOVER
    return plan_words.done_at(stage, legacy=project.legacy_name)
