"""Ramps: which units climb by themselves, starting many at once, and stopping them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.parameters import key, text
from dashboards.seats import Seat, forbidden, holders, project_page
from dashboards.unit_search import chosen
from migrator.access.rights import Forbidden
from migrator.core.ramp import Plan, PlanRefused
from migrator.core.ramp_text import as_text, read_plan
from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.inventory.queries import Wanted, choices
from migrator.rollout import guard, ramp_queries, ramps
from migrator.rollout.irreversible import among
from migrator.rollout.models import RampState
from migrator.rollout.pulse import database_now

PLAN: Final = ("steps", "soak", "days", "begin", "end", "zone", "at_once")
WHICH: Final = ("search", "stage", "service", "team")
STATES: Final = (
    ("open", _("Under way")),
    (RampState.PAUSED.value, _("Paused")),
    (RampState.COOLING.value, _("Cooling down")),
    ("all", _("All that ever were")),
)
VERBS: Final = {"pause": ramps.pause, "resume": ramps.resume, "skip": ramps.skip_wait, "stop": ramps.stop}
PAGE: Final = 100
SHOWN: Final = 200
"""Rows of a preview; the numbers are of all."""


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Who climbs, what each waits for, and whether the guard watches."""
    state = text(request.GET, "state")
    state = state if state in dict(STATES) else "open"
    search, after = text(request.GET, "search"), key(request.GET, "after")
    rows = ramp_queries.ramps_of(
        project=seat.project, state="" if state == "all" else state, search=search, older_than=after, limit=PAGE + 1
    )
    context = {
        "here": "ramps",
        "sentence": ramp_queries.sentence(ramp_queries.counts(project=seat.project)),
        "pulse": guard.pulse(),
        "rows": rows[:PAGE],
        "next_page": rows[PAGE - 1].id if len(rows) > PAGE else None,
        "after": after,
        "state": state,
        "states": STATES,
        "search": search,
        "batches": ramp_queries.batches(project=seat.project),
        "now": timezone.now(),
    }
    return render(request, "dashboards/ramps.html", context)


# ------------------------------------------------------------------------------------------- start


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What was typed: which units, and the plan; with what is wrong beside its field."""

    typed: Mapping[str, str]
    wanted: Wanted
    unit: Unit | None
    plan: Plan | None
    errors: Mapping[str, str]

    @property
    def names_units(self) -> bool:
        return self.unit is not None or bool(self.ticked) or not self.wanted.is_empty

    @property
    def ticked(self) -> list[int]:
        """Units that were ticked in the inventory."""
        return chosen(self.typed["units"].split(","), most=ramps.MOST)


@project_page
def new(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Choose units and a plan, see what would happen; a post starts what was previewed."""
    if request.method == "POST":
        return _start(request, seat)
    form = read_form(request.GET, seat)
    previewed = bool(text(request.GET, "preview"))
    seen = None
    if previewed and form.plan is not None and form.names_units:
        seen = ramps.preview(
            project=seat.project,
            unit_ids=units_of(form, seat),
            plan=form.plan,
            actor=seat.actor if seat.may_flip else None,
        )
    context = {
        "here": "ramps",
        "form": form,
        "previewed": previewed,
        "preview": seen,
        "ready": seen.ready[:SHOWN] if seen else (),
        "lasting": among(unit_ids=[unit.pk for unit in seen.ready]) if seen else None,
        "left": seen.left[:SHOWN] if seen else (),
        "more": max(0, len(seen.ready) - SHOWN) + max(0, len(seen.left) - SHOWN) if seen else 0,
        "fields": [(name, told) for name, told in form.typed.items() if told],
        "stages": (Stage.SIDE_BY_SIDE, Stage.CANARY),
        "pulse": guard.pulse(),
        **choices(project=seat.project),
    }
    return render(request, "dashboards/ramp_new.html", context)


def read_form(data: QueryDict, seat: Seat) -> Form:
    """What was typed, with the usual where nothing was."""
    typed = {name: text(data, name) for name in (*WHICH, *PLAN, "unit", "units", "reason", "together")}
    if not any(typed[name] for name in PLAN):
        typed |= as_text(Plan())
    errors: dict[str, str] = {}
    plan = None
    try:
        plan = read_plan(**{name: typed[name] for name in PLAN})
    except PlanRefused as refused:
        errors[refused.field] = refused.message
    number = key(data, "unit")
    unit = Unit.objects.filter(project=seat.project, pk=number).first() if number else None
    wanted = Wanted(**{name: typed[name] for name in WHICH})
    if unit is None and not typed["units"] and wanted.is_empty:
        errors["search"] = gettext("Say which units: by service, stage, team or part of their key.")
    return Form(typed=typed, wanted=wanted, unit=unit, plan=plan, errors=errors)


def units_of(form: Form, seat: Seat) -> list[int]:
    """Ids of the units that were chosen, in the order of their keys."""
    if form.unit is not None:
        return [form.unit.pk]
    if form.ticked:
        return list(
            Unit.objects.filter(project=seat.project, pk__in=form.ticked).order_by("key").values_list("pk", flat=True)
        )
    found = Unit.objects.tracked().filter(project=seat.project).filter(form.wanted.as_query())
    return list(found.order_by("key").values_list("pk", flat=True)[: ramps.MOST])


def _start(request: HttpRequest, seat: Seat) -> HttpResponse:
    form = read_form(request.POST, seat)
    if form.plan is None or not form.names_units:
        return _to_preview(seat, form)
    try:
        done = ramps.start(
            project=seat.project,
            unit_ids=units_of(form, seat),
            plan=form.plan,
            actor=seat.actor,
            reason=form.typed["reason"],
            now=database_now(),
            all_or_none=bool(form.typed["together"]),
        )
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    except ramps.NoneReady as refused:
        messages.error(request, str(refused))
        return _to_preview(seat, form)
    told = ngettext("{count} ramp started.", "{count} ramps started.", len(done.ramps))
    told = told.format(count=words.number(len(done.ramps)))
    if done.left:
        told = gettext("{started} {units} left out.").format(started=told, units=words.units(len(done.left)))
    messages.success(request, told)
    if form.unit is not None:
        return HttpResponseRedirect(reverse("unit", args=[seat.project.slug, form.unit.pk]))
    return HttpResponseRedirect(reverse("ramps", args=[seat.project.slug]))


def _to_preview(seat: Seat, form: Form) -> HttpResponse:
    kept = {name: told for name, told in form.typed.items() if told}
    return HttpResponseRedirect(f"{reverse('ramp-new', args=[seat.project.slug])}?{urlencode(kept | {'preview': 1})}")


# ------------------------------------------------------------------------------------------ change


@require_POST
@project_page
def change(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Pause, resume, hurry or stop: the ramps that were ticked, or all of one start."""
    back = HttpResponseRedirect(_way_back(request, seat))
    verb, ids = text(request.POST, "verb"), _chosen(request, seat)
    if verb not in VERBS or not ids:
        messages.error(request, gettext("Nothing changed: tick the ramps first."))
        return back
    try:
        done = VERBS[verb](
            project=seat.project,
            ramp_ids=ids,
            actor=seat.actor,
            now=database_now(),
            reason=text(request.POST, "reason"),
        )
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    _tell(request, verb, done)
    return back


def _chosen(request: HttpRequest, seat: Seat) -> list[int]:
    batch = text(request.POST, "batch")
    if batch:
        try:
            return ramp_queries.batch_ids(project=seat.project, batch=str(UUID(batch)))
        except ValueError:
            return []
    told = request.POST.getlist("ramp")[: ramps.MOST]
    return [int(each) for each in told if each.isascii() and each.isdecimal() and len(each) < 19]


def _way_back(request: HttpRequest, seat: Seat) -> str:
    """The page that the button stood on, where it is one of ours."""
    wanted = text(request.POST, "next")
    ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return wanted if ours else reverse("ramps", args=[seat.project.slug])


def _tell(request: HttpRequest, verb: str, done: ramps.Done) -> None:
    if done.ramps:
        told = _changed(verb, len(done.ramps))
        keeps = keeps_running(done) if verb in ("pause", "stop") else ""
        messages.success(request, f"{told} {keeps}".strip())
    for left in done.left[:3]:
        messages.error(request, gettext("Left as it is: {key}: {why}").format(key=left.key, why=left.reason))
    if len(done.left) > 3:
        messages.error(
            request, gettext("And {count} more left as they are.").format(count=words.number(len(done.left) - 3))
        )


def _changed(verb: str, number: int) -> str:
    """How many ramps were paused, resumed, hurried or stopped."""
    told = {
        "pause": ngettext("{count} ramp paused.", "{count} ramps paused.", number),
        "resume": ngettext("{count} ramp resumed.", "{count} ramps resumed.", number),
        "skip": ngettext("{count} ramp hurried.", "{count} ramps hurried.", number),
        "stop": ngettext("{count} ramp stopped.", "{count} ramps stopped.", number),
    }
    return told[verb].format(count=words.number(number))


def keeps_running(done: ramps.Done) -> str:
    """What goes on while these stand still."""
    if len(done.ramps) == 1:
        return ramps.keeps_running(done.ramps[0].unit)
    return gettext("The guard goes on watching; each unit stays where it is.")
