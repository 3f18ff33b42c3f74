"""The inventory: endpoints, and under them their fields. Search and filters are the page's address."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.exports import exported
from dashboards.parameters import text
from dashboards.query_bar import KNOWN, TRAITS
from dashboards.seats import Seat, forbidden, holders, project_page
from dashboards.unit_search import Question, question, units_asked
from dashboards.vocabulary import spoken
from migrator.access.rights import Right
from migrator.core.stages import Stage
from migrator.core.stats import upper_bound
from migrator.inventory.models import Kind, ObservedEndpoint, Unit
from migrator.inventory.queries import (
    Page,
    UnitRow,
    choices,
    fields_of,
    matching_units,
    offers,
    stage_counts,
    top_units,
    unit_row,
)
from migrator.inventory.services import Invalid, dismiss_observed
from migrator.ledger.scoping import track_observed
from migrator.observations.queries import NOTHING_SEEN, StandingFigures, standings
from migrator.planning.queries import MOVED
from migrator.planning.saved_views import views_of

PAGE: Final = 50
MOST_OPEN: Final = 20
ALPHA: Final = 0.05
"""How sure the bound beside a rate is: 95 %, at every look."""
AT_ONCE: Final = 2_000
"""Rows that an export reads together."""
COLUMNS: Final = (
    "key", "kind", "operation", "service", "team", "risk", "stage", "candidate_percent", "mirror_percent", "pairs",
    "bad", "mismatch_rate", "at_most", "last_seen_at", "irreversible",
)  # fmt: skip
KEYS: Final = (
    ("x", gettext_lazy("Choose the row")),
    ("Shift x", gettext_lazy("Choose all rows from the last one chosen")),
    ("Enter", gettext_lazy("Open the row")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the tree."""

    row: UnitRow
    figures: StandingFigures
    is_child: bool = False
    is_open: bool = False
    toggled: tuple[int, ...] = ()
    """Which endpoints are open after this row's twist is pressed."""

    @property
    def at_most(self) -> float | None:
        """What the true rate does not exceed; None without pairs."""
        return bound(self.figures)


def bound(figures: StandingFigures) -> float | None:
    return upper_bound(bad=figures.bad, pairs=figures.pairs, alpha=ALPHA)


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    asked = question(parameters=request.GET, seat=seat, now=timezone.now())
    after = text(request.GET, "after")
    opened = tuple(int(told) for told in request.GET.getlist("open")[:MOST_OPEN] if told.isdecimal())
    counts = stage_counts(project=seat.project)
    found = _found(seat, asked, after)
    context = {
        "here": "inventory",
        "sentence": sentence(counts),
        "lines": lines(found, opened, is_tree=asked.is_empty),
        "next_page": found.after,
        "after": after,
        "asked": asked.asked,
        "values": asked.asked.values,
        "problems": asked.problems,
        "counts": counts,
        "scope": sum(counts.values()),
        "kinds": Kind.values,
        "known": KNOWN,
        "traits": TRAITS,
        "more_keys": KEYS,
        "targets": (Stage.SHADOW, Stage.SIDE_BY_SIDE, Stage.CANARY, Stage.BACKLOG),
        "views": list(views_of(project=seat.project, user_id=seat.actor.user_id or 0, page="inventory")),
        "me": seat.actor.user_id,
        "may_manage": seat.actor.may(Right.MANAGE),
        "may_choose": seat.may_flip or bool(seat.actor.team_rights),
        "offers": offers(project=seat.project) if asked.is_empty and not after else [],
        **choices(project=seat.project),
    }
    return render(request, "dashboards/inventory.html", context)


def _found(seat: Seat, asked: Question, after: str) -> Page:
    if asked.is_empty:
        return top_units(project=seat.project, after=after, limit=PAGE)
    return matching_units(project=seat.project, wanted=asked.wanted, after=after, limit=PAGE, condition=asked.condition)


@project_page
def export(request: HttpRequest, seat: Seat, form: str) -> HttpResponseBase:
    """Every unit that the filters find, with fields, however many."""
    units = units_asked(asked=question(parameters=request.GET, seat=seat, now=timezone.now()), seat=seat)
    rows = _records(units.iterator(chunk_size=AT_ONCE))
    return exported(
        name=f"{seat.project.slug}-inventory",
        form=form,
        columns=COLUMNS,
        cells=([row[column] for column in COLUMNS] for row in rows),
        objects=rows,
    )


def _records(units: Iterator[Unit]) -> Iterator[Mapping[str, Any]]:
    """Plain rows; figures are read for many units at once."""
    while batch := list(islice(units, AT_ONCE)):
        figures = standings(unit_ids=[unit.pk for unit in batch])
        for unit in batch:
            yield _record(unit_row(unit), figures.get(unit.pk, NOTHING_SEEN))


def _record(row: UnitRow, figures: StandingFigures) -> Mapping[str, Any]:
    return {
        "key": row.key,
        "kind": row.kind,
        "operation": str(row.operation),
        "service": row.service,
        "team": row.team,
        "risk": row.risk,
        "stage": str(row.position.stage),
        "candidate_percent": row.position.candidate / 100,
        "mirror_percent": row.position.mirror / 100,
        "pairs": figures.pairs,
        "bad": figures.bad,
        "mismatch_rate": figures.mismatch_rate,
        "at_most": bound(figures),
        "last_seen_at": figures.last_seen_at,
        "irreversible": row.irreversible,
    }


def lines(found: Page, opened: tuple[int, ...], *, is_tree: bool) -> list[Line]:
    """The rows of a page with their figures; fields follow the endpoints that are open."""
    shown = {unit.id for unit in found.units}
    fields = fields_of(parents=[pk for pk in opened if pk in shown]) if is_tree else {}
    ordered: list[tuple[UnitRow, bool]] = []
    for unit in found.units:
        ordered.append((unit, False))
        ordered.extend((field, True) for field in fields.get(unit.id, ()))
    figures = standings(unit_ids=[row.id for row, _ in ordered])
    return [
        Line(
            row=row,
            figures=figures.get(row.id, NOTHING_SEEN),
            is_child=is_child,
            is_open=row.id in opened,
            toggled=tuple(sorted({*opened} ^ {row.id})),
        )
        for row, is_child in ordered
    ]


def sentence(counts: dict[Stage, int]) -> str:
    scope, moved = sum(counts.values()), sum(counts[stage] for stage in MOVED)
    if not scope:
        return _("Nothing is tracked yet.")
    moving = scope - moved - counts[Stage.BACKLOG]
    return ngettext(
        "{moved} of {count} unit moved, {moving} in motion.",
        "{moved} of {count} units moved, {moving} in motion.",
        scope,
    ).format(moved=words.number(moved), count=words.number(scope), moving=words.number(moving))


@require_POST
@project_page
def decide(request: HttpRequest, seat: Seat, observed_id: int) -> HttpResponse:
    """Track an endpoint that traffic showed, or stop offering it."""
    if not seat.may_edit:
        message = _("{name} may not {right}.").format(name=seat.actor.name, right=spoken(Right.EDIT))
        return forbidden(request, message, holders(project=seat.project, right=Right.EDIT))
    observed = get_object_or_404(ObservedEndpoint, project=seat.project, pk=observed_id)
    back = HttpResponseRedirect(reverse("inventory", args=[seat.project.slug]))
    if request.POST.get("act") == "dismiss":
        dismiss_observed(observed=observed, now=timezone.now())
        return back
    service = observed.service or seat.project.services.first()
    if service is None:
        messages.error(
            request, _("Not tracked: {project} has no service yet. Add one first.").format(project=seat.project.name)
        )
        return back
    try:
        unit = track_observed(observed=observed, service=service, actor=seat.actor, now=timezone.now())
    except Invalid as invalid:
        messages.error(request, _("Not tracked: {why}").format(why=invalid.message))
        return back
    messages.success(request, _("{key} is tracked now, in the backlog.").format(key=unit.key))
    return back
